//! Raw mode that ends with its guard.

use crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use std::io;

/// The terminal in raw mode, until dropped. A process has one terminal: hold one guard at a time.
#[derive(Debug)]
pub(super) struct RawGuard {
    raw: bool,
}

impl RawGuard {
    /// Puts the controlling terminal into raw mode.
    pub(super) fn enter() -> io::Result<Self> {
        enable_raw_mode()?;
        // Makes the console act on control sequences in output, as every terminal elsewhere does.
        #[cfg(windows)]
        crossterm::ansi_support::supports_ansi();
        Ok(Self { raw: true })
    }

    /// True if it is in raw mode.
    pub(super) fn is_raw(&self) -> bool {
        self.raw
    }

    /// Gives the terminal back as it was found. Does nothing the second time.
    ///
    /// # Errors
    /// The system's error: the terminal may be gone. Dropping the guard tries once more.
    pub(super) fn restore(&mut self) -> io::Result<()> {
        if self.raw {
            disable_raw_mode()?;
            self.raw = false;
        }
        Ok(())
    }

    /// Takes the terminal again after a stop of any cause, as a shell may have changed it meanwhile.
    pub(super) fn retake(&mut self) -> io::Result<()> {
        disable_raw_mode()?;
        enable_raw_mode()?;
        self.raw = true;
        Ok(())
    }
}

/// Gives the terminal back if any guard has it.
pub(super) fn abandon() {
    // The terminal may be gone, and there is nowhere to report it.
    let _ = disable_raw_mode();
}

impl Drop for RawGuard {
    fn drop(&mut self) {
        // The terminal may be gone, and there is nowhere to report it.
        let _ = self.restore();
    }
}

/// Stops this process until somebody continues it. Does nothing where processes can't be stopped.
pub(super) fn stop_self() -> io::Result<()> {
    #[cfg(unix)]
    {
        use rustix::process::{Signal, getpid, kill_process};
        // SIGTSTP may have a handler here; SIGSTOP can't have one.
        kill_process(getpid(), Signal::STOP)?;
    }
    Ok(())
}
