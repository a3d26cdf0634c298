//! The result of a script at the remote side: its status, and what it wrote to standard error.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// The status of a script that finds the lock taken.
pub(crate) const LOCKED: u8 = 4;

/// The status of a script that got other bytes than it was to get.
pub(crate) const OTHER_BYTES: u8 = 5;

/// The most that is kept of a script's standard error.
pub(crate) const MOST_ERRORS: usize = 16 * 1024;

/// The result of a script.
#[derive(Debug)]
pub(crate) struct ScriptResult {
    /// Its exit status.
    pub(crate) status: u8,
    /// Its standard error.
    pub(crate) errors: String,
    /// The failure of this side to read or write the copied bytes.
    pub(crate) local: Option<io::Error>,
}

/// Keeps what is written, up to a limit.
#[derive(Clone)]
pub(crate) struct Collected {
    bytes: Arc<Mutex<Vec<u8>>>,
    most: usize,
}

impl Collected {
    pub(crate) fn new(most: usize) -> Self {
        let bytes = Arc::default();
        Self { bytes, most }
    }

    pub(crate) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.bytes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Collected {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut kept = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let room = self.most.saturating_sub(kept.len());
        kept.extend_from_slice(bytes.get(..room.min(bytes.len())).unwrap_or_default());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
