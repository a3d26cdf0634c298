//! A session on a bad network, without a network: client and agent on one virtual clock.
//!
//! Each schedule is made from its seed alone. What it does to the messages between the two state
//! machines is decided message by message and by a list of acts; afterwards the network is good
//! again, and whatever was offered on one side has to have come out of the other, each byte once and
//! in order. A session may end with an error instead; then what came out is a prefix.
//!
//! `AXT_SIM_SEED=n` replays one schedule and tells its story; `AXT_SIM_COUNT=n` runs so many.
#![cfg(feature = "emulator")]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

use axt::emulator::agent::sequence::{Sequence, Taken};
use axt::protocol::channel::{Channel, Ending, Event, Incoming, Now, Outgoing};
use axt::protocol::frame::{Frame, Kind, Version, parse_resize};
use axt::protocol::session::{InputFrom, Session, SessionOptions};
use axt::protocol::status::Status;
use bytes::Bytes;
use fastrand::Rng;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const CHANNEL: &str = "ch-1";
const WALL: u64 = 1_700_000_000_000;

/// How long the two sides may take, once the network is good, to make up for everything: two heartbeats
/// and what they set off. As long as a port's agent may be an old one, its heartbeats are 170 s apart.
fn make_up(port: bool) -> Duration {
    Duration::from_secs(if port { 370 } else { 150 })
}

/// Something that happens at its time, whatever the machines do.
#[derive(Debug, Clone, Copy)]
enum Act {
    /// The user offers so many bytes.
    Type(usize),
    /// The guest offers so many.
    Print(usize),
    /// The window has a new size.
    Resize(u16, u16),
    /// From now on the agent has room for Input, or has none.
    Room(bool),
    /// The connection ends; everything under way is lost.
    Cut(Cut),
    /// Everything under way is lost, and nobody is told: the gateway's other leg broke.
    Lose,
    /// The machine sleeps for so many seconds: only the wall clock goes on.
    Sleep(u64),
    /// The client's process is stopped for so many seconds: what arrives meanwhile is not read.
    Stop(u64),
}

/// How a connection ends.
#[derive(Debug, Clone, Copy)]
enum Cut {
    /// The client sees a failure.
    Reset,
    /// The client sees the WebSocket closed with a code.
    Close(Option<u16>),
    /// The gateway says Frozen first.
    Freeze,
    /// Nobody sees anything: nothing goes through any more.
    BlackHole,
    /// A late attempt of the client's own reaches the gateway, which gives it the session.
    Displaced,
}

/// What a schedule does to single messages, as probabilities.
#[derive(Debug, Clone, Copy, Default)]
struct Odds {
    lose: f64,
    duplicate: f64,
    reorder: f64,
}

/// A connection: what is under way in it, by the time of its arrival.
#[derive(Debug, Default)]
struct Wire {
    up: BTreeMap<(Duration, u64), Bytes>,
    down: BTreeMap<(Duration, u64), Incoming>,
    last_up: Duration,
    last_down: Duration,
    count: u64,
    hole: bool,
}

/// Bytes offered, and bytes that came out at the other side.
#[derive(Debug, Default)]
struct Stream {
    offered: usize,
    /// Of those, how many the machine has been given.
    given: usize,
    got: Vec<u8>,
}

impl Stream {
    fn next(&mut self, most: usize) -> Vec<u8> {
        let end = self.offered.min(self.given + most);
        let bytes = (self.given..end).map(byte).collect();
        self.given = end;
        bytes
    }

    fn is_prefix(&self) -> bool {
        self.got.len() <= self.given && self.got.iter().enumerate().all(|(i, b)| *b == byte(i))
    }

    fn is_done(&self) -> bool {
        self.got.len() == self.offered
    }
}

/// The byte at a place of any stream; no two stretches look alike.
fn byte(place: usize) -> u8 {
    let mixed = (place as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 40) as u8
}

struct Sim {
    rng: Rng,
    tells: bool,
    start: Instant,
    now: Duration,
    slept: Duration,
    client: Session,
    agent: Sequence,
    wire: Option<Wire>,
    odds: Odds,
    latency: u64,
    /// When the network is good again.
    good_at: Duration,
    acts: Vec<(Duration, Act)>,
    typed: Stream,
    printed: Stream,
    room: bool,
    /// Output goes nowhere while no client is connected, instead of waiting in the gateway.
    leaky: bool,
    /// The gateway says no Status when a session is resumed.
    mute: bool,
    size: Option<(u16, u16)>,
    agent_size: Option<(u16, u16)>,
    connections: u32,
    reconnect_at: Option<Duration>,
    /// While the process is stopped: until when.
    stopped_until: Option<Duration>,
    stopped_for: Duration,
    /// See [`make_up`].
    make_up: Duration,
    /// The end of the last stop.
    ran_at: Duration,
    /// A connection that was not broken was taken for dead.
    given_up: bool,
    opened: bool,
    nameless: bool,
    ended: Option<String>,
}

