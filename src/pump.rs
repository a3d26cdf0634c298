//! The only loop: joins one user's end, one wire and one channel.
//!
//! Every arm of its `select!` yields a value that is handled afterwards, so nothing is half done
//! when another arm wins. Sending waits for a place in the wire's queue in an arm of its own: while
//! the wire is stuck, output, escapes and signals are still served. The arms' guards are the whole
//! flow control.

use crate::error::Error;
use crate::protocol::channel::{Channel, Ending, Event, Incoming, Now, Outgoing};
use crate::protocol::escape::{Escape, Typed};
use crate::protocol::filter::{Filter, Flow, Stop};
use bytes::{Buf, BytesMut};
use futures_util::future::BoxFuture;
use std::fmt::Display;
use std::io;
use std::pin::Pin;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::Sleep;

/// Bytes that may wait for the user's end before the wire is no longer read.
const OUTPUT_ROOM: usize = 64 * 1024;

/// Bytes read from the user's end at once.
const INPUT_CHUNK: usize = 32 * 1024;

/// Messages taken off the wire at once.
const BATCH: usize = 64;

/// How long a stopped far end may take to end by itself.
const GRACE: Duration = Duration::from_secs(2);

/// How long a session that is ended from this side may take to deliver and to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// How long a broken session is kept trying: what the service says a URL is good for.
const GIVE_UP: Duration = Duration::from_secs(600);

/// The longest pause between two attempts to reconnect.
const MAX_PAUSE: Duration = Duration::from_secs(15);

/// A connection: two bounded queues with the wire behind them.
#[derive(Debug)]
pub struct Link {
    /// Towards the gateway; dropping it closes the WebSocket.
    pub outgoing: mpsc::Sender<Outgoing>,
    /// From the gateway; ends when the connection does.
    pub incoming: mpsc::Receiver<Incoming>,
}

/// What the user's side asks of a running session, beside its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// The terminal's new size.
    Resize {
        /// Lines.
        rows: u16,
        /// Columns.
        cols: u16,
    },
    /// End it.
    Stop(Stop),
    /// From now on, [`Options::linger`] is this.
    Linger(Duration),
}

/// What the user may want to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The far end is there.
    Opened,
    /// The connection is gone; it is being made anew.
    Reconnecting {
        /// What happened.
        why: String,
    },
    /// It is back.
    Resumed,
    /// While the connection is gone, no more input can be kept.
    InputFull,
    /// `~?`.
    Help {
        /// The escape character as it is written.
        escape: String,
    },
    /// `~s`.
    Status(String),
}

/// What the pump asks of whoever runs it.
pub trait Host {
    /// Makes a new connection for the channel `resume`. An error that [`is_final`] ends the session.
    fn reconnect(&mut self, resume: Option<String>) -> BoxFuture<'static, Result<Link, Error>>;

    /// Shows something to the user.
    fn notice(&mut self, notice: Notice);

    /// `~^Z`: stops the process and returns when it goes on; the terminal's size then.
    fn suspend(&mut self) -> Option<(u16, u16)>;

    /// The session is over; the last bytes are being delivered.
    fn ending(&mut self);
}

/// How a run ended.
#[derive(Debug)]
pub enum Outcome {
    /// By the far end, or by a failure.
    Ended(Ending),
    /// By `~.`.
    Escaped,
    /// By a signal or a time limit.
    Stopped(Stop),
    /// Nobody reads the output any more.
    OutputClosed,
}

/// Switches of one run.
#[derive(Debug)]
pub struct Options {
    /// Watch for escape sequences.
    pub escape: Option<Escape>,
    /// Reconnect when the connection breaks.
    pub resume: bool,
    /// How long the far end may take to show that it is there.
    pub open_within: Option<Duration>,
    /// Once the user's input has ended and was delivered, end the session when the far end has been
    /// silent for so long; `None` leaves the end to the far end. The protocol has no half-close.
    pub linger: Option<Duration>,
}

/// One session on its way between the user's end and the wire.
pub struct Pump<'h, C, F, R, W> {
    channel: C,
    filter: F,
    user: User<R, W>,
    wire: Wire,
    host: &'h mut (dyn Host + Send),
    options: Options,
    flow: Flow,
    outcome: Option<Outcome>,
    /// A stop that the far end was told of: what it was, and until when it has time.
    stopping: Option<(Stop, Instant)>,
    open_by: Option<Instant>,
    opened: bool,
    said_full: bool,
    /// Since when neither side has given or taken a byte.
    quiet_since: Instant,
    /// Everything the user has sent is delivered, and no more will come.
    drained: bool,
    /// The session ends from this side, without anybody's failure.
    lingered: bool,
}

