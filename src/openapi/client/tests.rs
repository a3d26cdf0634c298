//! The client against a server that gives canned answers and notes down what it was asked.

use super::*;
use crate::net::NetworkOptions;
use crate::openapi::ecs::{EndTerminalSession, StartTerminalSession, TerminalSession};
use crate::openapi::signature;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const LIMIT: Duration = Duration::from_secs(30);
const SECRET: &str = "hush-hush-secret";
const SESSION: &str =
    r#"{"RequestId":"R","SessionId":"s-1","SecurityToken":"t","WebSocketUrl":"wss://x"}"#;

/// One request as it came over the wire.
#[derive(Debug, Clone)]
struct Request {
    line: String,
    head: String,
    params: HashMap<String, String>,
    connection: usize,
}

/// A server on loopback; it ends with the runtime of its test.
struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Answers the first request with the first text, and so on; closes the connection in place of
    /// an empty one.
    async fn new(answers: &[String]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let seen = Arc::new(Mutex::new(vec![]));
        let answers = Arc::new(Mutex::new(
            answers.iter().rev().cloned().collect::<Vec<_>>(),
        ));
        let noted = Arc::clone(&seen);
        tokio::spawn(async move {
            let mut connection = 0;
            while let Ok((stream, _)) = listener.accept().await {
                connection += 1;
                tokio::spawn(serve(
                    stream,
                    connection,
                    Arc::clone(&answers),
                    Arc::clone(&noted),
                ));
            }
        });
        Self { address, seen }
    }

    fn client(&self) -> Client {
        client(&format!("http://{}", self.address))
    }

    fn seen(&self) -> Vec<Request> {
        self.seen.lock().expect("no panic").clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    connection: usize,
    answers: Arc<Mutex<Vec<String>>>,
    seen: Arc<Mutex<Vec<Request>>>,
) {
    while let Some((head, body)) = request(&mut stream).await {
        let line = head.lines().next().unwrap_or_default().to_owned();
        let params = url::form_urlencoded::parse(&body).into_owned().collect();
        seen.lock().expect("no panic").push(Request {
            line,
            head,
            params,
            connection,
        });
        let answer = answers.lock().expect("no panic").pop().unwrap_or_default();
        if answer.is_empty() || stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
        if answer.contains("Connection: close") {
            return;
        }
    }
}

/// Reads one request: its head and its body.
async fn request(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut read = vec![];
    let end = loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&read[..end]).to_ascii_lowercase();
    let length = head
        .split("content-length: ")
        .nth(1)?
        .split("\r\n")
        .next()?
        .parse()
        .ok()?;
    let mut body = read[end..].to_vec();
    while body.len() < length {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    let head = String::from_utf8_lossy(&read[..end]).into_owned();
    Some((head, body))
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
}

fn error(status: &str, headers: &str, code: &str) -> String {
    answer(
        status,
        headers,
        &format!(r#"{{"RequestId":"R","Code":"{code}","Message":"m"}}"#),
    )
}

fn client(endpoint: &str) -> Client {
    let network = Network::new(NetworkOptions {
        connect_timeout: LIMIT,
        ..NetworkOptions::default()
    });
    let credentials = Credentials {
        access_key_id: "LTAI5tTestKeyId1".into(),
        access_key_secret: SECRET.into(),
        security_token: Some("hush-hush-token".into()),
        expires: None,
        source: "a test".into(),
    };
    let endpoint = super::super::endpoint::parse(endpoint).expect("an endpoint");
    Client::new(network, endpoint, "cn-beijing", Arc::new(credentials))
        .expect("a client")
        .with_retry(Retry {
            first_pause: Duration::from_millis(1),
            ..Retry::default()
        })
}

async fn start(client: &Client) -> Result<TerminalSession> {
    client.call(&StartTerminalSession::new("i-1"), LIMIT).await
}

#[tokio::test]
async fn a_call_is_signed_and_wholly_in_its_body() {
    let server = Server::new(&[answer("200 OK", "", SESSION)]).await;
    assert_eq!(
        start(&server.client()).await.expect("a session").session_id,
        "s-1"
    );
    let [request] = &server.seen()[..] else {
        panic!("one request")
    };
    assert_eq!(request.line, "POST / HTTP/1.1");
    for (name, value) in [
        ("Action", "StartTerminalSession"),
        ("Version", "2014-05-26"),
        ("Format", "JSON"),
        ("AccessKeyId", "LTAI5tTestKeyId1"),
        ("SecurityToken", "hush-hush-token"),
        ("RegionId", "cn-beijing"),
        ("InstanceId.1", "i-1"),
    ] {
        assert_eq!(request.params.get(name).map(String::as_str), Some(value));
    }
    let mut params: Vec<_> = request.params.clone().into_iter().collect();
    params.retain(|(name, _)| name != "Signature");
    assert_eq!(
        request.params.get("Signature"),
        Some(&signature::v1("POST", &params, SECRET))
    );
    let time = request.params.get("Timestamp").expect("a time");
    assert!(
        time.len() == 20 && time.parse::<Timestamp>().is_ok(),
        "{time}"
    );
}

#[tokio::test]
async fn the_newer_signature_is_in_the_headers() {
    let server = Server::new(&[answer("200 OK", "", SESSION)]).await;
    let client = server.client().with_signature(Signature::V3);
    start(&client).await.expect("a session");
    let [request] = &server.seen()[..] else {
        panic!("one request")
    };
    assert_eq!(request.line, "POST / HTTP/1.1");
    for header in [
        "authorization: ACS3-HMAC-SHA256 Credential=LTAI5tTestKeyId1,SignedHeaders=content-type;host;",
        "x-acs-action: StartTerminalSession\r\n",
        "x-acs-security-token: hush-hush-token\r\n",
        "content-type: application/x-www-form-urlencoded\r\n",
    ] {
        assert!(request.head.contains(header), "{}", request.head);
    }
    let mut names: Vec<_> = request.params.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["ClientToken", "InstanceId.1", "RegionId"]);
}