impl Sim {
    fn new(seed: u64, tells: bool) -> Self {
        let mut rng = Rng::with_seed(seed);
        let start = Instant::now();
        let now = Now {
            at: start,
            unix_ms: WALL,
        };
        let bad = |rng: &mut Rng| [0.0, 0.0, 0.02, 0.1, 0.3][rng.usize(..5)];
        let odds = Odds {
            lose: bad(&mut rng),
            duplicate: bad(&mut rng),
            reorder: bad(&mut rng),
        };
        let good_at = Duration::from_millis(rng.u64(1..30_000));
        let port = rng.bool();
        let options = SessionOptions {
            port,
            input_from: if rng.bool() {
                InputFrom::Grace
            } else {
                InputFrom::Start { queued: true }
            },
            ..SessionOptions::default()
        };
        let mut sim = Self {
            tells,
            start,
            now: Duration::ZERO,
            slept: Duration::ZERO,
            client: Session::new(options, now),
            agent: Sequence::new(false, [1 << 20, 4 << 20][rng.usize(..2)]),
            wire: None,
            odds,
            latency: [1, 30, 400][rng.usize(..3)],
            good_at,
            acts: acts(&mut rng, good_at),
            typed: Stream::default(),
            printed: Stream::default(),
            room: true,
            leaky: rng.bool(),
            mute: rng.bool(),
            size: None,
            agent_size: None,
            connections: 0,
            reconnect_at: Some(Duration::ZERO),
            stopped_until: None,
            stopped_for: Duration::ZERO,
            make_up: make_up(port),
            ran_at: Duration::ZERO,
            given_up: false,
            opened: false,
            nameless: false,
            ended: None,
            rng,
        };
        sim.tell(&|| format!("{odds:?} good at {good_at:?}"));
        sim
    }

    fn tell(&mut self, what: &dyn Fn() -> String) {
        if self.tells {
            eprintln!("{:9.3} {}", self.now.as_secs_f64(), what());
        }
    }

    fn clock(&self) -> Now {
        let wall = self.now + self.slept;
        Now {
            at: self.start + self.now,
            unix_ms: WALL + u64::try_from(wall.as_millis()).unwrap(),
        }
    }

    fn agent_ms(&self) -> u64 {
        self.clock().unix_ms
    }

    /// Runs the schedule; what is wrong with how it went.
    fn run(mut self) -> Result<Option<String>, String> {
        loop {
            // A stopped process makes up for nothing.
            let end = self.good_at.max(self.ran_at) + self.make_up;
            let next = self.next_time();
            if self.ended.is_some() || next > end {
                break;
            }
            self.now = self.now.max(next);
            self.step();
            self.flow();
            if self.is_done() {
                break;
            }
        }
        self.verdict()
    }

    fn is_done(&self) -> bool {
        let quiet = self
            .wire
            .as_ref()
            .is_some_and(|w| w.up.is_empty() && w.down.is_empty());
        self.acts.is_empty()
            && quiet
            && self.typed.is_done()
            && self.printed.is_done()
            && self.agent_size == self.size
            && self.now > self.good_at
    }

    fn verdict(mut self) -> Result<Option<String>, String> {
        for (name, stream) in [("input", &self.typed), ("output", &self.printed)] {
            if !stream.is_prefix() {
                return Err(format!("the {name} that came out is not what went in"));
            }
        }
        if self.given_up {
            return Err("a live connection was taken for dead".into());
        }
        if let Some(error) = self.ended.take() {
            // The one thing that can't be resumed here: a channel that the client never heard of.
            let unknown = self.nameless || self.client.resume_id().is_none();
            return if unknown {
                Ok(Some(error))
            } else {
                Err(format!("ended: {error}"))
            };
        }
        if self.is_done() {
            return Ok(None);
        }
        // The pump ends a session that does not open; nobody asks for an only output that is lost. A port counts
        // as open though the answer to an attempt without a channel's name is lost.
        let first = self.connections == 1 || self.nameless;
        if !self.opened || (self.printed.got.is_empty() && first) {
            return Ok(Some("nothing was ever heard".into()));
        }
        Err(format!(
            "stuck: input {} of {}, output {} of {}, size {:?} of {:?}; {:?}",
            self.typed.got.len(),
            self.typed.offered,
            self.printed.got.len(),
            self.printed.offered,
            self.agent_size,
            self.size,
            self.client.condition(),
        ))
    }

