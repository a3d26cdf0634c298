//! The link from a session to its agent, which outlives the client's connections.

use super::inject::Cut;
use super::rate_limit::RateLimit;
use crate::emulator::agent::AgentHandle;
use bytes::Bytes;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep_until, timeout};

/// The time that an agent has to end.
pub(crate) const AGENT_END: Duration = Duration::from_secs(2);
/// The time that a resuming client waits until the connection that it replaces has let go.
const TAKE_OVER: Duration = Duration::from_secs(5);

/// An agent and what the gateway knows of its session.
#[derive(Debug)]
pub(crate) struct AgentChannel {
    /// The agent.
    pub agent: AgentHandle,
    /// The reason why the agent ended, once it has.
    pub reason: Option<String>,
    /// The channelId: random, in every message to the client.
    pub id: Bytes,
    /// The highest outputSeq that has come from the agent.
    pub reached: u32,
    /// The limit of what the client sends.
    pub bucket: RateLimit,
    /// The time when the agent was started.
    pub started: Instant,
    /// The time when the client last sent a message.
    pub last_message: Instant,
    /// The time when the agent ends, while it waits for its client.
    pub waits_until: Option<Instant>,
    /// True if the client may resume: neither side has sent version 1.01 so far.
    pub resumable: bool,
}

/// An order to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Let go of the channel: another connection resumes the session.
    GiveUp,
    /// End: the session has been ended.
    End,
    /// End: the gateway restarts.
    Restart,
    /// Be cut.
    Cut(Cut),
}

/// The states of a session's link.
#[derive(Debug, Default)]
enum LinkState {
    /// No agent.
    #[default]
    Closed,
    /// A connection has the channel with this id and receives orders.
    Attached(Bytes, mpsc::UnboundedSender<Order>),
    /// The client is gone and its agent waits.
    Waiting(Box<AgentChannel>),
}

/// The link from a session to its agent.
#[derive(Debug, Default)]
pub(crate) struct AgentLink {
    state: Mutex<LinkState>,
    changed: Notify,
}

