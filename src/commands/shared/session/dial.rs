//! Connecting to the gateway of a session: network, TLS, WebSocket, and the gateway's first word.

use super::queue::is_limit;
use crate::error::{Error, Result};
use crate::net::{Early, Network};
use crate::protocol::readiness::GRACE;
use crate::protocol::session;
use crate::pump::Link;
use crate::wire::{self, Target};
use futures_util::future::BoxFuture;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// How long the first word of a gateway is waited for, which may be that it can't take the session. Those of
/// old agents may be silent; a port's input is held for as long anyway.
const FIRST_WORD: Duration = GRACE;

/// Connects within `limit`. The connection that was begun `early` is used if it goes there.
pub(super) async fn dial(
    network: Network,
    target: Target,
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

/// Waits for the gateway's first word, unless the gateway is silent. It stays in the link.
///
/// # Errors
/// [`Error::Ended`] if it is that the instance takes no more sessions for now.
pub(super) async fn heard(mut link: Link) -> Result<Link> {
    if let Ok(Some(word)) = timeout(FIRST_WORD, link.incoming.recv()).await {
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
    target: &Target,
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
