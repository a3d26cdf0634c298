//! `axt proxy`: bytes, ends and memory, with the emulator's agent and a real TCP server behind it.

use crate::support::axt::{Cloud, axt, finish, noise, run, unlimited, until};
use crate::support::peer;
use axt::emulator::Options;
use axt::openapi::ecs::StartTerminalSession;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{Read, Write};
use std::net::Shutdown;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};

fn proxy(cloud: &Cloud, port: u16, args: &[&str]) -> Command {
    let port = port.to_string();
    let mut command = cloud.axt(["proxy", "i-demo", &port, "--target-server", "127.0.0.1"]);
    command.args(args);
    command
}

fn spawn(mut command: Command) -> Child {
    command.stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

#[test]
fn bytes_go_both_ways_and_the_answer_is_waited_for() {
    let cloud = Cloud::unlimited();
    let port = peer::serve(peer::echo);
    let bytes = noise(1_000_000, 1);
    // The echo never ends by itself: it does not see that stdin has ended. So nobody can know whether
    // this was the whole answer.
    let done = run(proxy(&cloud, port, &["--linger", "2s"]), &bytes);
    let said = "axt: the remote side sent nothing for 2s after the input had ended: its answer may be incomplete\naxt: hint: ";
    assert_eq!(done.status, 255);
    assert!(done.stderr.starts_with(said), "{}", done.stderr);
    assert!(done.stdout == bytes, "{} bytes", done.stdout.len());
    cloud.assert_all_ended();
}

#[test]
fn a_given_session_needs_no_target() {
    let cloud = Cloud::new();
    let port = peer::serve(|mut stream| {
        let mut asked = [0; 4];
        stream.read_exact(&mut asked).unwrap();
        stream.write_all(b"pong").unwrap();
    });
    let mut start = StartTerminalSession::new("i-test");
    start.port_number = Some(port);
    start.target_server = Some("127.0.0.1".into());
    let url = cloud.session_url_of(&start);
    let done = run(axt(["proxy", "--wss-url", &url]), b"ping");
    assert_eq!((done.status, done.text().as_str()), (0, "pong"), "{done:?}");
}

#[test]
fn the_end_of_the_remote_side_is_the_end() {
    let cloud = Cloud::unlimited();
    let bytes = noise(300_000, 2);
    let sent = bytes.clone();
    let port = peer::serve(move |mut stream| stream.write_all(&sent).unwrap());
    let mut child = spawn(proxy(&cloud, port, &[]));
    let stdin = child.stdin.take();
    let done = finish(child);
    drop(stdin);
    assert_eq!((done.status, done.stderr.as_str()), (0, ""));
    assert!(done.stdout == bytes, "{} bytes", done.stdout.len());
    cloud.assert_all_ended();
}

#[test]
fn all_of_the_input_is_delivered_before_the_session_ends() {
    let cloud = Cloud::unlimited();
    let bytes = noise(3_000_000, 3);
    let (tell, told) = mpsc::channel();
    let port = peer::serve(move |mut stream| {
        let mut taken = Vec::new();
        stream.read_to_end(&mut taken).unwrap();
        tell.send(taken).unwrap();
    });
    let done = run(proxy(&cloud, port, &["--linger", "0"]), &bytes);
    assert_eq!((done.status, done.stderr.as_str()), (0, ""));
    assert!(told.recv().unwrap() == bytes);
    cloud.assert_all_ended();
}

#[test]
fn a_ping_of_the_gateway_is_no_answer_to_one_of_axts() {
    let mut options = unlimited();
    options.faults.set("deaf-after-in", "1:3s").unwrap();
    options.faults.set("ping-every", "20ms").unwrap();
    let cloud = Cloud::with(options);
    let bytes = noise(300_000, 4);
    let (tell, told) = mpsc::channel();
    let port = peer::serve(move |mut stream| {
        stream.write_all(b"go").unwrap();
        let mut taken = Vec::new();
        stream.read_to_end(&mut taken).unwrap();
        tell.send(taken).unwrap();
    });
    let done = run(proxy(&cloud, port, &["--linger", "0"]), &bytes);
    assert_eq!((done.status, done.stderr.as_str()), (0, ""));
    assert!(told.recv().unwrap() == bytes);
}

#[test]
fn an_answer_after_the_input_and_the_end_of_the_remote_side_both_count() {
    let cloud = Cloud::unlimited();
    let port = peer::serve(|mut stream| {
        let mut question = [0; 4];
        stream.read_exact(&mut question).unwrap();
        stream.write_all(b"well, ").unwrap();
        stream.write_all(&question).unwrap();
    });
    let done = run(proxy(&cloud, port, &["--linger", "1h"]), b"ping");
    assert_eq!((done.status, done.text().as_str()), (0, "well, ping"));
}

#[test]
fn a_port_that_refuses_is_a_failure_with_a_hint() {
    let cloud = Cloud::new();
    let port = crate::support::sshd::free_port();
    let done = run(proxy(&cloud, port, &[]), b"hello");
    assert_eq!((done.status, done.stdout.len()), (255, 0));
    assert!(
        done.stderr.contains("connection refused"),
        "{}",
        done.stderr
    );
    assert!(done.stderr.contains("axt: hint: "), "{}", done.stderr);
    cloud.assert_all_ended();
}

#[test]
fn encryption_is_refused_before_anything_is_started() {
    let cloud = Cloud::new();
    let url = "wss://127.0.0.1:1/?sessionId=s&token=t";
    for more in [&[][..], &["--wss-url", url]] {
        let mut command = proxy(&cloud, 22, &["--encrypt", "auto"]);
        command.args(more);
        let done = run(command, b"");
        assert_eq!((done.status, done.stdout.len()), (255, 0));
        assert!(done.stderr.contains("--encrypt"), "{}", done.stderr);
        assert!(!done.stderr.contains("HTTP"), "{}", done.stderr);
    }
    assert_eq!(cloud.emulator.counts().created, 0);
}

#[test]
fn a_connection_that_is_reset_is_no_normal_end() {
    let cloud = Cloud::new();
    let port = peer::serve(|mut stream| {
        stream.write_all(b"half of it").unwrap();
        let mut answer = [0; 2];
        stream.read_exact(&mut answer).unwrap();
        // Closed with something unread: the system resets it.
    });
    let mut child = spawn(proxy(&cloud, port, &[]));
    let mut some = [0; 10];
    child
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut some)
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"more than two").unwrap();
    let done = finish(child);
    assert_eq!(done.status, 255, "{}", done.stderr);
    assert!(done.stderr.contains("reset"), "{}", done.stderr);
}