impl AgentLink {
    fn lock(&self) -> MutexGuard<'_, LinkState> {
        // A panic leaves no state half changed: each change is one assignment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, state: LinkState) {
        let before = mem::replace(&mut *self.lock(), state);
        drop(before);
        self.changed.notify_waiters();
    }

    /// True if there is an agent.
    pub(crate) fn is_open(&self) -> bool {
        !matches!(*self.lock(), LinkState::Closed)
    }

    /// True if there is a channel with this id.
    pub(crate) fn has(&self, name: &[u8]) -> bool {
        match &*self.lock() {
            LinkState::Closed => false,
            LinkState::Attached(id, _) => id == name,
            LinkState::Waiting(channel) => channel.id == name,
        }
    }

    /// Attaches a first connection, with the channel `id`; `None` if the session has an agent.
    pub(crate) fn open(&self, id: &Bytes) -> Option<mpsc::UnboundedReceiver<Order>> {
        let mut state = self.lock();
        if !matches!(*state, LinkState::Closed) {
            return None;
        }
        let (orders, received) = mpsc::unbounded_channel();
        *state = LinkState::Attached(id.clone(), orders);
        Some(received)
    }

    /// Attaches a connection that resumes channel `id`, and makes an older one let go of it; `None` if
    /// there is no such channel.
    pub(crate) async fn resume(
        &self,
        id: &[u8],
    ) -> Option<(AgentChannel, mpsc::UnboundedReceiver<Order>)> {
        let attempt = async {
            loop {
                let changed = self.changed.notified();
                match self.try_resume(id) {
                    Resume::Done(channel, orders) => return Some((*channel, orders)),
                    Resume::No => return None,
                    Resume::Busy => changed.await,
                }
            }
        };
        timeout(TAKE_OVER, attempt).await.ok().flatten()
    }

    fn try_resume(&self, id: &[u8]) -> Resume {
        let mut state = self.lock();
        match mem::take(&mut *state) {
            LinkState::Waiting(channel) if channel.id == id => {
                let (orders, received) = mpsc::unbounded_channel();
                *state = LinkState::Attached(channel.id.clone(), orders);
                Resume::Done(channel, received)
            }
            LinkState::Attached(own, orders) if own == id => {
                // A failed send means that the connection is ending, which changes the state too.
                let _ = orders.send(Order::GiveUp);
                *state = LinkState::Attached(own, orders);
                Resume::Busy
            }
            other => {
                *state = other;
                Resume::No
            }
        }
    }

    /// Keeps a channel whose connection is gone until it is resumed, or until `until`.
    pub(crate) fn park(self: &Arc<Self>, mut channel: AgentChannel, until: Option<Instant>) {
        channel.waits_until = until;
        self.set(LinkState::Waiting(Box::new(channel)));
        let Some(until) = until else { return };
        let link = Arc::downgrade(self);
        tokio::spawn(async move {
            sleep_until(until).await;
            let Some(link) = link.upgrade() else { return };
            // The client may have come back meanwhile, and have gone again.
            if let Some(channel) = link.take_waiting(|waiting| waiting.waits_until == Some(until)) {
                end_agent(channel).await;
            }
        });
    }

    /// Forgets the channel: its agent has ended or is about to.
    pub(crate) fn closed(&self) {
        self.set(LinkState::Closed);
    }

    /// Passes an order to the connection, if there is one.
    pub(crate) fn order(&self, order: Order) {
        if let LinkState::Attached(_, orders) = &*self.lock() {
            // A failed send means that the connection is ending anyway.
            let _ = orders.send(order);
        }
    }

    /// Ends the session: its connection, or the agent that waits for one.
    pub(crate) async fn end(&self) {
        self.order(Order::End);
        if let Some(channel) = self.take_waiting(|_| true) {
            end_agent(channel).await;
        }
    }

    fn take_waiting(&self, which: impl FnOnce(&AgentChannel) -> bool) -> Option<AgentChannel> {
        let mut state = self.lock();
        match mem::take(&mut *state) {
            LinkState::Waiting(channel) if which(&channel) => Some(*channel),
            other => {
                *state = other;
                None
            }
        }
    }
}

enum Resume {
    Done(Box<AgentChannel>, mpsc::UnboundedReceiver<Order>),
    Busy,
    No,
}

/// Ends an agent and waits until it has ended, at most [`AGENT_END`].
pub(crate) async fn end_agent(channel: AgentChannel) {
    let AgentHandle {
        to_agent,
        mut from_agent,
        ended,
        ..
    } = channel.agent;
    drop(to_agent);
    let end = async {
        while from_agent.recv().await.is_some() {}
        if channel.reason.is_none() {
            // A dropped sender means that it has ended as well.
            let _ = ended.await;
        }
    };
    if timeout(AGENT_END, end).await.is_err() {
        tracing::warn!("an agent did not end in {AGENT_END:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    fn channel() -> AgentChannel {
        let now = Instant::now();
        let (to_agent, _) = mpsc::channel(1);
        let (_, from_agent) = mpsc::channel(1);
        let (_, ended) = oneshot::channel();
        AgentChannel {
            agent: AgentHandle {
                to_agent,
                from_agent,
                stop: None,
                ended,
            },
            reason: None,
            id: Bytes::from_static(b"ch-1"),
            reached: 0,
            bucket: RateLimit::new(None, None, now),
            started: now,
            last_message: now,
            waits_until: None,
            resumable: true,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_comes_back_and_goes_again_has_the_whole_time_again() {
        let second = Duration::from_secs(1);
        let link = Arc::new(AgentLink::default());
        link.park(channel(), Some(Instant::now() + 3 * second));
        tokio::time::sleep(2 * second).await;
        let (channel, _orders) = link.resume(b"ch-1").await.unwrap();
        link.park(channel, Some(Instant::now() + 3 * second));
        tokio::time::sleep(2 * second).await;
        assert!(link.has(b"ch-1"), "the first time is over, not the second");
        tokio::time::sleep(2 * second).await;
        assert!(!link.has(b"ch-1"));
    }
}
