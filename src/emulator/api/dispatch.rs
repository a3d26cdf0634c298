//! Answers an API call: verifies it and passes it to the action's function.
//!
//! Inferred: the error of EndTerminalSession for an unknown session (no page of its errors is
//! public), and that ending a session again is fine.

use super::account;
use super::codes::refuse;
use super::instances;
use super::kms;
use super::list_sessions::describe_terminal_sessions;
use super::params::{Params, region, required};
use super::reply::{ApiResult, ErrorReply, response};
use super::request::{ApiRequest, VerifiedCall};
use super::sae::{TOKEN_PATH, get_webshell_token};
use super::start_session::start_terminal_session;
use super::sts;
use super::verify::verify;
use crate::emulator::state::Shared;
use crate::emulator::state::clock::http_date;
use http::{HeaderMap, Method, Response};
use serde_json::json;

/// Answers an API call.
pub(crate) fn handle(shared: &Shared, incoming: &ApiRequest<'_>) -> Response<String> {
    let host = incoming.header("host").unwrap_or_default();
    let skew = shared.options.limits.clock_skew;
    let verified = verify(
        incoming,
        &shared.identities,
        &shared.clock,
        skew,
        &shared.store,
    );
    let outcome = verified.and_then(|call| {
        if let Some(refusal) = shared.next_api_fault() {
            return Err(refusal);
        }
        dispatch(shared, incoming, &call, host)
    });
    answer(shared, host, outcome)
}

/// Answers a call whose body can't be read or is too large.
pub(crate) fn refuse_body(shared: &Shared, headers: &HeaderMap) -> Response<String> {
    let host = headers.get("host").and_then(|host| host.to_str().ok());
    let refusal = refuse("RequestEntityTooLarge");
    answer(shared, host.unwrap_or_default(), Err(refusal))
}

fn answer(shared: &Shared, host: &str, outcome: ApiResult) -> Response<String> {
    if let Err(refusal) = &outcome {
        tracing::debug!(code = refusal.code, "refused a call");
    }
    let mut response = response(host, outcome);
    // The emulator's own time, which a test may have moved forward.
    if let Ok(date) = http_date(shared.clock.now()).parse() {
        response.headers_mut().insert("date", date);
    }
    response
}

fn dispatch(
    shared: &Shared,
    incoming: &ApiRequest<'_>,
    call: &VerifiedCall,
    host: &str,
) -> ApiResult {
    let (action, params) = (call.action.as_str(), &call.params);
    let of_sts = sts::ACTIONS.contains(&action);
    count(shared, action, params)?;
    if shared.options.denied.iter().any(|denied| denied == action) {
        let code = if of_sts {
            "NoPermission"
        } else {
            "Forbidden.RAM"
        };
        return Err(refuse(code));
    }
    if call.version == kms::VERSION {
        return kms::handle(&shared.kms, call);
    }
    // SAE's calls differ by their path.
    let sae = incoming.path == TOKEN_PATH;
    if !sae && incoming.path != "/" {
        return Err(refuse("InvalidAction.NotFound"));
    }
    let version = match action {
        _ if sae => "2019-05-06",
        _ if of_sts => sts::VERSION,
        _ => "2014-05-26",
    };
    if call.version != version {
        return Err(refuse("InvalidVersion"));
    }
    match action {
        "GetWebshellToken" if sae && *incoming.method == Method::GET => {
            get_webshell_token(shared, params, host)
        }
        _ if sae => Err(refuse("InvalidAction.NotFound")),
        _ if of_sts => sts::handle(shared, call),
        "StartTerminalSession" => start_terminal_session(shared, call, host),
        "EndTerminalSession" => end_terminal_session(shared, params),
        "DescribeTerminalSessions" => describe_terminal_sessions(shared, params),
        "DescribeInstances" => instances::describe_instances(shared, params),
        "DescribeCloudAssistantStatus" => {
            instances::describe_cloud_assistant_status(shared, params)
        }
        "DescribeManagedInstances" => instances::describe_managed_instances(shared, params),
        "InstallCloudAssistant" => instances::install_cloud_assistant(shared, params),
        "DescribeRegions" => Ok(account::describe_regions()),
        "DescribeUserBusinessBehavior" => account::describe_user_business_behavior(shared, params),
        _ => Err(refuse("InvalidAction.NotFound")),
    }
}

/// Counts a call, and refuses it when there are too many. Which code the service uses for that is
/// inferred.
fn count(shared: &Shared, action: &str, params: &Params) -> Result<(), ErrorReply> {
    let limits = &shared.options.limits;
    let region = params.get("RegionId").map_or("", String::as_str);
    let limit = limits.calls.zip(limits.call_window);
    let wait = shared
        .calls
        .count(action, region, shared.clock.now(), limit);
    match wait {
        None => Ok(()),
        Some(wait) => Err(ErrorReply {
            retry_after: Some(wait),
            ..refuse("Throttling.User")
        }),
    }
}

fn end_terminal_session(shared: &Shared, params: &Params) -> ApiResult {
    region(params)?;
    let id = required(params, "SessionId")?;
    let Some(session) = shared.store.end(id) else {
        return Err(refuse("InvalidSessionId.NotFound"));
    };
    shared.tasks.spawn(async move { session.link.end().await });
    Ok(json!({}))
}
