//! The loop with a gateway of the test's own, on a clock that does not run until all wait.

use super::*;
use crate::protocol::frame::{Frame, Kind, Version};
use crate::protocol::port::Port;
use crate::protocol::session::{self, Session};
use crate::protocol::status::Status;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::io::duplex;

/// The gateway's end of a link.
struct Gateway {
    to_axt: mpsc::Sender<Incoming>,
    from_axt: mpsc::Receiver<Outgoing>,
}

impl Gateway {
    fn new() -> (Link, Self) {
        let (outgoing, from_axt) = mpsc::channel(64);
        let (to_axt, incoming) = mpsc::channel(64);
        (Link::new(outgoing, incoming), Self { to_axt, from_axt })
    }

    async fn send(&self, kind: Kind, seq: u32, payload: Bytes) {
        let mut frame = Frame::new(kind, Version::V1_02, 1, payload);
        frame.output_seq = seq;
        self.send_frame(&frame).await;
    }

    async fn send_frame(&self, frame: &Frame) {
        let message = Incoming::Binary(frame.encode());
        self.to_axt.send(message).await.unwrap();
    }

    /// The frames that axt sends until it closes the connection; pings are answered.
    async fn rest(&mut self) -> Vec<(Kind, Bytes)> {
        let mut frames = Vec::new();
        while let Some(message) = self.from_axt.recv().await {
            match message {
                Outgoing::Binary(bytes) => {
                    let frame = Frame::decode(&bytes).unwrap().frame;
                    frames.push((frame.kind, frame.payload));
                }
                Outgoing::Ping(number) => {
                    self.to_axt.send(Incoming::Pong(number)).await.unwrap();
                }
                _ => {}
            }
        }
        frames
    }
}

/// Nobody who connects again; what is noticed is noted.
#[derive(Default)]
struct Nobody(Vec<Notice>);

impl Host for Nobody {
    fn reconnect(&mut self, _: Option<String>) -> BoxFuture<'static, Result<Link, Error>> {
        Box::pin(std::future::ready(Err(Error::Lost("no way back".into()))))
    }

    fn notice(&mut self, notice: Notice) {
        self.0.push(notice);
    }
}

const HOUR: Duration = Duration::from_secs(3600);

fn options(linger: Duration) -> PumpOptions {
    PumpOptions {
        escape: None,
        resume: false,
        open_within: None,
        linger: Some(linger),
        trusts_end: false,
    }
}

/// The outcome of a session whose user says something and leaves, with the frames it sent; with `unread`
/// nobody reads the answer.
async fn left(linger: Duration, unread: bool) -> (Outcome, Vec<(Kind, Bytes)>, Duration) {
    let (link, mut gateway) = Gateway::new();
    gateway.send(Kind::Status, 0, Status::Opened.encode()).await;
    let (control, asked) = mpsc::channel(1);
    if unread {
        control.send(Control::Unread).await.unwrap();
    }
    let mut host = Nobody::default();
    let options_of_port = session::SessionOptions {
        port: true,
        input_from: session::InputFrom::Grace,
        ..session::SessionOptions::default()
    };
    let channel = Session::new(options_of_port, now());
    let (mut user, local) = duplex(1024);
    user.write_all(b"the last words").await.unwrap();
    user.shutdown().await.unwrap();
    let ends = tokio::io::split(local);
    let pump = Pump::new(
        Box::new(channel),
        Box::new(Port),
        ends,
        asked,
        &mut host,
        options(linger),
    );
    let begun = tokio::time::Instant::now();
    let (outcome, sent) = tokio::join!(pump.run(link), async {
        let sent = gateway.rest().await;
        drop(gateway);
        sent
    });
    let said = sent.into_iter().filter(|(_, bytes)| !bytes.is_empty());
    (outcome, said.collect(), begun.elapsed())
}

fn all_is_said(sent: &[(Kind, Bytes)]) -> bool {
    let words = (Kind::Input, Bytes::from_static(b"the last words"));
    *sent == [words, (Kind::Close, Bytes::from_static(b"1"))]
}

