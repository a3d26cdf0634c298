//! StartTerminalSession: makes every check of its page (June 2026), then creates a session.
//!
//! An instance that does not run gets a session, whose connection then fails with the `ClosedReason` of
//! DescribeTerminalSessions (`InstanceNotRunning`): the page has no error code for it.
//!
//! Inferred: the order of the checks, the limit of a user name (255, as elsewhere in ECS), and the
//! error for malformed EncryptionOptions.

use super::codes::{refuse, refuse_because};
use super::params::{Params, given, instance_ids, region};
use super::reply::{ApiResult, ErrorReply};
use super::request::VerifiedCall;
use crate::emulator::agent::options::Generation;
use crate::emulator::agent::spec::{SessionEncryption, SessionSpec};
use crate::emulator::fleet::instance::{InstanceState, Os};
use crate::emulator::random::random_text;
use crate::emulator::state::Shared;
use crate::emulator::state::store::{NewSession, StoredSession, TokenUse};
use serde::Deserialize;
use serde_json::{Value, json};

/// Answers the call.
pub(crate) fn start_terminal_session(
    shared: &Shared,
    call: &VerifiedCall,
    host: &str,
) -> ApiResult {
    let params = &call.params;
    let region = region(params)?;
    if shared.options.session_manager_off {
        return Err(refuse("UserBehavior.SessionManagerDisabled"));
    }
    let client_token = client_token(params)?;
    if let Some(token) = client_token {
        match shared.store.client_token(token, params) {
            TokenUse::Fresh => {}
            TokenUse::Same(session) => return Ok(started(shared, &session, host)),
            TokenUse::Changed => return Err(refuse("IdempotentParameterMismatch")),
        }
    }
    let spec = session_spec(shared, params, region)?;
    let limits = &shared.options.limits;
    let now = shared.clock.now();
    if limits
        .per_region
        .is_some_and(|limit| shared.store.active(region, now) >= limit)
    {
        return Err(refuse("SessionCount.ExceedLimit"));
    }
    let session = shared.store.create(NewSession {
        spec,
        region,
        caller: &call.caller,
        token: random_text(),
        now,
        validity: limits.url_validity,
    });
    if let Some(token) = client_token {
        shared
            .store
            .keep_client_token(token, params.clone(), &session.spec.session_id);
    }
    Ok(started(shared, &session, host))
}

fn started(shared: &Shared, session: &StoredSession, host: &str) -> Value {
    let (id, token) = (&session.spec.session_id, &session.token);
    let base = shared.options.websocket_base(host);
    json!({
        "SessionId": id,
        "SecurityToken": token,
        "WebSocketUrl": format!("{base}/session?sessionId={id}&token={token}"),
    })
}

fn client_token(params: &Params) -> Result<Option<&str>, ErrorReply> {
    let token = given(params, "ClientToken");
    match token {
        Some(token) if !token.is_ascii() || token.len() > 64 => {
            Err(refuse("InvalidClientToken.Malformed"))
        }
        token => Ok(token),
    }
}

fn session_spec(shared: &Shared, params: &Params, region: &str) -> Result<SessionSpec, ErrorReply> {
    let text = |name: &str, limit: usize, code: &str| match given(params, name) {
        Some(value) if value.chars().count() > limit => Err(refuse(code)),
        value => Ok(value.map(str::to_owned)),
    };
    let instances = instance_ids(params)?;
    let port = match given(params, "PortNumber") {
        Some(port) => Some(
            port.parse()
                .ok()
                .filter(|port| *port > 0)
                .ok_or_else(|| refuse("PortNumber.Invalid"))?,
        ),
        None => None,
    };
    if !matches!(
        given(params, "ConnectionType"),
        None | Some("Internet" | "Intranet")
    ) {
        return Err(refuse("InvalidParameter.ConnectionType"));
    }
    let command_line = text("CommandLine", 512, "InvalidCommandLine.LengthLimitExceeded")?;
    let target_server = text(
        "TargetServer",
        128,
        "InvalidTargetServer.LengthLimitExceeded",
    )?;
    let username = text("Username", 255, "Username.ExceedLimit")?;
    // Only Windows agents use it.
    text(
        "PasswordName",
        255,
        "InvalidPasswordName.LengthLimitExceeded",
    )?;
    if command_line.is_some() && (port.is_some() || target_server.is_some()) {
        return Err(refuse("InvalidCommandLine.Conflict"));
    }
    if target_server.is_some() && port.is_none() {
        return Err(refuse("InvalidTargetServer.MissingPortNumber"));
    }
    let [instance_id] = instances.as_slice() else {
        let special = command_line.is_some() || target_server.is_some();
        return Err(refuse(if special {
            "InvalidInstanceIds.CountLimitExceeded"
        } else {
            "InstanceIds.ExceedLimit"
        }));
    };
    let encryption = encryption(params)?;
    if encryption.is_some() && port.is_some() {
        return Err(refuse("InvalidEncryptionOptions.Conflict"));
    }
    let instance = shared.fleet.get(region, instance_id);
    if instance.state == InstanceState::Missing {
        return Err(refuse("InvalidInstance.NotFound"));
    }
    if encryption.is_some() && shared.agent_options.generation == Generation::Old {
        let message = format!(
            "The cloud assistant agent version on instance {instance_id} do not support encryption."
        );
        return Err(refuse_because(
            "UnsupportedAgentVersion.Encryption",
            message,
        ));
    }
    Ok(SessionSpec {
        session_id: format!("s-{}", &random_text()[..20]),
        instance_id: (*instance_id).to_owned(),
        windows: instance.os == Os::Windows,
        command_line,
        username,
        port,
        target_server,
        encryption,
    })
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct EncryptionOptions {
    enabled: bool,
    mode: Option<String>,
    #[serde(rename = "KMSKeyId")]
    kms_key_id: Option<String>,
}

fn encryption(params: &Params) -> Result<Option<SessionEncryption>, ErrorReply> {
    let malformed = |what: &str| {
        let message = format!("The specified parameter EncryptionOptions is not valid: {what}.");
        refuse_because("InvalidParameter", message)
    };
    if params
        .keys()
        .any(|name| name.starts_with("EncryptionOptions."))
    {
        // Stricter than the service, so that no client takes a plain session for an encrypted one.
        return Err(malformed("it is one JSON object, not dotted parameters"));
    }
    let Some(text) = given(params, "EncryptionOptions") else {
        return Ok(None);
    };
    let options: EncryptionOptions =
        serde_json::from_str(text).map_err(|_| malformed("it is not the JSON it should be"))?;
    let key_id = options.kms_key_id.filter(|id| !id.is_empty());
    if !options.enabled {
        return match options.mode {
            Some(_) => Err(refuse("InvalidEncryptionOptionsMode.EncryptionDisabled")),
            None => Ok(None),
        };
    }
    match (options.mode.as_deref(), key_id) {
        (None | Some("Auto"), None) => Ok(Some(SessionEncryption::Auto)),
        (None | Some("Auto"), Some(_)) => Err(refuse("InvalidParameter.EncryptionOptionsKMSKeyId")),
        (Some("Kms"), Some(key_id)) => Ok(Some(SessionEncryption::Kms { key_id })),
        (Some("Kms"), None) => Err(refuse("MissingParameter.EncryptionOptionsKMSKeyId")),
        (Some(_), _) => Err(refuse("InvalidParameter.EncryptionOptionsMode")),
    }
}
