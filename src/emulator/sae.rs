//! SAE's side of the API: GetWebshellToken, and what it leaves behind for the web shell's socket.
//!
//! Documented: path, parameters, the answer's form, the error codes. From `devsapp/saectl`: the
//! parameters Lines and Columns, and the socket's address. Inferred: what an unknown pod meets, how
//! long a token is good for, that it opens any number of web shells until then.

use super::api::{Params, given};
use super::clock::later;
use super::reply::Refusal;
use super::{Shared, random_text};
use crate::openapi::signature::same;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The path of GetWebshellToken.
pub(super) const TOKEN_PATH: &str = "/pop/v1/sam/instance/webshellToken";
/// The path of the web shells' socket.
pub(super) const SOCKET_PATH: &str = "/websocket/eamWebshell";

/// How SAE and its web shells behave. Any application with any pod is there, save for those named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sae {
    /// Applications that are not there.
    pub unknown_apps: Vec<String>,
    /// Pods that are not there.
    pub unknown_pods: Vec<String>,
    /// How long a token is good for; for ever when `None`.
    pub token_validity: Option<Duration>,
    /// The frames that output comes in.
    pub frames: Frames,
    /// Cuts the closing status in two messages after so many bytes.
    pub cut_status: Option<usize>,
    /// Leaves the socket open after the closing status.
    pub stay_open: bool,
}

/// The WebSocket frames that a web shell's output comes in. Input is taken in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Frames {
    /// Text while it is UTF-8, else binary.
    #[default]
    Either,
    /// Text only: what is not UTF-8 is lost.
    Text,
    /// Binary only.
    Binary,
}

impl Default for Sae {
    fn default() -> Self {
        Self {
            unknown_apps: Vec::new(),
            unknown_pods: Vec::new(),
            token_validity: Some(Duration::from_secs(600)),
            frames: Frames::default(),
            cut_status: None,
            stay_open: false,
        }
    }
}

/// What a token stands for.
#[derive(Debug, Clone)]
pub(super) struct Ticket {
    /// Until when it is good; for ever when `None`.
    expires: Option<Timestamp>,
    /// The terminal's rows and columns.
    pub size: Option<(u16, u16)>,
}

/// The tokens there are.
#[derive(Default)]
pub(super) struct Tickets(Mutex<HashMap<String, Ticket>>);

impl std::fmt::Debug for Tickets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tickets(redacted)")
    }
}

impl Tickets {
    fn issue(&self, ticket: Ticket) -> String {
        let token = random_text();
        let mut tickets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tickets.insert(token.clone(), ticket);
        token
    }

    /// What `token` stands for, if it is one and still good.
    pub fn redeem(&self, token: &str, now: Timestamp) -> Option<Ticket> {
        let tickets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, ticket) = tickets.iter().find(|(known, _)| same(known, token))?;
        let good = ticket.expires.is_none_or(|expires| now < expires);
        Some(ticket.clone()).filter(|_| good)
    }
}

/// Answers the call.
pub(super) fn get_webshell_token(
    shared: &Shared,
    params: &Params,
    host: &str,
) -> Result<Map<String, Value>, Refusal> {
    let sae = &shared.options.sae;
    let app = required(params, "AppId")?;
    let pod = required(params, "PodName")?;
    if sae.unknown_apps.iter().any(|unknown| unknown == app) {
        let message = "The current application does not exist.";
        return Err(Refusal::new(400, "InvalidApplication.NotFound", message));
    }
    if sae.unknown_pods.iter().any(|unknown| unknown == pod) {
        let message = format!("The parameter is invalid {{PodName}}: there is no pod {pod:?}.");
        return Err(Refusal::new(400, "InvalidParameter.WithMessage", message));
    }
    let size = match (side(params, "Lines")?, side(params, "Columns")?) {
        (Some(rows), Some(columns)) => Some((rows, columns)),
        _ => None,
    };
    let now = shared.clock.now();
    let expires = sae.token_validity.map(|validity| later(now, validity));
    let token = shared.tickets.issue(Ticket { expires, size });
    let region = shared.options.region.as_deref().unwrap_or("cn-hangzhou");
    let base = match &shared.options.websocket_base {
        Some(base) => base.trim_end_matches('/').to_owned(),
        None => format!("ws://{host}"),
    };
    // The page shows the second of these with its label in front.
    let page = format!(
        "https://saenext.console.aliyun.com/{region}/app-list/{app}/micro-app/shell/{pod}?tokenId={token}"
    );
    let answer = json!({
        "Message": "success", "TraceId": random_text(), "Code": "200", "Success": true,
        "Data": {
            "Token": token,
            "WebSocketUrl": format!("{base}{SOCKET_PATH}?tokenId={token}&region={region}"),
            "HttpUrl": format!("HttpUrl :  \"{page}"),
        },
    });
    match answer {
        Value::Object(answer) => Ok(answer),
        _ => Ok(Map::new()),
    }
}

fn required<'a>(params: &'a Params, name: &str) -> Result<&'a str, Refusal> {
    given(params, name).ok_or_else(|| {
        let message = format!("You must specify the parameter {name}.");
        Refusal::new(400, "InvalidParameter.NotEmpty", message)
    })
}

/// A side of the terminal, in characters.
fn side(params: &Params, name: &str) -> Result<Option<u16>, Refusal> {
    let Some(text) = given(params, name) else {
        return Ok(None);
    };
    match text.parse() {
        Ok(side @ 1..) => Ok(Some(side)),
        _ => {
            let message = format!("The specified parameter is invalid {{{name}}}.");
            Err(Refusal::new(400, "InvalidParameter.Obviously", message))
        }
    }
}
