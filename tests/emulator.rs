//! The emulator seen from outside: a bare HTTP client and a bare WebSocket client.
#![cfg(feature = "emulator")]
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

use axt::emulator::agent::Guest;
use axt::emulator::{Emulator, Options};
use axt::openapi::signature;
use axt::protocol::frame::{Frame, Kind, Version, resize_payload};
use axt::protocol::status::Status;
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

type Params = Vec<(String, String)>;

/// Longer than anything takes; only a hang reaches it.
const HANG: Duration = Duration::from_secs(20);

/// An emulator whose guests echo, with `settings` of limits and faults.
fn emulator(limits: &[(&str, &str)], faults: &[(&str, &str)]) -> Emulator {
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

fn pairs(list: &[(&str, &str)]) -> Params {
    list.iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// `base` with `extra` in place of what it has of the same names; an empty value removes.
fn with(mut base: Params, extra: &[(&str, &str)]) -> Params {
    for (name, value) in extra {
        base.retain(|(known, _)| known != name);
        if !value.is_empty() {
            base.push(((*name).to_owned(), (*value).to_owned()));
        }
    }
    base
}

fn now() -> String {
    jiff::Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}

/// The common parameters of a V1 call.
fn common(emulator: &Emulator) -> Params {
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
fn start(emulator: &Emulator) -> Params {
    with(
        common(emulator),
        &[
            ("Action", "StartTerminalSession"),
            ("RegionId", "cn-hangzhou"),
            ("InstanceId.1", "i-demo"),
        ],
    )
}

fn signed(emulator: &Emulator, method: &str, mut params: Params) -> Params {
    let signature = signature::v1(method, &params, &emulator.credentials().access_key_secret);
    params.push(("Signature".into(), signature));
    params
}

fn http() -> reqwest::Client {
    // The second test to come here finds a provider installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// Status and body of a signed POST.
async fn post(emulator: &Emulator, params: Params) -> (u16, Value) {
    send_form(emulator, signed(emulator, "POST", params)).await
}

async fn send_form(emulator: &Emulator, params: Params) -> (u16, Value) {
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
async fn code(emulator: &Emulator, params: Params) -> String {
    let (status, body) = post(emulator, params).await;
    format!("{status} {}", body["Code"].as_str().unwrap_or_default())
}

/// A started session: id, token, URL.
struct Started {
    id: String,
    token: String,
    url: String,
}

async fn started(emulator: &Emulator) -> Started {
    started_with(emulator, &[]).await
}

async fn started_with(emulator: &Emulator, extra: &[(&str, &str)]) -> Started {
    let (status, body) = post(emulator, with(start(emulator), extra)).await;
    assert_eq!(status, 200, "{body}");
    let text = |name: &str| body[name].as_str().unwrap().to_owned();
    Started {
        id: text("SessionId"),
        token: text("SecurityToken"),
        url: text("WebSocketUrl"),
    }
}

type Socket = WebSocketStream<TcpStream>;

/// Opens a WebSocket, or gives the HTTP status of the refusal.
async fn dial(url: &str, token: Option<&str>) -> Result<Socket, u16> {
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
struct Client {
    socket: Socket,
    version: Version,
    sent: u32,
    taken: u32,
    channel_id: Bytes,
}

impl Client {
    async fn open(session: &Started) -> Self {
        Self::over(dial(&session.url, Some(&session.token)).await.unwrap())
    }

    fn over(socket: Socket) -> Self {
        Self {
            socket,
            version: Version::V1_02,
            sent: 0,
            taken: 0,
            channel_id: Bytes::new(),
        }
    }

    /// An Input with the next number.
    fn input(&mut self, payload: &str) -> Frame {
        self.sent += 1;
        self.frame(Kind::Input, Bytes::copy_from_slice(payload.as_bytes()))
    }

    fn frame(&self, kind: Kind, payload: Bytes) -> Frame {
        let mut frame = Frame::new(kind, self.version, 1, payload);
        frame.channel_id = self.channel_id.clone();
        frame.input_seq = self.sent;
        frame.output_seq = self.taken;
        frame
    }

    async fn send(&mut self, frame: &Frame) {
        self.socket
            .send(Message::Binary(frame.encode()))
            .await
            .unwrap();
    }

    async fn type_in(&mut self, payload: &str) {
        let frame = self.input(payload);
        self.send(&frame).await;
    }

    /// The next message; `None` when the WebSocket has ended, however it did.
    async fn next(&mut self) -> Option<Frame> {
        loop {
            match timeout(HANG, self.socket.next())
                .await
                .expect("nothing came")
            {
                Some(Ok(Message::Binary(bytes))) => {
                    let frame = Frame::decode(&bytes).unwrap().frame;
                    self.channel_id = frame.channel_id.clone();
                    return Some(frame);
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(other)) => panic!("{other:?}"),
            }
        }
    }

    /// The next message that is not a Status.
    async fn next_data(&mut self) -> Option<Frame> {
        loop {
            let frame = self.next().await?;
            if frame.kind != Kind::Status {
                self.taken = self.taken.max(frame.output_seq);
                return Some(frame);
            }
        }
    }

    /// Output until it is `len` bytes.
    async fn output(&mut self, len: usize) -> String {
        let mut text = Vec::new();
        while text.len() < len {
            let frame = self.next_data().await.expect("the session ended");
            assert_eq!(frame.kind, Kind::Output);
            text.extend_from_slice(&frame.payload);
        }
        String::from_utf8(text).unwrap()
    }

    /// The last Status before the end.
    async fn last_status(&mut self) -> Option<Status> {
        let mut last = None;
        while let Some(frame) = self.next().await {
            if frame.kind == Kind::Status {
                last = Some(Status::decode(&frame.payload));
            }
        }
        last
    }
}

fn closed(reason: &str) -> Option<Status> {
    Some(Status::Closed(reason.into()))
}

#[tokio::test]
async fn what_is_typed_comes_back() {
    let emulator = emulator(&[], &[]);
    let session = started(&emulator).await;
    let mut client = Client::open(&session).await;
    let mut statuses = Vec::new();
    while statuses.len() < 3 {
        let frame = client.next().await.unwrap();
        assert_eq!(frame.kind, Kind::Status);
        statuses.push(Status::decode(&frame.payload));
    }
    assert_eq!(
        statuses,
        [Status::Opening, Status::Opened, Status::Stream(1_600_000)]
    );
    assert!(!client.channel_id.is_empty());
    client.type_in("hello").await;
    let frame = client.next().await.unwrap();
    assert_eq!(
        (
            frame.kind,
            &frame.payload[..],
            frame.output_seq,
            frame.input_seq
        ),
        (Kind::Output, &b"hello"[..], 1, 1)
    );
    client.taken = 1;
    let close = client.frame(Kind::Close, Bytes::from("1"));
    client.send(&close).await;
    assert!(matches!(
        client.last_status().await,
        Some(Status::Closed(_))
    ));
    let record = &emulator.sessions()[0];
    assert_eq!(record.session_id, session.id);
    assert_eq!(
        (
            record.connections[0].status,
            record.connections[0].closed_reason
        ),
        ("Terminated", Some("ClientClosed"))
    );
    assert_eq!(emulator.counts().leaked, 1);
}

#[tokio::test]
async fn good_signatures_are_taken_in_each_form() {
    let emulator = emulator(&[], &[]);
    let (status, body) = post(&emulator, start(&emulator)).await;
    assert_eq!(status, 200, "{body}");
    let params = signed(&emulator, "GET", start(&emulator));
    let url = format!(
        "{}/?{}",
        emulator.api_url(),
        signature::canonical_query(&params)
    );
    assert_eq!(http().get(url).send().await.unwrap().status(), 200);
    // Common parameters in the query, the API's own in the form.
    let params = signed(&emulator, "POST", start(&emulator));
    let (form, query): (Params, Params) = params
        .into_iter()
        .partition(|(name, _)| name.starts_with("InstanceId"));
    let request = http()
        .post(format!(
            "{}/?{}",
            emulator.api_url(),
            signature::canonical_query(&query)
        ))
        .header(
            "content-type",
            "application/x-www-form-urlencoded; charset=UTF-8",
        )
        .body(signature::canonical_query(&form));
    assert_eq!(request.send().await.unwrap().status(), 200);
    assert_eq!(emulator.counts().created, 3);
}

/// An ACS3 request as the newest SDK sends it: parameters in the query, no body; `spoil` may change
/// the signed headers before they are sent.
async fn acs3(emulator: &Emulator, spoil: impl Fn(&mut Params)) -> (u16, Value) {
    let host = emulator.address().to_string();
    let query = pairs(&[
        ("RegionId", "cn-hangzhou"),
        ("InstanceId.1", "i-demo"),
        ("CommandLine", "echo '\u{4f60}' * ~/x+y & a=b"),
    ]);
    let mut headers = pairs(&[
        ("host", &host),
        ("accept", "application/json"),
        ("x-acs-action", "StartTerminalSession"),
        ("x-acs-version", "2014-05-26"),
        ("x-acs-date", &now()),
        ("x-acs-signature-nonce", &uuid::Uuid::new_v4().to_string()),
        ("x-acs-content-sha256", &signature::sha256_hex(b"")),
    ]);
    let request = signature::acs3_canonical_request(
        "POST",
        "/",
        &query,
        &headers,
        &signature::sha256_hex(b""),
    );
    let keys = emulator.credentials();
    let authorization = signature::acs3_authorization(
        &keys.access_key_id,
        &signature::acs3_signed_headers(&headers),
        &signature::acs3(&request, &keys.access_key_secret),
    );
    spoil(&mut headers);
    let mut request = http().post(format!(
        "http://{host}/?{}",
        signature::canonical_query(&query)
    ));
    for (name, value) in headers.iter().filter(|(name, _)| name != "host") {
        request = request.header(name, value);
    }
    let response = request
        .header("authorization", authorization)
        .send()
        .await
        .unwrap();
    let status = response.status().as_u16();
    (
        status,
        serde_json::from_str(&response.text().await.unwrap()).unwrap(),
    )
}

#[tokio::test]
async fn acs3_is_taken_and_checked() {
    let emulator = emulator(&[], &[]);
    let (status, body) = acs3(&emulator, |_| ()).await;
    assert_eq!(status, 200, "{body}");
    for (name, value, code) in [
        (
            "x-acs-action",
            "EndTerminalSession",
            "SignatureDoesNotMatch",
        ),
        ("x-acs-content-sha256", "00", "IncompleteSignature"),
        (
            "x-acs-date",
            "2020-01-01T00:00:00Z",
            "InvalidTimeStamp.Expired",
        ),
        ("x-acs-extra", "unsigned", "IncompleteSignature"),
        ("x-acs-signature-nonce", "", "MissingParameter"),
    ] {
        let (_, body) = acs3(&emulator, |headers| {
            *headers = with(headers.clone(), &[(name, value)])
        })
        .await;
        assert_eq!(body["Code"], code, "{name}: {body}");
    }
}

#[tokio::test]
async fn a_wrong_signature_is_told_what_was_signed() {
    let emulator = emulator(&[], &[]);
    let mut params = start(&emulator);
    params.push(("Signature".into(), "AAAA".into()));
    let (status, body) = send_form(&emulator, params.clone()).await;
    assert_eq!(
        (status, body["Code"].as_str()),
        (400, Some("SignatureDoesNotMatch"))
    );
    params.pop();
    let message = body["Message"].as_str().unwrap();
    let (_, theirs) = message.split_once("server string to sign is:").unwrap();
    assert_eq!(theirs, signature::v1_string_to_sign("POST", &params));
    assert!(!message.contains(&emulator.credentials().access_key_secret));
    assert!(
        body["RequestId"].is_string()
            && body["HostId"].is_string()
            && body["Recommend"].is_string()
    );
}

#[tokio::test]
async fn each_fault_of_form_has_its_code() {
    let emulator = emulator(&[], &[]);
    for (name, value, expected) in [
        (
            "Timestamp",
            "2020-01-01T00:00:00Z",
            "400 InvalidTimeStamp.Expired",
        ),
        (
            "Timestamp",
            "2999-01-01T00:00:00Z",
            "400 InvalidTimeStamp.Expired",
        ),
        (
            "Timestamp",
            "2020-01-01T00:00:00.000Z",
            "400 InvalidTimeStamp.Format",
        ),
        ("Timestamp", "yesterday", "400 InvalidTimeStamp.Format"),
        ("AccessKeyId", "testid", "404 InvalidAccessKeyId.NotFound"),
        ("AccessKeyId", "", "400 MissingParameter"),
        ("Action", "", "400 MissingParameter"),
        ("Action", "RebootInstance", "404 InvalidAction.NotFound"),
        ("Version", "2015-04-01", "400 InvalidVersion"),
        ("SignatureMethod", "HMAC-MD5", "400 InvalidSignatureMethod"),
        (
            "SecurityToken",
            "CAIS",
            "400 InvalidSecurityToken.MismatchWithAccessKey",
        ),
    ] {
        let met = code(&emulator, with(start(&emulator), &[(name, value)])).await;
        assert_eq!(met, expected, "{name}={value}");
    }
    let doubled = [
        start(&emulator),
        pairs(&[("Username", "a"), ("Username", "b")]),
    ]
    .concat();
    assert_eq!(
        code(&emulator, doubled).await,
        "400 InvalidParameter.Duplicate"
    );
    assert_eq!(emulator.counts().created, 0);
}

#[tokio::test]
async fn a_nonce_is_good_once_and_a_time_for_15_minutes() {
    let emulator = emulator(&[], &[]);
    let params = start(&emulator);
    assert_eq!(code(&emulator, params.clone()).await, "200 ");
    assert_eq!(code(&emulator, params).await, "400 SignatureNonceUsed");
    let params = start(&emulator);
    emulator.clock().advance(Duration::from_secs(14 * 60));
    assert_eq!(code(&emulator, params).await, "200 ");
    let params = start(&emulator);
    emulator.clock().advance(Duration::from_secs(2 * 60));
    assert_eq!(
        code(&emulator, params).await,
        "400 InvalidTimeStamp.Expired"
    );
}

#[tokio::test]
async fn odd_bodies_are_refused() {
    let emulator = emulator(&[], &[]);
    let send = async |content_type: &'static str, body: String| {
        let request = http()
            .post(emulator.api_url())
            .header("content-type", content_type)
            .body(body);
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    let (status, body) = send("application/json", "{}".into()).await;
    assert!(
        status == 415 && body.contains("<Code>UnsupportedContentType</Code>"),
        "{status} {body}"
    );
    let (status, body) = send("application/x-www-form-urlencoded", "a=".repeat(40_000)).await;
    assert!(
        status == 413 && body.contains("<Code>RequestEntityTooLarge</Code>"),
        "{status} {body}"
    );
    let (status, body) = send(
        "application/x-www-form-urlencoded",
        "%zz&&==&\u{0}=%00".into(),
    )
    .await;
    assert!(
        status == 400 && body.contains("<Code>MissingParameter</Code>"),
        "{status} {body}"
    );
    assert_eq!(
        http()
            .delete(emulator.api_url())
            .send()
            .await
            .unwrap()
            .status(),
        405
    );
}

#[tokio::test]
async fn each_wrong_parameter_has_its_code() {
    let emulator = emulator(&[], &[]);
    let long = |n: usize| "\u{4f60}".repeat(n);
    let json = |text: &str| text.to_owned();
    let cases: &[(&[(&str, String)], &str)] = &[
        (&[("RegionId", json(""))], "400 MissingParameter"),
        (
            &[("RegionId", json("cn-atlantis"))],
            "404 InvalidRegionId.NotFound",
        ),
        (&[("InstanceId.1", json(""))], "400 MissingParameter"),
        (
            &[("InstanceId.1", json("demo"))],
            "404 InvalidInstance.NotFound",
        ),
        (
            &[("InstanceId.2", json("i-2"))],
            "403 InstanceIds.ExceedLimit",
        ),
        (
            &[("InstanceId.2", json("i-2")), ("CommandLine", json("id"))],
            "403 InvalidInstanceIds.CountLimitExceeded",
        ),
        (&[("PortNumber", json("0"))], "400 PortNumber.Invalid"),
        (&[("PortNumber", json("65536"))], "400 PortNumber.Invalid"),
        (&[("PortNumber", json("ssh"))], "400 PortNumber.Invalid"),
        (&[("PortNumber", json("65535"))], "200 "),
        (
            &[("ConnectionType", json("intranet"))],
            "400 InvalidParameter.ConnectionType",
        ),
        (&[("ConnectionType", json("Intranet"))], "200 "),
        (
            &[("ClientToken", "x".repeat(65))],
            "400 InvalidClientToken.Malformed",
        ),
        (
            &[("ClientToken", long(1))],
            "400 InvalidClientToken.Malformed",
        ),
        (&[("CommandLine", long(512))], "200 "),
        (
            &[("CommandLine", long(513))],
            "403 InvalidCommandLine.LengthLimitExceeded",
        ),
        (
            &[("CommandLine", json("id")), ("PortNumber", json("22"))],
            "403 InvalidCommandLine.Conflict",
        ),
        (
            &[("CommandLine", json("id")), ("TargetServer", json("h"))],
            "403 InvalidCommandLine.Conflict",
        ),
        (
            &[("TargetServer", json("h"))],
            "403 InvalidTargetServer.MissingPortNumber",
        ),
        (
            &[("TargetServer", long(129)), ("PortNumber", json("22"))],
            "403 InvalidTargetServer.LengthLimitExceeded",
        ),
        (&[("Username", long(256))], "403 Username.ExceedLimit"),
        (
            &[("PasswordName", long(256))],
            "403 InvalidPasswordName.LengthLimitExceeded",
        ),
        (&[("EncryptionOptions", json("{}"))], "200 "),
        (
            &[("EncryptionOptions", json("nonsense"))],
            "400 InvalidParameter",
        ),
        (
            &[("EncryptionOptions.Enabled", json("true"))],
            "400 InvalidParameter",
        ),
        (
            &[("EncryptionOptions", json(r#"{"Mode":"Auto"}"#))],
            "403 InvalidEncryptionOptionsMode.EncryptionDisabled",
        ),
        (
            &[(
                "EncryptionOptions",
                json(r#"{"Enabled":true,"Mode":"Best"}"#),
            )],
            "403 InvalidParameter.EncryptionOptionsMode",
        ),
        (
            &[(
                "EncryptionOptions",
                json(r#"{"Enabled":true,"Mode":"Kms"}"#),
            )],
            "403 MissingParameter.EncryptionOptionsKMSKeyId",
        ),
        (
            &[(
                "EncryptionOptions",
                json(r#"{"Enabled":true,"KMSKeyId":"k"}"#),
            )],
            "403 InvalidParameter.EncryptionOptionsKMSKeyId",
        ),
        (
            &[
                ("EncryptionOptions", json(r#"{"Enabled":true}"#)),
                ("PortNumber", json("22")),
            ],
            "403 InvalidEncryptionOptions.Conflict",
        ),
        (
            &[(
                "EncryptionOptions",
                json(r#"{"Enabled":true,"Mode":"Kms","KMSKeyId":"k"}"#),
            )],
            "200 ",
        ),
    ];
    for (extra, expected) in cases {
        let extra: Vec<_> = extra
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let met = code(&emulator, with(start(&emulator), &extra)).await;
        assert_eq!(met, *expected, "{extra:?}");
    }
}

#[tokio::test]
async fn a_client_token_stands_for_one_call() {
    let emulator = emulator(&[], &[]);
    let first = started_with(&emulator, &[("ClientToken", "t-1")]).await;
    let again = started_with(&emulator, &[("ClientToken", "t-1")]).await;
    assert_eq!((first.id, first.url), (again.id, again.url));
    let other = with(
        start(&emulator),
        &[("ClientToken", "t-1"), ("Username", "root")],
    );
    assert_eq!(
        code(&emulator, other).await,
        "403 IdempotentParameterMismatch"
    );
    assert_eq!(emulator.counts().created, 1);
}

#[tokio::test]
async fn a_region_holds_so_many_active_sessions() {
    let emulator = emulator(&[("per-region", "2")], &[]);
    let first = started(&emulator).await;
    started(&emulator).await;
    assert_eq!(
        code(&emulator, start(&emulator)).await,
        "403 SessionCount.ExceedLimit"
    );
    assert_eq!(
        code(
            &emulator,
            with(start(&emulator), &[("RegionId", "cn-beijing")])
        )
        .await,
        "200 "
    );
    assert_eq!(code(&emulator, end(&emulator, &first.id)).await, "200 ");
    started(&emulator).await;
    emulator.clock().advance(Duration::from_secs(601));
    // Their URLs are too old and nobody uses them.
    assert_eq!(
        code(
            &emulator,
            with(start(&emulator), &[("Timestamp", &later(601))])
        )
        .await,
        "200 "
    );
}

fn later(seconds: i64) -> String {
    let time = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn end(emulator: &Emulator, id: &str) -> Params {
    with(
        common(emulator),
        &[
            ("Action", "EndTerminalSession"),
            ("RegionId", "cn-hangzhou"),
            ("SessionId", id),
        ],
    )
}

#[tokio::test]
async fn a_switched_on_error_is_met_as_often_as_it_says() {
    let emulator = emulator(
        &[],
        &[
            ("api-error", "Throttling:2"),
            ("api-error", "Forbidden.RAM:1"),
        ],
    );
    for expected in [
        "400 Throttling",
        "400 Throttling",
        "403 Forbidden.RAM",
        "200 ",
    ] {
        assert_eq!(code(&emulator, start(&emulator)).await, expected);
    }
}

#[tokio::test]
async fn ending_a_session_closes_its_socket() {
    let emulator = emulator(&[], &[]);
    let session = started(&emulator).await;
    let mut client = Client::open(&session).await;
    client.type_in("x").await;
    client.output(1).await;
    assert_eq!(
        code(&emulator, end(&emulator, "s-nothing")).await,
        "404 InvalidSessionId.NotFound"
    );
    assert_eq!(code(&emulator, end(&emulator, &session.id)).await, "200 ");
    assert_eq!(client.last_status().await, closed("Notified"));
    assert_eq!(code(&emulator, end(&emulator, &session.id)).await, "200 ");
    assert_eq!(
        dial(&session.url, Some(&session.token)).await.err(),
        Some(403)
    );
    assert_eq!(emulator.counts().leaked, 0);
}

#[tokio::test]
async fn a_socket_opens_for_its_token_only() {
    let emulator = emulator(&[], &[]);
    let (session, other) = (started(&emulator).await, started(&emulator).await);
    let url = &session.url;
    let cases = [
        (url.clone(), None, 401),
        (url.clone(), Some(""), 403),
        (url.clone(), Some(&other.token[..]), 403),
        (
            url.replace(&session.token, &other.token),
            Some(&session.token),
            403,
        ),
        (
            url.replace(&session.id, "s-nothing"),
            Some(&session.token),
            403,
        ),
        (url.replace("token=", "tokin="), Some(&session.token), 401),
        (
            format!("{url}&channelId=nothing"),
            Some(&session.token),
            404,
        ),
        (url.replace("/session", "/"), Some(&session.token), 400),
    ];
    for (url, token, status) in cases {
        let shown = url.replace(&session.token, "T");
        assert_eq!(dial(&url, token).await.err(), Some(status), "{shown}");
    }
    emulator.clock().advance(Duration::from_secs(599));
    Client::open(&session).await;
    emulator.clock().advance(Duration::from_secs(2));
    assert_eq!(dial(&other.url, Some(&other.token)).await.err(), Some(403));
}

#[tokio::test]
async fn what_no_client_may_send_ends_the_session() {
    let emulator = emulator(&[], &[]);
    let input = |change: fn(&mut Frame)| {
        let mut frame = Frame::new(Kind::Input, Version::V1_02, 1, Bytes::from("x"));
        frame.input_seq = 1;
        change(&mut frame);
        Message::Binary(frame.encode())
    };
    for (message, reason) in [
        (
            Message::Text("hello".into()),
            "ProcessDataError: a text frame",
        ),
        (
            Message::Binary(Bytes::from("short")),
            "ProcessDataError: the frame of 5 bytes ends inside its header (8 bytes)",
        ),
        (
            input(|frame| frame.timestamp = 0),
            "ProcessDataError: the frame's timestamp is 0",
        ),
        (
            input(|frame| frame.version = Version(*b"9.99")),
            "ProcessDataError: protocol version 9.99",
        ),
        (
            input(|frame| frame.input_seq = 0),
            "ProcessDataError: a message without its inputSeq",
        ),
        (
            input(|frame| frame.channel_id = "other".into()),
            "ProcessDataError: the channelId of another session",
        ),
    ] {
        let mut client = Client::open(&started(&emulator).await).await;
        client.socket.send(message).await.unwrap();
        assert_eq!(client.last_status().await, closed(reason));
    }
    let mut client = Client::open(&started(&emulator).await).await;
    // The gateway may have closed before all of it is written.
    let _ = client
        .socket
        .send(Message::Binary(vec![0; 200_000].into()))
        .await;
    let status = client.last_status().await;
    assert!(
        matches!(&status, Some(Status::Closed(reason)) if reason.starts_with("ProcessDataError")),
        "{status:?}"
    );
}

#[tokio::test]
async fn whoever_sends_too_fast_is_closed() {
    let emulator = emulator(&[("rate-bytes", "1000"), ("burst-bytes", "3000")], &[]);
    let mut client = Client::open(&started(&emulator).await).await;
    client.type_in(&"x".repeat(1000)).await;
    client.type_in(&"x".repeat(1000)).await;
    client.output(2000).await;
    client.type_in(&"x".repeat(5000)).await;
    assert_eq!(client.last_status().await, closed("FlowExceedLimit"));
}

#[tokio::test]
async fn silence_ends_a_session() {
    let emulator = emulator(&[("idle", "30ms")], &[]);
    let mut client = Client::open(&started(&emulator).await).await;
    assert_eq!(client.last_status().await, closed("IdleTimeout"));
    let emulator = self::emulator(&[("session-length", "30ms")], &[]);
    let mut client = Client::open(&started(&emulator).await).await;
    assert_eq!(client.last_status().await, closed("SessionTimeout"));
}

#[tokio::test]
async fn a_gap_is_asked_to_be_filled_and_a_duplicate_dropped() {
    let emulator = emulator(&[], &[]);
    let mut client = Client::open(&started(&emulator).await).await;
    client.type_in("a").await;
    assert_eq!(client.output(1).await, "a");
    let (second, third) = (client.input("b"), client.input("c"));
    client.send(&third).await;
    let sync = client.next_data().await.unwrap();
    assert_eq!((sync.kind, sync.input_seq), (Kind::Sync, 2));
    for frame in [&second, &second, &third, &second] {
        client.send(frame).await;
    }
    client.type_in("d").await;
    assert_eq!(client.output(3).await, "bcd");
}

#[tokio::test]
async fn old_clients_need_no_numbers() {
    let emulator = emulator(&[], &[]);
    let mut client = Client::open(&started(&emulator).await).await;
    client.version = Version::V1_01;
    let resize = client.frame(Kind::Resize, resize_payload(24, 80));
    client.send(&resize).await;
    for text in ["a", "b"] {
        let frame = client.frame(Kind::Input, Bytes::from(text));
        client.send(&frame).await;
    }
    assert_eq!(client.output(2).await, "ab");
}

#[tokio::test]
async fn an_instance_has_so_many_connected_sessions() {
    let emulator = emulator(&[("per-instance", "1")], &[]);
    let mut first = Client::open(&started(&emulator).await).await;
    let mut second = Client::open(&started(&emulator).await).await;
    assert_eq!(
        second.last_status().await,
        Some(Status::Aborted("ConnectionCountExceedLimit".into()))
    );
    let elsewhere = started_with(&emulator, &[("InstanceId.1", "i-other")]).await;
    Client::open(&elsewhere).await.type_in("x").await;
    first.type_in("y").await;
    assert_eq!(first.output(1).await, "y");
}

#[tokio::test]
async fn a_session_has_one_client() {
    let emulator = emulator(&[], &[]);
    let session = started(&emulator).await;
    let mut first = Client::open(&session).await;
    let mut second = Client::open(&session).await;
    assert_eq!(second.last_status().await, closed("SessionIdDuplicate"));
    first.type_in("y").await;
    assert_eq!(first.output(1).await, "y");
}

/// Opens the session anew as the client that it was.
async fn resume(session: &Started, mut client: Client) -> Client {
    let channel_id = String::from_utf8(client.channel_id.to_vec()).unwrap();
    let url = format!("{}&channelId={channel_id}", session.url);
    client.socket = dial(&url, Some(&session.token)).await.unwrap();
    let sync = client.frame(Kind::Sync, Bytes::new());
    client.send(&sync).await;
    client
}

#[tokio::test]
async fn a_dropped_session_is_resumed_where_it_was() {
    let emulator = emulator(&[], &[("drop-after-out", "2:1"), ("swallow", "2")]);
    let session = started(&emulator).await;
    let mut client = Client::open(&session).await;
    client.type_in("a").await;
    assert_eq!(client.output(1).await, "a");
    client.type_in("b").await;
    assert!(client.next_data().await.is_none());
    let mut client = resume(&session, client).await;
    assert_eq!(client.output(1).await, "b");
    client.type_in("c").await;
    assert_eq!(client.output(1).await, "c");
    assert_eq!(emulator.counts().connections, 2);
}

#[cfg(unix)]
#[tokio::test]
async fn the_last_output_waits_for_a_client_that_was_cut_off() {
    let mut options = Options::default();
    options.faults.set("drop-after-out", "1:1").unwrap();
    options.faults.set("swallow", "1").unwrap();
    options.agent.shell = Some("/bin/sh".into());
    let emulator = Emulator::on_loopback(options).unwrap();
    let session = started_with(&emulator, &[("CommandLine", "echo 'so long'")]).await;
    let mut client = Client::open(&session).await;
    assert!(client.next_data().await.is_none());
    let mut client = resume(&session, client).await;
    assert_eq!(client.output(9).await, "so long\r\n");
    assert_eq!(client.last_status().await, closed("Ok"));
    assert_eq!(emulator.counts().agents, 0);
}

#[tokio::test]
async fn a_resuming_client_takes_the_session_over() {
    let emulator = emulator(&[], &[("blackhole-after", "1:1")]);
    let session = started(&emulator).await;
    let mut client = Client::open(&session).await;
    client.type_in("a").await;
    client.output(1).await;
    let mut client = resume(&session, client).await;
    client.type_in("b").await;
    assert_eq!(client.output(1).await, "b");
    // A client whose connection still stands, as far as the gateway knows, is replaced as well.
    let again = Client::over(dial(&session.url, Some(&session.token)).await.unwrap());
    drop(again);
    let mut client = resume(&session, client).await;
    client.type_in("c").await;
    assert_eq!(client.output(1).await, "c");
}

#[tokio::test]
async fn a_restarting_gateway_says_so() {
    let emulator = emulator(&[], &[]);
    let session = started(&emulator).await;
    let mut client = Client::open(&session).await;
    client.type_in("a").await;
    client.output(1).await;
    emulator.restart_gateway();
    assert_eq!(client.last_status().await, Some(Status::Frozen));
    let mut client = resume(&session, client).await;
    client.type_in("b").await;
    assert_eq!(client.output(1).await, "b");
}

#[tokio::test]
async fn a_refused_resume_is_http_403() {
    let emulator = emulator(&[], &[("refuse-resume", ""), ("reset-after", "1")]);
    let session = started(&emulator).await;
    let mut client = Client::open(&session).await;
    client.type_in("a").await;
    client.output(1).await;
    assert!(client.next_data().await.is_none());
    let url = format!(
        "{}&channelId={}",
        session.url,
        String::from_utf8_lossy(&client.channel_id)
    );
    assert_eq!(dial(&url, Some(&session.token)).await.err(), Some(403));
}

#[test]
fn other_machines_are_let_in_on_request_only() {
    let listener = || std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let refused = Emulator::start(Options::default(), listener()).unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("can be reached from other machines"),
        "{refused}"
    );
    let options = Options {
        allow_remote: true,
        ..Options::default()
    };
    assert!(!Emulator::start(options, listener()).unwrap().is_loopback());
}

#[test]
fn secrets_are_random_and_not_shown() {
    let (one, other) = (emulator(&[], &[]), emulator(&[], &[]));
    let secret = &one.credentials().access_key_secret;
    assert_ne!(secret, &other.credentials().access_key_secret);
    assert!(!format!("{one:?}").contains(secret));
}
