//! What a command and a holder say to each other.

use crate::remote::{Command, Signal};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What a command, or whoever connects, asks of a holder.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Asked {
    /// To find a session for this. Standard input, output and error come with it.
    Run(Box<Run>),
    /// To run it: the answer to [`Answer::Ready`].
    Go,
    /// To send this to the command.
    Signal(Signal),
    /// To show that it is there.
    Ping,
    /// What it holds.
    Status,
    /// To end, at once or after the commands that run.
    End {
        /// Commands that run are ended too.
        at_once: bool,
    },
}

/// A command, and how it is to run.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Run {
    /// The command.
    pub(crate) command: Command,
    /// It has standard input.
    pub(crate) stdin: bool,
    /// How long to hold the sessions after it; `None` for as long as was asked for before.
    pub(crate) keep: Option<Duration>,
}

/// What a holder answers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// Comes first on every connection.
    Hello {
        /// Its version of axt.
        version: String,
        /// Its process.
        pid: u32,
    },
    /// There is no session free yet. Comes again and again.
    Wait,
    /// A session is free. Nothing runs before [`Asked::Go`].
    Ready,
    /// The command won't be run: why.
    Refused(String),
    /// Something for the command's log.
    Log(String),
    /// The command's status; all that it wrote is written.
    Ended(u8),
    /// The command's standard output has no reader.
    OutputClosed,
    /// The command's end is not known.
    Failed {
        /// What failed.
        what: String,
        /// What can be done about it.
        hint: Option<String>,
    },
    /// It is there.
    Pong,
    /// What it holds.
    Status(Status),
    /// It ends.
    Ending,
}

/// What a holder holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Status {
    /// The instance.
    pub(crate) instance: String,
    /// The user there, if one was named.
    pub(crate) user: Option<String>,
    /// The region.
    pub(crate) region: Option<String>,
    /// Sessions.
    pub(crate) sessions: usize,
    /// Commands that run or wait.
    pub(crate) commands: usize,
    /// How long it will still be there; `None` while a command runs.
    pub(crate) left: Option<Duration>,
}
