//! A session on a virtual clock, driven frame by frame.

mod encrypted;

use super::*;
use crate::protocol::channel::{Channel, Incoming, Outgoing, Undelivered};
use crate::protocol::crypto::BLOCK;
use crate::protocol::frame::{Frame, Kind, MAX_INPUT};
use crate::protocol::status::Status;
use proptest::prelude::*;

/// A session, the time, and what it has sent and told.
struct Rig {
    session: Session,
    now: Now,
    sent: Vec<Frame>,
    pings: u32,
    told: Vec<String>,
    output: Vec<u8>,
}

impl Rig {
    fn new(options: SessionOptions) -> Self {
        let now = Now {
            at: Instant::now(),
            unix_ms: 1_700_000_000_000,
        };
        Self::of(Session::new(options, now), now)
    }

    /// A session that has just got its connection.
    fn of(session: Session, now: Now) -> Self {
        let mut rig = Self {
            session,
            now,
            sent: Vec::new(),
            pings: 0,
            told: Vec::new(),
            output: Vec::new(),
        };
        rig.session.connected(now);
        rig.settle();
        rig
    }

    /// Open, and ready for input.
    fn open() -> Self {
        Self::open_with(SessionOptions::default())
    }

    /// The same over a network that is never taken for dead.
    fn patient() -> Self {
        let dead_after = None;
        Self::open_with(SessionOptions {
            dead_after,
            ..SessionOptions::default()
        })
    }

    fn open_with(options: SessionOptions) -> Self {
        let mut rig = Self::new(options);
        rig.status(&Status::Opened);
        rig.output(1, 0, "$ ");
        rig
    }

    fn settle(&mut self) {
        while let Some(out) = self.session.poll_send(self.now) {
            match out {
                Outgoing::Binary(bytes) => self.sent.push(Frame::decode(&bytes).unwrap().frame),
                Outgoing::Ping(number) => self.pings = number,
                other => panic!("a session sends no {other:?}"),
            }
        }
        while let Some(event) = self.session.poll_event() {
            match event {
                Event::Output(bytes) => self.output.extend(bytes),
                other => self.told.push(format!("{other:?}")),
            }
        }
    }

    fn receive(&mut self, frame: &Frame) {
        self.session
            .receive(self.now, Incoming::Binary(frame.encode()));
        self.settle();
    }

    fn server(&self, kind: Kind, payload: impl Into<Bytes>) -> Frame {
        let mut frame = Frame::new(kind, Version::V1_02, self.now.unix_ms, payload.into());
        frame.channel_id = Bytes::from_static(b"ch-1");
        frame
    }

    fn status(&mut self, status: &Status) {
        let frame = self.server(Kind::Status, status.encode());
        self.receive(&frame);
    }

    fn output(&mut self, seq: u32, ack: u32, text: &str) {
        let mut frame = self.server(Kind::Output, text.to_owned());
        (frame.output_seq, frame.input_seq) = (seq, ack);
        self.receive(&frame);
    }

    fn sync(&mut self, input_seq: u32) {
        let mut frame = self.server(Kind::Sync, "");
        frame.input_seq = input_seq;
        self.receive(&frame);
    }

    fn write(&mut self, text: &str) {
        self.session.write(self.now, text.as_bytes());
        self.settle();
    }

    /// Lets time pass, stopping wherever the session asked to be woken.
    fn pass(&mut self, span: Duration) {
        let end = self.now.at + span;
        loop {
            let next = self.session.deadline(self.now).filter(|at| *at <= end);
            let at = next.unwrap_or(end).max(self.now.at);
            let passed = at - self.now.at;
            self.now = Now {
                at,
                unix_ms: self.now.unix_ms + u64::try_from(passed.as_millis()).unwrap(),
            };
            self.session.wake(self.now);
            self.settle();
            if next.is_none() {
                return;
            }
        }
    }

    fn inputs(&self) -> Vec<String> {
        let inputs = self.sent.iter().filter(|f| f.kind == Kind::Input);
        inputs
            .map(|f| String::from_utf8_lossy(&f.payload).into_owned())
            .collect()
    }

