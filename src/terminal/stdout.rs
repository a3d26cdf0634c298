//! Standard output on a thread of its own that writes at once, whatever the reader does.
//!
//! A write to a terminal or pipe that is not read blocks and can't be cancelled, so it must not sit
//! in the runtime, which would stand still with it. A terminal with room is written to without the
//! thread, where the system has a way to ask for that.

use super::raw::Modes;
use std::fs::File;
use std::io::{self, Write};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use tokio::io::AsyncWrite;
#[cfg(target_os = "linux")]
use {
    rustix::fs::OFlags,
    std::io::IsTerminal as _,
    std::os::fd::{AsFd, AsRawFd as _},
    std::os::unix::fs::OpenOptionsExt as _,
};

/// The most that is handed over at once, in bytes.
const MAX_CHUNK: usize = 64 * 1024;
/// The writing thread calls write(2) and little else; in bytes.
const STACK: usize = 64 * 1024;

/// Starts a writer's thread.
type Start = Box<dyn FnOnce() -> io::Result<()> + Send>;

/// A blocking writer made asynchronous. What is accepted is written without a flush; a flush waits
/// until it has been. An error shows at the next write or flush. Dropping it never waits.
pub struct Stdout {
    desk: Arc<Desk>,
    /// Starts the thread, unless that was done.
    start: Option<Start>,
    /// The same file, never blocking: tried first, so that a keystroke's echo wakes no thread.
    direct: Option<File>,
    /// What is accepted is shown to these, so that it can be undone.
    modes: Option<Modes>,
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

impl Tray {
    /// Whether everything that was accepted has been written.
    fn is_done(&self) -> bool {
        self.bytes.is_empty() && !self.writing
    }
}

impl Stdout {
    /// This process's standard output; `modes` follows what goes by.
    ///
    /// # Errors
    /// The system's, if stdout is closed.
    pub fn open(modes: Option<Modes>) -> io::Result<Self> {
        // The standard library's own handle would hold back the end of an unfinished line.
        #[cfg(unix)]
        let writer = {
            use std::os::fd::AsFd as _;
            Waiting(File::from(io::stdout().as_fd().try_clone_to_owned()?))
        };
        #[cfg(windows)]
        let writer = io::stdout();
        let mut stdout = Self::new(writer);
        stdout.modes = modes;
        #[cfg(target_os = "linux")]
        let stdout = if io::stdout().is_terminal() {
            stdout.with_direct(io::stdout())
        } else {
            stdout
        };
        Ok(stdout)
    }

    /// Any blocking writer; it is flushed after each write. Its thread starts when it is needed: a
    /// write fails if there can be none.
    pub fn new(writer: impl Write + Send + 'static) -> Self {
        let desk = Arc::new(Desk::default());
        let served = desk.clone();
        let start: Start = Box::new(move || {
            let thread = thread::Builder::new().name("stdout".into());
            let serve = move || served.serve(writer);
            thread.stack_size(STACK).spawn(serve).map(drop)
        });
        Self {
            desk,
            start: Some(start),
            direct: None,
            modes: None,
        }
    }

    /// The same, with the way past the thread: `fd` is what its writer writes to.
    #[cfg(target_os = "linux")]
    fn with_direct(mut self, fd: impl AsFd) -> Self {
        self.direct = reopen(fd);
        self
    }

