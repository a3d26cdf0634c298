//! The wire's end of the pump: up, down until the next attempt, or being dialled.

use super::Link;
use super::clock::now;
use crate::backoff::Backoff;
use crate::error::Error;
use crate::protocol::channel::{Channel, Incoming, Outgoing};
use futures_util::future::BoxFuture;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Messages taken off the wire at once.
const BATCH: usize = 64;

/// How long a broken session is kept trying: what the service says a URL is good for.
pub(super) const GIVE_UP: Duration = Duration::from_secs(600);

/// The pauses between two attempts to reconnect.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// How late an attempt that was given up may reach the gateway: a network that holds everything back
/// was seen to let go after 50 s.
const ARRIVES_WITHIN: Duration = Duration::from_secs(120);

/// How often in a row, and for how long, the gateway's answer is taken for the doing of such an attempt.
const EXCUSES: u32 = 5;
const EXCUSED_WITHIN: Duration = Duration::from_secs(60);

/// The wire's end.
pub(super) struct Wire {
    pub state: WireState,
    /// What has arrived and is not yet handled.
    pub batch: Vec<Incoming>,
    backoff: Backoff,
    broken_at: Option<Instant>,
    /// When the last attempt was given up that may yet reach the gateway, and take the session away
    /// from a later one.
    given_up_at: Option<Instant>,
    /// Since when, and how often, the gateway's answer is taken for the doing of such an attempt.
    excused: Option<(Instant, u32)>,
}

/// How the connection is.
pub(super) enum WireState {
    /// There.
    Up(Link),
    /// Waiting before the next attempt.
    Down {
        retry_at: Instant,
    },
    Dialing(BoxFuture<'static, Result<Link, Error>>),
}

/// What the loop waits for, as far as it is there.
pub(super) struct Arms<'a> {
    /// What arrives.
    pub incoming: Option<&'a mut mpsc::Receiver<Incoming>>,
    /// The queue of what goes out.
    pub outgoing: Option<&'a mpsc::Sender<Outgoing>>,
    /// The connection that is being made.
    pub dialing: Option<&'a mut BoxFuture<'static, Result<Link, Error>>>,
    /// Where to put what has arrived.
    pub batch: &'a mut Vec<Incoming>,
}

/// Whether an error in reconnecting means that trying again is no use.
fn is_lasting(error: &Error) -> bool {
    match error {
        Error::Refused { status, .. } => (400..500).contains(status) && *status != 429,
        Error::Connect { .. } | Error::Timeout { .. } => false,
        _ => true,
    }
}

impl Wire {
    /// Not connected yet.
    pub(super) fn new() -> Self {
        Self {
            state: WireState::Down {
                retry_at: Instant::now(),
            },
            batch: Vec::with_capacity(BATCH),
            backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE),
            broken_at: None,
            given_up_at: None,
            excused: None,
        }
    }

    /// Whether there is a connection.
    pub(super) fn is_up(&self) -> bool {
        matches!(self.state, WireState::Up(_))
    }

    /// When to dial again.
    pub(super) fn retry_at(&self) -> Option<Instant> {
        match self.state {
            WireState::Down { retry_at } => Some(retry_at),
            WireState::Up(_) | WireState::Dialing(_) => None,
        }
    }

    /// The arms of the loop that this end has now.
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

    /// Notes that the connection broke; whether that is news, not one more failed attempt.
    pub(super) fn is_newly_broken(&mut self, now: Instant) -> bool {
        let news = self.broken_at.is_none();
        self.broken_at.get_or_insert(now);
        news
    }

    /// The session goes on over the new connection.
    pub(super) fn made_progress(&mut self) {
        self.backoff.restart();
        self.broken_at = None;
        self.excused = None;
    }

    /// A connection was given up that the gateway may still have, or still get.
    pub(super) fn gave_up_attempt(&mut self, now: Instant) {
        self.given_up_at = Some(now);
    }

    /// Whether an attempt that was given up may be why the gateway takes the session to be another
    /// connection's, or gone. It is taken for that so often only.
    pub(super) fn may_be_own_doing(&mut self, now: Instant) -> bool {
        let recent = self.given_up_at.is_some_and(|at| now < at + ARRIVES_WITHIN);
        let (since, count) = self.excused.unwrap_or((now, 0));
        let excused = recent && count < EXCUSES && now <= since + EXCUSED_WITHIN;
        if excused {
            self.excused = Some((since, count + 1));
        }
        excused
    }

    /// Whether a failed attempt means that trying again is no use.
    pub(super) fn is_final(&mut self, now: Instant, error: &Error) -> bool {
        if matches!(error, Error::Timeout { .. } | Error::Connect { .. }) {
            self.gave_up_attempt(now);
        }
        let unknown = matches!(error, Error::Refused { status: 404, .. });
        is_lasting(error) && !(unknown && self.may_be_own_doing(now))
    }

    /// Plans the next attempt. A connection that breaks before the session has made any progress over
    /// it is only one more.
    ///
    /// # Errors
    /// For how long it was tried, when that is long enough.
    pub(super) fn retry_later(&mut self, now: Instant) -> Result<(), Duration> {
        if self.broken_at.is_some_and(|at| now - at >= GIVE_UP) {
            return Err(GIVE_UP);
        }
        let retry_at = now + self.backoff.next();
        self.state = WireState::Down { retry_at };
        Ok(())
    }
}

/// Takes what has arrived into `batch`; a connection whose task has ended counts as failed.
pub(super) async fn receive(
    incoming: Option<&mut mpsc::Receiver<Incoming>>,
    batch: &mut Vec<Incoming>,
) {
    match incoming {
        Some(incoming) => {
            if incoming.recv_many(batch, BATCH).await == 0 {
                batch.push(Incoming::Failed("the connection's task ended".into()));
            }
        }
        None => std::future::pending().await,
    }
}

/// Waits for a place in the wire's queue.
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

/// Fills the reserved place, and as many more as are free.
pub(super) fn send<C: Channel>(
    channel: &mut C,
    permit: Option<mpsc::Permit<'_, Outgoing>>,
    outgoing: Option<&mpsc::Sender<Outgoing>>,
) {
    let mut next = permit;
    while let Some(permit) = next {
        let Some(message) = channel.poll_send(now()) else {
            return;
        };
        permit.send(message);
        next = outgoing.and_then(|outgoing| outgoing.try_reserve().ok());
    }
}

/// Sends what never waits, closes the WebSocket and waits for the other side to do the same.
pub(super) async fn say_goodbye<C: Channel>(channel: &mut C, mut link: Link) {
    if let Some(message) = channel.poll_send(now()) {
        let _ = link.outgoing.send(message).await;
    }
    let _ = link.outgoing.send(Outgoing::Close).await;
    drop(link.outgoing);
    while link.incoming.recv().await.is_some() {}
}
