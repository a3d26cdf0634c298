//! The parameters of a session, from its StartTerminalSession.

/// The parameters of a session. `Debug` leaves out what may be secret.
#[derive(Clone, Default)]
pub(crate) struct SessionSpec {
    /// The session's id.
    pub(crate) session_id: String,
    /// The instance's id, which is in every message of the agent.
    pub(crate) instance_id: String,
    /// True if the instance runs Windows, where there is no `sh`.
    pub(crate) windows: bool,
    /// The command to run instead of a shell.
    pub(crate) command_line: Option<String>,
    /// The user who runs it; the emulator's own user when `None`.
    pub(crate) username: Option<String>,
    /// The port to connect to; only a port session has one.
    pub(crate) port: Option<u16>,
    /// The host of `port`; `localhost` when `None`.
    pub(crate) target_server: Option<String>,
    /// The encryption of the session.
    pub(crate) encryption: Option<SessionEncryption>,
}

/// The way in which the two sides of an encrypted session agree on a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SessionEncryption {
    /// A key agreed on by ECDHE.
    Auto,
    /// A data key of KMS.
    Kms {
        /// The KMS key that the data key is encrypted with.
        key_id: String,
    },
}