#[tokio::test]
async fn each_attempt_has_a_nonce_of_its_own_and_the_same_client_token() {
    let wait = "x-acs-retry-after: 1\r\n";
    let answers = [
        error("503 Service Unavailable", "", "ServiceUnavailable"),
        error("400 Bad Request", wait, "Throttling.User"),
        String::new(),
        answer("200 OK", "", SESSION),
    ];
    let server = Server::new(&answers).await;
    start(&server.client())
        .await
        .expect("a session at the fourth attempt");
    let all = |name: &str| -> Vec<String> {
        server
            .seen()
            .iter()
            .filter_map(|request| request.params.get(name).cloned())
            .collect()
    };
    let tokens = all("ClientToken");
    assert_eq!(tokens, vec![tokens[0].clone(); 4]);
    let distinct = |mut values: Vec<String>| {
        values.sort();
        values.dedup();
        values.len()
    };
    assert_eq!(
        (distinct(all("SignatureNonce")), distinct(all("Signature"))),
        (4, 4)
    );
}

#[tokio::test]
async fn what_is_tried_again_and_what_is_not() {
    for (failure, attempts) in [
        (error("400 Bad Request", "", "Throttling"), 4),
        (error("429 Too Many Requests", "", "Whatever"), 4),
        (
            error("500 Internal Server Error", "", "InternalError.Dispatch"),
            4,
        ),
        (error("403 Forbidden", "", "IdempotentProcessing"), 4),
        (answer("502 Bad Gateway", "", "<html>Bad Gateway</html>"), 4),
        (String::new(), 4),
        (error("400 Bad Request", "", "SignatureNonceUsed"), 2),
        (error("403 Forbidden", "", "Forbidden.RAM"), 1),
        (error("404 Not Found", "", "InvalidInstance.NotFound"), 1),
        (answer("302 Found", "", "moved"), 1),
        (
            answer("200 OK", "", "<html>Log in to the hotel's network</html>"),
            1,
        ),
        (answer("200 OK", "", ""), 1),
    ] {
        let server = Server::new(&[&failure; 5].map(Clone::clone)).await;
        start(&server.client()).await.expect_err("no session");
        assert_eq!(server.seen().len(), attempts, "{failure}");
    }
}

/// An action that must not be made twice.
#[derive(Serialize)]
struct Fragile;

impl Action for Fragile {
    const NAME: &'static str = "Fragile";
    const VERSION: &'static str = "1";
    const IDEMPOTENT: bool = false;
    type Reply = serde_json::Value;
}

#[tokio::test]
async fn what_is_not_idempotent_is_tried_once() {
    for failure in [
        error(
            "503 Service Unavailable",
            "x-acs-retry-after: 1\r\n",
            "Throttling",
        ),
        String::new(),
    ] {
        let server = Server::new(&[failure.clone(), failure]).await;
        server
            .client()
            .call(&Fragile, LIMIT)
            .await
            .expect_err("a failure");
        assert_eq!(server.seen().len(), 1);
    }
}

