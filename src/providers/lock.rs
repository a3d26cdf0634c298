//! A lock between processes: a file that one of them holds.

use crate::kept;
use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The interval at which a lock that is held is tried.
const RETRY: Duration = Duration::from_millis(50);

/// The most that a lock is waited for: its holder makes a few requests, each bounded.
const PATIENCE: Duration = Duration::from_secs(120);

/// A lock that is held. The system takes it back when the process ends, however it ends.
pub(super) struct Lock(File);

impl Lock {
    /// Waits until this process has the lock.
    pub(super) async fn wait(path: &Path) -> io::Result<Self> {
        let file = kept::open(path)?;
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self(file)),
                Err(TryLockError::Error(error)) => return Err(error),
                Err(TryLockError::WouldBlock) if begun.elapsed() > PATIENCE => {
                    let held = tr!("another process holds {path}", path = path.display());
                    return Err(io::Error::new(io::ErrorKind::TimedOut, held));
                }
                Err(TryLockError::WouldBlock) => sleep(RETRY).await,
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file would do it too, but for a child that has inherited it.
        let _ = self.0.unlock();
    }
}
