//! The terminal, as long as a session holds it.

use super::raw::{Modes, RawGuard, stop_self};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// The terminal, shared by those who take it and give it back.
#[derive(Clone)]
pub struct Screen(Arc<Mutex<Option<RawGuard>>>);

impl Screen {
    /// Puts the terminal behind stdin into raw mode.
    ///
    /// # Errors
    /// The system's, if there is no terminal or it can't be changed.
    pub fn take() -> io::Result<Self> {
        let guard = RawGuard::enter()?;
        Ok(Self(Arc::new(Mutex::new(Some(guard)))))
    }

    /// No terminal at all.
    #[must_use]
    pub fn none() -> Self {
        Self(Arc::new(Mutex::new(None)))
    }

    fn with<T>(&self, act: impl FnOnce(&mut RawGuard) -> T) -> Option<T> {
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        guard.as_mut().map(act)
    }

    /// The modes that output has set, which giving the terminal back undoes.
    #[must_use]
    pub fn modes(&self) -> Option<Modes> {
        self.with(|guard| guard.modes())
    }

    /// Gives the terminal back for good.
    pub fn leave(&self) {
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(guard.take());
    }

    /// Stops this process, with the terminal given back meanwhile.
    pub fn suspend(&self) {
        let stopped = self.with(RawGuard::suspend);
        let stopped = stopped.unwrap_or_else(stop_self);
        if let Err(error) = stopped {
            tracing::info!(%error, "suspending failed");
        }
    }

    /// Takes the terminal again after a stop.
    pub fn resume(&self) {
        if let Some(Err(error)) = self.with(RawGuard::resume) {
            tracing::info!(%error, "the terminal could not be taken again");
        }
    }
}