/// The user's end.
struct User<R, W> {
    reader: R,
    writer: W,
    control: mpsc::Receiver<Control>,
    typed: BytesMut,
    eof: bool,
}

/// The wire's end.
struct Wire {
    state: WireState,
    batch: Vec<Incoming>,
    attempts: u32,
    broken_at: Option<Instant>,
}

enum WireState {
    Up(Link),
    /// Waiting before the next attempt.
    Down {
        retry_at: Instant,
    },
    Dialing(BoxFuture<'static, Result<Link, Error>>),
}

/// What woke the loop.
enum Wake {
    Received,
    Sent,
    Typed(io::Result<usize>),
    Written(io::Result<usize>),
    Control(Option<Control>),
    Dialed(Result<Link, Error>),
    Time,
}

/// Whether an error in reconnecting means that trying again is no use.
#[must_use]
pub fn is_final(error: &Error) -> bool {
    match error {
        Error::Refused { status, .. } => (400..500).contains(status) && *status != 429,
        Error::Connect { .. } | Error::Timeout { .. } => false,
        _ => true,
    }
}

impl<'h, C, F, R, W> Pump<'h, C, F, R, W>
where
    C: Channel,
    F: Filter,
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    /// Puts the parts together. The channel is told of `link` when the pump runs.
    pub fn new(
        channel: C,
        filter: F,
        (reader, writer): (R, W),
        control: mpsc::Receiver<Control>,
        host: &'h mut (dyn Host + Send),
        options: Options,
    ) -> Self {
        Self {
            channel,
            filter,
            user: User {
                reader,
                writer,
                control,
                typed: BytesMut::new(),
                eof: false,
            },
            wire: Wire {
                state: WireState::Down {
                    retry_at: Instant::now(),
                },
                batch: Vec::with_capacity(BATCH),
                attempts: 0,
                broken_at: None,
            },
            host,
            options,
            flow: Flow::default(),
            outcome: None,
            stopping: None,
            open_by: None,
            opened: false,
            said_full: false,
            quiet_since: Instant::now(),
            drained: false,
            lingered: false,
        }
    }

    /// Runs the session over `link` until it is over and its last byte is delivered.
    pub async fn run(mut self, link: Link) -> Outcome {
        let now = clock();
        self.open_by = self.options.open_within.map(|span| now.at + span);
        self.wire.state = WireState::Up(link);
        self.channel.connected(now);
        let mut timer = Box::pin(tokio::time::sleep_until(now.at.into()));
        loop {
            self.collect();
            if let Some(outcome) = self.outcome.take() {
                return self.finish(outcome).await;
            }
            let wake = self.next_wake(timer.as_mut()).await;
            self.handle(wake);
        }
    }

    /// Moves what the channel and the filter have produced to where it belongs.
    fn collect(&mut self) {
        while let Some(event) = self.channel.poll_event() {
            self.tell(event);
            // Before the next event: what the program said goes before what the agent says of it.
            self.conclude_by_filter();
        }
        let drained = self.user.eof && self.channel.drained();
        if drained != self.drained {
            self.drained = drained;
            self.quiet_since = clock().at;
        }
        if !self.flow.far.is_empty() {
            let far = self.flow.far.split();
            self.channel.write(clock(), &far);
        }
        self.conclude_by_filter();
    }

    fn conclude_by_filter(&mut self) {
        if let Some(ending) = self.flow.ending.take() {
            self.conclude(Outcome::Ended(ending));
        }
    }

    fn tell(&mut self, event: Event) {
        if matches!(event, Event::Opened | Event::Output(_)) {
            self.quiet_since = clock().at;
        }
        match event {
            Event::Opened => {
                self.opened = true;
                self.host.notice(Notice::Opened);
            }
            Event::Output(bytes) => {
                self.opened = true;
                self.filter.output(&bytes, &mut self.flow);
            }
            Event::Broken { why, resumable } => self.broke(why, resumable),
            Event::Resumed => {
                self.wire.attempts = 0;
                self.wire.broken_at = None;
                self.said_full = false;
                self.host.notice(Notice::Resumed);
            }
            Event::Ended(ending) => {
                let ending = self.filter.ended(ending, &mut self.flow);
                self.conclude(Outcome::Ended(ending));
            }
        }
    }