    fn next_time(&self) -> Duration {
        let wire = self.wire.as_ref();
        let deadline = self.client.deadline(self.clock());
        // What a stopped process does only when it goes on.
        let clients = [
            self.reconnect_at,
            deadline.map(|at| at.saturating_duration_since(self.start)),
            wire.and_then(|w| w.down.keys().next()).map(|(at, _)| *at),
        ];
        let clients = clients.into_iter().flatten().min();
        let times = [
            self.acts.last().map(|(at, _)| *at),
            self.stopped_until.or(clients),
            wire.and_then(|w| w.up.keys().next()).map(|(at, _)| *at),
            (self.now < self.good_at).then_some(self.good_at),
        ];
        times.into_iter().flatten().min().unwrap_or(Duration::MAX)
    }

    /// Lets happen what is due.
    fn step(&mut self) {
        while self.acts.last().is_some_and(|(at, _)| *at <= self.now) {
            let (_, act) = self.acts.pop().unwrap();
            self.tell(&|| format!("{act:?}"));
            self.act(act);
        }
        if self.now >= self.good_at {
            self.odds = Odds::default();
            self.room = true;
        }
        self.deliver_up();
        if self.stopped_until.is_some_and(|at| at > self.now) {
            return;
        }
        if self.stopped_until.take().is_some() {
            self.client.stalled(self.clock(), self.stopped_for);
        }
        if self.reconnect_at.is_some_and(|at| at <= self.now) {
            self.reconnect_at = None;
            self.connect();
        }
        self.client.wake(self.clock());
        self.deliver_down();
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Type(count) => self.typed.offered += count,
            Act::Print(count) => self.printed.offered += count,
            Act::Resize(rows, cols) => {
                self.size = Some((rows, cols));
                self.client.resize(self.clock(), rows, cols);
            }
            Act::Room(room) => self.room = room,
            Act::Cut(cut) => self.cut(cut),
            Act::Lose => {
                if let Some(wire) = &mut self.wire {
                    wire.up.clear();
                    wire.down.clear();
                }
            }
            Act::Sleep(seconds) => self.slept += Duration::from_secs(seconds),
            Act::Stop(seconds) => {
                self.ran_at = self.now + Duration::from_secs(seconds);
                self.stopped_until = Some(self.ran_at);
                self.stopped_for = Duration::from_secs(seconds);
            }
        }
    }

    fn cut(&mut self, cut: Cut) {
        let Some(wire) = &mut self.wire else { return };
        wire.up.clear();
        wire.down.clear();
        wire.hole = true;
        let now = self.now;
        let mut say = |incoming| {
            wire.count += 1;
            wire.down.insert((now, wire.count), incoming);
        };
        match cut {
            Cut::Reset => say(Incoming::Failed("reset".into())),
            Cut::Close(code) => say(Incoming::Closed(code)),
            Cut::Freeze => {
                let frame = status(&Status::Frozen);
                say(Incoming::Binary(frame.encode()));
                say(Incoming::Closed(Some(1012)));
            }
            Cut::BlackHole => {}
            Cut::Displaced => {
                let frame = status(&Status::Closed("SessionIdDuplicate".into()));
                say(Incoming::Binary(frame.encode()));
            }
        }
    }

    fn connect(&mut self) {
        self.connections += 1;
        let resume = self.client.resume_id();
        self.tell(&|| format!("connection, resuming {resume:?}"));
        self.wire = Some(Wire::default());
        self.client.connected(self.clock());
        if self.connections == 1 {
            self.send_down(&status(&Status::Opening));
            self.send_down(&status(&Status::Opened));
        } else if resume.is_none() {
            self.nameless = true;
            self.send_down(&status(&Status::Closed("SessionIdDuplicate".into())));
        } else if !self.mute {
            self.send_down(&status(&Status::Opened));
        }
    }

    fn deliver_up(&mut self) {
        while let Some(bytes) = self.wire.as_mut().and_then(|w| due(&mut w.up, self.now)) {
            let frame = Frame::decode(&bytes).unwrap().frame;
            self.tell(&|| format!("agent  <- {frame:?}"));
            assert!(frame.channel_id.is_empty() || frame.channel_id == CHANNEL);
            let room = frame.payload.is_empty() || self.room;
            let ms = self.agent_ms();
            if self.agent.take(&frame, room, ms) == Taken::No {
                continue;
            }
            match frame.kind {
                Kind::Input => self.typed.got.extend_from_slice(&frame.payload),
                Kind::Resize => self.agent_size = parse_resize(&frame.payload),
                Kind::Sync => {}
                kind => panic!("a client sends no {kind:?} here"),
            }
        }
        if self.room {
            let ms = self.agent_ms();
            self.agent.make_up(ms);
        }
    }

    fn deliver_down(&mut self) {
        while let Some(incoming) = self.wire.as_mut().and_then(|w| due(&mut w.down, self.now)) {
            if let Incoming::Binary(bytes) = &incoming {
                let frame = Frame::decode(bytes).unwrap().frame;
                self.tell(&|| format!("client <- {frame:?}"));
            }
            self.client.receive(self.clock(), incoming);
            self.events();
        }
    }

    /// Lets both machines say what they have to say.
    fn flow(&mut self) {
        if self.stopped_until.is_some() {
            return;
        }
        while self.client.can_write() && self.typed.given < self.typed.offered {
            let bytes = self.typed.next(3000);
            self.client.write(self.clock(), &bytes);
        }
        while let Some(out) = self.client.poll_send(self.clock()) {
            match out {
                Outgoing::Binary(bytes) => self.send_up(bytes),
                Outgoing::Ping(number) => self.pong(number),
                other => panic!("a session sends no {other:?}"),
            }
        }
        self.events();
        if self.wire.is_none() && !self.leaky {
            return;
        }
        loop {
            while self.agent.has_room() && self.printed.given < self.printed.offered {
                let left = self.printed.offered - self.printed.given;
                let bytes = self.printed.next(if left > 10_000 { 1024 } else { 100 });
                self.agent.output(bytes.into());
            }
            let ms = self.agent_ms();
            let Some(mut frame) = self.agent.next(ms) else {
                break;
            };
            frame.channel_id = Bytes::from_static(CHANNEL.as_bytes());
            self.send_down(&frame);
        }
    }

    fn events(&mut self) {
        while let Some(event) = self.client.poll_event() {
            match event {
                Event::Output(bytes) => self.printed.got.extend_from_slice(&bytes),
                Event::Opened | Event::Resumed | Event::ReportsEnd => {
                    self.opened |= matches!(event, Event::Opened);
                    self.tell(&|| format!("{event:?}"));
                }
                Event::Displaced(error) if self.nameless => self.ended = Some(error.to_string()),
                Event::Displaced(error) => {
                    self.tell(&|| error.to_string());
                    self.wire = None;
                    self.reconnect_at = Some(self.now + Duration::from_secs(1));
                }
                Event::Broken {
                    why,
                    resumable,
                    silent,
                } => {
                    self.tell(&|| format!("broken, {resumable}: {why}"));
                    let wire = self.wire.take();
                    // A good connection answers a ping.
                    self.given_up |= silent && wire.is_some_and(|wire| !wire.hole);
                    if resumable {
                        let pause = Duration::from_millis(self.rng.u64(1000..3000));
                        self.reconnect_at = Some(self.now + pause);
                    } else {
                        self.ended = Some(why);
                    }
                }
                Event::Ended(ending) => {
                    self.ended = Some(match ending {
                        Ending::Failed(error) => error.to_string(),
                        other => format!("{other:?}"),
                    });
                }
            }
        }
    }

    fn send_up(&mut self, bytes: Bytes) {
        let Some((copies, delays)) = self.fate() else {
            return;
        };
        let Some(wire) = &mut self.wire else { return };
        for delay in delays.into_iter().take(copies) {
            wire.count += 1;
            let at = arrival(&mut wire.last_up, self.now, delay);
            wire.up.insert((at, wire.count), bytes.clone());
        }
    }

    fn send_down(&mut self, frame: &Frame) {
        let Some((copies, delays)) = self.fate() else {
            return;
        };
        let Some(wire) = &mut self.wire else { return };
        for delay in delays.into_iter().take(copies) {
            wire.count += 1;
            let at = arrival(&mut wire.last_down, self.now, delay);
            wire.down
                .insert((at, wire.count), Incoming::Binary(frame.encode()));
        }
    }

    fn pong(&mut self, number: u32) {
        let Some(wire) = self.wire.as_mut().filter(|wire| !wire.hole) else {
            return;
        };
        wire.count += 1;
        wire.down.insert(
            (self.now + Duration::from_millis(1), wire.count),
            Incoming::Pong(number),
        );
    }

    /// What becomes of a message: how many copies of it arrive, and each one's delay in ms with
    /// whether it may be overtaken; `None` when it is lost.
    fn fate(&mut self) -> Option<(usize, [(u64, bool); 2])> {
        let hole = self.wire.as_ref().is_none_or(|wire| wire.hole);
        if hole || self.rng.f64() < self.odds.lose {
            return None;
        }
        let copies = 1 + usize::from(self.rng.f64() < self.odds.duplicate);
        let mut delay = || {
            let late = self.rng.f64() < self.odds.reorder;
            (
                self.rng.u64(..=self.latency) + if late { 300 } else { 0 },
                late,
            )
        };
        Some((copies, [delay(), delay()]))
    }
}

