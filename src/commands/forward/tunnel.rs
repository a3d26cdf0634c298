//! A session that carries one local connection, and may be opened before that connection comes.

use super::client_gone::client_gone;
use super::events::Traffic;
use super::starter::Starter;
use crate::commands::common::session::port::PortSession;
use crate::error::{Error, Result};
use crate::protocol::channel::Ending;
use crate::protocol::filter::Stop;
use crate::protocol::readiness::{GRACE, InputFrom};
use crate::pump::{Control, Notice, Outcome};
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

/// The time that a client may go on sending after the session's end, before its connection is reset.
const DRAIN: Duration = Duration::from_secs(2);

/// The time after the opening in which an agent's refusal arrives, unless a lost packet delays it.
const REFUSAL_WINDOW: Duration = Duration::from_millis(300);

/// A running session.
pub(crate) struct Tunnel {
    /// The session's id, where the API has started it.
    pub(crate) session_id: Option<String>,
    /// Resolves when the agent has opened the session; fails when the session ends before.
    pub(crate) opened: oneshot::Receiver<()>,
    /// Cancelled when the session is over, even if its last bytes are not delivered yet.
    pub(crate) over: CancellationToken,
    /// Cancelled at the first output of the remote side.
    spoke: CancellationToken,
    /// Resolves when the client's input has ended and the remote side has been silent since.
    unanswered: oneshot::Receiver<()>,
    /// The moment from which input may be sent, counted from `begun`.
    input_from: InputFrom,
    begun: Instant,
    /// Take the local connection, one for each direction.
    halves: [oneshot::Sender<Arc<TcpStream>>; 2],
    done: JoinHandle<Over>,
}

/// The end of a tunnel.
#[derive(Debug, Default)]
pub(crate) struct Over {
    /// The number of bytes that it carried.
    pub(crate) traffic: Traffic,
    /// The error that ended it early.
    pub(crate) error: Option<Error>,
}

impl Tunnel {
    /// Runs the session; `permit` is dropped when it has been ended.
    #[must_use]
    pub(crate) fn run(
        session: PortSession,
        starter: &Arc<Starter>,
        cut: CancellationToken,
        permit: impl Send + 'static,
    ) -> Self {
        let (read_half, read_from) = oneshot::channel();
        let (write_half, write_to) = oneshot::channel();
        let (open, opened) = oneshot::channel();
        let (silent, unanswered) = oneshot::channel();
        let (over, spoke) = (session.over.clone(), CancellationToken::new());
        let session_id = session.started().session_id().map(str::to_owned);
        let input_from = session.input_from;
        let (at_end, input_ended) = oneshot::channel();
        let mut reader = LocalHalf::new(read_from, CancellationToken::new());
        reader.at_end = Some(at_end);
        let carrying = Carrying {
            starter: starter.clone(),
            cut,
            reader,
            input_ended,
            writer: LocalHalf::new(write_to, spoke.clone()),
        };
        let guard = over.clone().drop_guard();
        let done = tokio::spawn(async move {
            let ended = carrying.carry(session, open, silent).await;
            drop((guard, permit));
            ended
        });
        Self {
            session_id,
            opened,
            over,
            spoke,
            unanswered,
            input_from,
            begun: Instant::now(),
            halves: [read_half, write_half],
            done,
        }
    }

    /// Carries the local connection, and waits until it is over. Calls `unanswered` when the remote side,
    /// which can't be told that the client's input has ended, has been silent since.
    ///
    /// # Errors
    /// The connection and the end of the session, if that ended before it was used.
    pub(crate) async fn carry(
        self,
        stream: TcpStream,
        unanswered: impl FnOnce(),
    ) -> Result<Over, (TcpStream, Over)> {
        let stream = Arc::new(stream);
        let mut done = self.done;
        let [read, write] = self.halves;
        let _ = read.send(stream.clone());
        let _ = write.send(stream.clone());
        // Both directions hold it now, or neither does: they are dropped together.
        match Arc::try_unwrap(stream) {
            Ok(stream) => Err((stream, done.await.unwrap_or_default())),
            Err(shared) => {
                drop(shared);
                let over = tokio::select! {
                    over = &mut done => over,
                    Ok(()) = self.unanswered => {
                        unanswered();
                        done.await
                    }
                };
                Ok(over.unwrap_or_default())
            }
        }
    }

