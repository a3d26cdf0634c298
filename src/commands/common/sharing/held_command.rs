//! Runs a command in a session that is held, with streams that are this process's own.

use super::hand_over::{NotHeld, QUIET, ShareRequest, check, hand_over};
use super::reach::PATIENCE;
use crate::error::Error;
use crate::remote::{RemoteCommand, Signal};
use crate::share::{Answer, Conn, HolderRequest};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// A command that runs in a session that is held.
pub(crate) struct HeldCommand {
    conn: Conn,
}

/// Hands a command over with these streams: standard input, if it has one, output and error. Nothing of it
/// has begun after a failure, which says why.
pub(crate) async fn start_command(
    shared: &ShareRequest<'_>,
    command: &RemoteCommand,
    stdin: Option<OwnedFd>,
    [stdout, stderr]: [OwnedFd; 2],
) -> Result<HeldCommand, String> {
    check(shared.session)?;
    let has_stdin = stdin.is_some();
    let stdin = match stdin {
        Some(stdin) => stdin,
        None => {
            let null = std::fs::File::open("/dev/null");
            null.map_err(|error: io::Error| error.to_string())?.into()
        }
    };
    let streams = [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()];
    match hand_over(shared, command, has_stdin, streams).await {
        Ok(conn) => Ok(HeldCommand { conn }),
        Err(NotHeld::Refused(why) | NotHeld::Failed { what: why, .. }) => Err(why),
    }
}

impl HeldCommand {
    /// Waits for the command's status. Each signal that comes is sent to it.
    pub(crate) async fn status(
        mut self,
        signals: &mut mpsc::Receiver<Signal>,
    ) -> Result<u8, Error> {
        let mut asked = false;
        loop {
            let answer = tokio::select! {
                Some(signal) = signals.recv() => {
                    self.ask(&HolderRequest::Signal(signal)).await;
                    continue;
                }
                answer = timeout(QUIET, self.conn.receive::<Answer>()) => answer,
            };
            match answer {
                Ok(Ok(Some(Answer::Ended(status)))) => return Ok(status),
                Ok(Ok(Some(Answer::Failed { what, .. }))) => return Err(Error::Lost(what)),
                Ok(Ok(Some(Answer::Log(line)))) => tracing::info!("{line}"),
                Ok(Ok(Some(Answer::Pong | Answer::Wait))) => asked = false,
                Err(_) if !asked => {
                    asked = true;
                    self.ask(&HolderRequest::Ping).await;
                }
                _ => {
                    let what =
                        tr!("the process that holds the session has ended, or does not answer");
                    return Err(Error::Lost(what.into()));
                }
            }
        }
    }

    /// A fault of the connection shows in the answers.
    async fn ask(&mut self, asked: &HolderRequest) {
        let _ = timeout(PATIENCE, self.conn.send(asked, &[])).await;
    }
}
