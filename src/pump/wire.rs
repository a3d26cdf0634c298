//! The connection to the gateway: open, waiting for the next attempt, or being made.

use super::Link;
use super::clock::now;
use crate::backoff::Backoff;
use crate::error::Error;
use crate::protocol::channel::{Channel, Incoming, Outgoing};
use futures_util::future::BoxFuture;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// The most messages received at once.
const BATCH: usize = 64;

/// The time that reconnecting is tried: a session's URL is valid for so long.
pub(super) const GIVE_UP: Duration = Duration::from_secs(600);

/// The pauses between two attempts to reconnect.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// The time in which an abandoned attempt may still reach the gateway: a stalled network was seen to deliver
/// after 50 s.
const ARRIVES_WITHIN: Duration = Duration::from_secs(120);

/// The most refusals in a row that are taken for the effect of an abandoned attempt, after which the gateway
/// is tried again.
const MAX_RETRIES: u32 = 5;

/// The time after the first of these refusals in which the gateway is tried again.
const RETRY_WITHIN: Duration = Duration::from_secs(60);

/// The connection to the gateway, and the attempts to make a new one.
pub(super) struct Wire {
    pub state: WireState,
    /// Messages that were received and are not handled yet.
    pub batch: Vec<Incoming>,
    backoff: Backoff,
    broken_at: Option<Instant>,
    /// The time when an attempt was last abandoned. It may still reach the gateway, and displace a later one.
    abandoned_at: Option<Instant>,
    /// Since when, and how often, a refusal was taken for the effect of an abandoned attempt.
    retried: Option<(Instant, u32)>,
}

/// The state of the connection.
pub(super) enum WireState {
    /// It is open.
    Up(Link),
    /// It is closed, until the next attempt.
    Down {
        retry_at: Instant,
    },
    Dialing(BoxFuture<'static, Result<Link, Error>>),
}

/// The parts of a connection that the loop waits for; `None` where there is none.
pub(super) struct Arms<'a> {
    /// Received messages.
    pub incoming: Option<&'a mut mpsc::Receiver<Incoming>>,
    /// The queue of messages to send.
    pub outgoing: Option<&'a mpsc::Sender<Outgoing>>,
    /// The connection that is being made.
    pub dialing: Option<&'a mut BoxFuture<'static, Result<Link, Error>>>,
    /// The buffer for received messages.
    pub batch: &'a mut Vec<Incoming>,
}

/// True if another attempt would fail in the same way.
fn is_lasting(error: &Error) -> bool {
    match error {
        Error::Refused { status, .. } => (400..500).contains(status) && *status != 429,
        Error::Connect { .. } | Error::Timeout { .. } => false,
        _ => true,
    }
}

