//! The errors of axt: each has a message, and a hint where there is one. Text from others is quoted as one
//! bounded line.

mod text;

use crate::hints;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// A result of axt's own layers.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A reason to end a run from the user's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// axt got this signal (1 SIGHUP, 2 SIGINT, 3 SIGQUIT, 15 SIGTERM).
    Signal(u8),
    /// The time limit of the command has passed.
    Timeout,
}

/// A failure of axt itself. No variant ever holds a secret, a WebSocket URL or typed bytes.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line or an environment variable is wrong.
    Usage(String),
    /// A configuration file can't be read or makes no sense.
    Config {
        /// The file.
        path: PathBuf,
        /// The problem.
        problem: String,
    },
    /// No credentials were found, or those found can't be used.
    Credentials {
        /// The source and its problem.
        problem: String,
        /// The advice.
        remedy: String,
    },
    /// No region was given anywhere.
    NoRegion,
    /// Neither a region nor credentials were given: one message names both, so that the user sets both.
    NoRegionNorCredentials {
        /// The problem.
        problem: String,
        /// The advice.
        remedy: String,
    },
    /// A target is no instance, or not exactly one, or one that can't take a session.
    Target {
        /// The problem; a list of instances has lines of its own, without control characters.
        problem: String,
        /// The advice.
        remedy: String,
    },
    /// The service answered with an error.
    Api(Box<ApiError>),
    /// A connection could not be made.
    Connect {
        /// Host and port, or the proxy's.
        to: String,
        /// The text of the system or the peer.
        cause: String,
        /// The kind of the cause.
        obstacle: Obstacle,
    },
    /// It would be too long until the session may be started.
    Queue {
        /// The wait that there would be.
        wait: Duration,
        /// The longest wait that was allowed.
        limit: Duration,
    },
    /// Something took longer than it may.
    Timeout {
        /// The thing that was awaited, as a noun: `the connection to 10.0.0.1:443`.
        what: String,
        /// The limit that was passed.
        limit: Duration,
    },
    /// The agent did not answer in time.
    AgentTimeout {
        /// The thing that was awaited, as a noun: `the answer of the agent`.
        what: &'static str,
        /// The limit that was passed.
        limit: Duration,
    },
    /// A signal or the time limit ended the run: the exit status alone tells it.
    Stopped(#[from] Stop),
    /// The gateway refused the WebSocket.
    Refused {
        /// The HTTP status of the answer.
        status: u16,
        /// The beginning of the body, if it is text.
        detail: String,
        /// The session was to be resumed.
        resuming: bool,
    },
    /// The gateway or the agent broke the protocol.
    Protocol(String),
    /// The remote side or the service ended the session, and not normally.
    Ended {
        /// The service's reason code, such as `FlowExceedLimit`.
        code: String,
        /// The text after the code.
        detail: String,
    },
    /// The remote side can't do what was asked of it.
    Remote(String),
    /// A command in a shared session failed, as the process that holds the session reports it.
    Shared {
        /// The failure.
        problem: String,
        /// The advice.
        remedy: Option<String>,
    },
    /// The connection broke and the session could not be resumed.
    Lost(String),
    /// Input was sent before the agent was known to take it, and nothing came back.
    EarlyInput,
    /// The remote side closed while this many bytes of the input were still to be sent.
    Unsent(usize),
    /// A port's session failed, and a part of the input may not have reached the remote side.
    InputCut {
        /// The error that ended the session.
        error: Box<Error>,
        /// Bytes that were not sent.
        unsent: usize,
        /// Bytes that were sent and not acknowledged; `None` where the agent acknowledges nothing.
        unacknowledged: Option<usize>,
    },
    /// The session was lost while this process was stopped.
    AfterStop {
        /// For how long.
        span: Duration,
        /// The error that ended the session.
        error: Box<Error>,
    },
    /// After the end of the input the remote side sent nothing for this long, and axt ended the session.
    Silence(Duration),
    /// Reading or writing on the user's side failed.
    Io {
        /// The action that failed.
        what: &'static str,
        /// The system's error.
        source: io::Error,
    },
}

/// The reason why a connection could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// Something that may be gone at the next attempt.
    Passing,
    /// Something that stays until somebody changes it: a certificate, a proxy's refusal.
    Lasting,
    /// The limit of open files, this process's or the system's.
    OpenFiles,
}