    /// Waits until the remote side has shown that it took the connection, or until it would have shown
    /// that it did not. That the session is open is not enough: an agent opens it before it tries the
    /// port. Returns whether the session is still alive.
    pub(crate) async fn settled(&mut self) -> bool {
        if (&mut self.opened).await.is_err() {
            return false;
        }
        let by = match self.input_from {
            // As the user wants it: as soon as the session is open.
            InputFrom::Start { queued: false } => Instant::now(),
            // Input need not wait, but a refused port would be noticed.
            InputFrom::Start { queued: true } => Instant::now() + REFUSAL_WINDOW,
            InputFrom::Grace | InputFrom::FirstOutput => self.begun + GRACE,
        };
        tokio::select! {
            // Output counts even if the session has ended since.
            biased;
            () = self.spoke.cancelled() => true,
            () = self.over.cancelled() => false,
            () = sleep_until(by) => true,
        }
    }

    /// Gives up a session that has got no connection, and waits for its end.
    pub(crate) async fn ended(self) -> Over {
        drop(self.halves);
        self.done.await.unwrap_or_default()
    }
}

/// The part of a tunnel that runs the session.
struct Carrying {
    starter: Arc<Starter>,
    cut: CancellationToken,
    reader: LocalHalf,
    input_ended: oneshot::Receiver<ClientAddresses>,
    writer: LocalHalf,
}

impl Carrying {
    async fn carry(
        mut self,
        session: PortSession,
        open: oneshot::Sender<()>,
        silent: oneshot::Sender<()>,
    ) -> Over {
        let started = session.started().clone();
        let (mut open, mut silent) = (Some(open), Some(silent));
        let reports_close = self.starter.reports_close.clone();
        let notices = |notice| {
            let told = match notice {
                Notice::Opened => &mut open,
                Notice::NoAnswerYet => &mut silent,
                Notice::ReportsEnd => return reports_close.cancel(),
                _ => return,
            };
            if let Some(told) = told.take() {
                let _ = told.send(());
            }
        };
        let args = self.starter.args();
        let (control, asked) = mpsc::channel(4);
        let ends = (&mut self.reader, &mut self.writer);
        let run = session.run(ends, asked, (&args.ports, &args.session), notices);
        let (outcome, sent) = steered(run, control, self.cut, self.input_ended).await;
        let traffic = Traffic {
            sent,
            received: self.writer.bytes,
        };
        let clean = is_clean(&outcome);
        drop(self.writer);
        if let Some(stream) = self.reader.leave().and_then(Arc::into_inner) {
            close(stream, clean);
        }
        started.end().await;
        Over {
            traffic,
            error: failure(outcome),
        }
    }
}

/// Runs the session, and stops it when it is cut or its client is gone.
async fn steered<T>(
    run: impl Future<Output = T>,
    control: mpsc::Sender<Control>,
    cut: CancellationToken,
    input_ended: oneshot::Receiver<ClientAddresses>,
) -> T {
    let mut run = pin!(run);
    let mut gone = pin!(gone(input_ended));
    let (mut told_cut, mut told_gone) = (false, false);
    loop {
        tokio::select! {
            over = &mut run => return over,
            () = cut.cancelled(), if !told_cut => {
                told_cut = true;
                let _ = control.send(Control::Stop(Stop::Signal(15))).await;
            }
            () = &mut gone, if !told_gone => {
                told_gone = true;
                let _ = control.send(Control::Unread).await;
            }
        }
    }
}

/// Waits until a client that has ended its input stops reading too.
async fn gone(input_ended: oneshot::Receiver<ClientAddresses>) {
    match input_ended.await {
        Ok(Some((client, here))) => client_gone(client, here).await,
        // A socket without a peer has no reader.
        Ok(None) => {}
        Err(_) => pending().await,
    }
}

/// True if the client has got the whole answer.
fn is_clean(outcome: &Outcome) -> bool {
    matches!(
        outcome,
        Outcome::Ended(Ending::Normal) | Outcome::OutputClosed | Outcome::UserLeft
    )
}

