//! GetWebshellToken of SAE.
//!
//! Documented: path, parameters, the answer's form, the error codes. From `devsapp/saectl`: the
//! parameters Lines and Columns, and the socket's address. Inferred: the error for an unknown pod,
//! how long a token is valid, and that it opens any number of web shells until then.

use super::codes::{refuse, refuse_because};
use super::params::{Params, given};
use super::reply::{ApiResult, ErrorReply};
use crate::emulator::random::random_text;
use crate::emulator::sae::{IssuedToken, SOCKET_PATH};
use crate::emulator::state::Shared;
use crate::emulator::state::clock::later;
use serde_json::json;

/// The path of GetWebshellToken.
pub(crate) const TOKEN_PATH: &str = "/pop/v1/sam/instance/webshellToken";
/// Answers the call.
pub(crate) fn get_webshell_token(shared: &Shared, params: &Params, host: &str) -> ApiResult {
    let sae = &shared.options.sae;
    let app = required(params, "AppId")?;
    let pod = required(params, "PodName")?;
    if sae.unknown_apps.iter().any(|unknown| unknown == app) {
        return Err(refuse("InvalidApplication.NotFound"));
    }
    if sae.unknown_pods.iter().any(|unknown| unknown == pod) {
        let message = format!("The parameter is invalid {{PodName}}: there is no pod {pod:?}.");
        return Err(refuse_because("InvalidParameter.WithMessage", message));
    }
    let size = match (side(params, "Lines")?, side(params, "Columns")?) {
        (Some(rows), Some(columns)) => Some((rows, columns)),
        _ => None,
    };
    let now = shared.clock.now();
    let expires = sae.token_validity.map(|validity| later(now, validity));
    let token = shared.webshell_tokens.issue(IssuedToken { expires, size });
    let region = shared.options.region.as_deref().unwrap_or("cn-hangzhou");
    let base = shared.options.websocket_base(host);
    // The documented answer has a label in front of this URL.
    let page = format!(
        "https://saenext.console.aliyun.com/{region}/app-list/{app}/micro-app/shell/{pod}?tokenId={token}"
    );
    Ok(json!({
        "Message": "success", "TraceId": random_text(), "Code": "200", "Success": true,
        "Data": {
            "Token": token,
            "WebSocketUrl": format!("{base}{SOCKET_PATH}?tokenId={token}&region={region}"),
            "HttpUrl": format!("HttpUrl :  \"{page}"),
        },
    }))
}

fn required<'a>(params: &'a Params, name: &str) -> Result<&'a str, ErrorReply> {
    given(params, name).ok_or_else(|| {
        let message = format!("You must specify the parameter {name}.");
        refuse_because("InvalidParameter.NotEmpty", message)
    })
}

/// The number of lines or columns.
fn side(params: &Params, name: &str) -> Result<Option<u16>, ErrorReply> {
    let Some(text) = given(params, name) else {
        return Ok(None);
    };
    match text.parse() {
        Ok(side @ 1..) => Ok(Some(side)),
        _ => {
            let message = format!("The specified parameter is invalid {{{name}}}.");
            Err(refuse_because("InvalidParameter.Obviously", message))
        }
    }
}
