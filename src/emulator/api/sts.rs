//! The calls of STS: who is calling, and the keys of a role's session.
//!
//! Any role of the emulator's account exists and may be assumed by any caller, for up to 12 hours; any OIDC
//! provider of it exists too. A policy is read and has no effect. The form and the times of an OIDC token
//! are checked; its signature can't be, as the providers have no keys. Codes and messages are those of the
//! API's pages. Inferred: the statuses of those for parameters, and which of several comes first.

use super::codes::{refuse, refuse_because};
use super::params::{Params, given, required};
use super::reply::{ApiResult, ErrorReply};
use super::request::VerifiedCall;
use crate::emulator::state::Shared;
use crate::emulator::state::clock::{api_time, later};
use crate::emulator::state::identities::{ACCOUNT, Caller};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// The version of STS's API.
pub(crate) const VERSION: &str = "2015-04-01";

/// The action that nobody signs.
pub(crate) const UNSIGNED: &str = "AssumeRoleWithOIDC";

/// All that there are here.
pub(crate) const ACTIONS: [&str; 3] = ["GetCallerIdentity", "AssumeRole", UNSIGNED];

/// Answers a call of STS's API.
pub(crate) fn handle(shared: &Shared, call: &VerifiedCall) -> ApiResult {
    match call.action.as_str() {
        "GetCallerIdentity" => Ok(get_caller_identity(&call.caller)),
        "AssumeRole" => assume_role(shared, &call.params),
        UNSIGNED => assume_role_with_oidc(shared, &call.params),
        _ => Err(refuse("InvalidAction.NotFound")),
    }
}

fn get_caller_identity(caller: &Caller) -> Value {
    let (kind, id) = match caller.principal_id.split_once(':') {
        Some((role, _)) => ("RoleId", role),
        None => ("UserId", caller.principal_id.as_str()),
    };
    json!({
        "AccountId": ACCOUNT,
        "Arn": caller.arn,
        "IdentityType": caller.identity_type,
        "PrincipalId": caller.principal_id,
        kind: id,
    })
}

/// The parameters that both actions which assume a role have.
struct RoleRequest<'a> {
    role: &'a str,
    session: &'a str,
    duration: Duration,
}

impl<'a> RoleRequest<'a> {
    fn of(params: &'a Params) -> Result<Self, ErrorReply> {
        let role = required(params, "RoleArn")?;
        let session = required(params, "RoleSessionName")?;
        let (account, role) =
            entity(role, "role").ok_or_else(|| refuse("InvalidParameter.RoleArn"))?;
        let fits = |c: char| c.is_ascii_alphanumeric() || ".@-_".contains(c);
        if !(2..=64).contains(&session.len()) || !session.chars().all(fits) {
            return Err(refuse("InvalidParameter.RoleSessionName"));
        }
        let seconds = given(params, "DurationSeconds").unwrap_or("3600");
        let seconds = seconds.parse().ok().filter(|n| (900..=43_200).contains(n));
        let duration = seconds.ok_or_else(|| refuse("InvalidParameter.DurationSeconds"))?;
        let policy = given(params, "Policy");
        if policy.is_some_and(|text| serde_json::from_str::<Policy>(text).is_err()) {
            return Err(refuse("InvalidParameter.PolicyGrammar"));
        }
        if account != ACCOUNT {
            return Err(refuse("EntityNotExist.Role"));
        }
        Ok(Self {
            role,
            session,
            duration: Duration::from_secs(duration),
        })
    }

    /// The answer, with the keys of a new session.
    fn assumed(&self, shared: &Shared) -> Value {
        let Self { role, session, .. } = self;
        let expires = later(shared.clock.now(), self.duration);
        let key = shared.identities.assume(role, session, expires);
        json!({
            "AssumedRoleUser": {
                "Arn": format!("acs:ram::{ACCOUNT}:role/{role}/{session}"),
                "AssumedRoleId": key.caller.principal_id,
            },
            "Credentials": {
                "AccessKeyId": key.pair.access_key_id,
                "AccessKeySecret": key.pair.access_key_secret,
                "SecurityToken": key.token,
                "Expiration": api_time(expires),
            },
        })
    }
}

fn assume_role(shared: &Shared, params: &Params) -> ApiResult {
    let wanted = RoleRequest::of(params)?;
    if given(params, "ExternalId").is_some_and(|id| !(2..=1224).contains(&id.len())) {
        return Err(refuse("InvalidParameter.ExternalId"));
    }
    Ok(wanted.assumed(shared))
}

fn assume_role_with_oidc(shared: &Shared, params: &Params) -> ApiResult {
    let provider = required(params, "OIDCProviderArn")?;
    let token = required(params, "OIDCToken")?;
    let wanted = RoleRequest::of(params)?;
    if entity(provider, "oidc-provider").is_none_or(|(account, _)| account != ACCOUNT) {
        return Err(refuse("AuthenticationFail.NoPermission"));
    }
    let claims = claims(token)?;
    if claims.exp <= shared.clock.now().as_second() {
        return Err(refuse("AuthenticationFail.OIDCToken.Expired"));
    }
    let mut reply = wanted.assumed(shared);
    reply["OIDCTokenInfo"] = json!({
        "Issuer": claims.iss, "Subject": claims.sub, "ClientIds": claims.aud,
    });
    Ok(reply)
}

/// Account and name in `acs:ram::<account>:<kind>/<name>`.
fn entity<'a>(arn: &'a str, kind: &str) -> Option<(&'a str, &'a str)> {
    let (account, name) = arn.strip_prefix("acs:ram::")?.split_once(':')?;
    let name = name.strip_prefix(kind)?.strip_prefix('/')?;
    let fits = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    (!name.is_empty() && name.chars().all(fits)).then_some((account, name))
}

/// A policy, as far as its grammar is looked at.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[expect(dead_code, reason = "policies are accepted and ignored")]
struct Policy {
    version: String,
    statement: Vec<Statement>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[expect(dead_code, reason = "policies are accepted and ignored")]
struct Statement {
    effect: Effect,
    action: Value,
    resource: Value,
}

#[derive(Deserialize)]
enum Effect {
    Allow,
    Deny,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
}

/// The claims of an OIDC token.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    /// One client id, or a list.
    aud: Value,
    exp: i64,
}

fn claims(token: &str) -> Result<Claims, ErrorReply> {
    let invalid = |message: &str| refuse_because("AuthenticationFail.OIDCToken.Invalid", message);
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, _] = parts.as_slice() else {
        return Err(invalid(
            "The number of Jwt field should be divided into 3 parts with '.' .",
        ));
    };
    let decode = |part: &str| {
        let decoded = URL_SAFE_NO_PAD.decode(part);
        decoded.map_err(|_| invalid("Cannot decode base64 encoded response(format invalided)."))
    };
    let unrecognized = |_| invalid("The Jwt content is invalid that cannot be recognized.");
    let Header { alg } = serde_json::from_slice(&decode(header)?).map_err(unrecognized)?;
    if !alg.starts_with("RS") && !alg.starts_with("ES") {
        return Err(invalid(&format!(
            "The algorithm {alg} that be specified in Jwt header is unknown."
        )));
    }
    serde_json::from_slice(&decode(claims)?).map_err(unrecognized)
}