/// When a message arrives. Those that can't be overtaken arrive in order.
fn arrival(last: &mut Duration, now: Duration, (delay, late): (u64, bool)) -> Duration {
    let at = now + Duration::from_millis(delay);
    if late {
        return at;
    }
    *last = at.max(*last);
    *last
}

fn due<T>(queue: &mut BTreeMap<(Duration, u64), T>, now: Duration) -> Option<T> {
    let entry = queue.first_entry()?;
    (entry.key().0 <= now).then(|| entry.remove())
}

fn status(status: &Status) -> Frame {
    let mut frame = Frame::new(Kind::Status, Version::V1_02, WALL, status.encode());
    frame.channel_id = Bytes::from_static(CHANNEL.as_bytes());
    frame
}

/// The acts of a schedule, latest first. Some come late: with nothing after them to show a loss.
fn acts(rng: &mut Rng, until: Duration) -> Vec<(Duration, Act)> {
    let count = rng.usize(1..40);
    let cuts = [0, 0, 1, 3, 10][rng.usize(..5)];
    let until = u64::try_from(until.as_millis()).unwrap();
    let mut acts = Vec::with_capacity(count);
    for _ in 0..count {
        let act = match rng.usize(..20) + usize::from(rng.usize(..20) < cuts) * 20 {
            0..=7 => Act::Type(rng.usize(1..400)),
            8..=9 => Act::Type(rng.usize(1..6000)),
            10..=15 => Act::Print(rng.usize(1..400)),
            16 => Act::Print(rng.usize(1..3000)),
            17 => Act::Resize(rng.u16(1..500), rng.u16(1..500)),
            18 => Act::Room(rng.bool()),
            19 => Act::Lose,
            20..=25 => Act::Cut(Cut::Reset),
            26..=31 => {
                let codes = [None, Some(1001), Some(1005), Some(1006), Some(1012)];
                Act::Cut(Cut::Close(codes[rng.usize(..5)]))
            }
            32..=35 => Act::Cut(Cut::Freeze),
            36 => Act::Cut(Cut::BlackHole),
            37 => Act::Cut(Cut::Displaced),
            38 => Act::Stop(rng.u64(1..200)),
            _ => Act::Sleep(rng.u64(1..10_000)),
        };
        acts.push((Duration::from_millis(rng.u64(..until)), act));
    }
    if rng.usize(..2000) == 0 {
        // More than the agent keeps unacknowledged.
        let at = Duration::from_millis(rng.u64(..until));
        acts.push((at, Act::Print(rng.usize(1_000_000..1_300_000))));
    }
    acts.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    acts
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

#[test]
fn every_byte_arrives_once_and_in_order_on_any_network() {
    if let Some(seed) = number("AXT_SIM_SEED") {
        let told = Sim::new(seed, true).run();
        eprintln!("{told:?}");
        return assert!(told.is_ok());
    }
    let count = number("AXT_SIM_COUNT").unwrap_or(10_000);
    let first = fastrand::u64(..u64::MAX / 2);
    let (mut whole, mut cut_short) = (0, 0);
    for seed in first..first + count {
        match Sim::new(seed, false).run() {
            Ok(None) => whole += 1,
            Ok(Some(_)) => cut_short += 1,
            Err(wrong) => panic!("AXT_SIM_SEED={seed}: {wrong}"),
        }
    }
    eprintln!("seeds from {first}: {whole} whole, {cut_short} ended with an error");
    assert!(
        whole > cut_short * 20,
        "{whole} whole, {cut_short} cut short"
    );
}