    /// The first outcome counts; a stop that was asked for explains whatever follows it.
    fn conclude(&mut self, outcome: Outcome) {
        let outcome = match self.stopping {
            Some((stop, _)) => Outcome::Stopped(stop),
            None => outcome,
        };
        self.outcome.get_or_insert(outcome);
    }

    fn fail(&mut self, error: Error) {
        self.conclude(Outcome::Ended(Ending::Failed(error)));
    }

    fn broke(&mut self, why: String, resumable: bool) {
        if !resumable || !self.options.resume {
            return self.fail(Error::Lost(why));
        }
        let now = clock().at;
        self.retry_later(now, &why);
        if self.wire.broken_at.is_none() {
            self.wire.broken_at = Some(now);
            self.host.notice(Notice::Reconnecting { why });
        }
    }

    /// Waits before the next attempt, unless there were attempts for long enough. A connection that
    /// breaks before the session has made any progress over it is only one more of them.
    fn retry_later(&mut self, now: Instant, why: &dyn Display) {
        if self.wire.broken_at.is_some_and(|at| now - at >= GIVE_UP) {
            let minutes = GIVE_UP.as_secs() / 60;
            let what = format!("{minutes} minutes of reconnecting were in vain; at last: {why}");
            return self.fail(Error::Lost(what));
        }
        self.wire.attempts += 1;
        let pause = Duration::from_secs(1 << self.wire.attempts.clamp(1, 5) >> 1).min(MAX_PAUSE);
        let jitter = pause.mul_f64(0.25 * fastrand::f64());
        self.wire.state = WireState::Down {
            retry_at: now + pause + jitter,
        };
    }

    fn deadline(&self, now: Now) -> Option<Instant> {
        let retry = match &self.wire.state {
            WireState::Down { retry_at } => Some(*retry_at),
            _ => None,
        };
        let open_by = self.open_by.filter(|_| !self.opened);
        let stop_by = self.stopping.map(|(_, by)| by);
        let linger_by = self.linger_by();
        let times = [
            self.channel.deadline(now),
            retry,
            open_by,
            stop_by,
            linger_by,
        ];
        times.into_iter().flatten().min()
    }

    /// When the far end will have been silent for long enough.
    fn linger_by(&self) -> Option<Instant> {
        let up = matches!(self.wire.state, WireState::Up(_));
        let waits = self.drained && self.opened && up && self.flow.user.is_empty();
        let span = self.options.linger.filter(|_| waits)?;
        Some(self.quiet_since + span)
    }

    async fn next_wake(&mut self, mut timer: Pin<&mut Sleep>) -> Wake {
        let now = clock();
        let deadline = self.deadline(now);
        if let Some(at) = deadline
            && timer.deadline().into_std() != at
        {
            timer.as_mut().reset(at.into());
        }
        let sends = self.channel.wants_send(now);
        let reads = !self.user.eof && self.filter.wants_input() && self.has_use_for_input();
        let room = self.flow.user.len() < OUTPUT_ROOM;
        let User {
            reader,
            writer,
            control,
            typed,
            ..
        } = &mut self.user;
        typed.reserve(INPUT_CHUNK);
        let Wire { state, batch, .. } = &mut self.wire;
        let (link, dialing) = match state {
            WireState::Up(link) => (Some(link), None),
            WireState::Dialing(dialing) => (None, Some(dialing)),
            WireState::Down { .. } => (None, None),
        };
        let (incoming, outgoing) = link.map(|l| (&mut l.incoming, &l.outgoing)).unzip();
        tokio::select! {
            _ = receive(incoming, batch), if room => Wake::Received,
            permit = reserve(outgoing), if sends && outgoing.is_some_and(|o| !o.is_closed()) => {
                send(&mut self.channel, permit, outgoing);
                Wake::Sent
            }
            read = reader.read_buf(typed), if reads => Wake::Typed(read),
            written = writer.write(&self.flow.user), if !self.flow.user.is_empty() => {
                Wake::Written(written)
            }
            control = control.recv() => Wake::Control(control),
            dialed = dialed(dialing) => Wake::Dialed(dialed),
            () = timer, if deadline.is_some() => Wake::Time,
        }
    }

