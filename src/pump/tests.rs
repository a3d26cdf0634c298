//! A session over connections that break, on a clock that jumps: user and gateway are played here.

mod linger;
mod trouble;

use super::wire::GIVE_UP;
use super::*;
use crate::error::Obstacle;
use crate::protocol::channel::{Incoming, Outgoing};
use crate::protocol::escape::Escape;
use crate::protocol::filter::Plain;
use crate::protocol::frame::{Frame, Kind, Version};
use crate::protocol::session::{self, Session};
use crate::protocol::status::Status;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::DuplexStream;
use tokio::task::JoinHandle;

const SECOND: Duration = Duration::from_secs(1);

/// The gateway's end of a connection.
struct Peer {
    to_client: mpsc::Sender<Incoming>,
    from_client: mpsc::Receiver<Outgoing>,
    outputs: u32,
}

impl Peer {
    fn pair() -> (Self, Link) {
        let (to_client, incoming) = mpsc::channel(64);
        let (outgoing, from_client) = mpsc::channel(64);
        let peer = Self {
            to_client,
            from_client,
            outputs: 0,
        };
        (peer, Link::new(outgoing, incoming))
    }

    async fn send(&self, kind: Kind, seq: u32, payload: impl Into<Bytes>) {
        let mut frame = Frame::new(kind, Version::V1_02, 1, payload.into());
        frame.channel_id = Bytes::from_static(b"ch-1");
        frame.output_seq = seq;
        let sent = self.to_client.send(Incoming::Binary(frame.encode())).await;
        sent.unwrap();
    }

    async fn print(&mut self, text: impl Into<Bytes>) {
        self.outputs += 1;
        self.send(Kind::Output, self.outputs, text).await;
    }

    /// The next message that is not a heartbeat; pings are answered.
    async fn next(&mut self) -> Frame {
        loop {
            match self.from_client.recv().await.unwrap() {
                Outgoing::Ping(number) => {
                    self.to_client.send(Incoming::Pong(number)).await.unwrap()
                }
                Outgoing::Binary(bytes) => {
                    let frame = Frame::decode(&bytes).unwrap().frame;
                    if frame.kind != Kind::Input || !frame.payload.is_empty() {
                        return frame;
                    }
                }
                other => panic!("no {other:?} was to be sent"),
            }
        }
    }

    fn cut(self) {
        self.to_client
            .try_send(Incoming::Failed("reset".into()))
            .unwrap();
    }
}

/// The result of an attempt to reconnect.
enum Attempt {
    Connects,
    Fails,
    Refused(u16),
}

/// The calls to the host, each with its time since the start.
#[derive(Default)]
struct Record {
    plan: VecDeque<Attempt>,
    peers: Vec<Peer>,
    attempts: Vec<(Duration, Option<String>)>,
    notices: Vec<Notice>,
    /// How often something was heard.
    heard: usize,
}

struct TestHost {
    record: Arc<Mutex<Record>>,
    start: tokio::time::Instant,
}

impl Host for TestHost {
    fn reconnect(&mut self, resume: Option<String>) -> BoxFuture<'static, Result<Link, Error>> {
        let mut record = self.record.lock().unwrap();
        record.attempts.push((self.start.elapsed(), resume));
        let outcome = match record.plan.pop_front().unwrap_or(Attempt::Fails) {
            Attempt::Connects => {
                let (peer, link) = Peer::pair();
                record.peers.push(peer);
                Ok(link)
            }
            Attempt::Fails => Err(Error::Connect {
                to: "gateway".into(),
                cause: "unreachable".into(),
                obstacle: Obstacle::Passing,
            }),
            Attempt::Refused(status) => Err(Error::Refused {
                status,
                detail: String::new(),
                resuming: false,
            }),
        };
        std::future::ready(outcome).boxed()
    }

    fn notice(&mut self, notice: Notice) {
        self.record.lock().unwrap().notices.push(notice);
    }

    fn heard(&mut self) {
        self.record.lock().unwrap().heard += 1;
    }
}

