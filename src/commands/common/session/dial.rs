//! Connecting to the gateway of a session: network, TLS, WebSocket, and the gateway's first message.

use super::queue::is_limit;
use crate::error::{Error, Result};
use crate::net::{Early, Network};
use crate::protocol::channel::Incoming;
use crate::protocol::session;
use crate::pump::Link;
use crate::wire::{self, SessionUrl};
use futures_util::future::BoxFuture;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// Connects within `limit`. The connection that was begun `early` is used if it goes there.
pub(super) async fn dial(
    network: Network,
    target: SessionUrl,
    early: Option<Early>,
    limit: Duration,
) -> Result<Link> {
    let what = tr!("the connection to {host}", host = target.host());
    let opening = async {
        if let Some(early) = early
            && let Some(stream) = early.into_stream(target.url()).await
        {
            match wire::open(&target, stream).await {
                // It may have broken while it waited.
                Err(Error::Connect { cause, .. }) => {
                    tracing::debug!(cause, "an early connection broke");
                }
                opened => return opened,
            }
        }
        let stream = network.dial(target.url()).await?;
        wire::open(&target, stream).await
    };
    let begun = Instant::now();
    let (outgoing, incoming) = timeout(limit, opening)
        .await
        .map_err(|_| Error::Timeout { what, limit })??;
    let took = begun.elapsed();
    if let Ok(way) = network.describe(target.url()) {
        tracing::info!(?took, "connected to the gateway {way}");
    }
    Ok(Link::new(outgoing, incoming))
}

/// Waits for the gateway's first word, which may be that it can't take the session. It stays in the link. The
/// gateways of old agents may say nothing: `patience` is the longest wait.
///
/// # Errors
/// [`Error::Ended`] if the instance takes no more sessions for now.
pub(super) async fn heard(mut link: Link, patience: Duration) -> Result<Link> {
    let word = async {
        loop {
            match link.incoming.recv().await {
                Some(Incoming::Alive) => {}
                word => return word,
            }
        }
    };
    if let Ok(Some(word)) = timeout(patience, word).await {
        if let Some(error) = session::refusal(&word).filter(is_limit) {
            return Err(error);
        }
        link.first = Some(word);
    }
    Ok(link)
}

/// Connects again: to resume the channel `resume`, or to open the session if there is no channel yet.
pub(crate) fn redial(
    network: &Network,
    target: &SessionUrl,
    resume: Option<String>,
    limit: Duration,
) -> BoxFuture<'static, Result<Link>> {
    let (network, target) = (network.clone(), target.clone());
    Box::pin(async move {
        let target = match resume {
            Some(id) => target.resuming(&id),
            None => target,
        };
        dial(network, target, None, limit).await
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::frame::{Frame, Kind, Version};
    use crate::protocol::status::Status;
    use tokio::sync::mpsc;
    use tokio::time::sleep;

    const PATIENCE: Duration = Duration::from_secs(60);

    fn word(status: &Status) -> Incoming {
        let frame = Frame::new(Kind::Status, Version::V1_02, 1, status.encode());
        Incoming::Binary(frame.encode())
    }

    /// The result with a gateway that says these, each after so long.
    async fn hears(words: Vec<(Duration, Incoming)>) -> Result<Link> {
        let (outgoing, _sent) = mpsc::channel(1);
        let (says, incoming) = mpsc::channel(9);
        let speaking = async move {
            for (pause, word) in words {
                sleep(pause).await;
                let _ = says.send(word).await;
            }
            sleep(PATIENCE * 2).await;
            drop(says);
        };
        let hearing = heard(Link::new(outgoing, incoming), PATIENCE);
        tokio::select! {
            heard = hearing => heard,
            () = speaking => unreachable!("it waits for no longer than it may"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_heard_however_late_it_comes() {
        let soon = Duration::from_millis(1);
        let full = word(&Status::Aborted("ConnectionCountExceedLimit".into()));
        for late in [soon, PATIENCE / 2, PATIENCE - soon * 20] {
            let words = vec![(soon, Incoming::Alive), (late, full.clone())];
            let refused = hears(words).await.err();
            assert!(refused.is_some_and(|error| is_limit(&error)), "{late:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn any_other_word_and_silence_are_for_the_session() {
        let soon = Duration::from_millis(1);
        for said in [
            word(&Status::Opening),
            word(&Status::Aborted("InstanceNotRunning".into())),
            Incoming::Closed(None),
        ] {
            let link = hears(vec![(soon, said.clone())]).await.unwrap();
            assert_eq!(link.first, Some(said));
        }
        let begun = tokio::time::Instant::now();
        let link = hears(vec![(soon, Incoming::Alive)]).await.unwrap();
        assert_eq!((link.first, begun.elapsed()), (None, PATIENCE));
    }
}
