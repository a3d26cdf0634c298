//! Raw mode that ends with its guard: on return, on error, and while a panic unwinds.

use super::modes::ModeTracker;
use crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// The modes the remote program switched: a handle for the writer of its output.
#[derive(Debug, Clone, Default)]
pub struct Modes {
    tracker: Arc<Mutex<ModeTracker>>,
}

impl Modes {
    /// Takes in output that was written to the terminal.
    pub fn feed(&self, output: &[u8]) {
        self.with(|tracker| tracker.feed(output));
    }

    /// As [`ModeTracker::is_between`].
    #[must_use]
    pub fn is_between(&self) -> bool {
        self.with(|tracker| tracker.is_between())
    }

    /// As [`ModeTracker::is_alternate`].
    #[must_use]
    pub fn is_alternate(&self) -> bool {
        self.with(|tracker| tracker.is_alternate())
    }

    fn with<T>(&self, look: impl FnOnce(&mut ModeTracker) -> T) -> T {
        // A tracker is whole after every byte, so a panic elsewhere does it no harm.
        let mut tracker = self.tracker.lock().unwrap_or_else(PoisonError::into_inner);
        look(&mut tracker)
    }
}

/// The terminal in raw mode, until dropped.
///
/// What the remote program left switched is switched back as well, provided that its output was shown
/// to [`modes`](Self::modes). A process has one terminal: hold one guard at a time.
#[derive(Debug)]
pub struct RawGuard {
    modes: Modes,
    raw: bool,
}

impl RawGuard {
    /// Puts the controlling terminal into raw mode.
    ///
    /// # Errors
    /// The system's, if there is no terminal or it can't be changed.
    pub fn enter() -> io::Result<Self> {
        enable_raw_mode()?;
        // Makes the console act on control sequences in output, as every terminal elsewhere does.
        #[cfg(windows)]
        crossterm::ansi_support::supports_ansi();
        Ok(Self {
            modes: Modes::default(),
            raw: true,
        })
    }

    /// A handle to report output to.
    #[must_use]
    pub fn modes(&self) -> Modes {
        self.modes.clone()
    }

    /// Gives the terminal back as it was found. Does nothing the second time.
    ///
    /// # Errors
    /// The system's; the terminal may be gone. Dropping the guard tries once more.
    pub fn restore(&mut self) -> io::Result<()> {
        if !self.raw {
            return Ok(());
        }
        // Both are tried, whatever becomes of the first.
        let written = write_out(&self.modes.with(|tracker| tracker.undo()));
        disable_raw_mode()?;
        self.raw = false;
        written
    }

    /// Gives the terminal back and stops this process, as Ctrl-Z does to others.
    ///
    /// Call [`resume`](Self::resume) when [`Signal::Continue`](super::Signal::Continue) arrives. The
    /// process may run on for a moment after this returns; do not touch the terminal before that signal.
    ///
    /// # Errors
    /// The system's.
    pub fn suspend(&mut self) -> io::Result<()> {
        self.restore()?;
        stop_self()
    }

    /// Takes the terminal again after a stop of any cause, as a shell may have changed it meanwhile.
    ///
    /// The remote's modes are switched on again. The size may have changed too: send it afresh.
    ///
    /// # Errors
    /// The system's.
    pub fn resume(&mut self) -> io::Result<()> {
        disable_raw_mode()?;
        enable_raw_mode()?;
        self.raw = true;
        write_out(&self.modes.with(|tracker| tracker.redo()))
    }
}

impl Drop for RawGuard {
    fn drop(&mut self) {
        // The terminal may be gone, and there is nobody left to tell.
        let _ = self.restore();
    }
}

/// Stops this process until somebody continues it. Does nothing where processes can't be stopped.
///
/// # Errors
/// The system's.
pub fn stop_self() -> io::Result<()> {
    #[cfg(unix)]
    {
        use rustix::process::{Signal, getpid, kill_process};
        // SIGTSTP may have a handler here; SIGSTOP can't have one.
        kill_process(getpid(), Signal::STOP)?;
    }
    Ok(())
}

fn write_out(bytes: &[u8]) -> io::Result<()> {
    if bytes.is_empty() || !super::stdout_is_terminal() {
        return Ok(());
    }
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()
}