    fn handle(&mut self, wake: Wake) {
        let now = clock();
        match wake {
            Wake::Received => {
                for incoming in self.wire.batch.drain(..) {
                    self.channel.receive(now, incoming);
                }
            }
            Wake::Sent => {}
            Wake::Typed(Ok(0)) => {
                self.user.eof = true;
                self.filter.input_end(&mut self.flow);
                if self.options.linger.is_some() {
                    self.channel.input_ended();
                }
            }
            Wake::Typed(Ok(_)) => self.typed(),
            Wake::Typed(Err(source)) => self.fail(Error::Io {
                what: "reading input failed",
                source,
            }),
            Wake::Written(Ok(n)) if n > 0 => {
                self.flow.user.advance(n);
                self.quiet_since = now.at;
            }
            Wake::Written(Ok(_)) => self.conclude(Outcome::OutputClosed),
            Wake::Written(Err(error)) => self.write_failed(error),
            Wake::Control(control) => self.control(now, control),
            Wake::Dialed(dialed) => self.dialed(now, dialed),
            Wake::Time => self.time_passed(now),
        }
    }

    fn write_failed(&mut self, source: io::Error) {
        if matches!(
            source.kind(),
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
        ) {
            return self.conclude(Outcome::OutputClosed);
        }
        let what = "writing output failed";
        self.fail(Error::Io { what, source });
    }

    fn typed(&mut self) {
        let typed = self.user.typed.split();
        match &mut self.options.escape {
            None => self.filter.input(&typed, &mut self.flow),
            Some(escape) => {
                for part in escape.feed(&typed) {
                    self.escaped(part);
                }
            }
        }
    }

    /// While the connection is gone, a terminal is read on although nothing more can be kept: an
    /// escape may come.
    fn has_use_for_input(&self) -> bool {
        self.channel.can_write() || (self.options.escape.is_some() && !self.is_up())
    }

    fn is_up(&self) -> bool {
        matches!(self.wire.state, WireState::Up(_))
    }

    /// Passes on what was typed, or says once that it is not kept.
    fn typed_data(&mut self, bytes: &[u8]) {
        if self.channel.can_write() || self.is_up() {
            self.filter.input(bytes, &mut self.flow);
        } else if !self.said_full {
            self.said_full = true;
            self.host.notice(Notice::InputFull);
        }
    }

    fn escaped(&mut self, typed: Typed) {
        match typed {
            Typed::Data(bytes) => self.typed_data(&bytes),
            Typed::End => self.conclude(Outcome::Escaped),
            Typed::Status => {
                let status = self.channel.describe();
                self.host.notice(Notice::Status(status));
            }
            Typed::Help => {
                let escape = self.options.escape.as_ref().map(Escape::name);
                let escape = escape.unwrap_or_default();
                self.host.notice(Notice::Help { escape });
            }
            Typed::Suspend => {
                if let Some((rows, cols)) = self.host.suspend() {
                    self.channel.resize(clock(), rows, cols);
                }
            }
        }
    }

    fn control(&mut self, now: Now, control: Option<Control>) {
        match control {
            Some(Control::Resize { rows, cols }) => self.channel.resize(now, rows, cols),
            Some(Control::Stop(stop)) => {
                let told = self.stopping.is_none() && self.filter.stop(stop, &mut self.flow);
                if told && self.is_up() {
                    self.stopping = Some((stop, now.at + GRACE));
                } else {
                    self.conclude(Outcome::Stopped(stop));
                }
            }
            Some(Control::Linger(span)) => self.options.linger = Some(span),
            // Whoever could have stopped it is gone; treat it as a hangup.
            None => self.conclude(Outcome::Stopped(Stop::Signal(1))),
        }
    }

    fn dialed(&mut self, now: Now, dialed: Result<Link, Error>) {
        match dialed {
            Ok(link) => {
                self.wire.state = WireState::Up(link);
                self.channel.connected(now);
            }
            Err(error) if is_final(&error) => self.fail(error),
            Err(error) => {
                tracing::info!(%error, attempt = self.wire.attempts, "reconnecting failed");
                self.retry_later(now.at, &error);
            }
        }
    }

    fn time_passed(&mut self, now: Now) {
        if let Some((stop, by)) = self.stopping
            && by <= now.at
        {
            return self.conclude(Outcome::Stopped(stop));
        }
        if self.open_by.is_some_and(|by| by <= now.at) && !self.opened {
            return self.fail(Error::Timeout {
                what: "the answer of the agent".into(),
                limit: self.options.open_within.unwrap_or_default(),
            });
        }
        if let WireState::Down { retry_at } = self.wire.state
            && retry_at <= now.at
        {
            let resume = self.channel.resume_id();
            self.wire.state = WireState::Dialing(self.host.reconnect(resume));
        }
        if self.linger_by().is_some_and(|by| by <= now.at) {
            self.lingered = true;
            return self.conclude(Outcome::Ended(Ending::Normal {
                code: String::new(),
            }));
        }
        // While the user's end takes no output, what has arrived waits unread: that is no silence.
        if self.flow.user.len() >= OUTPUT_ROOM
            && let WireState::Up(link) = &self.wire.state
            && !link.incoming.is_empty()
        {
            self.channel.receive(now, Incoming::Alive);
        }
        self.channel.wake(now);
    }

