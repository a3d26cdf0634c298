//! Why a session does not begin or ends early, in the words of the real binary, and that none is left
//! behind whatever becomes of its request.

use crate::support::axt::{Cloud, Done, finish, run, until};
use crate::support::peer;
use axt::emulator::Options;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;

fn start(mut command: Command) -> Child {
    command.stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Fails unless axt failed with exactly this on its standard error.
fn assert_says(done: &Done, said: &[&str]) {
    let lines: Vec<_> = done.stderr.lines().collect();
    assert_eq!((done.status, &lines[..]), (255, said));
}

fn is_connected(cloud: &Cloud) -> bool {
    let sessions = cloud.emulator.sessions();
    sessions
        .iter()
        .any(|session| !session.connections.is_empty())
}

#[test]
fn a_second_client_on_one_url_is_told_of_the_first() {
    let cloud = Cloud::new();
    let url = cloud.session_url();
    let client = || cloud.axt(["connect", "--wss-url", &url]);
    let mut first = start(client());
    until("the first client is connected", || is_connected(&cloud));
    let second = run(client(), b"");
    assert_says(
        &second,
        &[
            "axt: the session ended: another client is connected to this session (SessionIdDuplicate)",
            "axt: hint: a session's URL is for one client at a time: without --wss-url axt starts a session of its own",
        ],
    );
    first.kill().unwrap();
    first.wait().unwrap();
}

#[test]
fn a_shell_that_somebody_else_ends_says_so() {
    let cloud = Cloud::new();
    for shell in [
        &["connect", "i-test"][..],
        &["connect", "i-test", "--default-shell"],
    ] {
        let mut child = start(cloud.axt(shell));
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(b"echo ready\n").unwrap();
        let (stdout, mut said) = (child.stdout.as_mut().unwrap(), Vec::new());
        while !String::from_utf8_lossy(&said).contains("ready") {
            let mut bytes = [0; 512];
            let count = stdout.read(&mut bytes).unwrap();
            assert!(count > 0, "it has ended");
            said.extend_from_slice(&bytes[..count]);
        }
        let sessions = cloud.emulator.sessions();
        let running = sessions.into_iter().find(|session| !session.ended).unwrap();
        let end = cloud.axt(["sessions", "end", &running.session_id]);
        assert_eq!(run(end, b"").status, 0);
        let done = finish(child);
        drop(stdin);
        assert_eq!(done.status, 255, "{shell:?}: {}", done.stderr);
        let said = "axt: the session was ended by somebody else (Notified)";
        assert!(done.stderr.contains(said), "{shell:?}: {}", done.stderr);
    }
}

#[test]
fn a_command_waits_for_an_agent_that_comes_late_to_a_given_session() {
    let mut options = Options::default();
    options.faults.set("newest-agent", "").unwrap();
    options.limits.set("start-delay", "3500ms").unwrap();
    let cloud = Cloud::with(options);
    let url = cloud.session_url();
    let done = run(
        cloud.axt(["connect", "--wss-url", &url, "--", "echo", "here"]),
        b"",
    );
    assert_eq!(
        (done.status, done.text().as_str()),
        (0, "here\n"),
        "{}",
        done.stderr
    );
}

#[test]
fn an_agent_that_says_nothing_in_time_is_named() {
    let mut options = Options::default();
    options.limits.set("start-delay", "1h").unwrap();
    let cloud = Cloud::with(options);
    let url = cloud.session_url();
    let args = [
        "connect",
        "--wss-url",
        &url,
        "--connect-timeout",
        "1s",
        "--",
        "true",
    ];
    let done = run(cloud.axt(args), b"");
    let said = "axt: the answer of the agent took longer than 1s";
    assert_eq!(done.status, 255);
    assert_eq!(done.stderr.lines().next(), Some(said));
}

#[test]
fn a_full_instance_is_told_with_how_to_find_its_sessions() {
    let mut options = Options::default();
    options.limits.set("per-instance", "1").unwrap();
    let cloud = Cloud::with(options);
    let mut first = start(cloud.axt(["connect", "i-test"]));
    until("the first client is connected", || is_connected(&cloud));
    let second = run(
        cloud.axt(["connect", "i-test", "--queue-timeout", "0"]),
        b"",
    );
    let mut lines = second.stderr.lines();
    assert_eq!(
        lines.next(),
        Some(
            "axt: the session ended: 20 sessions are connected to this instance, the most the service allows (Aborted: ConnectionCountExceedLimit)"
        )
    );
    assert_eq!(
        lines.next(),
        Some(
            "axt: hint: `axt sessions list --instance INSTANCE` shows them, `axt sessions end ID` ends one"
        )
    );
    first.kill().unwrap();
    first.wait().unwrap();
}

#[test]
fn a_url_that_has_expired_is_told_apart_from_a_resume_that_comes_too_late() {
    let mut options = Options::default();
    options.limits.set("url-validity", "0s").unwrap();
    let cloud = Cloud::with(options);
    let url = cloud.session_url();
    let done = run(cloud.axt(["connect", "--wss-url", &url]), b"");
    assert_says(
        &done,
        &[
            "axt: the gateway refused the session: HTTP 403: the URL has expired",
            "axt: hint: a session's URL is valid for 10 minutes and for one session: start a new session",
        ],
    );

    let mut options = Options::default();
    options.faults.set("expire-url", "").unwrap();
    options.faults.set("drop-after-out", "2").unwrap();
    let cloud = Cloud::with(options);
    let done = cloud.connect(["-c", "cat; sleep 1000"], b"x");
    assert_says(
        &done,
        &[
            "axt: the session could not be resumed: HTTP 403: the URL has expired",
            "axt: hint: a session can be resumed for the 10 minutes that its URL is valid: connect again",
        ],
    );
    cloud.assert_all_ended();
}

/// A way to `target` on which the answers to the first connection get lost.
fn losing_the_first_answers(target: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for (nth, client) in listener.incoming().enumerate() {
            let (client, server) = (client.unwrap(), TcpStream::connect(target).unwrap());
            let (to_server, from_server) = (server.try_clone().unwrap(), server);
            let from_client = client.try_clone().unwrap();
            thread::spawn(move || pass(from_client, Some(to_server)));
            thread::spawn(move || match nth {
                // The client's side stays open.
                0 => {
                    pass(from_server, None);
                    drop(client);
                }
                _ => pass(from_server, Some(client)),
            });
        }
    });
    address
}

