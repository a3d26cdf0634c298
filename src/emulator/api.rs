//! The API: what each action checks and does.
//!
//! Checks, codes, statuses and messages of StartTerminalSession are those of its page (June 2026).
//! Inferred: the order of the checks; the limit of a user name (255, as elsewhere in ECS); what
//! malformed EncryptionOptions meet; the errors of EndTerminalSession, whose page lists none.

use super::agent::{Encryption, SessionSpec};
use super::options::InstanceState;
use super::reply::{Asked, Refusal, response};
use super::store::{Session, TokenUse};
use super::verify::{Call, Incoming};
use super::{Shared, random_text};
use http::Response;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// Regions that exist, as the public endpoint lists name them.
const REGIONS: &[&str] = &[
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ap-southeast-8",
    "cn-beijing",
    "cn-beijing-finance-1",
    "cn-chengdu",
    "cn-fuzhou",
    "cn-guangzhou",
    "cn-hangzhou",
    "cn-hangzhou-finance",
    "cn-heyuan",
    "cn-heyuan-acdr-1",
    "cn-hongkong",
    "cn-huhehaote",
    "cn-nanjing",
    "cn-north-2-gov-1",
    "cn-qingdao",
    "cn-shanghai",
    "cn-shanghai-finance-1",
    "cn-shenzhen",
    "cn-shenzhen-finance-1",
    "cn-wuhan-lr",
    "cn-wulanchabu",
    "cn-zhangjiakou",
    "cn-zhengzhou-jva",
    "cn-zhongwei",
    "eu-central-1",
    "eu-west-1",
    "me-central-1",
    "me-east-1",
    "na-south-1",
    "us-east-1",
    "us-southeast-1",
    "us-west-1",
];

/// What a client told to slow down is told to wait.
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// Answers an API call.
pub(super) fn handle(shared: &Shared, incoming: &Incoming<'_>) -> Response<String> {
    let host = incoming
        .headers
        .get("host")
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    let asked = Asked {
        action: incoming.action(),
        format: incoming.format(),
        host: host.to_owned(),
    };
    let skew = shared.options.limits.clock_skew;
    let verified = incoming.verify(&shared.credentials, &shared.clock, skew, &shared.store);
    let outcome = verified.and_then(|call| {
        if let Some(refusal) = shared.next_api_fault() {
            return Err(refusal);
        }
        dispatch(shared, &call, host)
    });
    if let Err(refusal) = &outcome {
        tracing::debug!(action = asked.action, code = refusal.code, "refused a call");
    }
    response(&asked, outcome)
}

fn dispatch(shared: &Shared, call: &Call, host: &str) -> Result<Map<String, Value>, Refusal> {
    if call.version != "2014-05-26" {
        return Err(Refusal::new(
            400,
            "InvalidVersion",
            "Specified parameter Version is not valid.",
        ));
    }
    match call.action.as_str() {
        "StartTerminalSession" => start_terminal_session(shared, &call.params, host),
        "EndTerminalSession" => end_terminal_session(shared, &call.params),
        _ => Err(Refusal::new(
            404,
            "InvalidAction.NotFound",
            "Specified api is not found, please check your url and method.",
        )),
    }
}

type Params = BTreeMap<String, String>;

fn start_terminal_session(
    shared: &Shared,
    params: &Params,
    host: &str,
) -> Result<Map<String, Value>, Refusal> {
    let region = region(params)?;
    let client_token = client_token(params)?;
    if let Some(token) = client_token {
        match shared.store.client_token(token, params) {
            TokenUse::Fresh => {}
            TokenUse::Same(session) => return Ok(started(shared, &session, host)),
            TokenUse::Changed => return Err(refuse("IdempotentParameterMismatch")),
        }
    }
    let spec = session_spec(shared, params)?;
    let limits = &shared.options.limits;
    let now = shared.clock.now();
    if limits
        .per_region
        .is_some_and(|limit| shared.store.active(region, now) >= limit)
    {
        return Err(refuse("SessionCount.ExceedLimit"));
    }
    let session = shared
        .store
        .create(spec, region, random_text(), now, limits.url_validity);
    if let Some(token) = client_token {
        shared
            .store
            .keep_client_token(token, params.clone(), &session.spec.session_id);
    }
    Ok(started(shared, &session, host))
}

fn started(shared: &Shared, session: &Session, host: &str) -> Map<String, Value> {
    let (id, token) = (&session.spec.session_id, &session.token);
    let base = match &shared.options.websocket_base {
        Some(base) => base.trim_end_matches('/').to_owned(),
        None => format!("ws://{host}"),
    };
    object(json!({
        "SessionId": id,
        "SecurityToken": token,
        "WebSocketUrl": format!("{base}/session?sessionId={id}&token={token}"),
    }))
}

