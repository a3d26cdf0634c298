//! Standard input and output as a session's user's end.

use crate::error::{Error, Result};
use crate::pump::Control;
use crate::terminal::{self, Modes, Stdin};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::AsyncWrite;
use tokio::sync::mpsc;

/// This process's standard input.
///
/// # Errors
/// [`Error::Io`] if it can't be opened.
pub fn stdin() -> Result<Stdin> {
    Stdin::open().map_err(|source| Error::Io {
        what: "standard input can't be opened",
        source,
    })
}

/// Standard output; what goes to a terminal is watched for modes that have to be undone.
pub struct Stdout {
    inner: terminal::Stdout,
    modes: Option<Modes>,
}

impl Stdout {
    /// This process's standard output; `modes` watches what goes by.
    ///
    /// # Errors
    /// [`Error::Io`] if it can't be opened.
    pub fn open(modes: Option<Modes>) -> Result<Self> {
        let inner = terminal::Stdout::open().map_err(|source| Error::Io {
            what: "standard output can't be opened",
            source,
        })?;
        Ok(Self { inner, modes })
    }
}

impl AsyncWrite for Stdout {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, bytes);
        if let (Poll::Ready(Ok(n)), Some(modes)) = (&written, &self.modes) {
            modes.feed(bytes.get(..*n).unwrap_or_default());
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// Once nobody reads standard output any more, there is no answer to wait for when the input ends.
/// The wait is a thread's, which ends with the process.
#[cfg(unix)]
pub fn tell_when_unread(pump: mpsc::Sender<Control>) {
    use rustix::event::{PollFd, PollFlags, poll};
    let watch = move || {
        let stdout = io::stdout();
        // Errors and hangups are told unasked; a plain file has none.
        let mut watched = [PollFd::new(&stdout, PollFlags::empty())];
        while let Ok(0) | Err(rustix::io::Errno::INTR) = poll(&mut watched, None) {}
        let _ = pump.blocking_send(Control::Linger(Duration::ZERO));
    };
    let thread = std::thread::Builder::new().name("stdout".into());
    if let Err(error) = thread.stack_size(64 * 1024).spawn(watch) {
        tracing::info!(%error, "standard output is not watched");
    }
}

/// Not known on this system: the end of the input is followed by the usual wait.
#[cfg(not(unix))]
pub fn tell_when_unread(_pump: mpsc::Sender<Control>) {}