/// A running pump, with the user's end and the first gateway's in hand.
struct Rig {
    user: DuplexStream,
    peer: Option<Peer>,
    record: Arc<Mutex<Record>>,
    control: mpsc::Sender<Control>,
    pump: JoinHandle<Outcome>,
}

impl Rig {
    /// An open terminal session that has shown its prompt.
    async fn open(plan: impl IntoIterator<Item = Attempt>) -> Self {
        let mut rig = Self::start(plan, 64 * 1024);
        let peer = rig.peer.as_mut().unwrap();
        let opened = Status::Opened.encode();
        peer.send(Kind::Status, 0, opened).await;
        peer.print("$ ").await;
        rig.read("$ ").await;
        rig
    }

    fn start(plan: impl IntoIterator<Item = Attempt>, pipe: usize) -> Self {
        Self::opening(plan, pipe, Plain { end_of_file: b"" }, None)
    }

    /// A session that has to open within a time, and be what the filter expects.
    fn opening(
        plan: impl IntoIterator<Item = Attempt>,
        pipe: usize,
        filter: impl Filter + Send + 'static,
        open_within: Option<Duration>,
    ) -> Self {
        let (user, theirs) = tokio::io::duplex(pipe);
        let (control, from_user) = mpsc::channel(8);
        let (peer, link) = Peer::pair();
        let record = Arc::new(Mutex::new(Record {
            plan: plan.into_iter().collect(),
            ..Record::default()
        }));
        let start = tokio::time::Instant::now();
        let mut host = TestHost {
            record: Arc::clone(&record),
            start,
        };
        let pump = tokio::spawn(async move {
            let options = PumpOptions {
                escape: Some(Escape::new(b'~')),
                resume: true,
                open_within,
                linger: None,
                trusts_end: true,
            };
            let session = Session::new(session::SessionOptions::default(), now());
            let ends = tokio::io::split(theirs);
            Pump::new(
                Box::new(session),
                Box::new(filter),
                ends,
                from_user,
                &mut host,
                options,
            )
            .run(link)
            .await
        });
        Self {
            user,
            peer: Some(peer),
            record,
            control,
            pump,
        }
    }

    async fn read(&mut self, expected: &str) {
        let mut bytes = vec![0; expected.len()];
        self.user.read_exact(&mut bytes).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&bytes), expected);
    }

    async fn type_in(&mut self, text: &str) {
        self.user.write_all(text.as_bytes()).await.unwrap();
    }

    fn cut(&mut self) {
        self.peer.take().unwrap().cut();
    }

    /// The gateway's end of the newest connection, once the client has made it.
    async fn reconnected(&mut self) -> Peer {
        loop {
            if let Some(peer) = self.record.lock().unwrap().peers.pop() {
                return peer;
            }
            tokio::time::sleep(SECOND / 10).await;
        }
    }

    fn notices(&self) -> Vec<Notice> {
        self.record.lock().unwrap().notices.clone()
    }

    fn gaps(&self) -> Vec<Duration> {
        let record = self.record.lock().unwrap();
        let times = record.attempts.iter().map(|(at, _)| *at);
        let mut before = Duration::ZERO;
        times
            .map(|at| {
                let gap = at - before;
                before = at;
                gap
            })
            .collect()
    }

    async fn failure(self) -> String {
        match self.pump.await.unwrap() {
            Outcome::Ended(Ending::Failed(error)) => error.to_string(),
            other => panic!("{other:?}"),
        }
    }
}

