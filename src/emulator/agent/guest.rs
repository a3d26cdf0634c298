//! What stands behind a session: a program's terminal, a connection, an echo, or nothing any more.

use super::chunk::Chunker;
use super::failure::Failure;
use super::options::AgentOptions;
use super::spec::SessionSpec;
use super::tcp::TCP_CHUNK;
use bytes::Bytes;
use std::future::{Future, pending};
use std::io;
use std::pin::Pin;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

/// How far the guest is.
pub enum Stage {
    /// The keys of an encrypted session are being exchanged, until that time at most.
    Exchanging(Instant),
    /// Starts at that time.
    Waiting(Instant),
    /// On the way to the target.
    Connecting(Connecting),
    /// A program or a connection.
    Open(Box<Open>),
    /// Input is the output.
    Echo,
    /// An old agent whose target has closed: the next Input connects anew.
    Detached,
    /// Nothing more comes; the reason is told when all Output is sent.
    Over(String),
}

/// A connection that is being made.
pub type Connecting = Pin<Box<dyn Future<Output = Result<TcpStream, Failure>> + Send>>;

/// A guest that runs.
pub struct Open {
    output: BufReader<Box<dyn AsyncRead + Send + Unpin>>,
    input: Input,
    /// Bytes read at once, at most.
    max_read: usize,
    /// Cuts the output of a terminal.
    chunker: Option<Chunker>,
    /// No output is read before.
    not_before: Option<Instant>,
    #[cfg(unix)]
    child: Option<tokio::process::Child>,
}

/// Where Input goes.
enum Input {
    #[cfg(unix)]
    Pty(pty_process::OwnedWritePty),
    Tcp(tokio::net::tcp::OwnedWriteHalf),
}

/// What the guest did.
pub enum Event {
    /// The key exchange has taken too long.
    Late,
    /// The time to start has come.
    Start,
    /// The target was reached, or not.
    Connected(Result<TcpStream, Failure>),
    /// So many bytes came; 0 or an error is the end.
    Read(io::Result<usize>),
    /// So many bytes were taken.
    Wrote(io::Result<usize>),
}

impl Stage {
    /// Waits for the guest: `front` is offered to it, its output comes into `read`.
    pub async fn event(&mut self, front: Option<&[u8]>, read: Option<&mut [u8]>) -> Event {
        match self {
            Self::Exchanging(at) => {
                sleep_until(*at).await;
                Event::Late
            }
            Self::Waiting(at) => {
                sleep_until(*at).await;
                Event::Start
            }
            Self::Connecting(connecting) => Event::Connected(connecting.await),
            Self::Open(open) => open.event(front, read).await,
            Self::Echo | Self::Detached | Self::Over(_) => pending().await,
        }
    }
}

impl Open {
    /// Starts the session's program on a PTY of `size` (rows, columns).
    ///
    /// # Errors
    /// What stood in the way.
    #[cfg(unix)]
    pub fn terminal(
        spec: &SessionSpec,
        options: &AgentOptions,
        size: Option<(u16, u16)>,
    ) -> Result<Self, Failure> {
        let program = super::pty::open(spec, options, size)?;
        let delay = options.output_delay;
        Ok(Self {
            output: BufReader::new(Box::new(program.output)),
            input: Input::Pty(program.input),
            max_read: super::pty::PTY_CHUNK,
            chunker: Some(Chunker::default()),
            not_before: (!delay.is_zero()).then(|| Instant::now() + delay),
            child: Some(program.child),
        })
    }

    /// There is no terminal to be had here.
    ///
    /// # Errors
    /// Always.
    #[cfg(not(unix))]
    pub fn terminal(
        _: &SessionSpec,
        _: &AgentOptions,
        _: Option<(u16, u16)>,
    ) -> Result<Self, Failure> {
        Err(Failure::new("OpenPtyFailed", "no PTY on this system"))
    }

    /// Takes over a connection to a target.
    pub fn tcp(stream: TcpStream) -> Self {
        let (output, input) = stream.into_split();
        Self {
            output: BufReader::new(Box::new(output)),
            input: Input::Tcp(input),
            max_read: TCP_CHUNK,
            chunker: None,
            not_before: None,
            #[cfg(unix)]
            child: None,
        }
    }

    /// Tells a terminal its new size (rows, columns); a connection has none.
    pub fn resize(&self, size: (u16, u16)) {
        match (&self.input, size) {
            #[cfg(unix)]
            (Input::Pty(pty), (rows, cols)) => {
                // It fails only on a PTY that is about to end.
                let _ = pty.resize(pty_process::Size::new(rows, cols));
            }
            (Input::Tcp(_), _) => {}
        }
    }

    /// What of the bytes `read` goes out now.
    pub fn chunk(&mut self, read: &[u8]) -> Bytes {
        match &mut self.chunker {
            Some(chunker) => chunker.push(read),
            None => Bytes::copy_from_slice(read),
        }
    }

    /// Holds the next read back to keep to `bits` per second, as the real agent does.
    pub fn pace(&mut self, bits: Option<u32>) {
        self.not_before = bits.map(|bits| Instant::now() + pause(bits, self.max_read));
    }

    async fn event(&mut self, front: Option<&[u8]>, read: Option<&mut [u8]>) -> Event {
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
            result = reading => Event::Read(result),
            result = writing => Event::Wrote(result),
        }
    }

    /// Closes both ends, then waits until nothing runs any more.
    pub async fn close(self) {
        drop((self.output, self.input));
        #[cfg(unix)]
        if let Some(child) = self.child {
            super::pty::hang_up(child).await;
        }
    }
}

impl Input {
    fn writer(&mut self) -> &mut (dyn AsyncWrite + Send + Unpin) {
        match self {
            #[cfg(unix)]
            Self::Pty(pty) => pty,
            Self::Tcp(tcp) => tcp,
        }
    }
}

/// How long the real agent pauses after each read to keep to `bits` per second.
fn pause(bits: u32, chunk: usize) -> Duration {
    let chunk = u32::try_from(chunk).unwrap_or(u32::MAX);
    let chunks_per_second = (bits / 8 / chunk).max(1);
    Duration::from_millis(u64::from(1000 / chunks_per_second))
}
