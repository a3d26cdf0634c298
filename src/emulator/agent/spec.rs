//! What a session is to be: the parameters of its StartTerminalSession.

use std::fmt;

/// What a StartTerminalSession asked for. `Debug` names the session alone: the rest may be secret.
#[derive(Clone, Default)]
pub struct SessionSpec {
    /// The session's id.
    pub session_id: String,
    /// The instance's id; it stands in every message of the agent.
    pub instance_id: String,
    /// What to run instead of a shell.
    pub command_line: Option<String>,
    /// Who runs it; the emulator's own user when not given.
    pub username: Option<String>,
    /// A Windows password's name in OOS; a Unix agent ignores it.
    pub password_name: Option<String>,
    /// Makes it a port session: where to connect to.
    pub port: Option<u16>,
    /// The host of `port`; `localhost` when not given.
    pub target_server: Option<String>,
    /// Asks for an encrypted session.
    pub encryption: Option<Encryption>,
}

impl fmt::Debug for SessionSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionSpec")
            .field("session_id", &self.session_id)
            .field("instance_id", &self.instance_id)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

/// How the key of an encrypted session comes about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    /// By ECDHE.
    Auto,
    /// By a data key of KMS.
    Kms {
        /// The KMS key that the data key is encrypted with.
        key_id: String,
    },
}
