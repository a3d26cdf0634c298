//! The interface between a client and its caller, besides the bytes: choices, signals, events.

use super::codec::LONGEST_FRAME;
use bytes::BytesMut;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// The options of one runner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunnerOptions {
    /// Compress where it pays.
    pub compress: bool,
    /// Another command may follow the first.
    pub several: bool,
}

/// A signal for the command's process group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "their names are their meaning")]
pub enum Signal {
    Hup,
    Int,
    Quit,
    Term,
    Kill,
}

impl Signal {
    /// Its number on every system.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Hup => 1,
            Self::Int => 2,
            Self::Quit => 3,
            Self::Kill => 9,
            Self::Term => 15,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Hup => "HUP",
            Self::Int => "INT",
            Self::Quit => "QUIT",
            Self::Term => "TERM",
            Self::Kill => "KILL",
        }
    }
}

/// The output of the client.
#[derive(Debug, Default)]
pub struct Yield {
    /// Bytes for the remote side.
    pub remote: BytesMut,
    /// Bytes of the command's standard output.
    pub stdout: BytesMut,
    /// Bytes of the command's standard error.
    pub stderr: BytesMut,
    /// Events, oldest first.
    pub events: VecDeque<RunnerEvent>,
}

/// An event of a runner or its command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunnerEvent {
    /// The runner has started.
    Ready,
    /// Something that a user may want to know.
    Note(Note),
    /// The command is over: its status. Nothing more of its streams will come. Of a runner that takes
    /// several commands, [`RunnerEvent::Idle`] or [`RunnerEvent::Failed`] follows.
    Ended(u8),
    /// The runner can take another command.
    Idle,
    /// The runner has failed; nothing follows.
    Failed(Failure),
}

/// Something that a user may want to know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Note {
    /// No tool that starts a session was found.
    #[error(
        "{}",
        tr!(
            "setsid, perl and python3 are missing on the instance: the command keeps its terminal, and signals reach one process only"
        )
    )]
    NoOwnSession,
    /// Compression was wanted and is not possible.
    #[error("{}", tr!("gzip is missing on the instance: nothing is compressed"))]
    NoGzip,
    /// The user's shell from the user database.
    #[error("{}", tr!("the user's shell {shell:?} runs no commands: /bin/sh is used", shell = .0))]
    UnusableShell(String),
    /// Variables that the login shell does not get.
    #[error(
        "{}",
        tr!(
            "not in the shell's environment, as there was no room or they have special characters: {names}",
            names = .0
        )
    )]
    LeftOut(String),
    /// Something else writes to the terminal.
    #[error("{}", tr!("something else wrote to the session's terminal; that was left out"))]
    Noise,
}

/// The reason why a runner failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// A tool is missing.
    #[error("{}", tr!("{tool} is missing on the instance, and commands need it", tool = .0))]
    Missing(&'static str),
    /// The session ended before the runner was ready; what was said until then, perhaps nothing.
    #[error("{}", tr!("no POSIX shell answered; the output was: {output}", output = or_nothing(.0)))]
    NoShell(String),
    /// A line was lost, doubled or damaged.
    #[error(
        "{}",
        tr!(
            "the command's output arrived damaged ({damage}); the output printed before is correct",
            damage = .0
        )
    )]
    Damaged(&'static str),
    /// The status is lost.
    #[error(
        "{}",
        tr!("the process that waits for the command was killed: its status is not known")
    )]
    NoStatus,
    /// A process that an earlier command left behind has that one's standard input and does not read it.
    #[error(
        "{}",
        tr!("a process that an earlier command left running holds that command's standard input")
    )]
    InputHeld,
    /// A process of the runner was killed, or its input was cut.
    #[error("{}", tr!("a process between axt and the command was killed, or could not be started"))]
    Disturbed,
    /// The session ended while a command ran.
    #[error("{}", tr!("the session ended before the command did"))]
    Cut,
    /// The command is too long.
    #[error("{}", tr!("the command is longer than {longest} bytes", longest = LONGEST_FRAME))]
    TooLong,
}

fn or_nothing(said: &str) -> &str {
    match said {
        "" => "nothing",
        said => said,
    }
}