#[tokio::test]
async fn the_connection_is_kept_for_the_next_call() {
    let answers = [
        answer("200 OK", "", SESSION),
        answer("200 OK", "", r#"{"RequestId":"R"}"#),
    ];
    let server = Server::new(&answers).await;
    let client = server.client();
    let session_id = start(&client).await.expect("a session").session_id;
    client
        .call(&EndTerminalSession { session_id }, LIMIT)
        .await
        .expect("its end");
    let connections: Vec<_> = server
        .seen()
        .iter()
        .map(|request| request.connection)
        .collect();
    assert_eq!(connections, [1, 1]);
}

#[tokio::test]
async fn replies_that_make_no_sense_are_named() {
    let close = "Connection: close\r\n";
    let huge = answer("200 OK", "", &" ".repeat(LONGEST_REPLY + 1));
    let truncated =
        format!("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n{close}\r\n{{\"SecurityToken\":\"hush");
    for (answer, words) in [
        (huge, "the answer is longer than 1 MiB"),
        (truncated.clone(), "the connection was lost: 127.0.0.1:"),
        (
            answer("200 OK", close, SESSION.trim_end_matches('}')),
            "the answer is truncated",
        ),
        (
            "SSH-2.0-OpenSSH_9.9\r\n\r\n Connection: close".into(),
            "the connection was lost: 127.0.0.1:",
        ),
    ] {
        let server = Server::new(&[&answer; 4].map(Clone::clone)).await;
        let error = start(&server.client()).await.expect_err(words).to_string();
        assert!(error.contains(words), "{error}");
        assert!(!error.contains("hush"), "{error}");
    }
}

#[tokio::test]
async fn a_refused_connection_and_one_without_tls_are_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    drop(listener);
    let error = start(&client(&format!("http://{address}")))
        .await
        .expect_err("refused")
        .to_string();
    assert!(
        error.starts_with(&format!("can't connect to {address}: ")),
        "{error}"
    );
    assert!(error.contains("refused"), "{error}");

    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let accepted = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let page = answer("400 Bad Request", "", "");
        stream
            .write_all(page.as_bytes())
            .await
            .expect("somebody who reads");
        // With the listener gone, a second attempt would be refused and say so.
    });
    let error = start(&client(&format!("https://{address}")))
        .await
        .expect_err("no TLS there");
    accepted.await.expect("one connection");
    let words = format!("can't connect to {address}: the peer doesn't speak TLS on this port");
    assert!(error.to_string().starts_with(&words), "{error}");
}

#[tokio::test]
async fn a_server_that_never_answers_costs_no_more_than_the_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let client = client(&format!("http://{address}"));
    let limit = Duration::from_millis(50);
    let result = client.call(&StartTerminalSession::new("i-1"), limit).await;
    assert!(
        matches!(result, Err(Error::Timeout { limit: passed, .. }) if passed == limit),
        "{result:?}"
    );
}

#[tokio::test]
async fn nothing_is_sent_of_a_request_that_breaks_a_rule() {
    let server = Server::new(&[]).await;
    let both = StartTerminalSession {
        port_number: Some(22),
        command_line: Some("ls".into()),
        ..StartTerminalSession::new("i-1")
    };
    let error = server
        .client()
        .call(&both, LIMIT)
        .await
        .expect_err("a conflict");
    assert!(
        error.to_string().contains("InvalidCommandLine.Conflict"),
        "{error}"
    );
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_wrong_clock_is_measured() {
    let date = "Date: Tue, 04 Mar 2025 05:06:07 GMT\r\n";
    let server = Server::new(&[error("400 Bad Request", date, "InvalidTimeStamp.Expired")]).await;
    let error = start(&server.client())
        .await
        .expect_err("a wrong clock")
        .to_string();
    assert!(
        error.contains("this machine's clock is ") && error.contains(" ahead of the server's"),
        "{error}"
    );

    let ours = "2025-03-04T05:00:07Z".parse().expect("a time");
    let behind = skew(Some("Tue, 04 Mar 2025 05:06:07 GMT"), ours);
    assert_eq!(
        behind,
        " (this machine's clock is 360s behind the server's)"
    );
    assert_eq!(skew(Some("yesterday"), ours), "");
}

#[test]
fn a_call_may_run_in_a_task_of_its_own() {
    fn is_send<T: Send>(_: &T) {}
    let client = client("http://127.0.0.1:1");
    is_send(&client.call(
        &EndTerminalSession {
            session_id: "s-1".into(),
        },
        LIMIT,
    ));
}
