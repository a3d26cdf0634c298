//! Sessions driven through [`start`] by messages alone.

use super::*;
use crate::protocol::frame::{Kind, Version, resize_payload};
use bytes::Bytes;
use rustix::process::{Pid, test_kill_process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A client that speaks right: numbers, acknowledges, and notes what it gets.
struct Client {
    agent: AgentHandle,
    version: Version,
    sent: u32,
    taken: u32,
    screen: Vec<u8>,
}

impl Client {
    fn new(spec: SessionSpec, options: &AgentOptions) -> Self {
        Self {
            agent: start(spec, options),
            version: Version::V1_02,
            sent: 0,
            taken: 0,
            screen: Vec::new(),
        }
    }

    fn run(line: &str) -> Self {
        Self::new(command(line), &AgentOptions::default())
    }

    async fn send(&mut self, kind: Kind, payload: impl Into<Bytes>) {
        let mut frame = Frame::new(kind, self.version, 1, payload.into());
        if matches!(kind, Kind::Input | Kind::Resize) {
            self.sent += 1;
        }
        frame.input_seq = self.sent;
        frame.output_seq = self.taken;
        self.agent.to_agent.send(frame).await.unwrap();
    }

    async fn input(&mut self, text: &'static str) {
        self.send(Kind::Input, text).await;
    }

    fn note(&mut self, frame: &Frame) {
        if frame.kind == Kind::Output {
            assert!(!frame.payload.is_empty());
            if frame.output_seq > 0 {
                assert_eq!(frame.output_seq, self.taken + 1);
                self.taken = frame.output_seq;
            }
            self.screen.extend_from_slice(&frame.payload);
        }
    }

    async fn recv(&mut self) -> Frame {
        let frame = self.agent.from_agent.recv().await.unwrap();
        self.note(&frame);
        frame
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.screen).into_owned()
    }

    /// Takes Output until the screen holds `text`.
    async fn wait_for(&mut self, text: &str) {
        while !self.text().contains(text) {
            self.recv().await;
        }
    }

    /// Takes Output until the session has ended by itself; why it did.
    async fn ended(&mut self) -> String {
        let reason = loop {
            tokio::select! {
                biased;
                frame = self.agent.from_agent.recv() => self.note(&frame.unwrap()),
                reason = &mut self.agent.ended => break reason.unwrap(),
            }
        };
        while let Ok(frame) = self.agent.from_agent.try_recv() {
            self.note(&frame);
        }
        reason
    }
}

fn command(line: &str) -> SessionSpec {
    SessionSpec {
        instance_id: "i-1".into(),
        command_line: Some(line.into()),
        ..SessionSpec::default()
    }
}

fn old() -> AgentOptions {
    AgentOptions {
        old: true,
        ..AgentOptions::default()
    }
}

fn echo() -> AgentOptions {
    AgentOptions {
        guest: Guest::Echo,
        ..AgentOptions::default()
    }
}

async fn target() -> (TcpListener, SessionSpec) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let spec = SessionSpec {
        port: Some(listener.local_addr().unwrap().port()),
        target_server: Some("127.0.0.1".into()),
        ..SessionSpec::default()
    };
    (listener, spec)
}

async fn read(stream: &mut TcpStream, count: usize) -> String {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).await.unwrap();
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn a_command_runs_in_the_size_told_before_it_starts() {
    let mut client = Client::run("sh -c 'stty size; echo \"$TERM\"; pwd; echo \"$HOME\"'");
    client.send(Kind::Resize, resize_payload(33, 99)).await;
    assert_eq!(client.ended().await, "Ok");
    let home = std::env::var("HOME").unwrap();
    let home = std::fs::canonicalize(home).unwrap();
    let (pwd, home_line) = (home.display(), std::env::var("HOME").unwrap());
    assert_eq!(
        client.text(),
        format!("33 99\r\nxterm-256color\r\n{pwd}\r\n{home_line}\r\n")
    );
}

#[tokio::test]
async fn a_shell_echoes_resizes_and_exits() {
    let options = AgentOptions {
        shell: Some("/bin/sh".into()),
        ..AgentOptions::default()
    };
    let mut client = Client::new(SessionSpec::default(), &options);
    client.input("echo h''i; stty size\n").await;
    client.wait_for("hi\r\n").await;
    client.send(Kind::Resize, resize_payload(50, 132)).await;
    client.input("stty size\n").await;
    client.wait_for("50 132").await;
    client.input("exit 3\n").await;
    assert_eq!(client.ended().await, "Ok");
}

