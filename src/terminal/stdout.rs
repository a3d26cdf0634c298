//! Standard output without blocking: a thread writes what the terminal or pipe does not take at once.
//!
//! A write to a terminal or pipe that is not read blocks and can't be cancelled, and would stop the
//! runtime. A terminal with room is written to without the
//! thread, where the system has a way to ask for that.

use super::display::Display;
#[cfg(target_os = "linux")]
use super::reopen::reopen;
use std::fs::File;
use std::io::{self, Write};
#[cfg(unix)]
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};
use tokio::io::AsyncWrite;

/// The most that is handed over at once, in bytes.
const MAX_CHUNK: usize = 64 * 1024;
/// The writing thread calls write(2) and little else; in bytes.
const STACK: usize = 64 * 1024;

/// Takes note of bytes that go out.
type Tap = Box<dyn FnMut(&[u8]) + Send>;

/// Starts a writer's thread.
type Start = Box<dyn FnOnce() -> io::Result<()> + Send>;

/// A blocking writer made asynchronous. Accepted bytes are written without being asked for by a flush; a
/// flush waits until they are written. An error is returned by the next write or flush. Clones write to
/// the same place, and dropping them never waits.
#[derive(Clone)]
pub struct Stdout(Arc<Handle>);

/// The writing end of a queue; the thread ends some time after it is dropped.
struct Handle {
    queue: Arc<OutputQueue>,
}

/// The queue between the callers and the thread that writes.
#[derive(Default)]
struct OutputQueue {
    state: Mutex<QueueState>,
    filled: Condvar,
    written: Condvar,
}

#[derive(Default)]
struct QueueState {
    /// Accepted and not yet taken by the thread.
    bytes: Vec<u8>,
    /// The thread is writing what it took before.
    writing: bool,
    error: Option<io::Error>,
    /// Nothing more will be added.
    dropped: bool,
    waker: Option<Waker>,
    /// Starts the thread, unless that was done.
    start: Option<Start>,
    /// A second handle that never blocks. It is tried first, so that a keystroke's echo wakes no thread.
    direct: Option<File>,
    /// Draws axt's own lines, on a terminal that axt has in raw mode.
    display: Option<Display>,
    /// Sees everything that goes out, what is drawn too.
    tap: Option<Tap>,
}

impl QueueState {
    /// True if everything that was accepted has been written.
    fn is_done(&self) -> bool {
        self.bytes.is_empty() && !self.writing
    }

    /// Writes what there is room for now; `None` leaves it to the thread.
    fn write_directly(&mut self, bytes: &[u8]) -> Option<io::Result<usize>> {
        let plain = self.display.as_ref().is_none_or(Display::is_plain);
        if !plain || !self.is_done() {
            return None;
        }
        let written = self.direct.as_mut()?.write(bytes);
        let later = |error: &io::Error| {
            use io::ErrorKind::{Interrupted, WouldBlock};
            matches!(error.kind(), WouldBlock | Interrupted)
        };
        if let Ok(count) = written {
            let passed = bytes.get(..count).unwrap_or_default();
            if let Some(display) = &mut self.display {
                display.passed(passed);
            }
            if let Some(tap) = &mut self.tap {
                tap(passed);
            }
        }
        Some(written).filter(|written| !written.as_ref().is_err_and(later))
    }

    /// Adds bytes for the thread.
    fn push(&mut self, bytes: &[u8]) {
        let before = self.bytes.len();
        match &mut self.display {
            Some(display) => display.output(bytes, &mut self.bytes),
            None => self.bytes.extend_from_slice(bytes),
        }
        self.note(before);
    }

    /// Lets the tap see what was added.
    fn note(&mut self, before: usize) {
        let added = self.bytes.get(before..).unwrap_or_default();
        if let Some(tap) = self.tap.as_mut().filter(|_| !added.is_empty()) {
            tap(added);
        }
    }
}

impl Stdout {
    /// This process's standard output.
    pub fn open() -> io::Result<Self> {
        Self::over(io::stdout())
    }

    /// This process's standard error, for a command's.
    pub fn open_errors() -> io::Result<Self> {
        Self::over(io::stderr())
    }

    /// One of this process's streams.
    #[cfg(unix)]
    fn over(stream: impl AsFd + io::IsTerminal) -> io::Result<Self> {
        // The standard library's own handle would hold back the end of an unfinished line.
        let writer = BlockingFile(File::from(stream.as_fd().try_clone_to_owned()?));
        let opened = Self::new(writer);
        #[cfg(target_os = "linux")]
        if stream.is_terminal() {
            opened.try_directly(stream);
        }
        Ok(opened)
    }

    /// One of this process's streams.
    #[cfg(windows)]
    fn over(stream: impl Write + Send + 'static) -> io::Result<Self> {
        Ok(Self::new(stream))
    }

    /// Any blocking writer; it is flushed after each write. Its thread starts when it is needed: a
    /// write fails if there can be none.
    pub fn new(writer: impl Write + Send + 'static) -> Self {
        let queue = Arc::new(OutputQueue::default());
        let served = queue.clone();
        let start: Start = Box::new(move || {
            let thread = thread::Builder::new().name("stdout".into());
            let serve = move || served.serve(writer);
            thread.stack_size(STACK).spawn(serve).map(drop)
        });
        queue.lock().start = Some(start);
        Self(Arc::new(Handle { queue }))
    }

