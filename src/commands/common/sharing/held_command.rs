//! Runs a command in a session that is held, with streams that are this process's own.

use super::command_conn::CommandConn;
use super::hand_over::{NotHeld, ShareRequest, check, hand_over};
use super::reach::invalid;
use crate::error::Error;
use crate::remote::{RemoteCommand, Signal};
use crate::share::{Answer, HolderRequest};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use tokio::sync::mpsc;

/// A command that runs in a session that is held.
pub(crate) struct HeldCommand {
    conn: CommandConn,
}

/// Hands a command over with these streams: standard input, if it has one, output and error. Nothing of it
/// has begun after a failure, which says why.
pub(crate) async fn start_command(
    shared: &ShareRequest<'_>,
    command: &RemoteCommand,
    stdin: Option<OwnedFd>,
    [stdout, stderr]: [OwnedFd; 2],
) -> Result<HeldCommand, NotHeld> {
    check(shared.session).map_err(str::to_owned)?;
    let has_stdin = stdin.is_some();
    let stdin = match stdin {
        Some(stdin) => stdin,
        None => {
            let null = std::fs::File::open("/dev/null");
            let null = null.map_err(|error: io::Error| error.to_string())?;
            null.into()
        }
    };
    let streams = [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()];
    let conn = hand_over(shared, command, has_stdin, streams).await?;
    Ok(HeldCommand {
        conn: CommandConn::new(conn),
    })
}

impl HeldCommand {
    /// Waits for the command's status. Each signal that comes is sent to it.
    pub(crate) async fn status(
        mut self,
        signals: &mut mpsc::Receiver<Signal>,
    ) -> Result<u8, Error> {
        loop {
            let answer = tokio::select! {
                Some(signal) = signals.recv() => {
                    self.conn.send(&HolderRequest::Signal(signal)).await;
                    continue;
                }
                answer = self.conn.next() => answer,
            };
            let why = match answer {
                Ok(Answer::Ended(status)) => return Ok(status),
                Ok(Answer::Failed { what, .. }) => what,
                Ok(_) => invalid(),
                Err(why) => why.into(),
            };
            return Err(Error::Lost(why));
        }
    }
}