/// The error to report, if there is one. A client that goes away is no error.
fn failure(outcome: Outcome) -> Option<Error> {
    match outcome {
        Outcome::Ended(Ending::Failed(Error::Io { source, .. })) if is_gone(&source) => None,
        Outcome::Ended(Ending::Failed(error)) => Some(error),
        Outcome::Stopped(_) => Some(Error::Lost(tr!("axt was stopped").into())),
        _ => None,
    }
}

fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    matches!(
        error.kind(),
        BrokenPipe | ConnectionAborted | ConnectionReset
    )
}

/// Closes the local connection: in order, or with a reset, so that the client does not take a part of the
/// answer for the whole.
pub(crate) fn close(mut stream: TcpStream, clean: bool) {
    if !clean {
        let _ = stream.set_zero_linger();
        return;
    }
    // Unread input would turn the close into a reset, and a reset may throw away what the client has not
    // read yet.
    tokio::spawn(timeout(DRAIN, async move {
        let _ = stream.shutdown().await;
        let mut unread = [0; 4096];
        while let Ok(1..) = stream.read(&mut unread).await {}
    }));
}

/// The addresses of a client and of its connection here; `None` when there is no client any more.
type ClientAddresses = Option<(SocketAddr, SocketAddr)>;

/// One direction of a local connection that may come later.
struct LocalHalf {
    /// Yields the connection; `None` once it has come, or when none will.
    coming: Option<oneshot::Receiver<Arc<TcpStream>>>,
    stream: Option<Arc<TcpStream>>,
    /// Cancelled when the session first reads from the connection or writes to it.
    wanted: CancellationToken,
    /// The number of bytes that were written.
    bytes: u64,
    /// Receives the connection's addresses when its input has ended.
    at_end: Option<oneshot::Sender<ClientAddresses>>,
}

impl LocalHalf {
    fn new(coming: oneshot::Receiver<Arc<TcpStream>>, wanted: CancellationToken) -> Self {
        Self {
            coming: Some(coming),
            stream: None,
            wanted,
            bytes: 0,
            at_end: None,
        }
    }

    /// The connection, even if it came and was never used.
    fn leave(self) -> Option<Arc<TcpStream>> {
        let unseen = || self.coming?.try_recv().ok();
        self.stream.or_else(unseen)
    }

    /// The connection, once it is there; an error when none will come.
    fn poll_stream(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Arc<TcpStream>>> {
        if self.stream.is_none() {
            self.wanted.cancel();
            // The channel fails once and must not be asked again; callers may ask more often.
            let gone = || io::Error::from(io::ErrorKind::ConnectionAborted);
            let coming = self.coming.as_mut().ok_or_else(gone)?;
            let came = ready!(Pin::new(coming).poll(cx));
            self.coming = None;
            self.stream = Some(came.map_err(|_| gone())?);
        }
        let stream = self.stream.clone();
        Poll::Ready(stream.ok_or_else(|| io::ErrorKind::NotConnected.into()))
    }
}

impl AsyncRead for LocalHalf {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let stream = ready!(self.poll_stream(cx))?;
        loop {
            ready!(stream.poll_read_ready(cx))?;
            match stream.try_read(buf.initialize_unfilled()) {
                Ok(count) => {
                    if count == 0
                        && let Some(at_end) = self.at_end.take()
                    {
                        let ends = stream.peer_addr().ok().zip(stream.local_addr().ok());
                        let _ = at_end.send(ends);
                    }
                    buf.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for LocalHalf {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let stream = ready!(self.poll_stream(cx))?;
        loop {
            ready!(stream.poll_write_ready(cx))?;
            match stream.try_write(bytes) {
                Ok(count) => {
                    self.bytes += count as u64;
                    return Poll::Ready(Ok(count));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_that_never_comes_fails_however_often_it_is_asked() {
        let (sender, coming) = oneshot::channel();
        let mut half = LocalHalf::new(coming, CancellationToken::new());
        drop(sender);
        for _ in 0..2 {
            let error = half.write_all(b"early bird").await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
        }
        assert!(half.leave().is_none());
    }
}
