//! A terminal that is read without a thread: the runtime tells when something was typed.

use super::reopen::reopen;
use std::fs::File;
use std::io::ErrorKind::{Interrupted, WouldBlock};
use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd;
use std::task::{Context, Poll, ready};
use tokio::io::ReadBuf;
use tokio::net::unix::pipe::Receiver;
use tokio::runtime::Handle;

/// The most that is read at once, in bytes: a user types little.
const MAX_CHUNK: usize = 4 * 1024;

/// The terminal that is standard input.
#[derive(Debug)]
pub(super) struct Keyboard {
    /// The runtime's reader of pipes, which reads a terminal as well.
    terminal: Receiver,
    ended: bool,
}

impl Keyboard {
    /// Opens it; `None` if standard input is no terminal, or one that can't be opened a second time, and
    /// outside a runtime.
    pub(super) fn open() -> Option<Self> {
        let stdin = io::stdin();
        stdin.is_terminal().then(|| Self::over(stdin)).flatten()
    }

    fn over(terminal: impl AsFd) -> Option<Self> {
        Handle::try_current().ok()?;
        let terminal = reopen(terminal, File::options().read(true))?;
        Some(Self {
            terminal: Receiver::from_file_unchecked(terminal).ok()?,
            ended: false,
        })
    }

    /// Reads what was typed. The end stays: a terminal would go on after it.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let room = buf.remaining().min(MAX_CHUNK);
        while !self.ended && room > 0 {
            ready!(self.terminal.poll_read_ready(cx))?;
            match self.terminal.try_read(buf.initialize_unfilled_to(room)) {
                Ok(count) => {
                    buf.advance(count);
                    self.ended = count == 0;
                    break;
                }
                // Another reader of the terminal was faster, or a signal came.
                Err(error) if matches!(error.kind(), WouldBlock | Interrupted) => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::io::Write as _;

    async fn read(keyboard: &mut Keyboard, room: usize) -> Vec<u8> {
        let mut bytes = vec![0; room];
        let mut buf = ReadBuf::new(&mut bytes);
        poll_fn(|cx| keyboard.poll_read(cx, &mut buf))
            .await
            .unwrap();
        buf.filled().to_vec()
    }

    #[tokio::test]
    async fn what_is_typed_is_read_when_asked_for_and_the_end_stays() {
        let (mut pty, pts) = pty_process::blocking::open().unwrap();
        let mut keyboard = Keyboard::over(&pts).unwrap();
        pty.write_all(b"abc\n").unwrap();
        assert_eq!(read(&mut keyboard, 2).await, b"ab");
        assert_eq!(read(&mut keyboard, 100).await, b"c\n");
        pty.write_all(b"\x04").unwrap();
        for _ in 0..2 {
            assert_eq!(read(&mut keyboard, 100).await, b"");
        }
    }
}
