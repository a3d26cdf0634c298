//! The actions of ECS (version 2014-05-26) that start and end sessions; `instances` and `agents` find
//! what they are started on.

pub mod agents;
pub mod describe;
mod describe_instances;
mod describe_managed;
mod instance;
pub mod instances;

use super::client::Action;
use crate::config::settings::ConnectionType;
use crate::error::{ApiError, Error, Result};
use secrecy::SecretString;
use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

/// The version of the API.
pub(super) const VERSION: &str = "2014-05-26";

/// Starts a session on one instance: `StartTerminalSession`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct StartTerminalSession {
    /// The instance; it must be running, and its Cloud Assistant agent newer than 2.2.3.256 (Linux)
    /// or 2.1.3.256 (Windows).
    #[serde(rename = "InstanceId.1")]
    pub instance_id: String,
    /// Forward to this TCP port instead of opening a terminal.
    pub port_number: Option<u16>,
    /// Run this instead of a shell: at most 512 characters, and no port or target server with it.
    pub command_line: Option<String>,
    /// Forward to this host of the VPC, as the instance reaches it: at most 128 characters, and only
    /// with a port.
    pub target_server: Option<String>,
    /// Run as this user of the instance.
    pub username: Option<String>,
    /// The name under which the password of a Windows user is kept: at most 255 characters.
    pub password_name: Option<String>,
    /// The network of the session's URL. The oldest form of the action has no parameter for it.
    #[serde(serialize_with = "intranet", skip_serializing_if = "is_internet")]
    pub connection_type: ConnectionType,
    /// The token that makes the call idempotent: ASCII, at most 64 characters. [`Self::new`] draws one; it
    /// stays the same over all attempts.
    pub client_token: String,
    /// End-to-end encryption, for terminals only.
    #[serde(rename = "EncryptionOptions")]
    pub encryption: Option<Encryption>,
}

/// The source of the key of an encrypted session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    /// Client and agent agree on one (ECDHE).
    Auto,
    /// KMS makes one under this key.
    Kms(String),
}

/// A session that was started. Debug shows neither its token nor its URL.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TerminalSession {
    /// The request's id.
    #[serde(default)]
    pub request_id: String,
    /// The session's id, `s-…`.
    pub session_id: String,
    /// The token for the WebSocket's header `x-acs-session-token`.
    pub security_token: SecretString,
    /// The URL of the session, valid for 10 minutes. It is a secret: it alone gives access.
    pub web_socket_url: SecretString,
}

/// Checks that this is an instance's id in form: `i-` or `mi-`, then letters, digits and `-`.
pub(crate) fn check_instance_id(id: &str) -> Result<()> {
    let rest = id.strip_prefix("i-").or_else(|| id.strip_prefix("mi-"));
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if rest.is_some_and(|rest| !rest.is_empty() && rest.chars().all(fits)) {
        return Ok(());
    }
    Err(Error::Usage(tr!(
        "{id:?} is not an instance id: i- or mi-, then letters, digits and -",
        id
    )))
}

impl StartTerminalSession {
    /// A terminal on the instance, with a fresh client token.
    #[must_use]
    pub fn new(instance_id: impl Into<String>) -> Self {
        Self {
            instance_id: instance_id.into(),
            port_number: None,
            command_line: None,
            target_server: None,
            username: None,
            password_name: None,
            connection_type: ConnectionType::default(),
            client_token: Uuid::new_v4().to_string(),
            encryption: None,
        }
    }

    /// The first rule of the API page that the request breaks, as code and message.
    fn broken_rule(&self) -> Option<(&'static str, &'static str)> {
        let forwards = self.port_number.is_some() || self.target_server.is_some();
        let longer = |text: &Option<String>, limit| {
            text.as_ref()
                .is_some_and(|text| text.chars().count() > limit)
        };
        let no_key = matches!(&self.encryption, Some(Encryption::Kms(key)) if key.is_empty());
        let token = &self.client_token;
        let bad_token = token.is_empty() || token.len() > 64 || !token.is_ascii();
        #[rustfmt::skip]
        let rules = [
            (self.instance_id.is_empty(), "MissingParameter", tr!("the instance id is empty")),
            (self.port_number == Some(0), "PortNumber.Invalid", tr!("the port number is invalid")),
            (forwards && self.command_line.is_some(), "InvalidCommandLine.Conflict", tr!("a command can't be combined with a port or a target server")),
            (self.target_server.is_some() && self.port_number.is_none(), "InvalidTargetServer.MissingPortNumber", tr!("a target server needs a port")),
            (longer(&self.command_line, 512), "InvalidCommandLine.LengthLimitExceeded", tr!("the command is longer than 512 characters")),
            (longer(&self.target_server, 128), "InvalidTargetServer.LengthLimitExceeded", tr!("the target server is longer than 128 characters")),
            (longer(&self.password_name, 255), "InvalidPasswordName.LengthLimitExceeded", tr!("the password name is longer than 255 characters")),
            (bad_token, "InvalidClientToken.Malformed", tr!("the client token is empty, longer than 64 characters or not ASCII")),
            (forwards && self.encryption.is_some(), "InvalidEncryptionOptions.Conflict", tr!("encryption can't be combined with a port or a target server")),
            (no_key, "MissingParameter.EncryptionOptionsKMSKeyId", tr!("encryption with KMS needs the id of a key")),
        ];
        rules
            .into_iter()
            .find(|rule| rule.0)
            .map(|(_, code, message)| (code, message))
    }
}

impl Action for StartTerminalSession {
    const NAME: &'static str = "StartTerminalSession";
    const VERSION: &'static str = VERSION;
    // The client token makes it so.
    const IDEMPOTENT: bool = true;
    type Reply = TerminalSession;

    fn check(&self) -> Result<()> {
        match self.broken_rule() {
            None => Ok(()),
            Some((code, message)) => Err(Error::from(ApiError {
                action: Self::NAME.into(),
                code: code.into(),
                message: message.into(),
                request_id: None,
                status: 0,
                retry_after: None,
            })),
        }
    }
}

impl Serialize for Encryption {
    /// The one JSON value in which the official SDK sends all of `EncryptionOptions`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let options = match self {
            Self::Auto => serde_json::json!({"Enabled": true, "Mode": "Auto"}),
            Self::Kms(key) => serde_json::json!({"Enabled": true, "KMSKeyId": key, "Mode": "Kms"}),
        };
        options.serialize(serializer)
    }
}

fn is_internet(network: &ConnectionType) -> bool {
    *network == ConnectionType::Internet
}

fn intranet<S: Serializer>(network: &ConnectionType, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(network.as_str())
}

/// Ends a session for good: `EndTerminalSession`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct EndTerminalSession {
    /// The session's id.
    pub session_id: String,
}

/// The answer of an action that returns nothing.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EmptyReply {
    /// The request's id.
    #[serde(default)]
    pub request_id: String,
}

impl Action for EndTerminalSession {
    const NAME: &'static str = "EndTerminalSession";
    const VERSION: &'static str = VERSION;
    const IDEMPOTENT: bool = true;
    type Reply = EmptyReply;
}

#[cfg(test)]
mod tests;
