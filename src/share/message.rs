//! The messages between a command and a holder.

use crate::error::Error;
use crate::remote::{RemoteCommand, Signal};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A request to a holder.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum HolderRequest {
    /// Find a session for this command. Standard input, output and error come with the message.
    Run(Box<Run>),
    /// Run the command: the answer to [`Answer::Ready`].
    Go,
    /// Send this signal to the command.
    Signal(Signal),
    /// Answer with [`Answer::Pong`].
    Ping,
    /// Report the sessions and commands.
    Status,
    /// End, at once or after the commands that are running.
    End {
        /// Also end the commands that are running.
        at_once: bool,
    },
}

/// A command with the options of its run.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Run {
    /// The command.
    pub(crate) command: RemoteCommand,
    /// True if it has standard input.
    pub(crate) stdin: bool,
    /// The time to hold the sessions after it; `None` keeps the present time.
    pub(crate) keep: Option<Duration>,
    /// The times that it waits for the start of a session, if none is free.
    pub(crate) waits: Waits,
}

/// The time limits for the start of a session.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Waits {
    /// The wait for the service's limits.
    pub(crate) queue: Duration,
    /// Each step of opening.
    pub(crate) step: Duration,
}

/// An answer of a holder.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// The first message on every connection.
    Hello {
        /// The holder's version of axt.
        version: String,
        /// The holder's process id.
        pid: u32,
    },
    /// No session is free yet. It is repeated while the command waits.
    Wait,
    /// The reason why the start of a session waits, as text for the command's user.
    Say(String),
    /// A session is free. Nothing runs before [`HolderRequest::Go`].
    Ready,
    /// There is no session for the command, for this reason: it may have its own.
    Refused(String),
    /// Something for the command's log.
    Log(String),
    /// The command has ended with this status, and all its output is written.
    Ended(u8),
    /// The command's standard output has no reader.
    OutputClosed,
    /// The command's end is not known, or no session can be started for it.
    Failed {
        /// The failure.
        what: String,
        /// The advice.
        hint: Option<String>,
    },
    /// The answer to [`HolderRequest::Ping`].
    Pong,
    /// The sessions and commands.
    Status(HolderStatus),
    /// The holder is ending.
    Ending,
}

impl Answer {
    /// The answer to a command that ends with this error.
    pub(crate) fn failed(error: &Error) -> Self {
        Self::Failed {
            what: error.to_string(),
            hint: error.hint(),
        }
    }
}

/// The state of a holder.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct HolderStatus {
    /// The instance.
    pub(crate) instance: String,
    /// The user there, if one was named.
    pub(crate) user: Option<String>,
    /// The region.
    pub(crate) region: Option<String>,
    /// Sessions.
    pub(crate) sessions: usize,
    /// Those of them whose connection is broken, and that have no command.
    pub(crate) broken: usize,
    /// Commands that run or wait.
    pub(crate) commands: usize,
    /// The time until it ends; `None` while a command runs.
    pub(crate) left: Option<Duration>,
}
