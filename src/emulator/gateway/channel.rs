//! The way from a session to its agent, which outlives the WebSockets that come and go over it.

use super::inject::Cut;
use super::rate_limit::Bucket;
use crate::emulator::agent::AgentHandle;
use bytes::Bytes;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep_until, timeout};

/// How long an agent may take to end once it was told to.
pub const AGENT_END: Duration = Duration::from_secs(2);
/// How long a client that resumes waits for the connection it replaces to let go.
const TAKE_OVER: Duration = Duration::from_secs(5);

/// An agent and what the gateway knows of the talk with it.
#[derive(Debug)]
pub struct Channel {
    /// The agent.
    pub agent: AgentHandle,
    /// Why the agent ended, once it has.
    pub reason: Option<String>,
    /// The channel's name: random, in every message to the client.
    pub id: Bytes,
    /// The highest outputSeq that has come from the agent.
    pub reached: u32,
    /// What the client may still send.
    pub bucket: Bucket,
    /// When the agent was started.
    pub started: Instant,
    /// When the client last sent a message.
    pub last_message: Instant,
    /// Whether the client may come back: nobody has spoken version 1.01 so far.
    pub resumable: bool,
}

/// What a connection is told from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Another connection resumes the session: let go of the channel.
    GiveUp,
    /// The session has been ended.
    End,
    /// The gateway restarts.
    Restart,
    /// The connection is cut.
    Cut(Cut),
}

/// Which state a session's link is in.
#[derive(Debug, Default)]
enum State {
    /// No agent.
    #[default]
    Closed,
    /// A connection has the channel of this name and listens to orders.
    Attached(Bytes, mpsc::UnboundedSender<Order>),
    /// The client is gone, its agent waits.
    Waiting(Box<Channel>),
}

/// The link of one session.
#[derive(Debug, Default)]
pub struct Link {
    state: Mutex<State>,
    changed: Notify,
}

impl Link {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is one assignment, so a panic elsewhere leaves a whole state behind.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, state: State) {
        let before = mem::replace(&mut *self.lock(), state);
        drop(before);
        self.changed.notify_waiters();
    }

    /// Whether there is an agent.
    pub fn is_open(&self) -> bool {
        !matches!(*self.lock(), State::Closed)
    }

    /// Whether there is a channel of this name.
    pub fn has(&self, name: &[u8]) -> bool {
        match &*self.lock() {
            State::Closed => false,
            State::Attached(id, _) => id == name,
            State::Waiting(channel) => channel.id == name,
        }
    }

    /// Attaches a first connection, which will have the channel `id`; `None` when the session has an
    /// agent already.
    pub fn open(&self, id: &Bytes) -> Option<mpsc::UnboundedReceiver<Order>> {
        let mut state = self.lock();
        if !matches!(*state, State::Closed) {
            return None;
        }
        let (orders, received) = mpsc::unbounded_channel();
        *state = State::Attached(id.clone(), orders);
        Some(received)
    }

    /// Attaches a connection that resumes channel `id`, making an older one let go of it; `None` when
    /// there is no such channel (any more).
    pub async fn resume(&self, id: &[u8]) -> Option<(Channel, mpsc::UnboundedReceiver<Order>)> {
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
            State::Waiting(channel) if channel.id == id => {
                let (orders, received) = mpsc::unbounded_channel();
                *state = State::Attached(channel.id.clone(), orders);
                Resume::Done(channel, received)
            }
            State::Attached(own, orders) if own == id => {
                // The connection may just be ending for another reason: then it changes the state.
                let _ = orders.send(Order::GiveUp);
                *state = State::Attached(own, orders);
                Resume::Busy
            }
            other => {
                *state = other;
                Resume::No
            }
        }
    }

    /// Keeps a channel whose connection is gone, until `until` at the latest.
    pub fn park(self: &Arc<Self>, channel: Channel, until: Option<Instant>) {
        let id = channel.id.clone();
        self.set(State::Waiting(Box::new(channel)));
        let Some(until) = until else { return };
        let link = Arc::downgrade(self);
        tokio::spawn(async move {
            sleep_until(until).await;
            let Some(link) = link.upgrade() else { return };
            if let Some(channel) =
                link.take_waiting(|waiting| waiting.id == id && Instant::now() >= until)
            {
                end_agent(channel).await;
            }
        });
    }

    /// The connection's agent has ended or is to end.
    pub fn closed(&self) {
        self.set(State::Closed);
    }

    /// Passes an order to the connection there is, if any.
    pub fn order(&self, order: Order) {
        if let State::Attached(_, orders) = &*self.lock() {
            // A connection that is ending anyway doesn't listen any more.
            let _ = orders.send(order);
        }
    }

    /// Ends whatever there is: a connection by order, a waiting agent by itself.
    pub async fn end(&self) {
        self.order(Order::End);
        if let Some(channel) = self.take_waiting(|_| true) {
            end_agent(channel).await;
        }
    }

    fn take_waiting(&self, which: impl FnOnce(&Channel) -> bool) -> Option<Channel> {
        let mut state = self.lock();
        match mem::take(&mut *state) {
            State::Waiting(channel) if which(&channel) => Some(*channel),
            other => {
                *state = other;
                None
            }
        }
    }
}

enum Resume {
    Done(Box<Channel>, mpsc::UnboundedReceiver<Order>),
    Busy,
    No,
}

/// Ends an agent and waits, though not for long, until it has.
pub async fn end_agent(channel: Channel) {
    let AgentHandle {
        to_agent,
        mut from_agent,
        ended,
    } = channel.agent;
    drop(to_agent);
    let end = async {
        while from_agent.recv().await.is_some() {}
        if channel.reason.is_none() {
            // An agent that is gone without a reason has ended as well.
            let _ = ended.await;
        }
    };
    if timeout(AGENT_END, end).await.is_err() {
        tracing::warn!("an agent did not end in {AGENT_END:?}");
    }
}
