//! The guest of a session: a program on a terminal, a TCP connection, or an echo.

use super::chunk::Chunker;
use super::failure::SessionFailure;
use super::options::AgentOptions;
use super::spec::SessionSpec;
use super::tcp::{Addresses, TCP_CHUNK};
use bytes::Bytes;
use std::future::{Future, pending};
use std::io;
use std::pin::Pin;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

/// The state of the guest.
pub(super) enum GuestStage {
    /// The key exchange of an encrypted session, which must be done by this time.
    Exchanging(Instant),
    /// The guest starts at this time.
    Waiting(Instant),
    /// The connection to the target is being made.
    Connecting(Connecting),
    /// A program or a connection.
    Open(Box<Open>),
    /// Input is the output.
    Echo,
    /// The target of an old agent has closed: the next message connects again.
    Detached,
    /// The guest has ended, for this reason.
    Over(String),
}

/// A connection that is being made.
pub(super) type Connecting =
    Pin<Box<dyn Future<Output = Result<TcpStream, SessionFailure>> + Send>>;

/// A running guest.
pub(super) struct Open {
    output: BufReader<Box<dyn AsyncRead + Send + Unpin>>,
    input: GuestInput,
    /// The most bytes to read at once.
    max_read: usize,
    /// Cuts the output of a terminal into chunks.
    chunker: Option<Chunker>,
    /// No output is read before this time.
    not_before: Option<Instant>,
    /// The addresses of a connection.
    ends: Option<Addresses>,
    #[cfg(unix)]
    child: Option<tokio::process::Child>,
}

/// The destination of Input.
enum GuestInput {
    #[cfg(unix)]
    Pty(pty_process::OwnedWritePty),
    Tcp(tokio::net::tcp::OwnedWriteHalf),
}

/// An event of the guest.
pub(super) enum GuestEvent {
    /// The key exchange took too long.
    KeyExchangeTimeout,
    /// The delay before the start is over.
    Start,
    /// The connection to the target was made, or failed.
    Connected(Result<TcpStream, SessionFailure>),
    /// This many bytes were read; 0 or an error is the end.
    Read(io::Result<usize>),
    /// This many bytes were written.
    Wrote(io::Result<usize>),
}

impl GuestStage {
    /// The addresses of the connection, if there is one.
    pub(super) fn ends(&self) -> Option<Addresses> {
        match self {
            Self::Open(open) => open.ends,
            _ => None,
        }
    }

    /// Waits for an event: `front` is written to the guest, its output is read into `read`.
    pub(super) async fn event(
        &mut self,
        front: Option<&[u8]>,
        read: Option<&mut [u8]>,
    ) -> GuestEvent {
        match self {
            Self::Exchanging(at) => {
                sleep_until(*at).await;
                GuestEvent::KeyExchangeTimeout
            }
            Self::Waiting(at) => {
                sleep_until(*at).await;
                GuestEvent::Start
            }
            Self::Connecting(connecting) => GuestEvent::Connected(connecting.await),
            Self::Open(open) => open.event(front, read).await,
            Self::Echo | Self::Detached | Self::Over(_) => pending().await,
        }
    }
}

impl Open {
    /// Starts the session's program on a PTY of `size` (rows, columns).
    ///
    /// # Errors
    /// The reason why the program can't start.
    #[cfg(unix)]
    pub(super) fn terminal(
        spec: &SessionSpec,
        options: &AgentOptions,
        size: Option<(u16, u16)>,
    ) -> Result<Self, SessionFailure> {
        let program = super::pty::open(spec, options, size)?;
        let delay = options.output_delay;
        Ok(Self {
            output: BufReader::new(Box::new(program.output)),
            input: GuestInput::Pty(program.input),
            max_read: super::pty::PTY_CHUNK,
            chunker: Some(Chunker::default()),
            not_before: (!delay.is_zero()).then(|| Instant::now() + delay),
            ends: None,
            child: Some(program.child),
        })
    }

    /// Fails: this system has no PTY.
    #[cfg(not(unix))]
    pub fn terminal(
        _: &SessionSpec,
        _: &AgentOptions,
        _: Option<(u16, u16)>,
    ) -> Result<Self, SessionFailure> {
        Err(SessionFailure::new(
            "OpenPtyFailed",
            "no PTY on this system",
        ))
    }

    /// Takes over a connection to a target.
    pub(super) fn tcp(stream: TcpStream) -> Self {
        let ends = stream.local_addr().ok().zip(stream.peer_addr().ok());
        let (output, input) = stream.into_split();
        Self {
            output: BufReader::new(Box::new(output)),
            input: GuestInput::Tcp(input),
            max_read: TCP_CHUNK,
            chunker: None,
            not_before: None,
            ends,
            #[cfg(unix)]
            child: None,
        }
    }

    /// Sets the size (rows, columns) of a terminal.
    pub(super) fn resize(&self, size: (u16, u16)) {
        match (&self.input, size) {
            #[cfg(unix)]
            (GuestInput::Pty(pty), (rows, cols)) => {
                // It fails only if the PTY is about to end.
                let _ = pty.resize(pty_process::Size::new(rows, cols));
            }
            (GuestInput::Tcp(_), _) => {}
        }
    }

    /// The bytes to send after `read`.
    pub(super) fn chunk(&mut self, read: &[u8]) -> Bytes {
        match &mut self.chunker {
            Some(chunker) => chunker.push(read),
            None => Bytes::copy_from_slice(read),
        }
    }

    /// Delays the next read to keep to `bits` per second, as the real agent does.
    pub(super) fn pace(&mut self, bits: Option<u32>) {
        self.not_before = bits.map(|bits| Instant::now() + pause(bits, self.max_read));
    }

    async fn event(&mut self, front: Option<&[u8]>, read: Option<&mut [u8]>) -> GuestEvent {
        let Self {
            output,
            input,
            not_before,
            max_read,
            ..
        } = self;
        let reading = async {
            let Some(buffer) = read else {
                return pending().await;
            };
            if let Some(at) = not_before {
                sleep_until(*at).await;
            }
            let end = buffer.len().min(*max_read);
            output.read(buffer.get_mut(..end).unwrap_or_default()).await
        };
        let writing = async {
            match front {
                Some(bytes) => input.writer().write(bytes).await,
                None => pending().await,
            }
        };
        tokio::select! {
            result = reading => GuestEvent::Read(result),
            result = writing => GuestEvent::Wrote(result),
        }
    }

    /// Closes the terminal or the connection and ends the program.
    pub(super) async fn close(self) {
        #[cfg(unix)]
        if let Some(child) = self.child {
            super::pty::end((self.output, self.input), child).await;
        }
    }
}

impl GuestInput {
    fn writer(&mut self) -> &mut (dyn AsyncWrite + Send + Unpin) {
        match self {
            #[cfg(unix)]
            Self::Pty(pty) => pty,
            Self::Tcp(tcp) => tcp,
        }
    }
}

/// The pause of the real agent after each read to keep to `bits` per second.
fn pause(bits: u32, chunk: usize) -> Duration {
    let chunk = u32::try_from(chunk).unwrap_or(u32::MAX);
    let chunks_per_second = (bits / 8 / chunk).max(1);
    Duration::from_millis(u64::from(1000 / chunks_per_second))
}