fn end_terminal_session(shared: &Shared, params: &Params) -> Result<Map<String, Value>, Refusal> {
    region(params)?;
    let id = given(params, "SessionId").ok_or_else(|| Refusal::missing("SessionId"))?;
    let Some(session) = shared.store.end(id) else {
        return Err(Refusal::new(
            404,
            "InvalidSessionId.NotFound",
            "The specified SessionId does not exist.",
        ));
    };
    shared.tasks.spawn(async move { session.link.end().await });
    Ok(Map::new())
}

/// A parameter that is there and not empty.
fn given<'a>(params: &'a Params, name: &str) -> Option<&'a str> {
    params
        .get(name)
        .map(String::as_str)
        .filter(|value| !value.is_empty())
}

fn region(params: &Params) -> Result<&str, Refusal> {
    let region = given(params, "RegionId").ok_or_else(|| Refusal::missing("RegionId"))?;
    if REGIONS.contains(&region) {
        Ok(region)
    } else {
        Err(refuse("InvalidRegionId.NotFound"))
    }
}

fn client_token(params: &Params) -> Result<Option<&str>, Refusal> {
    let token = given(params, "ClientToken");
    match token {
        Some(token) if !token.is_ascii() || token.len() > 64 => {
            Err(refuse("InvalidClientToken.Malformed"))
        }
        token => Ok(token),
    }
}