#[test]
fn an_old_agent_loses_nothing_that_is_sent_early() {
    let mut options = Options::default();
    options.faults.set("old-agent", "").unwrap();
    options.limits.set("start-delay", "300ms").unwrap();
    let cloud = Cloud::with(options);
    let port = peer::serve(peer::echo);
    let done = run(proxy(&cloud, port, &["--linger", "500ms"]), b"first words");
    assert_eq!((done.status, done.text().as_str()), (255, "first words"));
    cloud.assert_all_ended();
}

#[test]
fn input_that_an_agent_may_have_dropped_is_a_failure() {
    let mut options = Options::default();
    options.faults.set("old-agent", "").unwrap();
    options.limits.set("start-delay", "300ms").unwrap();
    let cloud = Cloud::with(options);
    let port = peer::serve(peer::echo);
    for linger in ["500ms", "0"] {
        let args = ["--eager", "--linger", linger];
        let done = run(proxy(&cloud, port, &args), b"first words");
        assert_eq!((done.status, done.text().as_str()), (255, ""));
        let said = "axt: no answer came to the input that was sent early: the agent may have dropped it\naxt: hint: leave --eager out";
        assert!(done.stderr.starts_with(said), "{}", done.stderr);
    }
    cloud.assert_all_ended();
}

/// A remote side that closes what it sends and goes on reading: the protocol has no half-close.
#[test]
fn input_that_is_not_sent_when_the_remote_side_closes_is_a_failure() {
    let cloud = Cloud::new();
    let port = peer::serve(peer::half_close);
    let done = run(proxy(&cloud, port, &[]), &noise(1_000_000, 5));
    let said = "axt: the remote side has closed the connection: at least ";
    assert_eq!((done.status, done.text().as_str()), (255, ""));
    assert!(done.stderr.starts_with(said), "{}", done.stderr);
    cloud.assert_all_ended();
}

#[test]
fn with_nobody_left_at_either_end_nothing_is_waited_for() {
    let cloud = Cloud::new();
    let port = peer::serve(|mut stream| {
        stream.write_all(b"!").unwrap();
        peer::echo(stream);
    });
    let mut child = spawn(proxy(&cloud, port, &["--linger", "1h"]));
    let mut one = [0; 1];
    child.stdout.as_mut().unwrap().read_exact(&mut one).unwrap();
    drop((child.stdin.take(), child.stdout.take()));
    let done = finish(child);
    assert_eq!((done.status, done.stderr.as_str()), (0, ""));
    cloud.assert_all_ended();
}

