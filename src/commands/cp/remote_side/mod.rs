//! The remote side of a copy: a session in which scripts run one after another.

pub(super) mod done;
#[cfg(unix)]
mod shared_session;

use crate::commands::common::exec::is_no_shell;
use crate::commands::common::session::held::{HeldSession, SessionSettings};
#[cfg(unix)]
use crate::commands::common::sharing;
use crate::copy::Script;
use crate::error::{Error, Result};
use crate::openapi::ecs::StartTerminalSession;
use crate::remote::{RemoteCommand, Signal, What};
use crate::share::{Broken, FilterRequest, SessionMessage, Streams};
use crate::terminal::{Stdin, Stdout};
use done::{Collected, MOST_ERRORS, ScriptResult};
use std::io::{self, Read, Write};

/// The most that is kept of what a script writes; more is an error of its own.
const MOST_SAID: usize = 64 * 1024 * 1024;

/// The session: one that is shared, or one of this process's own.
pub(crate) struct RemoteSide<'a> {
    /// The settings that a session of its own is started with.
    opening: &'a SessionSettings<'a>,
    request: StartTerminalSession,
    held: Option<HeldSession>,
    /// Shared sessions, as long as one can be used.
    #[cfg(unix)]
    shared: Option<sharing::ShareRequest<'a>>,
    /// Nothing is to be compressed.
    uncompressed: bool,
}

impl<'a> RemoteSide<'a> {
    /// A session that is started when the first script is to run.
    pub(crate) fn new(
        opening: &'a SessionSettings<'a>,
        request: StartTerminalSession,
        uncompressed: bool,
    ) -> Self {
        Self {
            opening,
            request,
            held: None,
            #[cfg(unix)]
            shared: None,
            uncompressed,
        }
    }

    /// Uses shared sessions, as long as there are any.
    #[cfg(unix)]
    pub(crate) fn share(&mut self, shared: sharing::ShareRequest<'a>) {
        self.shared = Some(shared);
    }

    /// Runs a script without input. Returns what it says, too.
    pub(crate) async fn ask(&mut self, script: Script) -> Result<(ScriptResult, Vec<u8>)> {
        self.ask_with(script, None::<io::Empty>).await
    }

    /// The same with input.
    pub(crate) async fn ask_with(
        &mut self,
        script: Script,
        input: Option<impl Read + Send + 'static>,
    ) -> Result<(ScriptResult, Vec<u8>)> {
        let said = Collected::new(MOST_SAID);
        let done = self.run(script, input, said.clone()).await?;
        Ok((done, said.take()))
    }

    /// Runs a script with this input, and lets it write there.
    ///
    /// # Errors
    /// The failure that ended the session.
    pub(crate) async fn run(
        &mut self,
        script: Script,
        input: Option<impl Read + Send + 'static>,
        output: impl Write + Send + 'static,
    ) -> Result<ScriptResult> {
        let command = RemoteCommand {
            what: What::Line(script.finish()),
            shell: Some(b"sh".to_vec()),
            uncompressed: self.uncompressed,
            ..RemoteCommand::default()
        };
        #[cfg(unix)]
        let (input, output) = match self.shared.as_ref() {
            None => (input, output),
            Some(shared) => match shared_session::run(shared, &command, input, output).await {
                Ok(done) => return done,
                Err((why, input, output)) => {
                    tracing::info!("no shared session ({why}): this copy has its own");
                    self.shared = None;
                    (input, output)
                }
            },
        };
        let held = match &mut self.held {
            Some(held) => held,
            None => {
                let opened = HeldSession::open(self.opening, self.request.clone(), ()).await;
                self.held.insert(opened.map_err(plainly)?)
            }
        };
        run(held, command, input, output).await
    }
}

/// Runs a command in a session of this process's own.
async fn run(
    held: &mut HeldSession,
    command: RemoteCommand,
    input: Option<impl Read + Send + 'static>,
    output: impl Write + Send + 'static,
) -> Result<ScriptResult> {
    let io = |source| Error::Io {
        what: tr!("a thread can't be started"),
        source,
    };
    let has_input = input.is_some();
    let stdin = input.map(Stdin::new).transpose().map_err(io)?;
    let errors = Collected::new(MOST_ERRORS);
    let streams = Streams::own(stdin, Stdout::new(output), Stdout::new(errors.clone()));
    held.ends.begin(streams);
    held.ask(FilterRequest::Start(command, has_input));
    let (status, local) = until_ended(held).await?;
    held.ends.delivered().await;
    // What could not be written shows at the latest now.
    let local = match local {
        None => failed_in_the_end(held).await,
        local => local,
    };
    held.ends.end();
    while !matches!(next(held).await?, SessionMessage::Free) {}
    let errors = String::from_utf8_lossy(&errors.take()).into_owned();
    Ok(ScriptResult {
        status,
        errors,
        local,
    })
}

/// Waits for the command's end. If this side can't read or write, the command is hung up.
async fn until_ended(held: &mut HeldSession) -> Result<(u8, Option<io::Error>)> {
    let mut local = None;
    loop {
        let ends = held.ends.clone();
        let said = tokio::select! {
            broken = ends.broken(), if local.is_none() => {
                local = Some(local_error(broken));
                held.ask(FilterRequest::Signal(Signal::Hup));
                continue;
            }
            said = next(held) => said?,
        };
        match said {
            SessionMessage::Ended(status) => return Ok((status, local)),
            SessionMessage::Note(note) => tracing::info!("{note}"),
            _ => {}
        }
    }
}

async fn failed_in_the_end(held: &HeldSession) -> Option<io::Error> {
    tokio::select! {
        biased;
        broken = held.ends.broken() => Some(local_error(broken)),
        () = std::future::ready(()) => None,
    }
}

async fn next(held: &mut HeldSession) -> Result<SessionMessage> {
    match held.next().await {
        SessionMessage::Over(error) => Err(plainly(error)),
        said => Ok(said),
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
        Error::Ended { code, .. } if is_no_shell(&code) => Error::Remote(tr!(
            "there is no POSIX shell ({code}): files can't be copied to or from Windows yet",
            code
        )),
        other => other,
    }
}
