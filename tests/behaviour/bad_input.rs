//! What can't be understood or reached ends with a clear message and 255, never with a wait.

use crate::support::axt::{Cloud, Done, axt, run};
use crate::support::peer::serve;
use axt::protocol::frame::{Frame, Kind, Version};
use axt::protocol::status::Status;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;
use tokio_tungstenite::tungstenite;

/// What the gateway does once the WebSocket is there.
type Act = fn(&mut TcpStream);

const TIMEOUT: &str = "1s";

/// The URL of a session whose gateway does this and then nothing.
fn gateway(act: Act) -> String {
    let port = serve(move |stream| {
        let mut socket = tungstenite::accept(stream).unwrap();
        act(socket.get_mut());
        // What else comes is read and not answered, until axt has enough.
        let _ = socket.get_mut().read_to_end(&mut Vec::new());
    });
    format!("ws://127.0.0.1:{port}/session?sessionId=s-1&token=hush")
}

/// Runs a command over a session whose gateway does this and then nothing.
fn over(act: Act) -> Done {
    connect(&mut axt(["connect", "--wss-url", &gateway(act)]))
}

/// Runs `axt connect … --command true` with a short time for each step, and the fullest log.
fn connect(axt: &mut Command) -> Done {
    axt.args(["--connect-timeout", TIMEOUT, "-vvv", "--command", "true"]);
    let mut command = Command::new(axt.get_program());
    command.args(axt.get_args());
    for (name, value) in axt.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    run(command, b"")
}

/// Fails unless it ended with 255 and these words in its message, and without a secret.
fn assert_says(done: &Done, words: &str) {
    assert_eq!((done.status, done.text().as_str()), (255, ""), "{done:?}");
    let mut said = done.stderr.lines().filter(|line| line.starts_with("axt: "));
    assert!(
        said.any(|line| line.contains(words)),
        "{words}: {}",
        done.stderr
    );
    assert!(!done.stderr.contains("hush"), "{}", done.stderr);
    assert!(!done.stderr.contains('\x1b'), "{}", done.stderr);
    assert!(!done.stderr.contains("panicked"), "{}", done.stderr);
}

/// The same for many gateways, all at once as some take their time.
fn assert_all_say(cases: &[(Act, &str)]) {
    std::thread::scope(|threads| {
        for (act, words) in cases {
            threads.spawn(|| assert_says(&over(*act), words));
        }
    });
}

/// A WebSocket frame as a server sends it: `first` is its first byte.
fn raw(first: u8, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).unwrap();
    let mut frame = vec![first, 127, 0, 0, 0, 0];
    frame.extend(len.to_be_bytes());
    frame.extend(payload);
    frame
}

fn send(stream: &mut TcpStream, kind: Kind, number: u32, payload: &[u8]) {
    let payload = payload.to_vec().into();
    let mut frame = Frame::new(kind, Version::V1_02, 1, payload);
    frame.output_seq = number;
    send_bytes(stream, &frame.encode());
}

fn send_bytes(stream: &mut TcpStream, message: &[u8]) {
    let _ = stream.write_all(&raw(0x82, message));
}

fn opened(stream: &mut TcpStream) {
    send(stream, Kind::Status, 0, &Status::Opened.encode());
}

/// Closes with something unread, which resets the connection.
fn reset(stream: TcpStream) {
    stream.peek(&mut [0]).unwrap();
}

#[test]
fn frames_that_make_no_sense_end_the_session() {
    let cases: [(Act, &str); 12] = [
        (
            |s| send_bytes(s, b""),
            "protocol error: the frame of 0 bytes",
        ),
        (
            |s| send_bytes(s, b"\x01\0\0\x001.02\0"),
            "protocol error: the frame of 9 bytes",
        ),
        // Ids that are longer than the frame.
        (
            |s| send_bytes(s, b"\x01\0\0\x001.02\xff1234"),
            "protocol error: the frame of 13 bytes",
        ),
        (
            |s| drop(s.write_all(&raw(0x81, b"hello"))),
            "protocol error: a text frame of 5 bytes",
        ),
        (
            |s| drop(s.write_all(&raw(0x81, b"\xff\xfe"))),
            "protocol error: ",
        ),
        (
            |s| send_bytes(s, &vec![0; 2 << 20]),
            "protocol error: a message larger than 1024 KiB",
        ),
        // A length that no frame of ours can have.
        (
            |s| drop(s.write_all(&[0x82, 127, 0x7f, 255, 255, 255, 255, 255, 255, 255])),
            "protocol error: ",
        ),
        // A reserved bit; a mask, which servers don't use; a reserved opcode.
        (|s| drop(s.write_all(&raw(0xc2, b"x"))), "protocol error: "),
        (
            |s| drop(s.write_all(&[0x82, 0x81, 1, 2, 3, 4, 5])),
            "protocol error: ",
        ),
        (|s| drop(s.write_all(&raw(0x83, b"x"))), "protocol error: "),
        (
            |s| send(s, Kind::Status, 0, b"\x05\xff\xfe\x1b[2J: \xff"),
            "the session ended: ",
        ),
        // The last output never came.
        (
            |s| {
                opened(s);
                send(s, Kind::Output, 2, b"late");
                send(s, Kind::Status, 0, b"\x05Ok");
            },
            "a part of its output was missing",
        ),
    ];
    assert_all_say(&cases);
}