#[tokio::test]
async fn ctrl_c_interrupts() {
    let mut client = Client::run(
        "sh -c 'trap \"echo caught; exit\" INT; echo go; while :; do sleep 0.01; done'",
    );
    client.wait_for("go").await;
    client.input("\x03").await;
    assert_eq!(client.ended().await, "Ok");
    assert!(client.text().contains("caught"), "{}", client.text());
}

#[tokio::test]
async fn output_is_numbered_acknowledges_and_bears_the_instance() {
    let mut client = Client::run("cat");
    client.send(Kind::Input, "").await;
    client.input("x\n").await;
    let frame = client.recv().await;
    assert_eq!((frame.output_seq, frame.input_seq), (1, 2));
    assert_eq!(frame.version, Version::V1_02);
    assert_eq!(frame.instance_id, "i-1");
    client.input("\x04").await;
    assert_eq!(client.ended().await, "Ok");
}

#[tokio::test]
async fn what_cannot_run_says_why() {
    for (line, new, old_reason) in [
        (
            "no-such-program-here x",
            "ShellCommandNotFound: no-such-program-here",
            "OpenPtyFailed",
        ),
        (
            "/etc/passwd",
            "ShellCommandPermissionDenied: /etc/passwd",
            "OpenPtyFailed",
        ),
        (
            "echo 'x",
            "MalformedCommandLine: a quote is not closed",
            "OpenPtyFailed",
        ),
        (
            "# nothing",
            "MalformedCommandLine: it has no word",
            "OpenPtyFailed",
        ),
    ] {
        assert_eq!(Client::run(line).ended().await, new);
        assert_eq!(Client::new(command(line), &old()).ended().await, old_reason);
    }
    let mut spec = command("id");
    spec.username = Some("no-such-user-here".into());
    let mut client = Client::new(spec, &AgentOptions::default());
    assert_eq!(client.ended().await, "UserNotExists: no-such-user-here");
}

#[tokio::test]
async fn the_session_lasts_while_something_holds_the_pty() {
    // A session leader's end hangs up its terminal, so the leader itself must live on unread.
    let mut client = Client::run("sh -c '(sleep 0.2; echo late) & echo early; wait'");
    client.wait_for("early").await;
    assert_eq!(client.ended().await, "Ok");
    assert!(client.text().ends_with("late\r\n"), "{:?}", client.text());
}

#[tokio::test]
async fn letting_go_kills_the_program_and_its_children() {
    for stubborn in ["", "trap \"\" HUP; "] {
        let line =
            format!("sh -c '{stubborn}sleep 1000 & echo $$ $! done; wait; wait; sleep 1000'");
        let mut client = Client::run(&line);
        client.wait_for("done").await;
        let text = client.text();
        let pids: Vec<i32> = text
            .split_whitespace()
            .filter_map(|word| word.parse().ok())
            .collect();
        let AgentHandle {
            to_agent, ended, ..
        } = client.agent;
        drop(to_agent);
        assert_eq!(ended.await.unwrap(), "Ok");
        assert_eq!(pids.len(), 2);
        let leader = Pid::from_raw(pids[0]).unwrap();
        assert!(
            test_kill_process(leader).is_err(),
            "the leader is gone and reaped"
        );
        assert!(is_dead(pids[1]), "the child is gone");
    }
}

/// Gone, or a zombie whose new parent has not come around to reaping it.
fn is_dead(pid: i32) -> bool {
    let stat = std::process::Command::new("ps")
        .args(["-o", "stat=", "-p", &pid.to_string()])
        .output()
        .unwrap();
    let stat = String::from_utf8(stat.stdout).unwrap();
    stat.is_empty() || stat.starts_with('Z')
}

#[tokio::test]
async fn close_ends_the_session() {
    let mut client = Client::run("sleep 1000");
    client.send(Kind::Close, "1").await;
    assert_eq!(client.agent.ended.await.unwrap(), "Ok");
    assert!(client.agent.from_agent.recv().await.is_none());
}

#[tokio::test]
async fn much_output_arrives_whole_while_the_client_acknowledges_it() {
    let mut client = Client::run("sh -c 'stty -opost; seq 1 1000000'");
    let mut lines = 0;
    while lines < 1_000_000 {
        let frame = client.recv().await;
        assert!(frame.payload.len() <= 1024 + 3);
        lines += frame.payload.iter().filter(|b| **b == b'\n').count();
        if frame.output_seq % 1000 == 0 {
            client.send(Kind::Input, "").await;
        }
    }
    assert_eq!(client.ended().await, "Ok");
    let expected: String = (1..=1_000_000).map(|n| format!("{n}\n")).collect();
    assert!(client.screen == expected.as_bytes());
}