fn pass(mut from: TcpStream, mut to: Option<TcpStream>) {
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        if let Some(to) = &mut to
            && to.write_all(&buffer[..read]).is_err()
        {
            return;
        }
    }
}

#[test]
fn a_session_whose_start_is_answered_too_late_is_ended() {
    let cloud = Cloud::new();
    let lossy = losing_the_first_answers(cloud.emulator.address());
    let mut command = cloud.axt(["connect", "i-test", "--connect-timeout", "1s", "-c", "true"]);
    command.env("AXT_ENDPOINT", format!("http://{lossy}"));
    let done = run(command, b"");
    assert_eq!(done.status, 255, "{}", done.stderr);
    assert!(
        done.stderr.contains("took longer than 1s"),
        "{}",
        done.stderr
    );
    assert_eq!(cloud.emulator.sessions().len(), 1);
    cloud.assert_all_ended();
}

#[test]
fn a_session_whose_start_is_not_answered_before_a_signal_is_ended() {
    for args in [
        &["connect", "i-test", "-c", "true"][..],
        &["proxy", "i-test", "22"],
    ] {
        let cloud = Cloud::new();
        let lossy = losing_the_first_answers(cloud.emulator.address());
        let mut command = cloud.axt(args);
        command.env("AXT_ENDPOINT", format!("http://{lossy}"));
        let child = start(command);
        until("the session is started", || {
            !cloud.emulator.sessions().is_empty()
        });
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        let done = finish(child);
        assert_eq!(done.status, 143, "{}", done.stderr);
        assert_eq!(cloud.emulator.sessions().len(), 1);
        cloud.assert_all_ended();
    }
}