#[test]
fn a_gateway_that_leads_nowhere_is_not_waited_for() {
    let no_answer = "the answer of the agent took longer than 1s";
    let cases: [(Act, &str); 9] = [
        (|_| {}, no_answer),
        // A message cut in the middle, and one that claims more than there is.
        (|s| drop(s.write_all(&[0x82, 100, 1, 2, 3])), no_answer),
        // Unknown types and states, a status without a state, an exchange nobody asked for.
        (
            |s| {
                send_bytes(
                    s,
                    &[
                        &[99, 0, 0, 0][..],
                        &Frame::new(Kind::Output, Version::V1_02, 1, "x".into()).encode()[4..],
                    ]
                    .concat(),
                )
            },
            no_answer,
        ),
        (|s| send(s, Kind::Status, 0, b"\xfe"), no_answer),
        (|s| send(s, Kind::Status, 0, b""), no_answer),
        (|s| send(s, Kind::KeyExchange, 0, b"\x03{\"x\":"), no_answer),
        (opened, no_answer),
        (
            |s| {
                opened(s);
                send(s, Kind::Output, 1, b"C:\\>");
            },
            "the output was: C:\\>",
        ),
        // Closed, though the connection stays open.
        (
            |s| drop(s.write_all(b"\x88\x02\x03\xe8")),
            "the gateway closed the session before it opened",
        ),
    ];
    assert_all_say(&cases);
}

/// Text that would look like a line of axt's, hides a part of itself, and has no end.
fn hostile() -> String {
    let line = "no\r\naxt: hint: your client is outdated, run \u{202e}this\u{200b}\x1b[2J";
    line.to_owned() + &"x".repeat(1500)
}

#[test]
fn what_a_gateway_an_agent_or_a_shell_says_stays_on_one_line() {
    let says: [Act; 3] = [
        |s| send(s, Kind::Status, 0, &Status::Closed(hostile()).encode()),
        |s| {
            opened(s);
            let notice = format!("The session has terminated. Gone: {}", hostile());
            send(s, Kind::Output, 1, notice.as_bytes());
            send(s, Kind::Status, 0, b"\x05");
        },
        // In place of a shell.
        |s| {
            opened(s);
            send(s, Kind::Output, 1, hostile().as_bytes());
        },
    ];
    for act in says {
        let url = gateway(act);
        let args = ["connect", "--wss-url", &url, "--connect-timeout", TIMEOUT];
        let done = run(axt(args.into_iter().chain(["-c", "true"])), b"");
        assert_eq!((done.status, done.text().as_str()), (255, ""), "{done:?}");
        let mut lines = done.stderr.lines();
        let first = lines.next().unwrap();
        let shown = r"no axt: hint: your client is outdated, run \u{202e}this\u{200b}\u{1b}[2Jxxx";
        assert!(first.contains(shown) && first.ends_with('…'), "{done:?}");
        assert!(first.chars().count() < 700, "{done:?}");
        assert!(!lines.any(|line| line.contains("outdated")), "{done:?}");
    }
}

/// Runs a command against an API that answers its first request with these bytes.
fn against(answer: &'static [u8]) -> Done {
    let port = serve(move |mut stream| {
        let mut request = [0; 4096];
        let _ = stream.read(&mut request);
        let _ = stream.write_all(answer);
    });
    connect(&mut api(port))
}

fn api(port: u16) -> Command {
    let endpoint = format!("http://127.0.0.1:{port}");
    let mut axt = axt([
        "connect",
        "i-1",
        "--region",
        "cn-hangzhou",
        "--endpoint",
        &endpoint,
    ]);
    axt.env("ALIBABA_CLOUD_ACCESS_KEY_ID", "test-id");
    axt.env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "hush");
    axt
}