/// An error reply of the API.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ApiError {
    /// The action that was called, such as `StartTerminalSession`.
    pub action: String,
    /// The service's code, such as `InvalidInstance.NotFound`. Dispatch on this, not on `status`.
    pub code: String,
    /// The service's message; AccessKey ids in it are shortened.
    pub message: String,
    /// The service's request id, where it gave one.
    pub request_id: Option<String>,
    /// The HTTP status of the reply; 0 when the check was made before the call.
    pub status: u16,
    /// The time that the service asks to wait before the next attempt.
    pub retry_after: Option<Duration>,
}

impl ApiError {
    /// axt's own code for a reply that is not the API's: a proxy's page, something that is not JSON.
    pub const UNEXPECTED: &str = "UnexpectedReply";

    /// Such a reply to `action`, which came with this HTTP status.
    #[must_use]
    pub fn unexpected(action: &str, status: u16, message: impl Into<String>) -> Self {
        Self {
            action: action.to_owned(),
            code: Self::UNEXPECTED.to_owned(),
            message: message.into(),
            request_id: None,
            status,
            retry_after: None,
        }
    }

    /// True if the API was called too often. The codes are `Throttling` and those that begin so.
    #[must_use]
    pub fn is_throttling(&self) -> bool {
        let code = self.code.as_str();
        code == "Throttling" || code.starts_with("Throttling.") || self.status == 429
    }

    /// True if the service refuses the credentials that the call was signed with: others may be accepted.
    #[must_use]
    pub fn refuses_credentials(&self) -> bool {
        let code = self.code.as_str();
        ["InvalidAccessKeyId", "InvalidSecurityToken"]
            .iter()
            .any(|refusal| code.starts_with(refusal))
    }

    /// True if the call may succeed a little later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        let code = self.code.as_str();
        self.is_throttling()
            || (500..600).contains(&self.status)
            || matches!(code, "IdempotentProcessing" | "ServiceUnavailable")
            || code.starts_with("InternalError")
    }
}

impl From<ApiError> for Error {
    fn from(error: ApiError) -> Self {
        Self::Api(Box::new(error))
    }
}

