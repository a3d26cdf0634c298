//! What can go wrong, as far as somebody acts on it: each failure knows its words and its hint.

use crate::hints;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// A result of axt's own layers.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A reason to end a run from the user's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// axt got this signal (2 SIGINT, 15 SIGTERM, 1 SIGHUP).
    #[error("signal {0} ended axt")]
    Signal(u8),
    /// The time limit of the command has passed.
    #[error("the time limit has passed")]
    Timeout,
}

/// A failure of axt itself. No variant ever holds a secret, a WebSocket URL or typed bytes.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line or an environment variable asks for something impossible.
    #[error("{0}")]
    Usage(String),
    /// A configuration file can't be read or makes no sense.
    #[error("{}: {problem}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// No credentials were found, or those found can't be used.
    #[error("no usable credentials: {0}")]
    Credentials(String),
    /// No region was given anywhere.
    #[error("no region given")]
    NoRegion,
    /// The service answered with an error.
    #[error("{0}")]
    Api(Box<ApiError>),
    /// A connection could not be made.
    #[error("can't connect to {to}: {cause}")]
    Connect {
        /// Host and port, or the proxy's.
        to: String,
        /// What the system or the peer said.
        cause: String,
        /// Another attempt would fail in the same way: a certificate, a proxy's refusal.
        lasting: bool,
    },
    /// Something took longer than it may.
    #[error("{what} took longer than {limit:?}")]
    Timeout {
        /// What was waited for, as a noun: `the connection to 10.0.0.1:443`.
        what: String,
        /// The limit that was passed.
        limit: Duration,
    },
    /// The agent did not answer in time.
    #[error("{what} took longer than {limit:?}")]
    AgentTimeout {
        /// What was waited for, as a noun: `the answer of the agent`.
        what: &'static str,
        /// The limit that was passed.
        limit: Duration,
    },
    /// Somebody ended the run: no failure, and said by the exit status alone.
    #[error(transparent)]
    Stopped(#[from] Stop),
    /// The gateway refused the WebSocket.
    #[error("the gateway refused the session: HTTP {status}{detail}")]
    Refused {
        /// The HTTP status of the answer.
        status: u16,
        /// `: ` and a short piece of the body, or empty.
        detail: String,
    },
    /// The other side broke the protocol.
    #[error("protocol error: {0}")]
    Protocol(String),
    /// The session ended, and not as wished.
    #[error("the session ended: {}", hints::close_reason(.code, .detail))]
    Ended {
        /// The service's reason code, such as `FlowExceedLimit`.
        code: String,
        /// What followed the code.
        detail: String,
    },
    /// The far end can't do what was asked of it.
    #[error("on the instance: {0}")]
    Remote(String),
    /// The connection broke and the session could not be resumed.
    #[error("the connection was lost: {0}")]
    Lost(String),
    /// Reading or writing on the user's side failed.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: &'static str,
        /// The system's error.
        source: io::Error,
    },
}

/// An error reply of the API.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{action}: {code}: {message}{}", origin(*.status, .request_id.as_deref()))]
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
}

impl ApiError {
    /// axt's own code for a reply that is not the API's: a proxy's page, something that is not JSON.
    pub const UNEXPECTED: &str = "UnexpectedReply";
}

/// Which answer an error was; nothing where none was asked for.
fn origin(status: u16, request_id: Option<&str>) -> String {
    match (status, request_id) {
        (0, _) => String::new(),
        (status, None) => format!(" (HTTP {status})"),
        (status, Some(id)) => format!(" (HTTP {status}, request {id})"),
    }
}

impl From<ApiError> for Error {
    fn from(error: ApiError) -> Self {
        Self::Api(Box::new(error))
    }
}

impl Error {
    /// What the user can do about it, as one sentence, where there is something.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Api(error) => hints::call(&error.action, &error.code),
            Self::Ended { code, .. } => hints::close(code).map(Into::into),
            Self::Credentials(_) => Some(
                "set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, or run `aliyun configure`".into(),
            ),
            Self::NoRegion => Some(
                "give --region, set ALIBABA_CLOUD_REGION_ID, or put region_id into the profile".into(),
            ),
            Self::Refused { status: 401 | 403 | 404, .. } => Some(
                "a session's URL is good for 10 minutes and for one session: start a new one".into(),
            ),
            Self::Io { source, .. } => match source.kind() {
                io::ErrorKind::AddrInUse => Some("another program listens there; port 0 takes any free one".into()),
                io::ErrorKind::AddrNotAvailable => Some("BIND has to be an address of this machine".into()),
                _ => None,
            },
            _ => None,
        }
    }
}