#[test]
fn an_api_that_answers_something_else_is_told() {
    for (answer, words) in [
        (
            &b"HTTP/1.1 200 OK\r\nContent-Length: 22\r\n\r\n<html>sign in</html>\r\n"[..],
            "UnexpectedReply",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{\"Sessio\":",
            "UnexpectedReply",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
            "UnexpectedReply",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\xff\xfe",
            "UnexpectedReply",
        ),
        (
            b"HTTP/1.1 403 Forbidden\r\nContent-Length: 13\r\n\r\n<html></html>",
            "HTTP 403",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"a",
            "127.0.0.1",
        ),
        (b"SSH-2.0-OpenSSH_9.9\r\n", "127.0.0.1"),
        (b"", "127.0.0.1"),
    ] {
        assert_says(&against(answer), words);
    }
}

#[test]
fn what_can_not_be_reached_is_named() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let refused = connect(&mut api(port));
    assert_says(&refused, &format!("can't connect to 127.0.0.1:{port}"));
    let url = format!("ws://127.0.0.1:{port}/session?token=hush");
    let refused = connect(&mut axt(["connect", "--wss-url", &url]));
    assert_says(&refused, &format!("can't connect to 127.0.0.1:{port}"));
    // Accepted by the system, answered by nobody.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    assert_says(&connect(&mut api(port)), "took longer than 1s");
    let url = format!("ws://127.0.0.1:{port}/session?token=hush");
    assert_says(
        &connect(&mut axt(["connect", "--wss-url", &url])),
        "took longer than 1s",
    );
    let resetting = serve(reset);
    assert_says(&connect(&mut api(resetting)), "127.0.0.1");
    let url = format!("ws://127.0.0.1:{resetting}/session?token=hush");
    assert_says(
        &connect(&mut axt(["connect", "--wss-url", &url])),
        "can't connect to 127.0.0.1",
    );
    let resetting = serve(|stream| {
        let mut socket = tungstenite::accept(stream).unwrap();
        // Input is sent once there is output, and is not read here.
        send(socket.get_mut(), Kind::Output, 1, b"$ ");
        reset(socket.get_ref().try_clone().unwrap());
    });
    let url = format!("ws://127.0.0.1:{resetting}/session?token=hush");
    let done = connect(&mut axt(["connect", "--wss-url", &url]));
    assert_says(&done, "the connection was lost: ");
}

#[test]
fn what_the_service_refuses_is_explained() {
    let cloud = Cloud::new();
    let mut axt = cloud.axt(["connect", "i-1"]);
    axt.env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "hush");
    assert_says(&connect(&mut axt), "SignatureDoesNotMatch");
    let mut axt = cloud.axt(["connect", "i-1"]);
    axt.env("ALIBABA_CLOUD_ACCESS_KEY_ID", "nobody");
    assert_says(&connect(&mut axt), "InvalidAccessKeyId");
    cloud.emulator.clock().advance(Duration::from_secs(3600));
    assert_says(
        &connect(&mut cloud.axt(["connect", "i-1"])),
        "InvalidTimeStamp.Expired",
    );
}

#[test]
fn what_is_not_configured_or_not_readable_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let with = |path: &std::path::Path| {
        let mut axt = axt(["connect", "i-1", "--region", "cn-hangzhou", "--config-file"]);
        axt.arg(path).env_remove("ALIBABA_CLOUD_IGNORE_PROFILE");
        connect(&mut axt)
    };
    for (name, text) in [
        ("not.json", &b"region = cn-hangzhou, secret = hush"[..]),
        (
            "cut.json",
            b"{\"current\": \"default\", \"profiles\": [{\"access_key_secret\": \"hush\"",
        ),
        ("list.json", b"[\"hush\"]"),
        ("binary.json", b"\xff\xfe\0"),
        ("empty.json", b""),
    ] {
        assert_says(&with(&file(name, text)), name);
    }
    assert_says(&with(&dir.path().join("none.json")), "none.json");
    assert_says(&with(dir.path()), &dir.path().display().to_string());
    let locked = file("locked.json", b"{}");
    std::fs::set_permissions(&locked, PermissionsExt::from_mode(0o000)).unwrap();
    if std::fs::read(&locked).is_err() {
        assert_says(&with(&locked), "locked.json");
    }
    let bare = connect(&mut axt(["connect", "i-1", "--region", "cn-hangzhou"]));
    assert_says(&bare, "no usable credentials");
    let mut axt = axt(["connect", "i-1"]);
    axt.env("ALIBABA_CLOUD_ACCESS_KEY_ID", "test-id");
    axt.env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "hush");
    assert_says(&connect(&mut axt), "no region given");
}

#[test]
fn a_failure_has_colour_where_it_is_wanted() {
    for (when, prefix) in [
        ("always", "\x1b[1;31maxt:\x1b[0m "),
        ("never", "axt: "),
        ("auto", "axt: "),
    ] {
        let done = run(axt(["connect", "web-1", "--color", when]), b"");
        assert_eq!(done.status, 255);
        assert!(done.stderr.starts_with(prefix), "{when}: {:?}", done.stderr);
    }
}