fn broken() -> Notice {
    Notice::Reconnecting {
        why: "reset".into(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_broken_session_goes_on_where_it_was() {
    let mut rig = Rig::open([Attempt::Fails, Attempt::Connects]).await;
    rig.cut();
    rig.type_in("ls\n").await;
    let mut peer = rig.reconnected().await;
    let sync = peer.next().await;
    assert_eq!((sync.kind, sync.output_seq), (Kind::Sync, 1));
    assert_eq!(peer.next().await.payload, "ls\n");
    peer.outputs = 1;
    peer.print("a b c\n").await;
    rig.read("a b c\n").await;
    assert_eq!(
        rig.notices(),
        [Notice::Opened, broken(), Notice::Resumed],
        "one line, and its end"
    );
    let record = rig.record.lock().unwrap();
    assert!(
        record
            .attempts
            .iter()
            .all(|(_, id)| id.as_deref() == Some("ch-1"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_probe_is_a_ping_whose_answer_is_heard() {
    let mut rig = Rig::open([]).await;
    let heard = || rig.record.lock().unwrap().heard;
    let before = heard();
    rig.control.send(Control::Probe).await.unwrap();
    let peer = rig.peer.as_mut().unwrap();
    let ping = peer.from_client.recv().await;
    let Some(Outgoing::Ping(number)) = ping else {
        panic!("{ping:?}");
    };
    assert_eq!(heard(), before);
    peer.to_client.send(Incoming::Pong(number)).await.unwrap();
    while heard() == before {
        tokio::time::sleep(SECOND / 10).await;
    }
}

#[tokio::test(start_paused = true)]
async fn attempts_come_ever_later_and_never_in_step() {
    let rig = {
        let mut rig = Rig::open([]).await;
        rig.cut();
        rig
    };
    tokio::time::sleep(120 * SECOND).await;
    let gaps = rig.gaps();
    for (gap, least) in gaps.iter().zip([1, 2, 4, 8, 15, 15]) {
        let least = least * SECOND;
        assert!(
            *gap >= least && *gap <= least * 5 / 4 + SECOND / 100,
            "{gaps:?}"
        );
    }
    assert!(gaps.len() >= 6, "{gaps:?}");
    assert!(gaps[0] != SECOND && gaps[4] != gaps[5], "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn progress_starts_the_pauses_afresh_and_mere_connections_do_not() {
    let plan = [
        Attempt::Connects,
        Attempt::Connects,
        Attempt::Connects,
        Attempt::Connects,
    ];
    let mut rig = Rig::open(plan).await;
    rig.cut();
    for _ in 0..2 {
        rig.reconnected().await.cut();
    }
    let mut peer = rig.reconnected().await;
    peer.outputs = 1;
    peer.print("x").await;
    rig.read("x").await;
    peer.cut();
    rig.reconnected().await;
    let seconds: Vec<_> = rig.gaps().iter().map(Duration::as_secs).collect();
    assert!(matches!(seconds[..], [1, 2, 4 | 5, 1]), "{seconds:?}");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_ends_the_session_at_once() {
    for status in [401, 403, 404] {
        let mut rig = Rig::open([Attempt::Refused(status)]).await;
        rig.cut();
        let record = Arc::clone(&rig.record);
        let failure = rig.failure().await;
        assert!(failure.contains(&format!("HTTP {status}")), "{failure}");
        assert_eq!(record.lock().unwrap().attempts.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn other_failures_are_borne_for_ten_minutes() {
    let plan = [Attempt::Refused(503), Attempt::Refused(429)];
    let mut rig = Rig::open(plan).await;
    let start = tokio::time::Instant::now();
    rig.cut();
    let failure = rig.failure().await;
    assert!(
        failure.contains("10 minutes") && failure.contains("unreachable"),
        "{failure}"
    );
    let took = start.elapsed();
    assert!(took >= GIVE_UP && took < GIVE_UP + 20 * SECOND, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn connections_that_lead_nowhere_are_given_up_too() {
    let mut rig = Rig::open((0..1000).map(|_| Attempt::Connects)).await;
    rig.cut();
    let record = Arc::clone(&rig.record);
    let spoiler = tokio::spawn(async move {
        loop {
            let peers = std::mem::take(&mut record.lock().unwrap().peers);
            peers.into_iter().for_each(Peer::cut);
            tokio::time::sleep(SECOND).await;
        }
    });
    let failure = rig.failure().await;
    spoiler.abort();
    assert!(failure.contains("10 minutes"), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn a_quiet_session_that_was_resumed_is_not_still_broken() {
    let mut rig = Rig::open([Attempt::Connects]).await;
    rig.cut();
    let mut peer = rig.reconnected().await;
    let quiet = tokio::time::timeout(1000 * SECOND, async {
        loop {
            peer.next().await;
        }
    });
    assert!(quiet.await.is_err());
    assert_eq!(rig.notices().last(), Some(&Notice::Resumed));
    let again = tokio::time::Instant::now();
    peer.cut();
    let failure = rig.failure().await;
    assert!(failure.contains("10 minutes"), "{failure}");
    assert!(again.elapsed() >= GIVE_UP);
}

#[tokio::test(start_paused = true)]
async fn the_escape_works_while_the_connection_is_gone() {
    let mut rig = Rig::open([]).await;
    rig.cut();
    tokio::time::sleep(30 * SECOND).await;
    rig.type_in("\n~.").await;
    assert!(matches!(rig.pump.await.unwrap(), Outcome::Escaped));
}

#[tokio::test(start_paused = true)]
async fn keystrokes_are_kept_up_to_a_bound_that_is_said_once() {
    let mut rig = Rig::open([Attempt::Connects]).await;
    rig.cut();
    for _ in 0..100 {
        rig.type_in(&"x".repeat(10_000)).await;
    }
    let mut peer = rig.reconnected().await;
    rig.type_in("\n~.").await;
    let mut kept = 0;
    while let Ok(Some(Outgoing::Binary(bytes))) =
        tokio::time::timeout(SECOND, peer.from_client.recv()).await
    {
        kept += Frame::decode(&bytes).unwrap().frame.payload.len();
    }
    assert!(kept > 0 && kept < 200_000, "{kept}");
    let full = rig.notices();
    let full = full.iter().filter(|n| **n == Notice::InputFull).count();
    assert_eq!(full, 1);
}

#[tokio::test(start_paused = true)]
async fn nothing_piles_up_while_the_remote_side_is_gone_for_an_hour() {
    // Without an escape to look for, as with a script's input: it is not read any more.
    let (user, theirs) = tokio::io::duplex(1024 * 1024);
    let (_control, from_user) = mpsc::channel(8);
    let (peer, link) = Peer::pair();
    let record = Arc::new(Mutex::new(Record::default()));
    let mut host = TestHost {
        record: Arc::clone(&record),
        start: tokio::time::Instant::now(),
    };
    let options = PumpOptions {
        escape: None,
        resume: true,
        open_within: None,
        linger: None,
        trusts_end: true,
    };
    let patient = session::SessionOptions {
        dead_after: None,
        input_from: session::InputFrom::Start { queued: false },
        ..session::SessionOptions::default()
    };
    let session = Session::new(patient, now());
    let (reader, writer) = tokio::io::split(theirs);
    let plain = Plain { end_of_file: b"" };
    let pump = Pump::new(
        Box::new(session),
        Box::new(plain),
        (reader, writer),
        from_user,
        &mut host,
        options,
    );
    let (_answers, mut offers) = tokio::io::split(user);
    let offered = Arc::new(Mutex::new(0u64));
    let counter = Arc::clone(&offered);
    let offering = tokio::spawn(async move {
        let chunk = vec![b'x'; 1024 * 1024];
        for _ in 0..1024 {
            offers.write_all(&chunk).await.unwrap();
            *counter.lock().unwrap() += chunk.len() as u64;
        }
    });
    // The connection is up, but nobody takes anything off it.
    let hour = tokio::time::timeout(3600 * SECOND, pump.run(link)).await;
    assert!(hour.is_err());
    let taken = *offered.lock().unwrap();
    assert!(taken < 4 * 1024 * 1024, "{taken} bytes were read");
    offering.abort();
    drop(peer);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_pauses_does_not_make_the_network_dead() {
    let mut rig = Rig::start([], 1024);
    let mut peer = rig.peer.take().unwrap();
    let printing = tokio::spawn(async move {
        for _ in 0..400 {
            peer.print("y".repeat(1000)).await;
        }
        peer
    });
    tokio::time::sleep(3600 * SECOND).await;
    assert_eq!(rig.notices(), [Notice::Opened]);
    let mut got = vec![0; 400_000];
    rig.user.read_exact(&mut got).await.unwrap();
    let _peer = printing.await.unwrap();
    assert_eq!(rig.notices(), [Notice::Opened]);
}

#[tokio::test(start_paused = true)]
async fn output_that_has_arrived_is_delivered_although_the_connection_is_gone() {
    let mut rig = Rig::start([], 16);
    let mut peer = rig.peer.take().unwrap();
    peer.print("z".repeat(1000)).await;
    peer.cut();
    tokio::time::sleep(60 * SECOND).await;
    let text = "z".repeat(1000);
    rig.read(&text).await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_a_broken_session_without_waiting() {
    let mut rig = Rig::open([]).await;
    rig.cut();
    tokio::time::sleep(SECOND / 2).await;
    let stop = Stop::Signal(15);
    rig.control.send(Control::Stop(stop)).await.unwrap();
    let start = tokio::time::Instant::now();
    assert!(matches!(rig.pump.await.unwrap(), Outcome::Stopped(s) if s == stop));
    assert!(start.elapsed() < SECOND / 10);
}

#[tokio::test(start_paused = true)]
async fn an_old_agents_session_ends_with_the_reason() {
    let mut rig = Rig::start([], 1024);
    let peer = rig.peer.take().unwrap();
    let mut frame = Frame::new(Kind::Output, Version::V1_01, 1, Bytes::from("$ "));
    frame.channel_id = Bytes::from_static(b"ch-1");
    let sent = peer.to_client.send(Incoming::Binary(frame.encode())).await;
    sent.unwrap();
    rig.read("$ ").await;
    peer.cut();
    let failure = rig.failure().await;
    assert!(failure.contains("the agent is too old"), "{failure}");
}

/// A filter that waits for its remote side to say `ready`.
struct Waits(bool);

impl Filter for Waits {
    fn output(&mut self, _now: Instant, bytes: &[u8], _flow: &mut Flow) {
        self.0 |= bytes == b"ready";
    }
    fn input(&mut self, _bytes: &[u8], _flow: &mut Flow) {}
    fn input_end(&mut self, _flow: &mut Flow) {}
    fn wants_input(&self) -> bool {
        false
    }
    fn is_ready(&self) -> bool {
        self.0
    }
    fn stop(&mut self, _now: Instant, _stop: Stop, _flow: &mut Flow) -> Option<Duration> {
        None
    }
    fn overdue(&mut self, _limit: Duration) -> Error {
        Error::Remote("that is not it".into())
    }
}

#[tokio::test(start_paused = true)]
async fn a_remote_side_that_is_not_what_it_should_be_is_not_waited_for() {
    let mut rig = Rig::opening([Attempt::Connects], 1024, Waits(false), Some(15 * SECOND));
    let start = tokio::time::Instant::now();
    let mut peer = rig.peer.take().unwrap();
    peer.print("wel").await;
    tokio::time::sleep(10 * SECOND).await;
    peer.print("come").await;
    // The time without a connection is not the remote side's.
    peer.cut();
    let mut peer = rig.reconnected().await;
    tokio::time::sleep(10 * SECOND).await;
    peer.outputs = 2;
    peer.print("again").await;
    assert_eq!(rig.failure().await, "on the instance: that is not it");
    let took = start.elapsed().as_secs();
    assert!((25..=35).contains(&took), "{took}");
}

#[tokio::test(start_paused = true)]
async fn a_remote_side_that_is_ready_has_all_the_time() {
    let mut rig = Rig::opening([], 1024, Waits(false), Some(15 * SECOND));
    let mut peer = rig.peer.take().unwrap();
    peer.print("ready").await;
    for _ in 0..10 {
        tokio::time::sleep(10 * SECOND).await;
        peer.to_client.send(Incoming::Alive).await.unwrap();
    }
    assert!(!rig.pump.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_session_that_never_opens_ends_with_what_broke_it() {
    let plain = Plain { end_of_file: b"" };
    let rig = |plan: Vec<Attempt>| Rig::opening(plan, 1024, plain, Some(15 * SECOND));
    let silent = rig(vec![]);
    let text = silent.failure().await;
    assert_eq!(text, "the answer of the agent took longer than 15s");
    let mut broken = rig((0..20).map(|_| Attempt::Fails).collect());
    broken.cut();
    let text = broken.failure().await;
    assert!(text.starts_with("the connection was lost: "), "{text}");
}
