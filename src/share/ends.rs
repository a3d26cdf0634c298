//! The user's ends of a shared session: the streams of the command that runs, one command after another.
//!
//! The pump has the same reader and writers for as long as the session lives. They never fail towards it:
//! what is wrong with a command's streams is that command's matter.

use super::ask::FilterRequest;
use super::streams::Streams;
use crate::pump::Control;
use crate::terminal::Stdout;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::sync::{Notify, mpsc};

/// The ends; all clones share them. Reading from them reads the command's standard input.
#[derive(Clone)]
pub(crate) struct Ends(Arc<SharedEnds>);

/// Writes to standard output, or to standard error.
pub(crate) struct Writer {
    ends: Ends,
    is_output: bool,
}

/// The reason why a command's streams failed.
#[derive(Debug)]
pub(crate) enum Broken {
    /// Nobody reads standard output.
    Closed,
    /// A stream can't be read or written.
    Failed(&'static str, io::Error),
}

struct SharedEnds {
    state: Mutex<EndsState>,
    /// Notified when the state has changed.
    changed: Notify,
    asks: mpsc::UnboundedSender<FilterRequest>,
    control: mpsc::Sender<Control>,
}

#[derive(Default)]
struct EndsState {
    streams: Option<Streams>,
    /// Standard error is given up.
    without_errors: bool,
    input_over: bool,
    broken: Option<Broken>,
    /// Bytes for standard output and error that the pump still has.
    under_way: usize,
    reader: Option<Waker>,
}

impl Ends {
    /// Ends without streams. The filter gets a message when a command's input ends.
    pub(crate) fn new(
        asks: mpsc::UnboundedSender<FilterRequest>,
        control: mpsc::Sender<Control>,
    ) -> Self {
        Self(Arc::new(SharedEnds {
            state: Mutex::default(),
            changed: Notify::new(),
            asks,
            control,
        }))
    }

    /// The next command's streams.
    pub(crate) fn begin(&self, streams: Streams) {
        let mut state = self.state();
        let (under_way, reader) = (state.under_way, state.reader.take());
        *state = EndsState {
            streams: Some(streams),
            under_way,
            ..EndsState::default()
        };
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// Drops the streams and the output that is still to be written.
    pub(crate) fn end(&self) {
        self.state().streams = None;
        self.0.changed.notify_waiters();
    }

    /// Counts output for the command that the pump will write.
    pub(super) fn expect(&self, bytes: usize) {
        self.state().under_way += bytes;
    }

    /// Waits until all output is written, or can't be: [`Ends::failure`] tells.
    pub(crate) async fn delivered(&self) {
        self.wait(|state| (state.under_way == 0).then_some(()))
            .await;
        let writers = self.state().streams.as_ref().map(|streams| {
            let output = (streams.stdout.clone(), true);
            [output, (streams.stderr.clone(), false)]
        });
        for (writer, is_output) in writers.into_iter().flatten() {
            self.flush(writer, is_output).await;
        }
    }

    /// Waits until a stream fails.
    pub(crate) async fn broken(&self) -> Broken {
        self.wait(|state| state.broken.take()).await
    }

    /// The failure of a stream, if there was one.
    #[cfg(unix)]
    pub(crate) fn failure(&self) -> Option<Broken> {
        self.state().broken.take()
    }

    async fn flush(&self, mut writer: Stdout, is_output: bool) {
        // The wait ends when the streams are dropped.
        let gone = self.wait(|state| state.streams.is_none().then_some(()));
        tokio::select! {
            flushed = writer.flush() => if let Err(error) = flushed {
                self.failed(error, is_output);
            },
            () = gone => {}
        }
    }

    async fn wait<T>(&self, mut found: impl FnMut(&mut EndsState) -> Option<T>) -> T {
        loop {
            let mut changed = pin!(self.0.changed.notified());
            changed.as_mut().enable();
            if let Some(found) = found(&mut self.state()) {
                return found;
            }
            changed.await;
        }
    }

    fn failed(&self, error: io::Error, is_output: bool) {
        let mut state = self.state();
        let closed = matches!(
            error.kind(),
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
        );
        if closed && !is_output {
            // The command goes on, as with ssh.
            state.without_errors = true;
        } else if state.streams.is_some() {
            let broken = match closed {
                true => Broken::Closed,
                false => Broken::Failed(tr!("writing output failed"), error),
            };
            state.broken.get_or_insert(broken);
        }
        drop(state);
        self.0.changed.notify_waiters();
    }

    fn state(&self) -> MutexGuard<'_, EndsState> {
        let state = self.0.state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes to one of the streams. Without streams the bytes are dropped.
    fn write(
        &self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        is_output: bool,
    ) -> Poll<io::Result<usize>> {
        let mut state = self.state();
        let useless = state.broken.is_some() || (!is_output && state.without_errors);
        let written = match state.streams.as_mut().filter(|_| !useless) {
            None => Ok(bytes.len()),
            Some(streams) => {
                let stream = match is_output {
                    true => &mut streams.stdout,
                    false => &mut streams.stderr,
                };
                ready!(Pin::new(stream).poll_write(cx, bytes))
            }
        };
        let count = *written.as_ref().unwrap_or(&bytes.len());
        state.under_way = state.under_way.saturating_sub(count);
        drop(state);
        if let Err(error) = written {
            self.failed(error, is_output);
        }
        self.0.changed.notify_waiters();
        Poll::Ready(Ok(count))
    }

    /// The writers of standard output and standard error.
    pub(crate) fn writers(&self) -> [Writer; 2] {
        [true, false].map(|is_output| Writer {
            ends: self.clone(),
            is_output,
        })
    }
}

impl AsyncRead for Ends {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.state();
        let is_over = state.input_over;
        let stdin = state.streams.as_mut().and_then(|s| s.stdin.as_mut());
        let Some(stdin) = stdin.filter(|_| !is_over) else {
            state.reader = Some(cx.waker().clone());
            return Poll::Pending;
        };
        let before = buf.filled().len();
        let read = ready!(Pin::new(stdin).poll_read(cx, buf));
        if read.is_ok() && buf.filled().len() > before {
            return Poll::Ready(Ok(()));
        }
        state.input_over = true;
        state.reader = Some(cx.waker().clone());
        match read {
            Ok(()) => {
                let _ = self.0.asks.send(FilterRequest::InputEnd);
                // If the queue is full, the pump is about to wake anyway.
                let _ = self.0.control.try_send(Control::Filter);
            }
            Err(error) => {
                let broken = Broken::Failed(tr!("reading input failed"), error);
                state.broken.get_or_insert(broken);
                self.0.changed.notify_waiters();
            }
        }
        Poll::Pending
    }
}

impl AsyncWrite for Writer {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.ends.write(cx, bytes, self.is_output)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