impl Error {
    /// A name for programs: the service's own code, or one of axt's.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Api(error) => &error.code,
            Self::Ended { code, .. } if !code.is_empty() => code,
            Self::AfterStop { error, .. } | Self::InputCut { error, .. } => error.code(),
            Self::Usage(_) => "Usage",
            Self::Config { .. } => "ConfigurationFile",
            Self::Credentials { .. } | Self::NoRegionNorCredentials { .. } => "NoCredentials",
            Self::NoRegion => "NoRegion",
            Self::Target { .. } => "Target",
            Self::Connect {
                obstacle: Obstacle::OpenFiles,
                ..
            } => "TooManyOpenFiles",
            Self::Connect { .. } => "ConnectionFailed",
            Self::Queue { .. } => "QueueTimeout",
            Self::Timeout { .. } => "Timeout",
            Self::AgentTimeout { .. } => "AgentTimeout",
            Self::Stopped(_) => "Stopped",
            Self::Refused { .. } => "GatewayRefused",
            Self::Protocol(_) => "ProtocolError",
            Self::Ended { .. } => "SessionEnded",
            Self::Remote(_) => "Remote",
            Self::Shared { .. } => "SharedSession",
            Self::Lost(_) => "ConnectionLost",
            Self::EarlyInput => "EarlyInput",
            Self::Unsent(_) => "Unsent",
            Self::Silence(_) => "Silence",
            Self::Io { .. } => "InputOutput",
        }
    }

    /// True if the same again may succeed a little later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Api(error) => error.is_retryable(),
            Self::Connect { obstacle, .. } => *obstacle != Obstacle::Lasting,
            Self::AfterStop { error, .. } | Self::InputCut { error, .. } => error.is_retryable(),
            Self::Queue { .. } | Self::Timeout { .. } | Self::AgentTimeout { .. } => true,
            Self::Lost(_) => true,
            _ => false,
        }
    }

    /// True if the limit of open files stood in the way.
    #[must_use]
    pub fn is_of_open_files(&self) -> bool {
        matches!(
            self,
            Self::Connect {
                obstacle: Obstacle::OpenFiles,
                ..
            }
        )
    }

    /// The service's id of the call that failed.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Api(error) => error.request_id.as_deref(),
            _ => None,
        }
    }

    /// The advice for the user, as one sentence, if there is any.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Api(error) => hints::call(&error.action, &error.code),
            Self::Ended { code, detail } => hints::close(code, detail).map(Into::into),
            Self::Credentials { remedy, .. } | Self::Target { remedy, .. } => Some(remedy.clone()),
            Self::Shared { remedy, .. } => remedy.clone(),
            Self::AfterStop { error, .. } => match error.code() {
                "IdleTimeout" | "Timeout" => Some(
                    tr!("a session ends after 3 minutes in which axt sends nothing, as while it is stopped: connect again").into(),
                ),
                _ => error.hint(),
            },
            Self::InputCut { error, .. } => error.hint(),
            Self::Connect {
                obstacle: Obstacle::OpenFiles,
                ..
            } => Some(
                tr!("raise the limit of open files (`ulimit -n`) before axt starts, or open fewer connections at once").into(),
            ),
            Self::Queue { .. } => Some(
                tr!("start fewer commands at once, or let them wait longer: --queue-timeout 5m").into(),
            ),
            Self::EarlyInput => Some(
                tr!("leave --eager out: input is then held until the remote side is ready").into(),
            ),
            Self::Silence(_) => Some(
                tr!("the session protocol can't tell the remote side that the input has ended; --linger 1m waits longer for what it still sends").into(),
            ),
            Self::NoRegionNorCredentials { remedy, .. } => Some(tr!(
                "{remedy}; then give --region or set ALIBABA_CLOUD_REGION_ID, unless the profile has a region_id",
                remedy
            )),
            Self::NoRegion => Some(
                tr!("give --region, set ALIBABA_CLOUD_REGION_ID, or put region_id into the profile")
                    .into(),
            ),
            Self::Refused {
                status: 401 | 403 | 404,
                resuming,
                ..
            } => Some(match resuming {
                false => tr!("a session's URL is valid for 10 minutes and for one session: start a new session").into(),
                true => tr!("a session can be resumed for the 10 minutes that its URL is valid: connect again").into(),
            }),
            Self::Io { source, .. } => match source.kind() {
                io::ErrorKind::AddrInUse => {
                    Some(tr!("another program uses the port: choose another one; `axt forward` takes 0 for any free one").into())
                }
                io::ErrorKind::AddrNotAvailable => {
                    Some(tr!("BIND has to be an address of this machine").into())
                }
                _ => None,
            },
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_with_meaning_code_and_detail() {
        for (code, detail, expected) in [
            (
                "OpenTargetPortFailed",
                "dial tcp: refused\x1b[2J",
                r"the session ended: the instance could not reach the target port (OpenTargetPortFailed: dial tcp: refused\u{1b}[2J)",
            ),
            (
                "Aborted",
                "ConnectionCountExceedLimit",
                "the session ended: 20 sessions are connected to this instance, the most the service allows (Aborted: ConnectionCountExceedLimit)",
            ),
            (
                "Notified",
                "",
                "the session was ended by somebody else (Notified)",
            ),
            ("Whatever", "", "the session ended: Whatever"),
            ("Whatever", "x", "the session ended: Whatever: x"),
            ("", "", "the session ended: no reason was given"),
        ] {
            let (code, detail) = (code.into(), detail.into());
            assert_eq!(Error::Ended { code, detail }.to_string(), expected);
        }
    }

    #[test]
    fn no_foreign_text_makes_a_line_of_its_own_or_hides() {
        let foreign =
            "bad\r\naxt: hint: run \u{202e}this\u{200b}\x1b]0;x\x07".to_owned() + &"x".repeat(9999);
        let (code, detail) = (foreign.clone(), foreign.clone());
        let mut api = ApiError::unexpected("StartTerminalSession", 400, foreign.clone());
        api.code.clone_from(&foreign);
        api.request_id = Some(foreign.clone());
        for error in [
            Error::from(api),
            Error::Connect {
                to: "host:1".into(),
                cause: foreign.clone(),
                obstacle: Obstacle::Passing,
            },
            Error::Refused {
                status: 400,
                detail: foreign.clone(),
                resuming: false,
            },
            Error::Protocol(foreign.clone()),
            Error::Credentials {
                problem: foreign.chars().take(80).collect(),
                remedy: String::new(),
            },
            Error::Remote(foreign.clone()),
            Error::Lost(foreign),
            Error::Ended { code, detail },
        ] {
            let said = error.to_string();
            assert!(said.chars().count() < 1700, "{said}");
            assert!(
                said.contains(r"axt: hint: run \u{202e}this\u{200b}\u{1b}]0;x\u{7}"),
                "{said}"
            );
            assert_eq!(crate::printable::escaped(&said), said);
        }
    }
}
