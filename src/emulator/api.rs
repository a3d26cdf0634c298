//! The API: what each action checks and does.
//!
//! Inferred: the error of EndTerminalSession for an unknown session (no page of its errors is
//! public), and that ending a session again is fine.

use super::Shared;
use super::codes::{REGIONS, refuse};
use super::kms;
use super::reply::{Asked, Refusal, response};
use super::sae::{TOKEN_PATH, get_webshell_token};
use super::start::start_terminal_session;
use super::verify::{Call, Incoming};
use http::{Method, Response};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

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
        dispatch(shared, incoming, &call, host)
    });
    if let Err(refusal) = &outcome {
        tracing::debug!(action = asked.action, code = refusal.code, "refused a call");
    }
    response(&asked, outcome)
}

fn dispatch(
    shared: &Shared,
    incoming: &Incoming<'_>,
    call: &Call,
    host: &str,
) -> Result<Map<String, Value>, Refusal> {
    if call.version == kms::VERSION {
        return kms::handle(&shared.agent_options.kms, call);
    }
    // A product of its own, with another version and style.
    let sae = incoming.path == TOKEN_PATH;
    let version = if sae { "2019-05-06" } else { "2014-05-26" };
    if call.version != version {
        return Err(Refusal::new(
            400,
            "InvalidVersion",
            "Specified parameter Version is not valid.",
        ));
    }
    match call.action.as_str() {
        "GetWebshellToken" if sae && *incoming.method == Method::GET => {
            get_webshell_token(shared, &call.params, host)
        }
        _ if sae => Err(no_such_action()),
        "StartTerminalSession" => start_terminal_session(shared, &call.params, host),
        "EndTerminalSession" => end_terminal_session(shared, &call.params),
        _ => Err(no_such_action()),
    }
}

fn no_such_action() -> Refusal {
    let message = "Specified api is not found, please check your url and method.";
    Refusal::new(404, "InvalidAction.NotFound", message)
}

/// An API's own parameters.
pub(super) type Params = BTreeMap<String, String>;

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
pub(super) fn given<'a>(params: &'a Params, name: &str) -> Option<&'a str> {
    params
        .get(name)
        .map(String::as_str)
        .filter(|value| !value.is_empty())
}

/// The region the call is about.
pub(super) fn region(params: &Params) -> Result<&str, Refusal> {
    let region = given(params, "RegionId").ok_or_else(|| Refusal::missing("RegionId"))?;
    if REGIONS.contains(&region) {
        Ok(region)
    } else {
        Err(refuse("InvalidRegionId.NotFound"))
    }
}