    /// Says goodbye to the far end and delivers what is left, both at once.
    async fn finish(mut self, outcome: Outcome) -> Outcome {
        self.host.ending();
        let normal = matches!(outcome, Outcome::Ended(Ending::Normal { .. }));
        let far_ended = normal && !self.lingered;
        if !far_ended {
            self.channel.close(clock());
        }
        let Self {
            mut channel,
            mut user,
            wire,
            mut flow,
            ..
        } = self;
        let goodbye = async move {
            if let WireState::Up(link) = wire.state {
                say_goodbye(&mut channel, link).await;
            }
        };
        let complete = matches!(outcome, Outcome::Ended(_));
        let deliver = async {
            let all = deliver(&mut user.writer, &mut flow.user);
            if complete {
                tokio::select! {
                    delivered = all => delivered,
                    stop = stopped(&mut user.control) => Err(Outcome::Stopped(stop)),
                }
            } else {
                let delivered = tokio::time::timeout(GOODBYE, all).await;
                delivered.unwrap_or(Ok(()))
            }
        };
        let goodbye = tokio::time::timeout(GOODBYE, goodbye);
        let (delivered, _) = tokio::join!(deliver, goodbye);
        match delivered {
            Ok(()) => outcome,
            Err(other) => other,
        }
    }
}

/// Now, on the clock that tests may turn.
fn clock() -> Now {
    Now::at(tokio::time::Instant::now().into_std())
}

async fn receive(incoming: Option<&mut mpsc::Receiver<Incoming>>, batch: &mut Vec<Incoming>) {
    match incoming {
        Some(incoming) => {
            if incoming.recv_many(batch, BATCH).await == 0 {
                batch.push(Incoming::Failed("the connection's task ended".into()));
            }
        }
        None => std::future::pending().await,
    }
}

async fn reserve<'a>(
    outgoing: Option<&'a mpsc::Sender<Outgoing>>,
) -> Option<mpsc::Permit<'a, Outgoing>> {
    match outgoing {
        Some(outgoing) => outgoing.reserve().await.ok(),
        None => std::future::pending().await,
    }
}

async fn dialed(
    dialing: Option<&mut BoxFuture<'static, Result<Link, Error>>>,
) -> Result<Link, Error> {
    match dialing {
        Some(dialing) => dialing.await,
        None => std::future::pending().await,
    }
}

/// Fills the reserved place, and as many more as are free.
fn send<C: Channel>(
    channel: &mut C,
    permit: Option<mpsc::Permit<'_, Outgoing>>,
    outgoing: Option<&mpsc::Sender<Outgoing>>,
) {
    let mut next = permit;
    while let Some(permit) = next {
        let Some(message) = channel.poll_send(clock()) else {
            return;
        };
        permit.send(message);
        next = outgoing.and_then(|outgoing| outgoing.try_reserve().ok());
    }
}

/// Sends what never waits, closes the WebSocket and waits for the other side to do the same.
async fn say_goodbye<C: Channel>(channel: &mut C, mut link: Link) {
    if let Some(message) = channel.poll_send(clock()) {
        let _ = link.outgoing.send(message).await;
    }
    drop(link.outgoing);
    while link.incoming.recv().await.is_some() {}
}

async fn deliver<W: AsyncWrite + Unpin>(
    writer: &mut W,
    bytes: &mut BytesMut,
) -> Result<(), Outcome> {
    let written = async {
        writer.write_all_buf(bytes).await?;
        writer.flush().await
    };
    written.await.map_err(|source| match source.kind() {
        io::ErrorKind::BrokenPipe => Outcome::OutputClosed,
        _ => Outcome::Ended(Ending::Failed(Error::Io {
            what: "writing output failed",
            source,
        })),
    })
}

async fn stopped(control: &mut mpsc::Receiver<Control>) -> Stop {
    loop {
        match control.recv().await {
            Some(Control::Stop(stop)) => return stop,
            Some(Control::Resize { .. } | Control::Linger(_)) => {}
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests;