    /// Takes what there is room for: writes it past the thread, or leaves it to the thread.
    fn accept(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let desk = Arc::clone(&self.desk);
        let mut tray = desk.lock();
        if let Some(error) = tray.error.take() {
            return Poll::Ready(Err(error));
        }
        if tray.is_done()
            && let Some(written) = self.write_directly(bytes)
        {
            return Poll::Ready(written);
        }
        let room = MAX_CHUNK.saturating_sub(tray.bytes.len());
        let taken = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        if taken.is_empty() && !bytes.is_empty() {
            tray.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if let Some(start) = self.start.take() {
            start()?;
        }
        tray.bytes.extend_from_slice(taken);
        self.desk.filled.notify_one();
        Poll::Ready(Ok(taken.len()))
    }

    /// Writes what there is room for now; `None` leaves it to the thread.
    fn write_directly(&mut self, bytes: &[u8]) -> Option<io::Result<usize>> {
        let written = self.direct.as_mut()?.write(bytes);
        let later = |error: &io::Error| {
            use io::ErrorKind::{Interrupted, WouldBlock};
            matches!(error.kind(), WouldBlock | Interrupted)
        };
        Some(written).filter(|written| !written.as_ref().is_err_and(later))
    }
}

/// A file that whoever else has it may have made non-blocking, as rsync does: then it is waited for.
#[cfg(unix)]
struct Waiting(File);

#[cfg(unix)]
impl Write for Waiting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        use rustix::event::{PollFd, PollFlags, poll};
        loop {
            match self.0.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    poll(&mut [PollFd::new(&self.0, PollFlags::OUT)], None)?;
                }
                done => return done,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The terminal or pipe behind `fd` for writing, with a mode of its own: others who share `fd` do
/// not see that it never blocks. Not for files, whose position would be another one.
#[cfg(target_os = "linux")]
fn reopen(fd: impl AsFd) -> Option<File> {
    let path = format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd());
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let mut options = File::options();
    options.write(true).custom_flags(flags.bits().cast_signed());
    // Without /proc, or on a terminal that belongs to another user, there is still the thread.
    options.open(path).ok()
}

impl AsyncWrite for Stdout {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = self.accept(cx, bytes);
        if let (Poll::Ready(Ok(n)), Some(modes)) = (&written, &self.modes) {
            modes.feed(bytes.get(..*n).unwrap_or_default());
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut tray = self.desk.lock();
        if let Some(error) = tray.error.take() {
            return Poll::Ready(Err(error));
        }
        if tray.is_done() {
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
        (Stdout::new(gate), opener, written)
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

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn what_a_full_pipe_does_not_take_follows_in_order() {
        use std::io::Read as _;
        let (mut reader, writer) = io::pipe().unwrap();
        let same = writer.try_clone().unwrap();
        let mut stdout = Stdout::new(writer).with_direct(same);
        assert!(stdout.direct.is_some());
        let sent: Vec<u8> = (0..1_000_000_u32)
            .map(|n| n.to_le_bytes()[n as usize % 3])
            .collect();
        let mut rest = sent.as_slice();
        while let Some(n) = futures_util::FutureExt::now_or_never(stdout.write(rest)) {
            rest = &rest[n.unwrap()..];
        }
        // The pipe is full and so is the tray.
        assert!(!rest.is_empty());
        let reading = std::thread::spawn(move || {
            let mut all = Vec::new();
            reader.read_to_end(&mut all).unwrap();
            all
        });
        stdout.write_all(rest).await.unwrap();
        stdout.flush().await.unwrap();
        drop(stdout);
        assert!(reading.join().unwrap() == sent);
    }

    /// As rsync makes its child's output.
    #[cfg(unix)]
    #[tokio::test]
    async fn a_pipe_that_never_blocks_is_waited_for() {
        use std::io::Read as _;
        let (mut reader, writer) = io::pipe().unwrap();
        rustix::io::ioctl_fionbio(&writer, true).unwrap();
        let writer = Waiting(File::from(std::os::fd::OwnedFd::from(writer)));
        let mut stdout = Stdout::new(writer);
        let sent = vec![7; 1_000_000];
        let reading = std::thread::spawn(move || {
            let mut all = Vec::new();
            let mut some = [0; 100];
            while reader.read(&mut some).unwrap() > 0 {
                all.extend(some);
                reader.by_ref().take(9_900).read_to_end(&mut all).unwrap();
            }
            all
        });
        stdout.write_all(&sent).await.unwrap();
        stdout.flush().await.unwrap();
        drop(stdout);
        assert!(reading.join().unwrap() == sent);
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