#[tokio::test(start_paused = true)]
async fn after_the_users_end_all_is_delivered_and_silence_is_a_failure() {
    let (outcome, sent, took) = left(HOUR / 2, false).await;
    let Outcome::Ended(Ending::Failed(Error::Silence(span))) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(span == HOUR / 2 && took >= HOUR / 2, "{took:?}");
    assert!(all_is_said(&sent), "{sent:?}");
}

/// The outcome of a session of this agent whose user leaves at once, and whose port answers after a minute and then
/// ends; with `told` axt is told that the agent reports that end.
async fn answered_late(version: Version, told: bool, trusts_end: bool) -> (Outcome, Vec<Notice>) {
    let (link, mut gateway) = Gateway::new();
    let output = move |seq: u32, text: &'static str| {
        let mut frame = Frame::new(Kind::Output, version, 1, text.into());
        frame.output_seq = if version < Version::V1_02 { 0 } else { seq };
        Incoming::Binary(frame.encode())
    };
    gateway.to_axt.send(output(1, "220 first")).await.unwrap();
    let (control, asked) = mpsc::channel(1);
    if told {
        control.send(Control::ReportsEnd).await.unwrap();
    }
    let mut host = Nobody::default();
    let options_of_port = session::SessionOptions {
        port: true,
        ..session::SessionOptions::default()
    };
    let channel = Session::new(options_of_port, now());
    let (mut user, local) = duplex(1024);
    user.shutdown().await.unwrap();
    let ends = tokio::io::split(local);
    let options = PumpOptions {
        trusts_end,
        ..options(Duration::from_secs(5))
    };
    let pump = Pump::new(
        Box::new(channel),
        Box::new(Port),
        ends,
        asked,
        &mut host,
        options,
    );
    let to_axt = gateway.to_axt.clone();
    let (outcome, _, ()) = tokio::join!(pump.run(link), gateway.rest(), async {
        tokio::time::sleep(HOUR / 60).await;
        let closed = Status::Closed("ReadFromTargetPortFailed: EOF".into());
        let closed = Frame::new(Kind::Status, version, 1, closed.encode());
        for last in [output(2, "221 last"), Incoming::Binary(closed.encode())] {
            // The session may have ended.
            let _ = to_axt.send(last).await;
        }
    });
    (outcome, host.0)
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_reports_the_end_is_waited_for_unless_a_limit_was_given() {
    for (version, told, trusts_end, waits) in [
        (Version::V1_02, false, true, true),
        (Version::V1_01, true, true, true),
        (Version::V1_01, false, true, false),
        (Version::V1_02, false, false, false),
    ] {
        let (outcome, notices) = answered_late(version, told, trusts_end).await;
        let normal = matches!(outcome, Outcome::Ended(Ending::Normal));
        assert_eq!(normal, waits, "{version:?}: {outcome:?}");
        let said = notices.iter().filter(|n| **n == Notice::NoAnswerYet);
        assert_eq!(said.count(), usize::from(waits));
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_heartbeat_provokes_is_not_waited_for_any_longer() {
    let second = Duration::from_secs(1);
    let (link, mut gateway) = Gateway::new();
    let output = |text: &'static str| {
        let frame = Frame::new(Kind::Output, Version::V1_01, 1, text.into());
        Incoming::Binary(frame.encode())
    };
    gateway.to_axt.send(output("220 first")).await.unwrap();
    let (_control, asked) = mpsc::channel(1);
    let mut host = Nobody::default();
    let options_of_port = session::SessionOptions {
        port: true,
        keepalive: session::Keepalive::Every(13 * second),
        ..session::SessionOptions::default()
    };
    let channel = Session::new(options_of_port, now());
    let (mut user, local) = duplex(1024);
    let ends = tokio::io::split(local);
    let pump = Pump::new(
        Box::new(channel),
        Box::new(Port),
        ends,
        asked,
        &mut host,
        options(4 * second),
    );
    let to_axt = gateway.to_axt.clone();
    let begun = tokio::time::Instant::now();
    let (outcome, _, _) = tokio::join!(pump.run(link), gateway.rest(), async {
        tokio::time::sleep(14 * second).await;
        user.shutdown().await.unwrap();
        tokio::time::sleep(2 * second).await;
        to_axt.send(output("220 provoked")).await.unwrap();
        drop(to_axt);
    });
    let Outcome::Ended(Ending::Failed(Error::Silence(_))) = outcome else {
        panic!("{outcome:?}");
    };
    // The gateway does not close its end, for which axt waits a second.
    assert_eq!(begun.elapsed().as_secs(), 19);
}

#[tokio::test(start_paused = true)]
async fn who_wants_no_answer_has_all_when_all_is_delivered() {
    for (linger, unread) in [(Duration::ZERO, false), (HOUR, true)] {
        let (outcome, sent, took) = left(linger, unread).await;
        assert!(matches!(outcome, Outcome::UserLeft), "{outcome:?}");
        assert!(took < HOUR / 60 && all_is_said(&sent), "{took:?} {sent:?}");
    }
}

/// The error of a session that ends in the midst of 50,000 bytes of input, and how many of them were sent.
async fn ended_in_the_midst(version: Version) -> (Error, usize) {
    let (link, mut gateway) = Gateway::new();
    gateway.send(Kind::Status, 0, Status::Opened.encode()).await;
    let mut hello = Frame::new(Kind::Output, version, 1, Bytes::from_static(b"hello"));
    hello.output_seq = u32::from(version == Version::V1_02);
    gateway.send_frame(&hello).await;
    let (mut user, local) = duplex(50_000);
    user.write_all(&[b'x'; 50_000]).await.unwrap();
    let (_control, asked) = mpsc::channel(1);
    let mut host = Nobody::default();
    let options_of_port = session::SessionOptions {
        port: true,
        rate_limit: Some(5000),
        ..session::SessionOptions::default()
    };
    let channel = Session::new(options_of_port, now());
    let ends = tokio::io::split(local);
    let pump = Pump::new(
        Box::new(channel),
        Box::new(Port),
        ends,
        asked,
        &mut host,
        options(HOUR),
    );
    let (outcome, sent) = tokio::join!(pump.run(link), async {
        let Some(Outgoing::Binary(first)) = gateway.from_axt.recv().await else {
            panic!("it has input");
        };
        let first = Frame::decode(&first).unwrap().frame;
        if version == Version::V1_02 {
            hello.output_seq = 2;
            hello.input_seq = first.input_seq;
        }
        gateway.send_frame(&hello).await;
        let limit = Status::Closed("FlowExceedLimit".into());
        gateway.send(Kind::Status, 0, limit.encode()).await;
        let rest = gateway.rest().await;
        let inputs = rest.iter().filter(|(kind, _)| *kind == Kind::Input);
        first.payload.len() + inputs.map(|(_, bytes)| bytes.len()).sum::<usize>()
    });
    match outcome {
        Outcome::Ended(Ending::Failed(error)) => (error, sent),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_names_the_input_that_may_be_missing() {
    let (error, sent) = ended_in_the_midst(Version::V1_02).await;
    let (unsent, unacknowledged) = (50_000 - sent, sent - 2048);
    assert!(unsent > 0 && unacknowledged > 0, "{sent}");
    let expected = format!(
        "(FlowExceedLimit); at least {unsent} bytes of the input were not sent, and {unacknowledged} bytes that were sent may not have arrived"
    );
    assert!(error.to_string().ends_with(&expected), "{error}");
    assert_eq!(error.code(), "FlowExceedLimit");
    let (error, sent) = ended_in_the_midst(Version::V1_01).await;
    let expected = format!(
        "; at least {} bytes of the input were not sent, and it is not known how much of the rest has arrived",
        50_000 - sent
    );
    assert!(error.to_string().ends_with(&expected), "{error}");
}
