//! Standard input and output as a session's user's end.

use crate::error::{Error, Result};
use crate::terminal::{self, Modes, Stdin};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::AsyncWrite;

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
