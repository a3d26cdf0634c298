//! The texts of errors. Text from others is quoted as one bounded line.

use super::{ApiError, Error, Stop};
use crate::hints;
use crate::printable::{escaped, line};
use std::fmt;
use std::time::Duration;

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signal(number) => f.write_str(&tr!("signal {number} ended axt", number)),
            Self::Timeout => f.write_str(tr!("the time limit has passed")),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&message(self))
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (code, message) = (line(&self.code), line(&self.message));
        let origin = origin(self.status, self.request_id.as_deref());
        write!(f, "{}: {code}: {message}{origin}", self.action)
    }
}

fn message(error: &Error) -> String {
    match error {
        Error::Usage(problem) | Error::Target { problem, .. } => problem.clone(),
        Error::Shared { problem, .. } => problem.clone(),
        Error::Config { path, problem } => {
            tr!("{what}: {why}", what = path.display(), why = problem)
        }
        Error::Credentials { problem, .. } => {
            let problem = escaped(problem);
            tr!("no usable credentials: {problem}", problem)
        }
        Error::NoRegion => tr!("no region given").into(),
        Error::NoRegionNorCredentials { problem, .. } => {
            let problem = escaped(problem);
            tr!(
                "no region given, and no usable credentials: {problem}",
                problem
            )
        }
        Error::Api(error) => error.to_string(),
        Error::Connect { to, cause, .. } => {
            tr!("can't connect to {to}: {cause}", to, cause = line(cause))
        }
        Error::Queue { wait, limit } => tr!(
            "the wait for this session would be {wait:.1?}, longer than --queue-timeout {limit:?}, as others are started before it",
            wait,
            limit
        ),
        Error::Timeout { what, limit } => too_long(what, *limit),
        Error::AgentTimeout { what, limit } => too_long(what, *limit),
        Error::Stopped(stop) => stop.to_string(),
        Error::Refused {
            status,
            detail,
            resuming,
        } => {
            let refused = match resuming {
                true => tr!("the session could not be resumed"),
                false => tr!("the gateway refused the session"),
            };
            let given = format!("HTTP {status}{}", after_colon(detail));
            tr!("{what}: {why}", what = refused, why = given)
        }
        Error::Protocol(what) => tr!("protocol error: {what}", what = line(what)),
        Error::Ended { code, detail } => ended(code, detail),
        Error::Remote(what) => tr!("on the instance: {what}", what = line(what)),
        Error::Lost(why) => tr!("the connection was lost: {why}", why = line(why)),
        Error::EarlyInput => {
            tr!("no answer came to the input that was sent early: the agent may have dropped it")
                .into()
        }
        Error::Unsent(bytes) => tr!(
            "the remote side has closed the connection: at least {bytes} bytes of the input did not reach it",
            bytes
        ),
        Error::InputCut {
            error,
            unsent,
            unacknowledged: Some(unacknowledged),
        } => tr!(
            "{error}; at least {unsent} bytes of the input were not sent, and {unacknowledged} bytes that were sent may not have arrived",
            error,
            unsent,
            unacknowledged
        ),
        Error::InputCut {
            error,
            unsent,
            unacknowledged: None,
        } => tr!(
            "{error}; at least {unsent} bytes of the input were not sent, and it is not known how much of the rest has arrived",
            error,
            unsent
        ),
        Error::AfterStop { span, error } => {
            tr!("{error} (axt had been stopped for {span:?})", error, span)
        }
        Error::Silence(span) => tr!(
            "the remote side sent nothing for {span:?} after the input had ended: its answer may be incomplete",
            span
        ),
        Error::Io { what, source } => tr!("{what}: {why}", what, why = source),
    }
}

/// The message for an ended session: the meaning of its code, the code, and what followed it.
fn ended(code: &str, detail: &str) -> String {
    let given = match (code, detail) {
        ("", detail) => line(detail),
        (code, "") => line(code),
        (code, detail) => line(&format!("{code}: {detail}")),
    };
    match hints::close_meaning(code, detail) {
        // Such a meaning is a sentence, in both languages.
        Some(meaning) if meaning.0.starts_with("the session ") => {
            tr!("{what} ({more})", what = meaning.text(), more = given)
        }
        Some(meaning) => {
            let meaning = meaning.text();
            tr!("the session ended: {meaning} ({given})", meaning, given)
        }
        None if given.is_empty() => tr!("the session ended: no reason was given").into(),
        None => tr!("the session ended: {given}", given),
    }
}

fn too_long(what: &str, limit: Duration) -> String {
    tr!("{what} took longer than {limit:?}", what, limit)
}

fn after_colon(detail: &str) -> String {
    match line(detail) {
        detail if detail.is_empty() => detail,
        detail => format!(": {detail}"),
    }
}

/// HTTP status and request id of an error reply; empty if no request was sent.
fn origin(status: u16, request_id: Option<&str>) -> String {
    match (status, request_id) {
        (0, _) => String::new(),
        (status, None) => tr!(" (HTTP {status})", status),
        (status, Some(id)) => tr!(" (HTTP {status}, request {id})", status, id = line(id)),
    }
}
