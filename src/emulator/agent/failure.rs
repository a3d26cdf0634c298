//! The reasons why sessions end, in the words of each generation of agents.

use super::options::Generation;
use bytes::Bytes;
use std::fmt;

/// The reason why a session failed, with the code of newer agents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionFailure {
    pub(crate) code: &'static str,
    text: String,
}

impl SessionFailure {
    /// A failure with a code and perhaps a text.
    pub(crate) fn new(code: &'static str, text: impl fmt::Display) -> Self {
        Self {
            code,
            text: text.to_string(),
        }
    }
}

impl fmt::Display for SessionFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if self.text.is_empty() {
            return Ok(());
        }
        write!(f, ": {}", self.text)
    }
}

/// The reason of a normal end.
pub(super) fn normal_end(generation: Generation) -> &'static str {
    match generation {
        Generation::Old => "Exit",
        Generation::New | Generation::Newest => "Ok",
    }
}

/// The reason for a failure. Old agents have few codes and no texts.
pub(super) fn failed_end(generation: Generation, failure: &SessionFailure) -> String {
    match (generation, failure.code) {
        (Generation::New | Generation::Newest, _) => failure.to_string(),
        (Generation::Old, "OpenTargetPortFailed") => "Open_port_failed".into(),
        (Generation::Old, "ReopenTargetPortFailed") => "Read_port_failed".into(),
        (Generation::Old, _) => "OpenPtyFailed".into(),
    }
}

/// The reason for an end that the gateway has asked for. Old agents know one code for all time-outs.
pub(super) fn requested_end(generation: Generation, reason: &str) -> String {
    match (generation, reason) {
        (Generation::Old, "IdleTimeout" | "SessionTimeout") => "Timeout".into(),
        (_, reason) => reason.to_owned(),
    }
}

/// The Output by which the newest agents announce an end: `Code: Info`, or the code alone if the
/// agent has nothing to add.
pub(super) fn end_notice(reason: &str) -> Bytes {
    let info = match reason {
        "IdleTimeout" => {
            ": The connection is automatically disconnected because the idle time is too long (exceeds 180 seconds)."
        }
        "SessionTimeout" => ": The maximum allowed time for a session is 10800 seconds.",
        _ => "",
    };
    format!("The session has terminated. {reason}{info}\n").into()
}