#[tokio::test]
async fn a_client_that_acknowledges_nothing_stops_the_guest() {
    let options = AgentOptions {
        window: 4096,
        ..AgentOptions::default()
    };
    let mut client = Client::new(
        command("sh -c 'while :; do echo 0123456789; done'"),
        &options,
    );
    while client.screen.len() < 4096 {
        client.recv().await;
    }
    // One ask for everything: what comes is what came, and nothing new goes before it.
    let first = client.screen.clone();
    (client.taken, client.screen) = (0, Vec::new());
    client.send(Kind::Sync, "").await;
    while client.screen.len() < first.len() {
        client.recv().await;
    }
    assert!(client.screen == first);
    // An acknowledgement makes room for more.
    client.send(Kind::Input, "").await;
    client.recv().await;
}

#[tokio::test]
async fn the_last_output_can_be_asked_for_after_the_end() {
    let mut client = Client::run("echo bye");
    assert_eq!(client.ended().await, "Ok");
    (client.taken, client.screen) = (0, Vec::new());
    client.send(Kind::Sync, "").await;
    client.wait_for("bye\r\n").await;
}

#[tokio::test]
async fn a_gap_is_asked_for_and_a_duplicate_dropped() {
    let mut client = Client::new(SessionSpec::default(), &echo());
    client.input("a").await;
    client.sent = 2;
    client.input("c").await;
    // The Sync may come before the echo.
    let frames = [client.recv().await, client.recv().await];
    let sync = frames.iter().find(|frame| frame.kind == Kind::Sync);
    assert_eq!(sync.unwrap().input_seq, 2);
    client.sent = 0;
    for text in ["a", "b", "c", "d"] {
        client.input(text).await;
    }
    client.wait_for("abcd").await;
    assert_eq!(client.text(), "abcd");
}

#[tokio::test]
async fn a_client_of_1_01_is_never_checked() {
    let mut client = Client::new(SessionSpec::default(), &echo());
    client.version = Version::V1_01;
    for number in [0, 0, 7, 3] {
        client.sent = u32::wrapping_sub(number, 1);
        let mut frame = Frame::new(Kind::Input, Version::V1_01, 1, Bytes::from("x"));
        frame.input_seq = number;
        client.agent.to_agent.send(frame).await.unwrap();
    }
    client.wait_for("xxxx").await;
}

#[tokio::test]
async fn an_old_agent_numbers_nothing_and_drops_what_comes_early() {
    let options = AgentOptions {
        start_delay: Duration::from_secs(1),
        ..old()
    };
    tokio::time::pause();
    let mut client = Client::new(command("cat"), &options);
    client.input("early\n").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    tokio::time::resume();
    client.sent = 40;
    client.input("late\n").await;
    client.wait_for("late").await;
    client.input("\x04").await;
    assert_eq!(client.ended().await, "Exit");
    assert_eq!(client.text(), "late\r\nlate\r\n");
    assert_eq!(client.taken, 0);
}

#[tokio::test]
async fn a_new_agent_keeps_what_comes_early() {
    let options = AgentOptions {
        start_delay: Duration::from_secs(1),
        ..AgentOptions::default()
    };
    tokio::time::pause();
    let mut client = Client::new(command("sh -c 'read x; echo \"<$x>\"'"), &options);
    client.input("early\n").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    tokio::time::resume();
    client.wait_for("<early>").await;
    assert_eq!(client.ended().await, "Ok");
}

#[tokio::test]
async fn encryption_is_refused_for_now() {
    let mut spec = command("id");
    spec.encryption = Some(Encryption::Auto);
    let mut client = Client::new(spec, &AgentOptions::default());
    assert_eq!(client.ended().await, "KeyExchangeFailed");
}

#[tokio::test]
async fn a_target_may_speak_first_or_wait_and_its_close_ends_the_session() {
    let (listener, spec) = target().await;
    let mut client = Client::new(spec, &AgentOptions::default());
    client.input("question").await;
    let (mut stream, _) = listener.accept().await.unwrap();
    stream.write_all(b"banner ").await.unwrap();
    client.wait_for("banner ").await;
    assert_eq!(read(&mut stream, 8).await, "question");
    stream.write_all(&[b'x'; 5000]).await.unwrap();
    drop(stream);
    assert_eq!(client.ended().await, "ReadFromTargetPortFailed: EOF");
    assert_eq!(client.screen.len(), 5007);
}

