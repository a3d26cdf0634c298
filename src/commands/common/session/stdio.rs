//! Standard input and output, as the local ends of a session.

use crate::error::{Error, Result};
use crate::pump::Control;
use crate::terminal::{Screen, Stdin, Stdout};
use std::io;
use tokio::sync::mpsc;

/// Opens this process's standard input.
pub(crate) fn stdin() -> Result<Stdin> {
    Stdin::open().map_err(|source| Error::Io {
        what: tr!("standard input can't be opened"),
        source,
    })
}

/// Opens this process's standard output, on which `screen` draws too.
pub(crate) fn stdout(screen: &Screen) -> Result<Stdout> {
    screen.stdout().map_err(|source| Error::Io {
        what: tr!("standard output can't be opened"),
        source,
    })
}

/// Opens this process's standard error for a command's; `None` if it is closed.
pub(crate) fn stderr() -> Option<Stdout> {
    Stdout::open_errors().ok()
}

/// Tells the pump when nobody reads standard output any more: after the input's end there is then no answer
/// to wait for. A thread waits for that, and ends with the process.
#[cfg(unix)]
pub(crate) fn tell_when_unread(pump: mpsc::Sender<Control>) {
    use rustix::event::{PollFd, PollFlags, poll};
    let watch = move || {
        let stdout = io::stdout();
        // Errors and hangups are always reported; a plain file has none.
        let mut watched = [PollFd::new(&stdout, PollFlags::empty())];
        while let Ok(0) | Err(rustix::io::Errno::INTR) = poll(&mut watched, None) {}
        let _ = pump.blocking_send(Control::Unread);
    };
    let thread = std::thread::Builder::new().name("stdout".into());
    if let Err(error) = thread.stack_size(64 * 1024).spawn(watch) {
        tracing::info!(%error, "standard output is not watched");
    }
}

/// This system can't tell: the end of the input is followed by the usual wait.
#[cfg(not(unix))]
pub(crate) fn tell_when_unread(_pump: mpsc::Sender<Control>) {}
