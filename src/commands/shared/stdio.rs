//! Standard input and output as a session's user's end.

use crate::error::{Error, Result};
use crate::pump::Control;
use crate::terminal::{Modes, Stdin, Stdout};
use std::io;
use tokio::sync::mpsc;

/// This process's standard input.
///
/// # Errors
/// [`Error::Io`] if it can't be opened.
pub(crate) fn stdin() -> Result<Stdin> {
    Stdin::open().map_err(|source| Error::Io {
        what: "standard input can't be opened",
        source,
    })
}

/// This process's standard output; `modes` watches what goes by.
///
/// # Errors
/// [`Error::Io`] if it can't be opened.
pub(crate) fn stdout(modes: Option<Modes>) -> Result<Stdout> {
    Stdout::open(modes).map_err(|source| Error::Io {
        what: "standard output can't be opened",
        source,
    })
}

/// Once nobody reads standard output any more, there is no answer to wait for when the input ends.
/// The wait is a thread's, which ends with the process.
#[cfg(unix)]
pub(crate) fn tell_when_unread(pump: mpsc::Sender<Control>) {
    use rustix::event::{PollFd, PollFlags, poll};
    let watch = move || {
        let stdout = io::stdout();
        // Errors and hangups are told unasked; a plain file has none.
        let mut watched = [PollFd::new(&stdout, PollFlags::empty())];
        while let Ok(0) | Err(rustix::io::Errno::INTR) = poll(&mut watched, None) {}
        let _ = pump.blocking_send(Control::Unread);
    };
    let thread = std::thread::Builder::new().name("stdout".into());
    if let Err(error) = thread.stack_size(64 * 1024).spawn(watch) {
        tracing::info!(%error, "standard output is not watched");
    }
}

/// Not known on this system: the end of the input is followed by the usual wait.
#[cfg(not(unix))]
pub(crate) fn tell_when_unread(_pump: mpsc::Sender<Control>) {}