#[test]
fn a_signal_in_the_middle_leaves_no_session() {
    let cloud = Cloud::unlimited();
    let port = peer::serve(|mut stream| {
        let chunk = [7; 16 * 1024];
        while stream.write_all(&chunk).is_ok() {}
    });
    let mut child = spawn(proxy(&cloud, port, &[]));
    let mut some = vec![0; 100_000];
    child
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut some)
        .unwrap();
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let stdin = child.stdin.take();
    let done = finish(child);
    drop(stdin);
    assert_eq!((done.status, done.stderr.as_str()), (143, ""));
    cloud.assert_all_ended();
    until("the agent's end", || cloud.emulator.counts().agents == 0);
}

#[test]
fn a_broken_connection_shows_in_no_byte() {
    let mut options = crate::support::axt::unlimited();
    options.faults.set("drop-after-out", "150KiB:3").unwrap();
    let cloud = Cloud::with(options);
    let bytes = noise(600_000, 4);
    let sent = bytes.clone();
    let port = peer::serve(move |mut stream| stream.write_all(&sent).unwrap());
    let done = run(proxy(&cloud, port, &["--linger", "1h"]), b"");
    assert_eq!((done.status, done.stderr.as_str()), (0, ""));
    assert!(done.stdout == bytes, "{} bytes", done.stdout.len());
    assert_eq!(cloud.emulator.counts().connections, 4);
}

/// What waits, in the tests of memory.
#[cfg(target_os = "linux")]
const MUCH: usize = 100_000_000;

/// How much a process may grow meanwhile.
#[cfg(target_os = "linux")]
const GROWTH: u64 = 8_000_000;

/// Waits until a count no longer changes: the program that counts is being held up.
#[cfg(target_os = "linux")]
fn stands_still(count: &AtomicU64) {
    let mut last = (0, 0);
    until("it stands still", || {
        let now = count.load(Ordering::Relaxed);
        last = if now > 0 && now == last.0 {
            (now, last.1 + 1)
        } else {
            (now, 0)
        };
        last.1 > 60
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_reader_that_takes_its_time_costs_no_memory() {
    let cloud = Cloud::unlimited();
    let written = Arc::new(AtomicU64::new(0));
    let count = written.clone();
    let port = peer::serve(move |mut stream| {
        let chunk = noise(100_000, 5);
        for _ in 0..MUCH / chunk.len() {
            stream.write_all(&chunk).unwrap();
            count.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        }
    });
    let mut child = spawn(proxy(&cloud, port, &[]));
    let mut stdout = child.stdout.take().unwrap();
    let mut taken = vec![0; 1000];
    stdout.read_exact(&mut taken).unwrap();
    let before = peer::resident(child.id());
    stands_still(&written);
    assert!(written.load(Ordering::Relaxed) < MUCH as u64);
    let after = peer::resident(child.id());
    assert!(after < before + GROWTH, "{before} -> {after}");
    stdout.read_to_end(&mut taken).unwrap();
    let chunk = noise(100_000, 5);
    assert_eq!(taken.len(), MUCH);
    assert!(taken.chunks(chunk.len()).all(|part| part == chunk));
    child.stdout = Some(stdout);
    assert_eq!(finish(child).status, 0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_slow_remote_side_costs_no_memory() {
    let cloud = Cloud::unlimited();
    let (go, gone) = mpsc::channel::<()>();
    let gone = Arc::new(std::sync::Mutex::new(gone));
    let (tell, told) = mpsc::channel();
    let port = peer::serve(move |mut stream| {
        stream.write_all(b"!").unwrap();
        gone.lock().unwrap().recv().unwrap();
        let mut taken = Vec::new();
        stream.read_to_end(&mut taken).unwrap();
        tell.send(taken).unwrap();
        let _ = stream.shutdown(Shutdown::Both);
    });
    let mut child = spawn(proxy(&cloud, port, &["--linger", "1s"]));
    let mut one = [0; 1];
    child.stdout.as_mut().unwrap().read_exact(&mut one).unwrap();
    let before = peer::resident(child.id());
    let written = Arc::new(AtomicU64::new(0));
    let (mut stdin, count) = (child.stdin.take().unwrap(), written.clone());
    let writer = std::thread::spawn(move || {
        let chunk = noise(100_000, 6);
        for _ in 0..MUCH / chunk.len() {
            stdin.write_all(&chunk).unwrap();
            count.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        }
    });
    stands_still(&written);
    assert!(written.load(Ordering::Relaxed) < MUCH as u64);
    let after = peer::resident(child.id());
    assert!(after < before + GROWTH, "{before} -> {after}");
    go.send(()).unwrap();
    writer.join().unwrap();
    let taken = told.recv().unwrap();
    let chunk = noise(100_000, 6);
    assert_eq!(taken.len(), MUCH);
    assert!(taken.chunks(chunk.len()).all(|part| part == chunk));
    // It might have answered at the end of the input, of which it never hears.
    assert_eq!(finish(child).status, 255);
}
