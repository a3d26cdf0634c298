//! The loop with a gateway of the test's own, on a clock that stands still until all wait.

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
                Outgoing::Close => {}
                _ => self.to_axt.send(Incoming::Alive).await.unwrap(),
            }
        }
        frames
    }
}

struct Nobody;

impl Host for Nobody {
    fn reconnect(&mut self, _: Option<String>) -> BoxFuture<'static, Result<Link, Error>> {
        Box::pin(std::future::ready(Err(Error::Lost("no way back".into()))))
    }

    fn notice(&mut self, _: Notice) {}
}

const HOUR: Duration = Duration::from_secs(3600);

fn options(linger: Duration) -> Options {
    Options {
        escape: None,
        resume: false,
        open_within: None,
        linger: Some(linger),
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
    let mut host = Nobody;
    let options_of_port = session::Options {
        port: true,
        input_from: session::InputFrom::Grace,
        ..session::Options::default()
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

#[tokio::test(start_paused = true)]
async fn who_wants_no_answer_has_all_when_all_is_delivered() {
    for (linger, unread) in [(Duration::ZERO, false), (HOUR, true)] {
        let (outcome, sent, took) = left(linger, unread).await;
        assert!(matches!(outcome, Outcome::UserLeft), "{outcome:?}");
        assert!(took < HOUR / 60 && all_is_said(&sent), "{took:?} {sent:?}");
    }
}
