//! Standard output on a thread of its own that writes at once, whatever the reader does.
//!
//! A write to a terminal or pipe that is not read blocks and can't be cancelled, so it must not sit
//! in the runtime, which would stand still with it.

use std::io::{self, Write};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use tokio::io::AsyncWrite;

/// The most that is handed over at once, in bytes.
const MAX_CHUNK: usize = 64 * 1024;
/// The writing thread calls write(2) and little else; in bytes.
const STACK: usize = 64 * 1024;

/// A blocking writer made asynchronous. What is accepted is written without a flush; a flush waits
/// until it has been. An error shows at the next write or flush. Dropping it never waits.
#[derive(Debug)]
pub struct Stdout {
    desk: Arc<Desk>,
}

/// Where the two sides meet.
#[derive(Debug, Default)]
struct Desk {
    tray: Mutex<Tray>,
    filled: Condvar,
}

#[derive(Debug, Default)]
struct Tray {
    /// Accepted and not yet taken by the thread.
    bytes: Vec<u8>,
    /// The thread is writing what it took before.
    writing: bool,
    error: Option<io::Error>,
    /// Nobody will put anything in any more.
    dropped: bool,
    waker: Option<Waker>,
}

impl Stdout {
    /// This process's standard output.
    ///
    /// # Errors
    /// The system's, if stdout is closed or there can be no thread.
    pub fn open() -> io::Result<Self> {
        // The standard library's own handle would hold back the end of an unfinished line.
        #[cfg(unix)]
        let writer = {
            use std::os::fd::AsFd;
            std::fs::File::from(io::stdout().as_fd().try_clone_to_owned()?)
        };
        #[cfg(windows)]
        let writer = io::stdout();
        Self::new(writer)
    }

    /// Any blocking writer; it is flushed after each write.
    ///
    /// # Errors
    /// The system's, if there can be no thread.
    pub fn new(writer: impl Write + Send + 'static) -> io::Result<Self> {
        let desk = Arc::new(Desk::default());
        let served = desk.clone();
        thread::Builder::new()
            .name("stdout".into())
            .stack_size(STACK)
            .spawn(move || served.serve(writer))?;
        Ok(Self { desk })
    }
}

impl AsyncWrite for Stdout {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut tray = self.desk.lock();
        if let Some(error) = tray.error.take() {
            return Poll::Ready(Err(error));
        }
        let room = MAX_CHUNK.saturating_sub(tray.bytes.len());
        let taken = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        if taken.is_empty() && !bytes.is_empty() {
            tray.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        tray.bytes.extend_from_slice(taken);
        self.desk.filled.notify_one();
        Poll::Ready(Ok(taken.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut tray = self.desk.lock();
        if let Some(error) = tray.error.take() {
            return Poll::Ready(Err(error));
        }
        if tray.bytes.is_empty() && !tray.writing {
            return Poll::Ready(Ok(()));
        }
        tray.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

impl Drop for Stdout {
    fn drop(&mut self) {
        self.desk.lock().dropped = true;
        self.desk.filled.notify_one();
    }
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Tray> {
        // A tray is whole after every statement, so a panic elsewhere does it no harm.
        self.tray.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what is put into the tray until nobody is left to put anything in.
    fn serve(&self, mut writer: impl Write) {
        let mut taken = Vec::new();
        loop {
            let mut tray = self.lock();
            while tray.bytes.is_empty() {
                if tray.dropped {
                    return;
                }
                let waited = self.filled.wait(tray);
                tray = waited.unwrap_or_else(PoisonError::into_inner);
            }
            std::mem::swap(&mut taken, &mut tray.bytes);
            tray.writing = true;
            // There is room again.
            let waker = tray.waker.take();
            drop(tray);
            wake(waker);
            let written = writer.write_all(&taken).and_then(|()| writer.flush());
            taken.clear();
            let mut tray = self.lock();
            tray.writing = false;
            if let Err(error) = written {
                tray.error = Some(error);
                tray.bytes.clear();
            }
            let waker = tray.waker.take();
            drop(tray);
            wake(waker);
        }
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use tokio::io::AsyncWriteExt;

    /// Writes only what its test lets it.
    struct Gate {
        open: mpsc::Receiver<io::Result<()>>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.open.recv().map_err(io::Error::other)??;
            self.written.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    type Opener = mpsc::Sender<io::Result<()>>;

    fn gated() -> (Stdout, Opener, Arc<Mutex<Vec<u8>>>) {
        let (opener, open) = mpsc::channel();
        let written = Arc::default();
        let gate = Gate {
            open,
            written: Arc::clone(&written),
        };
        (Stdout::new(gate).unwrap(), opener, written)
    }

    #[tokio::test]
    async fn all_is_written_in_order_and_what_waits_is_bounded() {
        let (mut stdout, opener, written) = gated();
        let mut accepted = Vec::new();
        let chunk = [b'x'; 10_000];
        loop {
            let write = stdout.write(&chunk);
            let Some(n) = futures_util::FutureExt::now_or_never(write) else {
                break;
            };
            accepted.extend_from_slice(&chunk[..n.unwrap()]);
        }
        assert!(accepted.len() <= 2 * MAX_CHUNK, "{}", accepted.len());
        for _ in 0..10 {
            opener.send(Ok(())).unwrap();
        }
        stdout.write_all(b"end").await.unwrap();
        stdout.flush().await.unwrap();
        accepted.extend_from_slice(b"end");
        assert_eq!(*written.lock().unwrap(), accepted);
    }

    #[tokio::test]
    async fn a_failure_shows() {
        let (mut stdout, opener, _) = gated();
        opener.send(Err(io::ErrorKind::BrokenPipe.into())).unwrap();
        stdout.write_all(b"x").await.unwrap();
        let error = stdout.flush().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