fn session_spec(shared: &Shared, params: &Params) -> Result<SessionSpec, Refusal> {
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
    let password_name = text(
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
    if shared.options.instance(instance_id) == InstanceState::Missing {
        return Err(refuse("InvalidInstance.NotFound"));
    }
    if encryption.is_some() && shared.agent_options.old {
        let message = format!(
            "The cloud assistant agent version on instance {instance_id} do not support encryption."
        );
        return Err(Refusal::new(
            403,
            "UnsupportedAgentVersion.Encryption",
            message,
        ));
    }
    Ok(SessionSpec {
        session_id: format!("s-{}", &random_text()[..20]),
        instance_id: (*instance_id).to_owned(),
        command_line,
        username,
        password_name,
        port,
        target_server,
        encryption,
    })
}

/// The ids of `InstanceId.N`, in the order of N.
fn instance_ids(params: &Params) -> Result<Vec<&str>, Refusal> {
    let numbered = params.iter().filter_map(|(name, value)| {
        let n: u32 = name.strip_prefix("InstanceId.")?.parse().ok()?;
        (n > 0 && !value.is_empty()).then_some((n, value.as_str()))
    });
    let ids: BTreeMap<_, _> = numbered.collect();
    if ids.is_empty() {
        return Err(Refusal::missing("InstanceId"));
    }
    Ok(ids.into_values().collect())
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct EncryptionOptions {
    enabled: bool,
    mode: Option<String>,
    #[serde(rename = "KMSKeyId")]
    kms_key_id: Option<String>,
}

fn encryption(params: &Params) -> Result<Option<Encryption>, Refusal> {
    let malformed = |what: &str| {
        Refusal::new(
            400,
            "InvalidParameter",
            format!("The specified parameter EncryptionOptions is not valid: {what}."),
        )
    };
    if params
        .keys()
        .any(|name| name.starts_with("EncryptionOptions."))
    {
        // Stricter than needed, lest a client takes a plain session for an encrypted one.
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
        (None | Some("Auto"), None) => Ok(Some(Encryption::Auto)),
        (None | Some("Auto"), Some(_)) => Err(refuse("InvalidParameter.EncryptionOptionsKMSKeyId")),
        (Some("Kms"), Some(key_id)) => Ok(Some(Encryption::Kms { key_id })),
        (Some("Kms"), None) => Err(refuse("MissingParameter.EncryptionOptionsKMSKeyId")),
        (Some(_), _) => Err(refuse("InvalidParameter.EncryptionOptionsMode")),
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// Codes with their HTTP status and message: those of the StartTerminalSession page, then common
/// ones that a fault may name.
const CODES: &[(u16, &str, &str)] = &[
    (
        400,
        "RegionId.ApiNotSupported",
        "The api is not supported in this region.",
    ),
    (400, "PortNumber.Invalid", "The port number is invalid."),
    (
        400,
        "InvalidParameter.ConnectionType",
        "The specified parameter ConnectionType is not valid.",
    ),
    (
        400,
        "InvalidClientToken.Malformed",
        "The specified parameter clientToken is not valid.",
    ),
    (
        500,
        "InternalError.Dispatch",
        "An error occurred when you dispatched the request.",
    ),
    (
        403,
        "InstanceIds.ExceedLimit",
        "The number of instance IDs exceeds the upper limit.",
    ),
    (
        403,
        "SessionCount.ExceedLimit",
        "The number of sessions exceeds the upper limit.",
    ),
    (
        403,
        "Operation.Forbidden",
        "The operation is not permitted.",
    ),
    (
        403,
        "PortForwarding.NotSupported",
        "Port forwarding is not supported currently.",
    ),
    (
        403,
        "UserBehavior.SessionManagerDisabled",
        "The api is disabled by user behavior.",
    ),
    (
        403,
        "InvalidCommandLine.Conflict",
        "The parameter PortNumber or TargetServer cannot be specified with parameter CommandLine.",
    ),
    (
        403,
        "InvalidTargetServer.MissingPortNumber",
        "The parameter PortNumber must be specified with parameter TargetServer.",
    ),
    (
        403,
        "InvalidCommandLine.LengthLimitExceeded",
        "The length of the parameter CommandLine exceeded the limit of 512 characters.",
    ),
    (
        403,
        "InvalidInstanceIds.CountLimitExceeded",
        "The count of Instances exceeded the maximum limit of 1 when TargetServer or CommandLine parameter was specified.",
    ),
    (
        403,
        "Username.ExceedLimit",
        "The length of the username exceeds the upper limit.",
    ),
    (
        403,
        "InvalidOperation.SecurityGroupRuleDenied",
        "The operation is not allowed by the security group inbound rules of the specified instance.",
    ),
    (
        403,
        "InvalidTargetServer.LengthLimitExceeded",
        "The length of the parameter TargetServer exceeded the limit of 128 characters.",
    ),
    (
        403,
        "InvalidOperation.ConnectionTypeUnsupported",
        "The operation is not supported for the parameter ConnectionType.",
    ),
    (
        403,
        "InvalidPasswordName.LengthLimitExceeded",
        "The length of the parameter PasswordName exceeds the limit of 255 characters.",
    ),
    (
        403,
        "InvalidEncryptionOptionsMode.EncryptionDisabled",
        "EncryptionOptions.Mode cannot be specified when encryption is disabled.",
    ),
    (
        403,
        "InvalidParameter.EncryptionOptionsKMSKeyId",
        "The specified parameter EncryptionOptions.KMSKeyId is not valid.",
    ),
    (
        403,
        "InvalidParameter.EncryptionOptionsMode",
        "The specified parameter EncryptionOptions.Mode is not valid.",
    ),
    (
        403,
        "MissingParameter.EncryptionOptionsKMSKeyId",
        "The input parameter EncryptionOptions.KMSKeyId that is mandatory for processing this request is not supplied.",
    ),
    (
        403,
        "UnsupportedAgentVersion.Encryption",
        "The cloud assistant agent version on the instance do not support encryption.",
    ),
    (
        403,
        "InvalidEncryptionOptions.Conflict",
        "The parameter PortNumber or TargetServer cannot be specified with parameter EncryptionOptions.",
    ),
    (
        403,
        "IdempotentParameterMismatch",
        "The specified parameter has changed while using an already used clientToken.",
    ),
    (
        403,
        "IdempotentProcessing",
        "The previous idempotent request(s) is still processing.",
    ),
    (
        404,
        "InvalidRegionId.NotFound",
        "The RegionId provided does not exist in our records.",
    ),
    (
        404,
        "InvalidInstance.NotFound",
        "The specified instances not found.",
    ),
    (
        400,
        "Throttling",
        "Request was denied due to request throttling.",
    ),
    (
        400,
        "Throttling.User",
        "Request was denied due to user flow control.",
    ),
    (
        400,
        "Throttling.Api",
        "Request was denied due to api flow control.",
    ),
    (
        500,
        "InternalError",
        "The request processing has failed due to some unknown error, exception or failure.",
    ),
    (
        503,
        "ServiceUnavailable",
        "The request has failed due to a temporary failure of the server.",
    ),
    (
        403,
        "Forbidden.RAM",
        "User not authorized to operate on the specified resource, or this API doesn't support RAM.",
    ),
    (
        400,
        "InvalidSecurityToken.Expired",
        "Specified SecurityToken is expired.",
    ),
];

/// The refusal with a code; one that is not listed gets status 400.
pub(super) fn refuse(code: &str) -> Refusal {
    let listed = CODES.iter().find(|(_, listed, _)| *listed == code);
    let (status, message) = listed
        .map_or((400, "The request was refused."), |(status, _, message)| {
            (*status, *message)
        });
    let mut refusal = Refusal::new(status, code, message);
    refusal.retry_after = code.starts_with("Throttling").then_some(RETRY_AFTER);
    refusal
}
