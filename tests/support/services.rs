//! Stand-ins, on loopback and in one server, of the services that give credentials, and of an ECS
//! that notes whose signature it was called with.

use super::peer;
use axt::openapi::signature;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};

/// The services, until the test ends.
#[derive(Clone)]
pub(crate) struct Services {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// The paths and actions that were asked for.
    asked: Vec<String>,
    /// The parameters of the last call of ECS.
    call: BTreeMap<String, String>,
    /// The refresh tokens that were used.
    used: BTreeSet<String>,
}

/// The secret that goes with an AccessKey id here; every secret in these tests has `hush` in it.
pub(crate) fn secret_of(id: &str) -> String {
    format!("hush-secret-of-{id}")
}

/// The security token that goes with a temporary AccessKey id here.
pub(crate) fn token_of(id: &str) -> String {
    format!("hush/token+of={id}")
}

impl Services {
    pub(crate) fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let noted = Arc::clone(&state);
        let address = peer::serve_on("127.0.0.1:0", move |stream| serve(stream, &noted));
        Self { address, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How often this path or action was asked for.
    pub(crate) fn count(&self, what: &str) -> usize {
        let state = self.state.lock().unwrap();
        state.asked.iter().filter(|asked| *asked == what).count()
    }

    /// AccessKey id, secret and token that the last call of ECS was signed with.
    pub(crate) fn signed_with(&self) -> Option<[String; 3]> {
        let call = std::mem::take(&mut self.state.lock().unwrap().call);
        let id = call.get("AccessKeyId")?.clone();
        let secret = secret_of(&id);
        let params = call.iter().filter(|(name, _)| *name != "Signature");
        let params: Vec<_> = params.map(|(n, v)| (n.clone(), v.clone())).collect();
        let right = signature::v1("POST", &params, &secret);
        let secret = match call.get("Signature") == Some(&right) {
            true => secret,
            false => "another".into(),
        };
        let token = call.get("SecurityToken").cloned().unwrap_or_default();
        Some([id, secret, token])
    }
}

fn serve(mut stream: TcpStream, state: &Mutex<State>) {
    while let Some((line, head, body)) = request(&mut stream) {
        let (status, answer) = answer(&line, &head, &body, &mut state.lock().unwrap());
        let text = match answer {
            Value::String(text) => text,
            other => other.to_string(),
        };
        let head = format!(
            "HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n",
            text.len()
        );
        if stream.write_all((head + &text).as_bytes()).is_err() {
            return;
        }
    }
}

fn request(stream: &mut TcpStream) -> Option<(String, String, String)> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.extend(byte);
    }
    let head = String::from_utf8_lossy(&head).to_string();
    let lower = head.to_ascii_lowercase();
    let mut lines = lower.lines();
    let length = lines.find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.and_then(|text| text.parse().ok()).unwrap_or(0)];
    stream.read_exact(&mut body).ok()?;
    let line = head.lines().next()?.to_owned();
    Some((line, lower, String::from_utf8_lossy(&body).into_owned()))
}

fn answer(line: &str, head: &str, body: &str, state: &mut State) -> (u16, Value) {
    let mut words = line.split(' ');
    let (method, target) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    // The official SDK has its parameters in the query.
    let both = format!("{query}&{body}");
    let form: BTreeMap<String, String> = url::form_urlencoded::parse(both.as_bytes())
        .into_owned()
        .collect();
    let param = |name: &str| form.get(name).cloned().unwrap_or_default();
    let asked = match param("Action") {
        action if action.is_empty() => path.to_owned(),
        action => action,
    };
    state.asked.push(asked.clone());
    match (method, asked.as_str()) {
        (_, "AssumeRole") => {
            let secret = secret_of(&param("AccessKeyId"));
            assert!(!secret.is_empty());
            (
                200,
                json!({"RequestId": "R", "Credentials": temporary(&format!("STS.role-of-{}", param("AccessKeyId")))}),
            )
        }
        (_, "AssumeRoleWithOIDC") => {
            assert_eq!(param("OIDCToken"), "hush-jwt");
            (
                200,
                json!({"RequestId": "R", "Credentials": temporary("STS.oidc")}),
            )
        }
        (_, "GetCallerIdentity") => (
            200,
            json!({"AccountId": "1", "Arn": "acs:ram::1:assumed-role/dev/axt", "IdentityType": "AssumedRoleUser"}),
        ),
        (_, "DescribeTerminalSessions") => {
            if param("AccessKeyId") == "STS.expired" {
                let code = "InvalidSecurityToken.Expired";
                return (400, json!({"RequestId": "R", "Code": code, "Message": "m"}));
            }
            state.call = form;
            (200, json!({"RequestId": "R", "Sessions": {"Session": []}}))
        }
        ("PUT", "/latest/api/token") => (200, "hush-imds".into()),
        ("GET", "/latest/meta-data/ram/security-credentials/") => (200, "ecs".into()),
        ("GET", "/latest/meta-data/ram/security-credentials/ecs") => (200, temporary("STS.ecs")),
        ("GET", "/uri") => (200, temporary("STS.uri")),
        ("POST", "/cloud-credentials") => {
            assert!(head.contains("authorization: bearer hush-sso"));
            (
                200,
                json!({"RequestId": "R", "CloudCredential": temporary("STS.sso")}),
            )
        }
        ("POST", "/v1/token") => {
            let number = state.used.len();
            let given = param("refresh_token");
            if given != format!("hush-refresh-{number}") || !state.used.insert(given) {
                return (400, json!({"error": "invalid_grant"}));
            }
            let next = number + 1;
            (
                200,
                json!({
                    "access_token": format!("hush-access-{next}"),
                    "refresh_token": format!("hush-refresh-{next}"),
                    "expires_in": 7200,
                }),
            )
        }
        ("POST", "/v1/exchange") => (200, temporary("STS.oauth")),
        _ => (404, "".into()),
    }
}

fn temporary(id: &str) -> Value {
    let expiration = Timestamp::now() + SignedDuration::from_hours(1);
    json!({
        "Code": "Success", "AccessKeyId": id, "AccessKeySecret": secret_of(id),
        "SecurityToken": token_of(id),
        "Expiration": expiration.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    })
}