    fn kinds(&self) -> Vec<Kind> {
        self.sent.iter().map(|f| f.kind).collect()
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_heartbeat_goes_every_minute_although_output_flows() {
    let mut rig = Rig::open();
    for i in 0..180 {
        rig.pass(SECOND);
        rig.output(2 + i, 0, "x");
    }
    assert_eq!(rig.inputs(), ["", "", ""]);
    assert_eq!(rig.sent.last().unwrap().input_seq, 3);
}

#[test]
fn heartbeats_go_before_the_session_is_open_too() {
    let mut rig = Rig::new(SessionOptions {
        dead_after: None,
        ..SessionOptions::default()
    });
    rig.status(&Status::Opening);
    rig.pass(61 * SECOND);
    assert_eq!(rig.inputs(), [""]);
}

#[test]
fn much_output_is_acknowledged_before_the_heartbeat() {
    let mut rig = Rig::open();
    let chunk = "x".repeat(1024);
    for seq in 2..=513 {
        rig.output(seq, 0, &chunk);
    }
    let acknowledged: Vec<_> = rig.sent.iter().map(|f| f.output_seq).collect();
    assert_eq!(acknowledged, [513]);
}

#[test]
fn typing_puts_the_heartbeat_off() {
    let mut rig = Rig::open();
    for i in 0..4 {
        rig.pass(30 * SECOND);
        rig.output(2 + i, 0, "");
        rig.write("k");
    }
    assert_eq!(rig.inputs(), ["k", "k", "k", "k"]);
}

#[test]
fn an_idle_session_wakes_rarely_and_dies_with_the_network() {
    let mut rig = Rig::open();
    rig.pass(44 * SECOND);
    assert_eq!((rig.pings, rig.told.len()), (1, 1));
    rig.pass(2 * SECOND);
    assert!(rig.told[1].contains("Broken"), "{:?}", rig.told);
    assert!(rig.told[1].contains("resumable: true"), "{:?}", rig.told);
}

#[test]
fn input_is_held_until_the_remote_side_speaks_and_nothing_is_lost() {
    let mut rig = Rig::new(SessionOptions::default());
    rig.write("early ");
    rig.status(&Status::Opening);
    rig.pass(5 * SECOND);
    rig.write("bird");
    assert_eq!(rig.inputs(), Vec::<String>::new());
    rig.status(&Status::Opened);
    rig.pass(SECOND);
    assert_eq!(rig.inputs(), Vec::<String>::new());
    rig.output(1, 0, "$ ");
    assert_eq!(rig.inputs(), ["early bird"]);
}

#[test]
fn a_program_that_waits_to_be_spoken_to_gets_its_input_three_seconds_after_open() {
    let mut rig = Rig::new(SessionOptions {
        input_from: InputFrom::Grace,
        ..SessionOptions::default()
    });
    rig.status(&Status::Opened);
    rig.write("GET /");
    rig.pass(3 * SECOND - Duration::from_millis(1));
    assert!(rig.inputs().is_empty());
    rig.pass(Duration::from_millis(1));
    assert_eq!(rig.inputs(), ["GET /"]);
}

#[test]
fn silence_opens_a_port_and_no_terminal() {
    for (port, told) in [(true, vec!["Opened"]), (false, vec![])] {
        let mut rig = Rig::new(SessionOptions {
            port,
            input_from: InputFrom::Grace,
            ..SessionOptions::default()
        });
        rig.pass(3 * SECOND);
        assert_eq!(rig.told, told);
    }
}

#[test]
fn a_shell_gets_its_input_when_it_has_said_something_however_late_that_is() {
    let mut rig = Rig::new(SessionOptions {
        dead_after: None,
        keepalive: Keepalive::Off,
        ..SessionOptions::default()
    });
    rig.status(&Status::Opened);
    rig.write("ls\r");
    rig.pass(3600 * SECOND);
    assert!(rig.inputs().is_empty() && !rig.session.is_ready());
    rig.output(1, 0, "$ ");
    assert_eq!(rig.inputs(), ["ls\r"]);
}

#[test]
fn early_input_may_be_dropped_until_something_comes_back() {
    for (queued, wait, expected) in [(false, 0, true), (true, 0, false), (false, 4, false)] {
        let mut rig = Rig::new(SessionOptions {
            input_from: InputFrom::Start { queued },
            port: true,
            ..SessionOptions::default()
        });
        rig.status(&Status::Opened);
        rig.pass(wait * SECOND);
        assert!(!rig.session.may_have_dropped_input());
        rig.write("GET /");
        assert_eq!(rig.inputs(), ["GET /"]);
        assert_eq!(rig.session.may_have_dropped_input(), expected);
        rig.output(1, 1, "");
        assert_eq!(rig.session.may_have_dropped_input(), expected);
        rig.output(2, 1, "200 OK");
        assert!(!rig.session.may_have_dropped_input());
    }
}

#[test]
fn what_a_port_has_not_delivered_is_known_and_a_shell_owes_nothing() {
    let at = |unsent, unacknowledged| {
        Some(Undelivered {
            unsent,
            unacknowledged,
        })
    };
    for (port, undelivered) in [
        (true, [at(5, None), at(0, Some(5)), at(0, Some(0))]),
        (false, [None; 3]),
    ] {
        let mut rig = Rig::new(SessionOptions {
            port,
            ..SessionOptions::default()
        });
        rig.status(&Status::Opened);
        rig.write("GET /");
        assert_eq!(rig.session.undelivered(), undelivered[0]);
        rig.output(1, 0, "hello");
        assert_eq!(rig.inputs(), ["GET /"]);
        assert_eq!(rig.session.undelivered(), undelivered[1]);
        rig.output(2, 1, "hello");
        assert_eq!(rig.session.undelivered(), undelivered[2]);
    }
}

#[test]
fn an_eager_session_holds_nothing() {
    let mut rig = Rig::new(SessionOptions {
        input_from: InputFrom::Start { queued: false },
        ..SessionOptions::default()
    });
    rig.write("GET /");
    assert_eq!(rig.inputs(), ["GET /"]);
}

#[test]
fn input_is_cut_into_messages_and_numbered() {
    let mut rig = Rig::open();
    rig.write(&"x".repeat(5000));
    let sizes: Vec<_> = rig.sent.iter().map(|f| f.payload.len()).collect();
    assert_eq!(sizes, [2048, 2048, 904]);
    let numbers: Vec<_> = rig
        .sent
        .iter()
        .map(|f| (f.input_seq, f.output_seq))
        .collect();
    assert_eq!(numbers, [(1, 1), (2, 1), (3, 1)]);
    assert!(
        rig.sent
            .iter()
            .all(|f| f.channel_id == "ch-1" && f.instance_id.is_empty())
    );
}

#[test]
fn control_messages_pass_waiting_data() {
    let mut rig = Rig::open();
    rig.write(&"x".repeat(60_000));
    let before = rig.sent.len();
    rig.session.resize(rig.now, 50, 132);
    rig.session.close(rig.now);
    rig.settle();
    assert_eq!(rig.kinds()[before..], [Kind::Close, Kind::Resize]);
}

#[test]
fn a_stream_status_sets_the_rate_and_the_user_may_lower_it() {
    let mut rig = Rig::open();
    rig.status(&Status::Stream(800_000));
    assert_eq!(rig.session.bucket.rate(), 100_000);
    rig.status(&Status::Stream(0));
    assert_eq!(rig.session.bucket.rate(), 100_000);
    let mut slow = Rig::new(SessionOptions {
        rate_limit: Some(5000),
        ..SessionOptions::default()
    });
    assert_eq!(slow.session.bucket.rate(), 5000);
    slow.status(&Status::Stream(800_000));
    assert_eq!(slow.session.bucket.rate(), 5000);
}

#[test]
fn a_long_upload_keeps_to_the_rate_and_uses_it() {
    let mut rig = Rig::open();
    let mut seq = 1;
    for _ in 0..20 {
        while rig.session.can_write() {
            rig.write(&"x".repeat(16_384));
        }
        rig.pass(Duration::from_millis(250));
        seq += 1;
        rig.output(seq, rig.session.send_window.last(), "");
    }
    let bytes: usize = rig.sent.iter().map(Frame::encoded_len).sum();
    assert!(
        (970_000..=1_016_384).contains(&bytes),
        "{bytes} bytes in 5 s"
    );
}

#[test]
fn duplicates_are_dropped_and_a_gap_is_asked_for_once() {
    let mut rig = Rig::open();
    rig.output(1, 0, "again");
    rig.output(3, 0, "c");
    rig.output(4, 0, "d");
    assert_eq!(rig.kinds(), [Kind::Sync]);
    assert_eq!((rig.sent[0].input_seq, rig.sent[0].output_seq), (0, 1));
    rig.output(2, 0, "b");
    rig.output(3, 0, "c");
    assert_eq!(rig.output, b"$ bc");
}

#[test]
fn an_old_agent_is_taken_as_it_comes_and_never_resumed() {
    let mut rig = Rig::new(SessionOptions::default());
    for text in ["a", "b", "b"] {
        let mut frame = rig.server(Kind::Output, text);
        frame.version = Version::V1_01;
        rig.receive(&frame);
    }
    assert_eq!(rig.output, b"abb");
    rig.session.receive(rig.now, Incoming::Closed(None));
    rig.settle();
    let told = &rig.told[1];
    assert!(
        told.contains("resumable: false") && told.contains("too old"),
        "{told}"
    );
}

#[test]
fn what_the_agent_asks_for_goes_again_as_first_sent() {
    let mut rig = Rig::open();
    for text in ["one", "two", "three"] {
        rig.write(text);
    }
    let first = rig.sent.clone();
    rig.pass(SECOND);
    rig.sync(2);
    assert_eq!(rig.sent[3..], first[1..]);
}

#[test]
fn asking_for_what_is_gone_ends_the_session_with_an_error() {
    let mut rig = Rig::open();
    rig.write("one");
    rig.output(2, 1, "");
    for _ in 0..20 {
        rig.sync(1);
        assert_eq!(rig.told.len(), 1, "it may have come late");
    }
    rig.sync(1);
    assert!(rig.told[1].contains("Lost"), "{:?}", rig.told);
}

#[test]
fn a_resumed_session_syncs_first_and_waits_for_the_agent() {
    let mut rig = Rig::open();
    rig.write("one");
    rig.session
        .receive(rig.now, Incoming::Failed("reset".into()));
    rig.write("two");
    rig.settle();
    let before = rig.sent.len();
    rig.session.connected(rig.now);
    rig.settle();
    assert_eq!(rig.kinds()[before..], [Kind::Sync]);
    assert_eq!(
        (rig.sent[before].input_seq, rig.sent[before].output_seq),
        (1, 1)
    );
    rig.sync(1);
    assert_eq!(rig.inputs()[1..], ["one", "two"]);
    assert!(rig.told.iter().any(|t| t == "Resumed"), "{:?}", rig.told);
}

#[test]
fn a_resumed_session_goes_on_when_the_agent_misses_nothing() {
    let mut rig = Rig::open();
    rig.write("one");
    rig.session.receive(rig.now, Incoming::Closed(Some(1012)));
    rig.session.connected(rig.now);
    rig.write("two");
    assert_eq!(rig.inputs(), ["one"]);
    rig.pass(SECOND);
    assert_eq!(rig.inputs(), ["one", "two"]);
}

#[test]
fn a_connection_that_lasts_counts_as_progress() {
    let mut rig = Rig::open();
    rig.session.receive(rig.now, Incoming::Closed(None));
    rig.session.connected(rig.now);
    rig.pass(events::STEADY - Duration::from_millis(1));
    assert!(!rig.told.iter().any(|t| t == "Resumed"), "{:?}", rig.told);
    rig.pass(Duration::from_millis(1));
    assert!(rig.told.iter().any(|t| t == "Resumed"), "{:?}", rig.told);
}

#[test]
fn what_was_asked_over_the_old_connection_does_not_go_over_the_new_one() {
    let mut rig = Rig::open();
    rig.write(&"x".repeat(60_000));
    rig.sync(1);
    rig.session.receive(rig.now, Incoming::Closed(None));
    rig.pass(SECOND);
    let before = rig.sent.len();
    rig.session.connected(rig.now);
    rig.settle();
    assert_eq!(rig.kinds()[before..], [Kind::Sync]);
}

#[test]
fn an_upload_past_the_window_ends_when_its_beginning_is_asked_for() {
    let mut rig = Rig::patient();
    for _ in 0..100 {
        rig.write(&"x".repeat(50_000));
        rig.pass(SECOND);
    }
    let last = rig.session.send_window.last();
    assert!(rig.session.send_window.kept_bytes() <= super::send_window::KEEP);
    rig.sync(last);
    assert_eq!(rig.told.len(), 1, "{:?}", rig.told);
    let mut rig = Rig::patient();
    for _ in 0..100 {
        rig.write(&"x".repeat(50_000));
        rig.pass(SECOND);
    }
    rig.sync(1);
    let told = &rig.told[1];
    assert!(
        told.contains("Lost") && told.contains("asked for message 1 again"),
        "{told}"
    );
}

#[test]
fn a_quiet_session_asks_with_its_heartbeat_whether_something_is_missing() {
    let mut rig = Rig::patient();
    rig.pass(60 * SECOND);
    assert_eq!(rig.kinds(), [Kind::Input], "output was heard");
    rig.pass(60 * SECOND);
    assert_eq!(rig.kinds()[1..], [Kind::Sync, Kind::Input]);
    let mut old = Rig::new(SessionOptions {
        dead_after: None,
        ..SessionOptions::default()
    });
    let mut frame = old.server(Kind::Output, "$ ");
    frame.version = Version::V1_01;
    old.receive(&frame);
    old.pass(180 * SECOND);
    assert!(!old.kinds().contains(&Kind::Sync));
}

#[test]
fn an_end_in_a_gap_is_a_loss() {
    let mut rig = Rig::open();
    rig.output(3, 0, "c");
    rig.status(&Status::Closed("Ok".into()));
    assert!(rig.told[1].contains("Lost"), "{:?}", rig.told);
}

#[test]
fn typing_on_a_woken_machine_tries_the_connection_at_once() {
    let mut rig = Rig::open();
    rig.pass(SECOND);
    rig.now.unix_ms += 3_600_000;
    rig.write("l");
    assert_eq!(rig.pings, 1);
    rig.pass(15 * SECOND);
    assert!(rig.told[1].contains("resumable: true"), "{:?}", rig.told);
}

#[test]
fn what_can_not_be_resumed_says_why() {
    let mut rig = Rig::new(SessionOptions {
        input_from: InputFrom::Start { queued: false },
        ..SessionOptions::default()
    });
    rig.write("GET /");
    rig.session
        .receive(rig.now, Incoming::Failed("reset".into()));
    rig.settle();
    assert!(
        rig.told[0].contains("reset, and the gateway has not yet given the channel"),
        "{:?}",
        rig.told
    );
}

#[test]
fn frozen_breaks_the_connection_and_not_the_session() {
    let mut rig = Rig::open();
    rig.status(&Status::Frozen);
    assert!(rig.told[1].contains("resumable: true"), "{:?}", rig.told);
    assert_eq!(rig.session.resume_id().as_deref(), Some("ch-1"));
}

#[test]
fn reasons_decide_how_it_ended() {
    for (status, expected) in [
        (Status::Closed("Exit".into()), "Ended(Normal)"),
        (
            Status::Closed("Ok: read from pty failed".into()),
            "Ended(Normal)",
        ),
        (Status::Exited(String::new()), "Ended(Normal)"),
        (
            Status::Closed("UserNotExists: bob".into()),
            "code: \"UserNotExists\", detail: \"bob\"",
        ),
        (
            Status::Aborted("no agent".into()),
            "code: \"Aborted\", detail: \"no agent\"",
        ),
    ] {
        let mut rig = Rig::open();
        rig.status(&status);
        rig.output(2, 0, "late");
        assert!(rig.told[1].contains(expected), "{:?}", rig.told);
        assert_eq!(rig.told.len(), 2);
    }
}

const NOTICE: &str = "The session has terminated. IdleTimeout: nothing for 180s\n";

#[test]
fn an_announced_end_is_the_reason_and_no_output() {
    let close = |rig: &mut Rig, incoming| {
        rig.session.receive(rig.now, incoming);
        rig.settle();
    };
    let closed = |text: &str| {
        let mut frame = Frame::new(
            Kind::Status,
            Version::V1_01,
            1,
            Status::Closed(text.into()).encode(),
        );
        frame.channel_id = Bytes::from_static(b"ch-1");
        Incoming::Binary(frame.encode())
    };
    for incoming in [
        Incoming::Closed(Some(1000)),
        Incoming::Closed(None),
        Incoming::Failed("reset".into()),
        closed("Ok"),
        closed("IdleTimeout"),
    ] {
        let mut rig = Rig::open();
        rig.output(2, 0, NOTICE);
        rig.pass(SECOND);
        close(&mut rig, incoming.clone());
        let told = rig.told.last().unwrap();
        let expected = r#"Ended { code: "IdleTimeout", detail: "nothing for 180s" }"#;
        assert!(told.contains(expected), "{incoming:?}: {told}");
        assert_eq!(rig.output, b"$ ");
    }
}

#[test]
fn what_only_looks_like_an_announced_end_is_output() {
    let whole = format!("$ {NOTICE}");
    // More output follows.
    let mut rig = Rig::open();
    rig.output(2, 0, NOTICE);
    assert_eq!(rig.output, b"$ ");
    rig.output(3, 0, "$ ");
    assert_eq!(rig.output, format!("{whole}$ ").as_bytes());
    // A second one follows.
    rig.output(4, 0, NOTICE);
    rig.output(5, 0, NOTICE);
    assert_eq!(rig.output, format!("{whole}$ {NOTICE}").as_bytes());
    // Nothing follows, not even an end.
    let mut rig = Rig::patient();
    rig.output(2, 0, NOTICE);
    rig.pass(10 * SECOND);
    assert_eq!(rig.output, whole.as_bytes());
    rig.status(&Status::Closed("Exit".into()));
    assert!(rig.told[1].contains("Normal"), "{:?}", rig.told);
    // It is a part of a message.
    let mut rig = Rig::open();
    rig.output(2, 0, &format!("{NOTICE}$ "));
    assert_eq!(rig.output, format!("{whole}$ ").as_bytes());
    // A port's bytes are nobody's announcement.
    let mut rig = Rig::open_with(SessionOptions {
        port: true,
        ..SessionOptions::default()
    });
    rig.output(2, 0, NOTICE);
    assert_eq!(rig.output, whole.as_bytes());
}

#[test]
fn an_end_that_somebody_else_asked_for_is_a_failure() {
    let mut rig = Rig::open();
    rig.status(&Status::Closed("Notified".into()));
    assert!(rig.told[1].contains("Failed"), "{:?}", rig.told);
}

#[test]
fn another_connection_of_the_session_may_be_this_clients_own() {
    let mut rig = Rig::open();
    rig.status(&Status::Closed("SessionIdDuplicated".into()));
    assert!(rig.told[1].contains("Displaced"), "{:?}", rig.told);
    rig.session.connected(rig.now);
    rig.settle();
    rig.output(2, 0, "on");
    assert_eq!((&rig.output[..], rig.told.len()), (&b"$ on"[..], 3));
}

#[test]
fn a_stopped_process_reads_and_asks_before_it_gives_a_connection_up() {
    let mut rig = Rig::open();
    for _ in 0..3 {
        rig.now.at += 1000 * SECOND;
        rig.now.unix_ms += 1_000_000;
        rig.session.stalled(rig.now, 1000 * SECOND);
        rig.session.wake(rig.now);
        let pings = rig.pings;
        rig.settle();
        assert_eq!((rig.pings, rig.told.len()), (pings + 1, 1));
        rig.pass(14 * SECOND);
        rig.session.receive(rig.now, Incoming::Pong(rig.pings));
        rig.pass(20 * SECOND);
    }
    rig.session.stalled(rig.now, 1000 * SECOND);
    rig.pass(15 * SECOND);
    let told = rig.told.last().unwrap();
    assert!(
        told.contains("nothing was received") && told.contains("silent: true"),
        "{told}"
    );
}

/// When heartbeats go in ten minutes of a port session, in seconds.
fn beats(version: Version, keepalive: Keepalive, ended: bool) -> Vec<u64> {
    let mut rig = Rig::new(SessionOptions {
        port: true,
        input_from: InputFrom::Grace,
        dead_after: None,
        keepalive,
        ..SessionOptions::default()
    });
    let start = rig.now.at;
    let mut frame = rig.server(Kind::Output, "hello");
    frame.version = version;
    frame.output_seq = u32::from(version >= Version::V1_02);
    rig.receive(&frame);
    if ended {
        rig.session.input_ended();
        rig.settle();
        rig.session.receive(rig.now, Incoming::Pong(rig.pings));
    }
    let mut at = Vec::new();
    for _ in 0..600 {
        let before = rig.inputs().len();
        rig.pass(SECOND);
        let beats = rig.inputs().len() - before;
        at.extend((0..beats).map(|_| (rig.now.at - start).as_secs()));
    }
    at
}

#[test]
fn the_port_of_an_old_agent_gets_late_heartbeats_and_none_after_the_input() {
    use Keepalive::{Every, Usual};
    let (old, new) = (Version::V1_01, Version::V1_02);
    assert_eq!(beats(old, Usual, false), [170, 340, 510]);
    assert_eq!(beats(old, Every(200 * SECOND), false), [200, 400, 600]);
    assert_eq!(beats(old, Usual, true), [0; 0]);
    assert_eq!(beats(old, Every(200 * SECOND), true), [0; 0]);
    assert_eq!(beats(new, Usual, false).len(), 10);
    assert_eq!(beats(new, Usual, true).len(), 10);
}

#[test]
fn a_long_answer_of_an_old_agent_is_kept_alive() {
    let mut rig = Rig::new(SessionOptions {
        port: true,
        input_from: InputFrom::Grace,
        ..SessionOptions::default()
    });
    rig.session.input_ended();
    for _ in 0..400 {
        let mut frame = rig.server(Kind::Output, "part of it");
        frame.version = Version::V1_01;
        rig.receive(&frame);
        rig.pass(SECOND);
    }
    assert_eq!(rig.inputs(), ["", ""]);
    assert!(rig.session.is_answering());
}

#[test]
fn what_a_heartbeat_may_provoke_is_no_answer() {
    let mut rig = Rig::new(SessionOptions {
        port: true,
        input_from: InputFrom::Grace,
        dead_after: None,
        ..SessionOptions::default()
    });
    let mut frame = rig.server(Kind::Output, "220 ready\r\n");
    frame.version = Version::V1_01;
    rig.receive(&frame);
    assert!(rig.session.is_answering());
    rig.pass(170 * SECOND);
    assert_eq!(rig.inputs(), [""]);
    assert!(!rig.session.is_answering());
    rig.write("HELO\r\n");
    assert!(rig.session.is_answering());
}

#[test]
fn an_agent_that_reports_its_targets_close_is_known_by_its_version_or_told() {
    let reports = |version: Version, told: bool| {
        let mut rig = Rig::new(SessionOptions {
            port: true,
            input_from: InputFrom::Grace,
            dead_after: None,
            ..SessionOptions::default()
        });
        assert!(!rig.session.reports_end());
        let mut frame = rig.server(Kind::Output, "hello");
        frame.version = version;
        frame.output_seq = u32::from(version >= Version::V1_02);
        rig.receive(&frame);
        if told {
            rig.session.set_reports_end();
        }
        rig.pass(60 * SECOND);
        // It dials nothing again, so that it is kept alive as any other.
        (rig.session.reports_end(), rig.inputs().len())
    };
    assert_eq!(reports(Version::V1_02, false), (true, 1));
    assert_eq!(reports(Version::V1_01, false), (false, 0));
    assert_eq!(reports(Version::V1_01, true), (true, 1));
}

#[test]
fn broken_frames_end_the_session_with_their_name() {
    for (incoming, expected) in [
        (
            Incoming::Binary(Bytes::from_static(b"short")),
            "ends inside its header",
        ),
        (
            Incoming::Text(Bytes::from_static(b"hello")),
            "a text frame of 5 bytes",
        ),
    ] {
        let mut rig = Rig::open();
        rig.session.receive(rig.now, incoming);
        rig.settle();
        assert!(rig.told[1].contains(expected), "{:?}", rig.told);
    }
}

#[test]
fn unknown_types_and_states_are_no_trouble() {
    let mut rig = Rig::open();
    for kind in [Kind::Unknown(99), Kind::Open, Kind::KeyExchange] {
        let frame = rig.server(kind, "?");
        rig.receive(&frame);
    }
    rig.status(&Status::Unknown(Some(42)));
    rig.status(&Status::Unknown(None));
    rig.output(2, 0, "fine");
    assert_eq!(rig.output, b"$ fine");
}

#[test]
fn the_size_goes_at_open_and_after_the_first_output() {
    let mut rig = Rig::new(SessionOptions::default());
    rig.session.resize(rig.now, 24, 80);
    rig.settle();
    assert!(rig.sent.is_empty());
    rig.status(&Status::Opened);
    assert_eq!(rig.kinds(), [Kind::Resize]);
    rig.output(1, 1, "$ ");
    assert_eq!(rig.kinds(), [Kind::Resize, Kind::Resize]);
    rig.output(2, 1, "more");
    assert_eq!(rig.kinds().len(), 2);
}

proptest! {
    #[test]
    fn any_bytes_from_the_wire_leave_a_session_that_answers(
        messages in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 0..20),
        kinds in proptest::collection::vec((0u32..9, any::<u32>(), any::<u32>()), 0..20),
    ) {
        let mut rig = Rig::open();
        for (kind, input, output) in kinds {
            let mut bytes = rig.server(Kind::Sync, "\u{3}x").encode().to_vec();
            bytes[0] = u8::try_from(kind).unwrap();
            let mut frame = Frame::decode(&Bytes::from(bytes)).unwrap().frame;
            (frame.input_seq, frame.output_seq) = (input, output);
            rig.receive(&frame);
            rig.write("x");
        }
        for message in messages {
            rig.session.receive(rig.now, Incoming::Binary(message.into()));
            rig.settle();
        }
        rig.pass(120 * SECOND);
    }
}

#[test]
fn the_end_of_the_input_is_followed_by_a_ping_whose_answer_drains_it() {
    let mut rig = Rig::open();
    rig.session.write(rig.now, b"last words");
    rig.session.input_ended();
    assert!(!rig.session.drained());
    rig.settle();
    assert_eq!(
        (rig.inputs(), rig.pings),
        (vec!["last words".to_owned()], 1)
    );
    // Neither a ping of the gateway's own is the answer, nor a pong that nobody asked for.
    for other in [Incoming::Alive, Incoming::Pong(0), Incoming::Pong(2)] {
        rig.session.receive(rig.now, other);
        assert!(!rig.session.drained());
    }
    rig.session.receive(rig.now, Incoming::Pong(1));
    assert!(rig.session.drained());
    rig.settle();
    assert_eq!(rig.pings, 1);
}

#[test]
fn the_answer_to_an_earlier_ping_drains_nothing_and_that_to_a_later_one_does() {
    let mut rig = Rig::open();
    rig.pass(30 * SECOND);
    assert_eq!(rig.pings, 1);
    rig.session.write(rig.now, b"last words");
    rig.session.input_ended();
    rig.settle();
    assert_eq!(rig.pings, 2);
    rig.session.receive(rig.now, Incoming::Pong(1));
    assert!(!rig.session.drained());
    rig.pass(30 * SECOND);
    assert_eq!(rig.pings, 3);
    // One answer to both.
    rig.session.receive(rig.now, Incoming::Pong(3));
    assert!(rig.session.drained());
}

#[test]
fn a_broken_connection_drains_nothing() {
    let mut rig = Rig::open();
    rig.session.input_ended();
    rig.settle();
    rig.session.receive(rig.now, Incoming::Failed("cut".into()));
    rig.session.connected(rig.now);
    rig.session.receive(rig.now, Incoming::Pong(1));
    assert!(!rig.session.drained());
}
