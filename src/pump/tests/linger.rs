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
        (Link { outgoing, incoming }, Self { to_axt, from_axt })
    }

    async fn send(&self, kind: Kind, seq: u32, payload: Bytes) {
        let mut frame = Frame::new(kind, Version::V1_02, 1, payload);
        frame.output_seq = seq;
        let message = Incoming::Binary(frame.encode());
        self.to_axt.send(message).await.unwrap();
    }

    /// What axt sends until it closes the connection; pings are answered.
    async fn rest(&mut self) -> Vec<(Kind, Bytes)> {
        let mut frames = Vec::new();
        while let Some(message) = self.from_axt.recv().await {
            match message {
                Outgoing::Binary(bytes) => {
                    let frame = Frame::decode(&bytes).unwrap().frame;
                    frames.push((frame.kind, frame.payload));
                }
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

#[tokio::test(start_paused = true)]
async fn after_the_users_end_all_is_delivered_and_silence_closes() {
    let (link, mut gateway) = Gateway::new();
    gateway.send(Kind::Status, 0, Status::Opened.encode()).await;
    let (_control, asked) = mpsc::channel(1);
    let mut host = Nobody;
    let channel = Session::new(session::Options::default(), now());
    let (mut user, far) = duplex(1024);
    user.write_all(b"the last words").await.unwrap();
    user.shutdown().await.unwrap();
    let ends = tokio::io::split(far);
    let pump = Pump::new(channel, Port, ends, asked, &mut host, options(HOUR / 2));
    let begun = tokio::time::Instant::now();
    let (outcome, sent) = tokio::join!(pump.run(link), async {
        let sent = gateway.rest().await;
        drop(gateway);
        sent
    });
    assert!(matches!(outcome, Outcome::Ended(Ending::Normal { .. })));
    assert!(begun.elapsed() >= HOUR / 2);
    let said: Vec<_> = sent
        .into_iter()
        .filter(|(_, bytes)| !bytes.is_empty())
        .collect();
    let words = (Kind::Input, Bytes::from_static(b"the last words"));
    assert_eq!(said, [words, (Kind::Close, Bytes::from_static(b"1"))]);
}