#[test]
fn a_second_signal_ends_the_wait_for_an_answer() {
    let cloud = Cloud::new();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = cloud.axt(["proxy", "i-test", "22"]);
    let address = silent.local_addr().unwrap();
    command.env("AXT_ENDPOINT", format!("http://{address}"));
    let mut child = start(command);
    let _kept = silent.accept().unwrap();
    until("it has ended", || {
        // How often it has been told is not seen from here.
        let _ = kill_process(Pid::from_child(&child), Signal::INT);
        child.try_wait().unwrap().is_some()
    });
    let done = finish(child);
    let said = "axt: a session may be left: axt sessions list shows it\n";
    assert_eq!((done.status, done.stderr.as_str()), (130, said));
}

/// A relay that keeps the gateway's answer to a closing frame back; says so when that connection is gone.
fn keeping_the_last_answer(target: SocketAddr) -> (SocketAddr, mpsc::Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (gone, is_gone) = mpsc::channel();
    thread::spawn(move || {
        for client in listener.incoming() {
            let (client, server) = (client.unwrap(), TcpStream::connect(target).unwrap());
            let (mut from_client, mut to_server) = (client.try_clone().unwrap(), server);
            let from_server = to_server.try_clone().unwrap();
            let gone = gone.clone();
            thread::spawn(move || {
                let mut buffer = [0; 4096];
                while let Ok(read @ 1..) = from_client.read(&mut buffer) {
                    // The closing frame comes by itself.
                    if buffer[0] == 0x88 {
                        while let Ok(1..) = from_client.read(&mut buffer) {}
                        return gone.send(()).unwrap();
                    }
                    to_server.write_all(&buffer[..read]).unwrap();
                }
            });
            thread::spawn(move || pass(from_server, Some(client)));
        }
    });
    (address, is_gone)
}

#[test]
fn a_session_of_a_port_that_has_closed_is_ended_before_its_connection_is() {
    let cloud = Cloud::new();
    let (relay, is_gone) = keeping_the_last_answer(cloud.emulator.address());
    let port = peer::serve(|mut stream| stream.write_all(b"bye").unwrap());
    let port = port.to_string();
    let mut command = cloud.axt(["proxy", "i-test", &port, "--target-server", "127.0.0.1"]);
    command.env("AXT_ENDPOINT", format!("http://{relay}"));
    let child = start(command);
    until("the call", || {
        cloud.emulator.calls("EndTerminalSession") == 1
    });
    assert_eq!(is_gone.try_recv(), Err(mpsc::TryRecvError::Empty));
    let done = finish(child);
    assert_eq!((done.status, done.text().as_str()), (0, "bye"));
    assert_eq!(cloud.emulator.calls("EndTerminalSession"), 1);
}

/// A server on loopback that gives every request this answer.
fn always(answer: String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut request = [0; 4096];
            let _ = client.read(&mut request);
            let _ = client.write_all(answer.as_bytes());
        }
    });
    address
}

#[test]
fn what_others_write_makes_no_line_of_axts_and_hides_nothing() {
    let cloud = Cloud::new();
    let hostile =
        "no\naxt: hint: your client is outdated, run \u{202e}this\u{200b}\x1b[2J".to_owned();
    let hostile = hostile + &"x".repeat(9000);
    let error = serde_json::json!({"Code": hostile, "Message": hostile, "RequestId": hostile});
    for body in [error.to_string(), hostile] {
        let length = body.len();
        let answer = format!("HTTP/1.1 400 Bad Request\r\nContent-Length: {length}\r\n\r\n{body}");
        let address = always(answer);
        let mut api = cloud.axt(["connect", "i-test"]);
        api.env("AXT_ENDPOINT", format!("http://{address}"));
        let url = format!("ws://{address}/");
        let gateway = cloud.axt(["connect", "--wss-url", &url]);
        for command in [api, gateway] {
            let done = run(command, b"");
            assert_eq!(done.status, 255);
            let invisible =
                |c: char| c != '\n' && (c.is_control() || "\u{202e}\u{200b}".contains(c));
            assert!(!done.stderr.contains(invisible), "{}", done.stderr);
            let forged = done
                .stderr
                .lines()
                .any(|line| line.contains("hint: your client") && line.starts_with("axt: hint"));
            assert!(!forged && done.stderr.len() < 2500, "{}", done.stderr);
        }
    }
}