    /// Draws beside the output from now on.
    pub(crate) fn set_display(&self, display: Display) {
        self.0.queue.lock().display = Some(display);
    }

    /// Shows `tap` from now on all that goes out, the output and what is drawn beside it. It must not draw.
    pub(crate) fn set_tap(&self, tap: impl FnMut(&[u8]) + Send + 'static) {
        self.0.queue.lock().tap = Some(Box::new(tap));
    }

    /// Draws something, if there is a display.
    pub(crate) fn draw<T>(&self, act: impl FnOnce(&mut Display, &mut Vec<u8>) -> T) -> Option<T> {
        let queue = &self.0.queue;
        let mut state = queue.lock();
        let state = &mut *state;
        let before = state.bytes.len();
        let drawn = act(state.display.as_mut()?, &mut state.bytes);
        state.note(before);
        if !state.bytes.is_empty() {
            // Without a thread nothing is drawn, and the next output says why.
            if let Some(Err(error)) = state.start.take().map(|start| start()) {
                state.error = Some(error);
            }
            queue.filled.notify_one();
        }
        Some(drawn)
    }

    /// Waits until everything is written, but no longer than `limit`.
    pub(crate) fn settle(&self, limit: Duration) {
        let queue = &self.0.queue;
        let until = Instant::now() + limit;
        let mut state = queue.lock();
        while !state.is_done() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = queue.written.wait_timeout(state, left);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Writes past the thread where that doesn't block: `fd` is what the writer writes to.
    #[cfg(target_os = "linux")]
    fn try_directly(&self, fd: impl AsFd) {
        // Where there is no such way, there is still the thread.
        self.0.queue.lock().direct = reopen(fd, File::options().write(true));
    }
}

/// A file that another process that shares it may have made non-blocking, as rsync does: then it is
/// waited for.
#[cfg(unix)]
struct BlockingFile(File);

#[cfg(unix)]
impl Write for BlockingFile {
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

impl AsyncWrite for Stdout {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let queue = &self.0.queue;
        let mut state = queue.lock();
        if let Some(error) = state.error.take() {
            return Poll::Ready(Err(error));
        }
        if let Some(written) = state.write_directly(bytes) {
            return Poll::Ready(written);
        }
        let room = MAX_CHUNK.saturating_sub(state.bytes.len());
        let taken = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        if taken.is_empty() && !bytes.is_empty() {
            state.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if let Some(start) = state.start.take() {
            start()?;
        }
        state.push(taken);
        queue.filled.notify_one();
        Poll::Ready(Ok(taken.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.queue.lock();
        if let Some(error) = state.error.take() {
            return Poll::Ready(Err(error));
        }
        if state.is_done() {
            return Poll::Ready(Ok(()));
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut waiting = self.queue.lock();
        waiting.dropped = true;
        // A thread that was never started would keep the queue, and with it the writer, for good.
        let unstarted = waiting.start.take();
        drop(waiting);
        drop(unstarted);
        self.queue.filled.notify_one();
    }
}

impl OutputQueue {
    fn lock(&self) -> MutexGuard<'_, QueueState> {
        // The state is consistent after every statement, so a panic elsewhere does it no harm.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what is added, until the other end is dropped and all is written.
    fn serve(&self, mut writer: impl Write) {
        let mut taken = Vec::new();
        loop {
            let mut state = self.lock();
            while state.bytes.is_empty() {
                if state.dropped {
                    return;
                }
                let waited = self.filled.wait(state);
                state = waited.unwrap_or_else(PoisonError::into_inner);
            }
            std::mem::swap(&mut taken, &mut state.bytes);
            state.writing = true;
            // There is room again.
            let waker = state.waker.take();
            drop(state);
            wake(waker);
            let written = writer.write_all(&taken).and_then(|()| writer.flush());
            taken.clear();
            let mut state = self.lock();
            state.writing = false;
            if let Err(error) = written {
                state.error = Some(error);
                state.bytes.clear();
            }
            self.written.notify_all();
            let waker = state.waker.take();
            drop(state);
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
        let mut stdout = Stdout::new(writer);
        stdout.try_directly(same);
        assert!(stdout.0.queue.lock().direct.is_some());
        let sent: Vec<u8> = (0..1_000_000_u32)
            .map(|n| n.to_le_bytes()[n as usize % 3])
            .collect();
        let mut rest = sent.as_slice();
        while let Some(n) = futures_util::FutureExt::now_or_never(stdout.write(rest)) {
            rest = &rest[n.unwrap()..];
        }
        // The pipe is full and so is the queue.
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
        let writer = BlockingFile(File::from(std::os::fd::OwnedFd::from(writer)));
        let mut stdout = Stdout::new(writer);
        let sent = vec![7; 1_000_000];
        let reading = std::thread::spawn(move || {
            let mut all = Vec::new();
            let mut some = [0; 100];
            while let count @ 1.. = reader.read(&mut some).unwrap() {
                all.extend(&some[..count]);
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
