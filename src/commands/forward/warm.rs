//! Opened sessions in reserve: a connection that finds one waits neither for the API nor for the agent.

use super::tunnel::Tunnel;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use tokio::sync::{Notify, oneshot};

/// The sessions in reserve for one `-L`.
#[derive(Default)]
pub(crate) struct Reserve {
    ready: Mutex<VecDeque<Ready>>,
    /// A session came in.
    pub(crate) came: Notify,
}

struct Ready {
    tunnel: Tunnel,
    /// Dropped when somebody takes it.
    _taken: oneshot::Sender<()>,
}

impl Reserve {
    /// A session that is still alive.
    pub(crate) fn take(&self) -> Option<Tunnel> {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        std::iter::from_fn(|| ready.pop_front())
            .map(|ready| ready.tunnel)
            .find(|tunnel| !tunnel.over.is_cancelled())
    }

    /// Puts a session into the reserve; what it returns ends when somebody takes the session.
    pub(crate) fn put(&self, tunnel: Tunnel) -> oneshot::Receiver<()> {
        let (taken, gone) = oneshot::channel();
        let ready = Ready {
            tunnel,
            _taken: taken,
        };
        let mut all = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        // The ended ones are nobody's any more.
        all.retain(|ready| !ready.tunnel.over.is_cancelled());
        all.push_back(ready);
        drop(all);
        self.came.notify_one();
        gone
    }

    /// Lets all of it go; each session ends.
    pub(crate) fn clear(&self) {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        ready.clear();
    }
}
