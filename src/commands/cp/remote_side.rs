//! The remote side of a copy: a session in which texts run one after another.

use crate::commands::exec::is_no_shell;
use crate::commands::shared::session::held::{Held, Opening};
use crate::copy::Script;
use crate::error::{Error, Result};
use crate::openapi::ecs::StartTerminalSession;
use crate::remote::{Command, Signal, What};
use crate::share::{Ask, Broken, Said, Streams};
use crate::terminal::{Stdin, Stdout};
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// The most that is kept of what a text says; more is an error of its own.
const MOST_SAID: usize = 64 * 1024 * 1024;

/// The most that is kept of its standard error.
const MOST_ERRORS: usize = 16 * 1024;

/// The session.
pub(super) struct RemoteSide {
    held: Held,
    /// Nothing is to be compressed.
    uncompressed: bool,
}

/// How a text ended.
#[derive(Debug)]
pub(super) struct Done {
    /// Its exit status.
    pub(super) status: u8,
    /// What it wrote to standard error.
    pub(super) errors: String,
    /// Why this side could not read or write what was copied.
    pub(super) local: Option<io::Error>,
}

impl RemoteSide {
    /// Starts the session.
    ///
    /// # Errors
    /// Whatever starting a session fails with.
    pub(super) async fn open(
        opening: &Opening<'_>,
        request: StartTerminalSession,
        uncompressed: bool,
    ) -> Result<Self> {
        let held = Held::open(opening, request, ()).await.map_err(plainly)?;
        Ok(Self { held, uncompressed })
    }

    /// Runs a text without input. Returns what it says, too.
    pub(super) async fn ask(&mut self, script: Script) -> Result<(Done, Vec<u8>)> {
        self.ask_with(script, None::<io::Empty>).await
    }

    /// The same with input.
    pub(super) async fn ask_with(
        &mut self,
        script: Script,
        input: Option<impl Read + Send + 'static>,
    ) -> Result<(Done, Vec<u8>)> {
        let said = Collected::new(MOST_SAID);
        let done = self.run(script, input, said.clone()).await?;
        Ok((done, said.take()))
    }

    /// Runs a text with this input, and lets it write there.
    ///
    /// # Errors
    /// Whatever ends the session.
    pub(super) async fn run(
        &mut self,
        script: Script,
        input: Option<impl Read + Send + 'static>,
        output: impl Write + Send + 'static,
    ) -> Result<Done> {
        let io = |source| Error::Io {
            what: "a thread can't be started",
            source,
        };
        let has_input = input.is_some();
        let stdin = input.map(Stdin::new).transpose().map_err(io)?;
        let errors = Collected::new(MOST_ERRORS);
        let streams = Streams::own(stdin, Stdout::new(output), Stdout::new(errors.clone()));
        self.held.ends.begin(streams);
        let command = Command {
            what: What::Line(script.finish()),
            shell: Some(b"sh".to_vec()),
            uncompressed: self.uncompressed,
            ..Command::default()
        };
        self.held.ask(Ask::Start(command, has_input));
        let (status, local) = self.until_ended().await?;
        self.held.ends.delivered().await;
        // What could not be written shows at the latest now.
        let local = match local {
            None => self.failed_in_the_end().await,
            local => local,
        };
        self.held.ends.end();
        while !matches!(self.next().await?, Said::Free) {}
        let errors = String::from_utf8_lossy(&errors.take()).into_owned();
        Ok(Done {
            status,
            errors,
            local,
        })
    }

    /// Waits for the text's end. If this side can't read or write, the text is hung up.
    async fn until_ended(&mut self) -> Result<(u8, Option<io::Error>)> {
        let mut local = None;
        loop {
            let ends = self.held.ends.clone();
            let said = tokio::select! {
                broken = ends.broken(), if local.is_none() => {
                    local = Some(local_error(broken));
                    self.held.ask(Ask::Signal(Signal::Hup));
                    continue;
                }
                said = self.next() => said?,
            };
            match said {
                Said::Ended(status) => return Ok((status, local)),
                Said::Note(note) => tracing::info!("{note}"),
                _ => {}
            }
        }
    }

    async fn failed_in_the_end(&mut self) -> Option<io::Error> {
        let ends = self.held.ends.clone();
        tokio::select! {
            biased;
            broken = ends.broken() => Some(local_error(broken)),
            () = std::future::ready(()) => None,
        }
    }

    async fn next(&mut self) -> Result<Said> {
        match self.held.next().await {
            Said::Over(error) => Err(plainly(error)),
            said => Ok(said),
        }
    }
}

fn local_error(broken: Broken) -> io::Error {
    match broken {
        Broken::Closed => io::ErrorKind::BrokenPipe.into(),
        Broken::Failed(_, error) => error,
    }
}

/// The same error, said of copies.
fn plainly(error: Error) -> Error {
    match error {
        Error::Ended { code, .. } if is_no_shell(&code) => Error::Remote(format!(
            "there is no POSIX shell ({code}): files can't be copied to or from Windows yet"
        )),
        other => other,
    }
}

/// Keeps what is written, up to a limit.
#[derive(Clone)]
struct Collected {
    bytes: Arc<Mutex<Vec<u8>>>,
    most: usize,
}

impl Collected {
    fn new(most: usize) -> Self {
        let bytes = Arc::default();
        Self { bytes, most }
    }

    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.bytes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Collected {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut kept = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let room = self.most.saturating_sub(kept.len());
        kept.extend_from_slice(bytes.get(..room.min(bytes.len())).unwrap_or_default());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
