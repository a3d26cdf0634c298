//! A bare HTTP client and a bare WebSocket client, and how to sign.

use axt::emulator::agent::Guest;
use axt::emulator::{Emulator, Options};
use axt::openapi::signature;
use axt::protocol::frame::{Frame, Kind, Version};
use axt::protocol::status::Status;
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

pub(crate) type Params = Vec<(String, String)>;

/// Longer than anything takes; only a hang reaches it.
pub(crate) const HANG: Duration = Duration::from_secs(20);

/// An emulator whose guests echo, with `settings` of limits and faults.
pub(crate) fn emulator(limits: &[(&str, &str)], faults: &[(&str, &str)]) -> Emulator {
    let mut options = Options::default();
    options.agent.guest = Guest::Echo;
    for (name, value) in limits {
        options.limits.set(name, value).unwrap();
    }
    for (name, value) in faults {
        options.faults.set(name, value).unwrap();
    }
    Emulator::on_loopback(options).unwrap()
}

pub(crate) fn pairs(list: &[(&str, &str)]) -> Params {
    list.iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// `base` with `extra` in place of what it has of the same names; an empty value removes.
pub(crate) fn with(mut base: Params, extra: &[(&str, &str)]) -> Params {
    for (name, value) in extra {
        base.retain(|(known, _)| known != name);
        if !value.is_empty() {
            base.push(((*name).to_owned(), (*value).to_owned()));
        }
    }
    base
}

pub(crate) fn now() -> String {
    jiff::Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}

/// The common parameters of a V1 call.
pub(crate) fn common(emulator: &Emulator) -> Params {
    pairs(&[
        ("Version", "2014-05-26"),
        ("Format", "JSON"),
        ("AccessKeyId", &emulator.credentials().access_key_id),
        ("SignatureMethod", "HMAC-SHA1"),
        ("SignatureVersion", "1.0"),
        ("SignatureNonce", &uuid::Uuid::new_v4().to_string()),
        ("Timestamp", &now()),
    ])
}

/// A StartTerminalSession call with nothing special.
pub(crate) fn start(emulator: &Emulator) -> Params {
    with(
        common(emulator),
        &[
            ("Action", "StartTerminalSession"),
            ("RegionId", "cn-hangzhou"),
            ("InstanceId.1", "i-demo"),
        ],
    )
}

pub(crate) fn signed(emulator: &Emulator, method: &str, mut params: Params) -> Params {
    let signature = signature::v1(method, &params, &emulator.credentials().access_key_secret);
    params.push(("Signature".into(), signature));
    params
}

pub(crate) fn http() -> reqwest::Client {
    // The second test to come here finds a provider installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// Status and body of a signed POST.
pub(crate) async fn post(emulator: &Emulator, params: Params) -> (u16, Value) {
    send_form(emulator, signed(emulator, "POST", params)).await
}

pub(crate) async fn send_form(emulator: &Emulator, params: Params) -> (u16, Value) {
    let request = http()
        .post(emulator.api_url())
        .header("content-type", "application/x-www-form-urlencoded")
        .body(signature::canonical_query(&params));
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    (
        status,
        serde_json::from_str(&response.text().await.unwrap()).unwrap(),
    )
}

/// The code of the error that a call meets, with its status; `200 ` when it meets none.
pub(crate) async fn code(emulator: &Emulator, params: Params) -> String {
    let (status, body) = post(emulator, params).await;
    format!("{status} {}", body["Code"].as_str().unwrap_or_default())
}

/// Waits until it is so, but not forever.
pub(crate) async fn until(what: &str, is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(HANG, waiting).await.expect(what);
}

/// A started session: id, token, URL.
pub(crate) struct Started {
    pub id: String,
    pub token: String,
    pub url: String,
}

pub(crate) async fn started(emulator: &Emulator) -> Started {
    started_with(emulator, &[]).await
}

pub(crate) async fn started_with(emulator: &Emulator, extra: &[(&str, &str)]) -> Started {
    let (status, body) = post(emulator, with(start(emulator), extra)).await;
    assert_eq!(status, 200, "{body}");
    let text = |name: &str| body[name].as_str().unwrap().to_owned();
    Started {
        id: text("SessionId"),
        token: text("SecurityToken"),
        url: text("WebSocketUrl"),
    }
}

pub(crate) type Socket = WebSocketStream<TcpStream>;

/// Opens a WebSocket, or gives the HTTP status of the refusal.
pub(crate) async fn dial(url: &str, token: Option<&str>) -> Result<Socket, u16> {
    let mut request = url.into_client_request().unwrap();
    if let Some(token) = token {
        request
            .headers_mut()
            .insert("x-acs-session-token", token.parse().unwrap());
    }
    let stream = TcpStream::connect(request.uri().authority().unwrap().as_str())
        .await
        .unwrap();
    match timeout(HANG, client_async(request, stream)).await.unwrap() {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

/// A client that follows the protocol, step by step.
pub(crate) struct Client {
    pub socket: Socket,
    pub version: Version,
    pub sent: u32,
    pub taken: u32,
    pub channel_id: Bytes,
}

impl Client {
    pub(crate) async fn open(session: &Started) -> Self {
        Self::over(dial(&session.url, Some(&session.token)).await.unwrap())
    }

    pub(crate) fn over(socket: Socket) -> Self {
        Self {
            socket,
            version: Version::V1_02,
            sent: 0,
            taken: 0,
            channel_id: Bytes::new(),
        }
    }

    /// An Input with the next number.
    pub(crate) fn input(&mut self, payload: &str) -> Frame {
        self.sent += 1;
        self.frame(Kind::Input, Bytes::copy_from_slice(payload.as_bytes()))
    }

    pub(crate) fn frame(&self, kind: Kind, payload: Bytes) -> Frame {
        let mut frame = Frame::new(kind, self.version, 1, payload);
        frame.channel_id = self.channel_id.clone();
        frame.input_seq = self.sent;
        frame.output_seq = self.taken;
        frame
    }

    pub(crate) async fn send(&mut self, frame: &Frame) {
        self.socket
            .send(Message::Binary(frame.encode()))
            .await
            .unwrap();
    }

    pub(crate) async fn type_in(&mut self, payload: &str) {
        let frame = self.input(payload);
        self.send(&frame).await;
    }

    /// The next message; `None` when the WebSocket has ended, however it did.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        let message = timeout(HANG, self.socket.next())
            .await
            .expect("nothing came");
        match message {
            Some(Ok(Message::Binary(bytes))) => {
                let frame = Frame::decode(&bytes).unwrap().frame;
                self.channel_id = frame.channel_id.clone();
                Some(frame)
            }
            Some(Ok(Message::Close(_)) | Err(_)) | None => None,
            Some(Ok(other)) => panic!("{other:?}"),
        }
    }

    /// The next message that is not a Status.
    pub(crate) async fn next_data(&mut self) -> Option<Frame> {
        loop {
            let frame = self.next().await?;
            if frame.kind != Kind::Status {
                self.taken = self.taken.max(frame.output_seq);
                return Some(frame);
            }
        }
    }

    /// Output until it is `len` bytes.
    pub(crate) async fn output(&mut self, len: usize) -> String {
        let mut text = Vec::new();
        while text.len() < len {
            let frame = self.next_data().await.expect("the session ended");
            assert_eq!(frame.kind, Kind::Output);
            text.extend_from_slice(&frame.payload);
        }
        String::from_utf8(text).unwrap()
    }

    /// The last Status before the end.
    pub(crate) async fn last_status(&mut self) -> Option<Status> {
        let mut last = None;
        while let Some(frame) = self.next().await {
            if frame.kind == Kind::Status {
                last = Some(Status::decode(&frame.payload));
            }
        }
        last
    }
}

pub(crate) fn closed(reason: &str) -> Option<Status> {
    Some(Status::Closed(reason.into()))
}

pub(crate) fn later(seconds: i64) -> String {
    let time = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

pub(crate) fn end(emulator: &Emulator, id: &str) -> Params {
    with(
        common(emulator),
        &[
            ("Action", "EndTerminalSession"),
            ("RegionId", "cn-hangzhou"),
            ("SessionId", id),
        ],
    )
}
