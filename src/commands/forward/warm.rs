//! Opened sessions in reserve: a connection that takes one waits neither for the API nor for the agent.

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
    /// Dropped when a connection takes the session.
    _taken: oneshot::Sender<()>,
}

impl Reserve {
    /// Takes a session that is still alive.
    pub(crate) fn take(&self) -> Option<Tunnel> {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        std::iter::from_fn(|| ready.pop_front())
            .map(|ready| ready.tunnel)
            .find(|tunnel| !tunnel.over.is_cancelled())
    }

    /// Puts a session into the reserve. The receiver resolves when a connection takes the session.
    pub(crate) fn put(&self, tunnel: Tunnel) -> oneshot::Receiver<()> {
        let (taken, gone) = oneshot::channel();
        let ready = Ready {
            tunnel,
            _taken: taken,
        };
        let mut all = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        all.push_back(ready);
        drop(all);
        self.came.notify_one();
        gone
    }

    /// Drops the sessions that are over, with the bytes that they still had to deliver.
    pub(crate) fn drop_ended(&self) {
        let mut all = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|ready| !ready.tunnel.over.is_cancelled());
    }

    /// Drops all sessions, which ends each of them.
    pub(crate) fn clear(&self) {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        ready.clear();
    }
}