impl Wire {
    /// A connection that is not made yet.
    pub(super) fn new() -> Self {
        Self {
            state: WireState::Down {
                retry_at: Instant::now(),
            },
            batch: Vec::with_capacity(BATCH),
            backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE),
            broken_at: None,
            abandoned_at: None,
            retried: None,
        }
    }

    /// True if there is a connection.
    pub(super) fn is_up(&self) -> bool {
        matches!(self.state, WireState::Up(_))
    }

    /// The time to dial again.
    pub(super) fn retry_at(&self) -> Option<Instant> {
        match self.state {
            WireState::Down { retry_at } => Some(retry_at),
            WireState::Up(_) | WireState::Dialing(_) => None,
        }
    }

    /// The parts that the loop waits for now.
    pub(super) fn arms(&mut self) -> Arms<'_> {
        let (link, dialing) = match &mut self.state {
            WireState::Up(link) => (Some(link), None),
            WireState::Dialing(dialing) => (None, Some(dialing)),
            WireState::Down { .. } => (None, None),
        };
        let (incoming, outgoing) = link.map(|l| (&mut l.incoming, &l.outgoing)).unzip();
        Arms {
            incoming,
            outgoing,
            dialing,
            batch: &mut self.batch,
        }
    }

    /// Notes that the connection broke. Returns false if it was broken before, and an attempt has failed.
    pub(super) fn is_newly_broken(&mut self, now: Instant) -> bool {
        let news = self.broken_at.is_none();
        self.broken_at.get_or_insert(now);
        news
    }

    /// Notes that the session goes on over the new connection.
    pub(super) fn made_progress(&mut self) {
        self.backoff.restart();
        self.broken_at = None;
        self.retried = None;
    }

    /// Notes that an attempt or a connection was abandoned, which the gateway may still have or get.
    pub(super) fn abandoned_attempt(&mut self, now: Instant) {
        self.abandoned_at = Some(now);
    }

    /// True if an abandoned attempt may be the reason why the gateway says that another connection has the
    /// session, or that there is none. That is assumed [`MAX_RETRIES`] times.
    pub(super) fn may_be_abandoned_attempt(&mut self, now: Instant) -> bool {
        let recent = self
            .abandoned_at
            .is_some_and(|at| now < at + ARRIVES_WITHIN);
        let (since, count) = self.retried.unwrap_or((now, 0));
        let retry = recent && count < MAX_RETRIES && now <= since + RETRY_WITHIN;
        if retry {
            self.retried = Some((since, count + 1));
        }
        retry
    }

    /// True if no other attempt should follow a failed one.
    pub(super) fn is_final(&mut self, now: Instant, error: &Error) -> bool {
        if matches!(error, Error::Timeout { .. } | Error::Connect { .. }) {
            self.abandoned_attempt(now);
        }
        let unknown = matches!(error, Error::Refused { status: 404, .. });
        is_lasting(error) && !(unknown && self.may_be_abandoned_attempt(now))
    }

    /// Plans the next attempt. A connection over which the session made no progress counts as a failed
    /// attempt.
    ///
    /// # Errors
    /// The time that reconnecting was tried, if it should not be tried any more.
    pub(super) fn retry_later(&mut self, now: Instant) -> Result<(), Duration> {
        if self.broken_at.is_some_and(|at| now - at >= GIVE_UP) {
            return Err(GIVE_UP);
        }
        let retry_at = now + self.backoff.next();
        self.state = WireState::Down { retry_at };
        Ok(())
    }
}

/// Receives messages into `batch`. A connection whose task has ended counts as failed.
pub(super) async fn receive(
    incoming: Option<&mut mpsc::Receiver<Incoming>>,
    batch: &mut Vec<Incoming>,
) {
    match incoming {
        Some(incoming) => {
            if incoming.recv_many(batch, BATCH).await == 0 {
                batch.push(Incoming::Failed(tr!("the connection's task ended").into()));
            }
        }
        None => std::future::pending().await,
    }
}

/// Waits for a place in the queue of messages to send.
pub(super) async fn reserve<'a>(
    outgoing: Option<&'a mpsc::Sender<Outgoing>>,
) -> Option<mpsc::Permit<'a, Outgoing>> {
    match outgoing {
        Some(outgoing) => outgoing.reserve().await.ok(),
        None => std::future::pending().await,
    }
}

/// Waits for a connection that is being made.
pub(super) async fn dialed(
    dialing: Option<&mut BoxFuture<'static, Result<Link, Error>>>,
) -> Result<Link, Error> {
    match dialing {
        Some(dialing) => dialing.await,
        None => std::future::pending().await,
    }
}

/// Fills the reserved place in the queue, and all that are free.
pub(super) fn send(
    channel: &mut dyn Channel,
    permit: Option<mpsc::Permit<'_, Outgoing>>,
    outgoing: Option<&mpsc::Sender<Outgoing>>,
) {
    let mut next = permit;
    while let Some(permit) = next {
        let Some(message) = channel.poll_send(now()) else {
            return;
        };
        if let Outgoing::Ping(number) = message {
            tracing::trace!(number, "ping");
        }
        permit.send(message);
        next = outgoing.and_then(|outgoing| outgoing.try_reserve().ok());
    }
}

/// Sends Close, closes the WebSocket and waits for the gateway to close it too.
pub(super) async fn close(channel: &mut (dyn Channel + Send), mut link: Link) {
    if let Some(message) = channel.poll_send(now()) {
        let _ = link.outgoing.send(message).await;
    }
    let _ = link.outgoing.send(Outgoing::Close).await;
    drop(link.outgoing);
    while link.incoming.recv().await.is_some() {}
}