#[tokio::test]
async fn a_target_that_refuses_says_so() {
    let (listener, spec) = target().await;
    drop(listener);
    let reason = Client::new(spec.clone(), &AgentOptions::default())
        .ended()
        .await;
    assert_eq!(reason, "OpenTargetPortFailed: connection refused");
    assert_eq!(Client::new(spec, &old()).ended().await, "OpenChannelFailed");
}

#[tokio::test]
async fn the_clients_close_closes_the_connection() {
    let (listener, spec) = target().await;
    let mut client = Client::new(spec, &AgentOptions::default());
    let (mut stream, _) = listener.accept().await.unwrap();
    client.input("bye").await;
    assert_eq!(read(&mut stream, 3).await, "bye");
    client.send(Kind::Close, "1").await;
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
    assert_eq!(client.agent.ended.await.unwrap(), "Ok");
}

#[tokio::test]
async fn an_old_agent_connects_anew_with_the_next_input() {
    let (listener, spec) = target().await;
    let mut client = Client::new(spec, &old());
    let (mut stream, _) = listener.accept().await.unwrap();
    stream.write_all(b"one").await.unwrap();
    drop(stream);
    client.wait_for("one").await;
    // Until the agent has seen the close, Input goes where it went; then it connects anew.
    let mut stream = loop {
        client.send(Kind::Input, "two").await;
        tokio::select! {
            accepted = listener.accept() => break accepted.unwrap().0,
            () = tokio::task::yield_now() => {}
        }
    };
    assert_eq!(read(&mut stream, 3).await, "two");
}

#[tokio::test]
async fn a_slow_target_holds_the_client_up() {
    let (listener, spec) = target().await;
    let client = Client::new(spec, &AgentOptions::default());
    let (mut stream, _) = listener.accept().await.unwrap();
    let sender = client.agent.to_agent.clone();
    let total = 20_000u32;
    let sending = tokio::spawn(async move {
        for number in 1..=total {
            let payload = Bytes::from(vec![b'x'; 2000]);
            let mut frame = Frame::new(Kind::Input, Version::V1_02, 1, payload);
            frame.input_seq = number;
            sender.send(frame).await.unwrap();
        }
    });
    // 40 MB don't fit into the sockets: the sender stands still with its channel full.
    while client.agent.to_agent.capacity() > 0 {
        tokio::task::yield_now().await;
    }
    assert!(!sending.is_finished());
    let mut buffer = vec![0; 1 << 16];
    let mut got = 0;
    while got < 40_000_000 {
        got += stream.read(&mut buffer).await.unwrap();
    }
    sending.await.unwrap();
}

#[tokio::test]
async fn a_terminal_that_is_stuck_both_ways_comes_free_with_acknowledgements() {
    // `cat` echoes: with the window full of its output it reads no more, and Input piles up behind
    // it; the acknowledgement that frees it comes behind that Input.
    let options = AgentOptions {
        window: 8192,
        ..AgentOptions::default()
    };
    let mut client = Client::new(command("sh -c 'stty raw -echo; echo go; cat'"), &options);
    client.wait_for("go").await;
    let head = client.screen.len();
    let total = 400_000;
    let mut log = vec![Bytes::from(vec![b'x'; 2000]); 200];
    let (to_agent, mut next) = (client.agent.to_agent.clone(), 0);
    while client.screen.len() < head + total {
        tokio::select! {
            biased;
            permit = to_agent.reserve(), if next < log.len() => {
                let mut frame = Frame::new(Kind::Input, Version::V1_02, 1, log[next].clone());
                next += 1;
                frame.input_seq = u32::try_from(next).unwrap();
                frame.output_seq = client.taken;
                permit.unwrap().send(frame);
            }
            frame = client.agent.from_agent.recv() => {
                let frame = frame.unwrap();
                client.note(&frame);
                if frame.kind == Kind::Sync {
                    next = usize::try_from(frame.input_seq).unwrap() - 1;
                } else if next == log.len() {
                    log.push(Bytes::new());
                }
            }
        }
    }
    assert!(client.screen[head..].iter().all(|b| *b == b'x'));
}
