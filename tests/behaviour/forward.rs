//! `axt forward`: listeners, SOCKS, turns, reserves and ends, with real TCP clients and servers.

use crate::support::axt::{Cloud, Done, HANG, axt, finish, noise, run, success, unlimited, until};
use crate::support::schema::Schema;
use crate::support::sshd::free_port;
use crate::support::{need, peer};
use axt::emulator::Options;
use axt::openapi::ecs::StartTerminalSession;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, mpsc};

/// A running `axt forward --json`.
struct Forward {
    child: Option<Child>,
    events: Arc<Mutex<Vec<Value>>>,
}

impl Forward {
    /// Starts it and waits until `count` forwards listen.
    fn start(cloud: &Cloud, args: &[&str], count: usize) -> Self {
        let mut command = cloud.axt(["forward", "i-demo", "--json"]);
        command.args(args).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Self::watch(command.spawn().unwrap(), count)
    }

    /// Takes over one that was started.
    fn watch(mut child: Child, count: usize) -> Self {
        let events = Arc::new(Mutex::new(Vec::new()));
        let (stdout, seen) = (child.stdout.take().unwrap(), events.clone());
        std::thread::spawn(move || {
            let mut schema = Schema::new();
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let event = schema.check("forwardEvent", &line);
                seen.lock().unwrap().push(event);
            }
        });
        let forward = Self {
            child: Some(child),
            events,
        };
        until("it listens", || {
            let listening = forward.all("listening");
            (1..=count).all(|n| listening.iter().any(|event| event["forward"] == n))
        });
        forward
    }

    fn all(&self, event: &str) -> Vec<Value> {
        let events = self.events.lock().unwrap();
        let these = events.iter().filter(|told| told["event"] == event);
        these.cloned().collect()
    }

    /// True if this event of the nth connection was told.
    fn told(&self, event: &str, nth: u64) -> bool {
        self.all(event).iter().any(|told| told["connection"] == nth)
    }

    /// The port of forward `n`, counted from 1.
    fn port(&self, n: usize) -> u16 {
        let listening = self.all("listening");
        let event = listening
            .iter()
            .find(|event| event["forward"] == n)
            .unwrap();
        u16::try_from(event["port"].as_u64().unwrap()).unwrap()
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port(1))).unwrap();
        stream.set_read_timeout(Some(HANG)).unwrap();
        stream
    }

    /// The nth connection's `closed` event, once it is there.
    fn closed(&self, n: usize) -> Value {
        let mut found = None;
        until("the connection's end", || {
            let closed = self.all("closed");
            found = closed.into_iter().find(|event| event["connection"] == n);
            found.is_some()
        });
        found.unwrap()
    }

    fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().unwrap();
        kill_process(Pid::from_child(child), signal).unwrap();
    }

    /// Stops it in good order.
    fn stop(mut self) -> Done {
        self.signal(Signal::TERM);
        self.wait()
    }

    fn wait(&mut self) -> Done {
        let mut child = self.child.take().unwrap();
        // Its stdout is read already.
        child.stdout = None;
        finish(child)
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A log file.
struct Log(tempfile::NamedTempFile);

impl Log {
    fn new() -> Self {
        Self(tempfile::NamedTempFile::new().unwrap())
    }

    fn path(&self) -> &str {
        self.0.path().to_str().unwrap()
    }

    fn contains(&self, text: &str) -> bool {
        std::fs::read_to_string(self.path()).unwrap().contains(text)
    }

    fn wait_for(&self, text: &str) {
        until(text, || self.contains(text));
    }
}

/// A forward's arguments for a port of this machine.
fn to(port: u16) -> String {
    format!("0:127.0.0.1:{port}")
}

fn read_all(mut stream: &TcpStream) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn none_left(cloud: &Cloud) {
    cloud.assert_all_ended();
    until("the agents' end", || cloud.emulator.counts().agents == 0);
}

#[test]
fn a_server_that_speaks_first_and_one_that_waits() {
    let cloud = Cloud::new();
    let first = peer::serve(|mut stream| {
        stream.write_all(b"hello").unwrap();
        let mut answer = [0; 2];
        stream.read_exact(&mut answer).unwrap();
        stream.write_all(&answer).unwrap();
    });
    let waits = peer::serve(peer::echo);
    let forward = Forward::start(&cloud, &["-L", &to(first), "-L", &to(waits)], 2);
    let mut one = forward.connect();
    let mut hello = [0; 5];
    one.read_exact(&mut hello).unwrap();
    one.write_all(b"yo").unwrap();
    assert_eq!(
        (&hello, &read_all(&one).unwrap()[..]),
        (b"hello", &b"yo"[..])
    );
    let mut two = TcpStream::connect(("127.0.0.1", forward.port(2))).unwrap();
    two.write_all(b"early").unwrap();
    let mut back = [0; 5];
    two.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"early");
    drop(two);
    assert_eq!(forward.closed(1)["received"], 7);
    assert_eq!(forward.stop().status, 0);
    none_left(&cloud);
}

#[test]
fn a_half_closed_connection_gets_its_answer() {
    let cloud = Cloud::new();
    let port = peer::serve(|mut stream| {
        let mut question = [0; 4];
        stream.read_exact(&mut question).unwrap();
        stream.write_all(&[question, question].concat()).unwrap();
    });
    let forward = Forward::start(&cloud, &["--eager", "--linger", "1h", "-L", &to(port)], 1);
    let mut stream = forward.connect();
    stream.write_all(b"what").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&stream).unwrap(), b"whatwhat");
    // And the other way: the remote side is done, which the client hears before it is.
    assert_eq!(forward.stop().status, 0);
    none_left(&cloud);
}

#[test]
fn netcat_half_closes() {
    let Some(nc) = need("nc") else { return };
    let cloud = Cloud::new();
    let port = peer::serve(|mut stream| {
        let mut question = [0; 4];
        stream.read_exact(&mut question).unwrap();
        stream.write_all(b"answer").unwrap();
    });
    let forward = Forward::start(&cloud, &["--eager", "-L", &to(port)], 1);
    let mut netcat = cloud.outside(nc);
    netcat.args(["-N", "127.0.0.1", &forward.port(1).to_string()]);
    let done = run(netcat, b"what");
    assert_eq!(done.text(), "answer");
}

#[test]
fn curl_goes_through_every_kind_of_forward() {
    let Some(curl) = need("curl") else { return };
    let cloud = Cloud::unlimited();
    let body = noise(200_000, 1);
    let sent = body.clone();
    let address = peer::serve_on("0.0.0.0:0", move |stream| peer::http(stream, &sent));
    let (port, name) = (address.port(), host_name());
    let named = format!("0:{name}:{port}");
    let args = ["--eager", "-L", &to(port), "-L", &named, "-D", "0"];
    let forward = Forward::start(&cloud, &args, 3);
    let get = |args: &[&str]| {
        let mut command = cloud.outside(&curl);
        command.args(["-sS", "--noproxy", ""]).args(args);
        success(command)
    };
    let local = |n| format!("http://localhost:{}/", forward.port(n));
    assert!(get(&[&local(1)]) == body, "-L");
    assert!(get(&[&local(2)]) == body, "-L with a TargetServer's name");
    let socks = format!("127.0.0.1:{}", forward.port(3));
    for (option, host) in [
        ("--socks5-hostname", name.as_str()),
        ("--socks5", "127.0.0.1"),
        ("--socks4", "127.0.0.1"),
        ("--socks4a", name.as_str()),
    ] {
        let url = format!("http://{host}:{port}/");
        assert!(get(&[option, &socks, &url]) == body, "{option}");
    }
    assert_eq!(forward.stop().status, 0);
    none_left(&cloud);
}

/// A name of this machine that is not `localhost`.
fn host_name() -> String {
    let name = std::process::Command::new("uname").arg("-n").output();
    let name = String::from_utf8(name.unwrap().stdout).unwrap();
    let name = name.trim().to_owned();
    let resolves = std::net::ToSocketAddrs::to_socket_addrs(&(name.as_str(), 1)).is_ok();
    if resolves { name } else { "127.0.0.1".into() }
}

#[test]
fn parallel_downloads_have_no_wrong_byte() {
    let cloud = Cloud::unlimited();
    let body = noise(1_000_000, 2);
    let sent = body.clone();
    let port = peer::serve(move |stream| peer::http(stream, &sent));
    let forward = Forward::start(&cloud, &["--eager", "-L", &to(port)], 1);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                let mut stream = forward.connect();
                stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
                let answer = read_all(&stream).unwrap();
                let start = answer.len() - body.len();
                assert!(answer[start..] == body);
            });
        }
    });
    assert_eq!(forward.stop().status, 0);
    none_left(&cloud);
}

#[test]
fn two_hundred_short_connections_leave_nothing_behind() {
    let cloud = Cloud::new();
    let port = peer::serve(|mut stream| stream.write_all(b"short").unwrap());
    let forward = Forward::start(&cloud, &["-L", &to(port)], 1);
    for _ in 0..200 {
        assert_eq!(read_all(&forward.connect()).unwrap(), b"short");
    }
    forward.closed(200);
    assert_eq!(cloud.emulator.counts().created, 200);
    none_left(&cloud);
    assert_eq!(forward.stop().status, 0);
}

#[test]
fn connections_beyond_the_limit_wait_for_their_turn() {
    let cloud = Cloud::new();
    let port = peer::serve(|mut stream| {
        stream.write_all(b"!").unwrap();
        peer::echo(stream);
    });
    let args = ["--max-sessions", "1", "-L", &to(port)];
    let forward = Forward::start(&cloud, &args, 1);
    let mut one = [0; 1];
    let mut first = forward.connect();
    first.read_exact(&mut one).unwrap();
    let mut second = forward.connect();
    until("the second waits", || forward.all("waiting").len() == 1);
    assert_eq!(cloud.emulator.counts().created, 1);
    // The first lingers, and makes room for the one that waits.
    drop(first);
    second.read_exact(&mut one).unwrap();
    assert_eq!(forward.all("waiting")[0]["connection"], 2);
    drop(second);
    assert_eq!(forward.stop().status, 0);
    none_left(&cloud);
}

#[test]
fn an_answer_under_way_is_not_cut_for_those_who_wait() {
    let cloud = Cloud::new();
    let port = peer::serve(|mut stream| {
        let mut question = [0; 4];
        stream.read_exact(&mut question).unwrap();
        for half in [&b"half an "[..], b"answer"] {
            stream.write_all(half).unwrap();
            std::thread::sleep(std::time::Duration::from_millis(900));
        }
    });
    let args = ["--eager", "--max-sessions", "3", "-L", &to(port)];
    let forward = Forward::start(&cloud, &args, 1);
    std::thread::scope(|scope| {
        for _ in 0..9 {
            scope.spawn(|| {
                let mut stream = forward.connect();
                stream.write_all(b"what").unwrap();
                stream.shutdown(Shutdown::Write).unwrap();
                assert_eq!(read_all(&stream).unwrap(), b"half an answer");
            });
        }
    });
    assert_eq!(forward.stop().status, 0);
    none_left(&cloud);
}

#[test]
fn a_wait_that_runs_out_is_a_reset_and_an_error() {
    let cloud = Cloud::new();
    let port = peer::serve(|mut stream| {
        stream.write_all(b"half").unwrap();
        // It answers when it has read all, and never learns that it has.
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
    });
    let forward = Forward::start(&cloud, &["--linger", "700ms", "-L", &to(port)], 1);
    let mut stream = forward.connect();
    let mut half = [0; 4];
    stream.read_exact(&mut half).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let error = read_all(&stream).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let told = forward.closed(1);
    let why = told["error"].as_str().unwrap();
    assert!(why.contains("sent nothing for 700ms"), "{told}");
    assert!(
        told["hint"].as_str().unwrap().contains("--linger"),
        "{told}"
    );
    assert_eq!(forward.stop().status, 0);
    none_left(&cloud);
}

#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_is_long_in_coming_is_waited_for_and_that_is_said() {
    let cloud = Cloud::new();
    let (go, may_go) = mpsc::channel();
    let may_go = Arc::new(Mutex::new(may_go));
    let port = peer::serve(move |mut stream| {
        stream.read_exact(&mut [0; 8]).unwrap();
        may_go.lock().unwrap().recv().unwrap();
        stream.write_all(b"at last").unwrap();
    });
    let forward = Forward::start(&cloud, &["-L", &to(port)], 1);
    let mut stream = forward.connect();
    stream.write_all(b"question").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    until("it is told", || {
        let told = forward.all("warning");
        let said = |told: &Value| {
            told["message"]
                .to_string()
                .contains("waiting for its answer")
        };
        told.iter()
            .any(|told| told["connection"] == 1 && said(told))
    });
    go.send(()).unwrap();
    assert_eq!(read_all(&stream).unwrap(), b"at last");
    assert_eq!(forward.closed(1)["error"], Value::Null);
    none_left(&cloud);
}

#[test]
fn a_client_that_is_gone_is_not_lingered_for() {
    let cloud = Cloud::new();
    let port = peer::serve(|mut stream| {
        stream.write_all(b"!").unwrap();
        peer::echo(stream);
    });
    let forward = Forward::start(&cloud, &["--linger", "1h", "-L", &to(port)], 1);
    let mut one = [0; 1];
    forward.connect().read_exact(&mut one).unwrap();
    assert_eq!(forward.closed(1)["error"], serde_json::Value::Null);
    assert_eq!(forward.stop().status, 0);
    none_left(&cloud);
}

#[test]
fn an_upload_is_over_when_the_gateway_has_read_it() {
    let mut options = unlimited();
    options.faults.set("deaf-after-in", "1:3s").unwrap();
    options.faults.set("ping-every", "20ms").unwrap();
    let cloud = Cloud::with(options);
    let (tell, told) = mpsc::channel();
    let port = peer::serve(move |mut stream| {
        stream.write_all(b"!").unwrap();
        let mut taken = Vec::new();
        stream.read_to_end(&mut taken).unwrap();
        tell.send(taken).unwrap();
    });
    let forward = Forward::start(&cloud, &["-L", &to(port)], 1);
    let bytes = noise(300_000, 8);
    let mut stream = forward.connect();
    stream.read_exact(&mut [0; 1]).unwrap();
    stream.write_all(&bytes).unwrap();
    drop(stream);
    assert!(told.recv().unwrap() == bytes);
    assert_eq!(forward.closed(1)["error"], Value::Null);
}

#[test]
fn a_failed_session_resets_its_connection_and_no_other() {
    let mut options = unlimited();
    // One for the question after the agent's version.
    options.faults.set("api-error", "Forbidden.RAM:2").unwrap();
    let cloud = Cloud::with(options);
    let port = peer::serve(|mut stream| stream.write_all(b"here").unwrap());
    let nobody = free_port();
    let (log, one, other) = (Log::new(), to(port), to(nobody));
    let args = ["--log-file", log.path(), "-L", &one, "-L", &other];
    let forward = Forward::start(&cloud, &args, 2);
    log.wait_for("version is not known");
    let reset = |stream: TcpStream| {
        let error = read_all(&stream).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    };
    reset(forward.connect());
    let told = forward.closed(1);
    assert!(
        told["error"].as_str().unwrap().contains("Forbidden.RAM"),
        "{told}"
    );
    let hint = told["hint"].as_str().unwrap();
    assert!(hint.contains("ecs:StartTerminalSession"), "{told}");
    reset(TcpStream::connect(("127.0.0.1", forward.port(2))).unwrap());
    let told = forward.closed(2);
    assert!(
        told["error"]
            .as_str()
            .unwrap()
            .contains("connection refused"),
        "{told}"
    );
    assert_eq!(read_all(&forward.connect()).unwrap(), b"here");
    assert_eq!(forward.stop().status, 0);
    none_left(&cloud);
}

#[test]
fn a_remote_side_that_resets_differs_from_one_that_closes() {
    let cloud = Cloud::new();
    let port = peer::serve(|mut stream| {
        stream.write_all(b"half").unwrap();
        let mut some = [0; 1];
        stream.read_exact(&mut some).unwrap();
    });
    let forward = Forward::start(&cloud, &["-L", &to(port)], 1);
    let mut stream = forward.connect();
    let mut half = [0; 4];
    stream.read_exact(&mut half).unwrap();
    stream.write_all(b"more than one").unwrap();
    let error = read_all(&stream).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert!(forward.closed(1)["error"].is_string());
}

#[test]
fn a_signal_in_the_middle_leaves_no_listener_and_no_session() {
    let cloud = Cloud::unlimited();
    let port = peer::serve(|mut stream| {
        let chunk = [7; 16 * 1024];
        while stream.write_all(&chunk).is_ok() {}
    });
    let args = ["--warm", "1", "-L", &to(port)];
    let mut forward = Forward::start(&cloud, &args, 1);
    let local = forward.port(1);
    let mut stream = forward.connect();
    let mut some = vec![0; 100_000];
    stream.read_exact(&mut some).unwrap();
    forward.signal(Signal::TERM);
    until("it stops", || !forward.all("stopping").is_empty());
    assert!(TcpStream::connect(("127.0.0.1", local)).is_err());
    // What runs has 5 s, unless a second signal comes.
    stream.read_exact(&mut some).unwrap();
    forward.signal(Signal::TERM);
    let done = forward.wait();
    assert_eq!((done.status, done.stderr.as_str()), (0, ""));
    assert!(read_all(&stream).is_err(), "a cut transfer looks whole");
    none_left(&cloud);
}

#[test]
fn a_given_session_carries_one_connection_and_needs_no_target() {
    let cloud = Cloud::new();
    let port = peer::serve(|mut stream| stream.write_all(b"hello").unwrap());
    let mut start = StartTerminalSession::new("i-test");
    start.port_number = Some(port);
    start.target_server = Some("127.0.0.1".into());
    let url = cloud.session_url_of(&start);
    let mut command = axt(["forward", "--json", "--wss-url", &url, "-L", "0:1"]);
    command.stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let forward = Forward::watch(command.spawn().unwrap(), 1);
    assert_eq!(read_all(&forward.connect()).unwrap(), b"hello");
    assert!(read_all(&forward.connect()).is_err());
    let told = forward.closed(2)["error"].to_string();
    assert!(told.contains("for one connection"), "{told}");
    assert_eq!(forward.stop().status, 0);
}

#[test]
fn it_can_be_suspended_at_any_time() {
    let cloud = Cloud::new();
    let port = peer::serve(peer::echo);
    let mut forward = Forward::start(&cloud, &["-L", &to(port)], 1);
    let stream = forward.connect();
    let suspend = |forward: &Forward| {
        forward.signal(Signal::TSTP);
        let pid = Pid::from_child(forward.child.as_ref().unwrap());
        let (_, status) = waitpid(Some(pid), WaitOptions::UNTRACED).unwrap().unwrap();
        assert!(status.stopped(), "{status:?}");
        forward.signal(Signal::CONT);
    };
    suspend(&forward);
    forward.signal(Signal::TERM);
    until("it stops", || !forward.all("stopping").is_empty());
    suspend(&forward);
    forward.signal(Signal::TERM);
    assert_eq!(forward.wait().status, 0);
    drop(stream);
    none_left(&cloud);
}

#[test]
fn events_that_nobody_reads_end_it() {
    let cloud = Cloud::new();
    let port = peer::serve(|mut stream| stream.write_all(b"x").unwrap());
    let mut command = cloud.axt(["forward", "i-demo", "--json", "-L", &to(port)]);
    command.stdin(Stdio::null());
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut events = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    events.read_line(&mut line).unwrap();
    drop(events);
    let told: Value = serde_json::from_str(&line).unwrap();
    let port = u16::try_from(told["port"].as_u64().unwrap()).unwrap();
    // Where the second socket's event was not enough.
    let _ = TcpStream::connect(("127.0.0.1", port));
    let done = finish(child);
    assert_eq!((done.status, done.stderr.as_str()), (0, ""));
    none_left(&cloud);
}

#[test]
fn a_reserve_is_there_before_its_connection() {
    let cloud = Cloud::new();
    let port = peer::serve(|mut stream| {
        stream.write_all(b"early bird").unwrap();
        peer::echo(stream);
    });
    let forward = Forward::start(&cloud, &["--warm", "2", "-L", &to(port)], 1);
    until("the reserves", || cloud.emulator.counts().agents == 2);
    let before = cloud.emulator.counts().created;
    let mut stream = forward.connect();
    let mut greeting = [0; 10];
    stream.read_exact(&mut greeting).unwrap();
    assert_eq!((before, &greeting), (2, b"early bird"));
    until("another one instead", || {
        cloud.emulator.counts().created == 3
    });
    drop(stream);
    assert_eq!(forward.stop().status, 0);
    none_left(&cloud);
}

/// A reserve whose target has closed would be connected again, and begin with what is of another connection.
#[test]
fn no_reserve_is_kept_before_the_agent_is_known_to_report_a_closed_target() {
    for old in [true, false] {
        let mut options = match old {
            true => Options::default(),
            false => of_unknown_version(),
        };
        options.faults.old_agent = old;
        let cloud = Cloud::with(options);
        let port = peer::serve(|mut stream| {
            stream.write_all(b"hi").unwrap();
            peer::echo(stream);
        });
        let forward = Forward::start(&cloud, &["--warm", "1", "-L", &to(port)], 1);
        until("a warning", || !forward.all("warning").is_empty());
        assert_eq!(cloud.emulator.counts().created, 0);
        let (mut first, mut hi) = (forward.connect(), [0; 2]);
        first.read_exact(&mut hi).unwrap();
        if old {
            drop(first);
            forward.closed(1);
        } else {
            until("a reserve", || cloud.emulator.counts().created == 2);
        }
        assert_eq!(forward.stop().status, 0);
        assert_eq!(cloud.emulator.counts().created, if old { 1 } else { 2 });
        none_left(&cloud);
    }
}

#[test]
fn a_reserve_that_ended_is_not_used() {
    let cloud = Cloud::new();
    let port = peer::serve(|mut stream| {
        stream.write_all(b"hi").unwrap();
        peer::echo(stream);
    });
    let log = Log::new();
    let args = ["--log-file", log.path(), "--warm", "1", "-L", &to(port)];
    let forward = Forward::start(&cloud, &args, 1);
    until("the reserve", || cloud.emulator.counts().agents == 1);
    let id = cloud.emulator.sessions()[0].session_id.clone();
    cloud.emulator.end_session(&id);
    // If that came before its connection, it is a reserve that could not be had.
    until("it is noticed", || {
        log.contains("a reserve ended") || !forward.all("warning").is_empty()
    });
    let mut hi = [0; 2];
    forward.connect().read_exact(&mut hi).unwrap();
    assert_eq!(&hi, b"hi");
}

#[test]
fn a_program_runs_with_the_ports_and_its_status_counts() {
    let cloud = Cloud::new();
    let port = peer::serve(|mut stream| stream.write_all(b"x").unwrap());
    let script =
        "test \"$AXT_FORWARD_1_PORT\" -gt 0 && test \"$AXT_FORWARD_2_PORT\" -gt 0 && cat && exit 7";
    let mut command = cloud.axt(["forward", "i-demo", "-q", "-L", &to(port), "-D", "0"]);
    command.args(["--exec", "--", "sh", "-c", script]);
    let done = run(command, b"its stdin");
    assert_eq!(
        (done.status, done.text().as_str()),
        (7, "its stdin"),
        "{}",
        done.stderr
    );
    let mut command = cloud.axt(["forward", "i-demo", "-q", "-L", &to(port)]);
    command.args(["--exec", "--", "sh", "-c", "kill -TERM $$"]);
    assert_eq!(run(command, b"").status, 143);
    let mut command = cloud.axt(["forward", "i-demo", "--warm", "1", "-L", &to(port)]);
    command.args(["--exec", "--", "/no/such/program"]);
    let done = run(command, b"");
    assert_eq!(done.status, 1, "{}", done.stderr);
    assert!(
        done.stderr
            .contains("can't run the program: /no/such/program"),
        "{}",
        done.stderr
    );
    cloud.assert_all_ended();
}

#[test]
fn what_makes_no_sense_is_said_at_once() {
    let cloud = Cloud::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = format!("{}:80", taken.local_addr().unwrap().port());
    for (args, status, said) in [
        (&["-L", "80"][..], 2, "[BIND:]PORT:[HOST:]HOSTPORT"),
        (&[], 2, "--local"),
        (&["-L", "0:80", "--warm", "16"], 2, "--warm"),
        (
            &["-L", taken.as_str()],
            1,
            "hint: another program uses the port",
        ),
        (&["-L", "192.0.2.1:0:80"], 1, "hint: BIND has to be"),
        (&["-L", "0:80", "--exec"], 2, "CMD"),
        (&["-D", "0", "--encrypt", "auto"], 2, "--encrypt"),
        (&["-L", "0:80", "--wss-url", "http://x"], 2, "wss://"),
        (&["-L", "0:80", "--wss-url", ""], 2, "URL can't be read"),
        (&["-L", &format!("0:{}:80", "h".repeat(129))], 1, "128"),
    ] {
        let mut command = cloud.axt(["forward", "i-demo"]);
        command.args(args);
        let done = run(command, b"");
        assert_eq!(done.status, status, "{args:?}: {}", done.stderr);
        assert!(done.stderr.contains(said), "{args:?}: {}", done.stderr);
    }
    assert_eq!(cloud.emulator.counts().created, 0);
}

#[test]
fn an_address_that_others_can_reach_is_warned_of() {
    let cloud = Cloud::new();
    let forward = Forward::start(&cloud, &["-L", "0.0.0.0:0:80"], 1);
    let warnings = forward.all("warning");
    let text = warnings[0]["message"].as_str().unwrap();
    assert!(text.contains("not a loopback address"), "{text}");
}

#[test]
fn a_socks_client_hears_why_not() {
    let cloud = Cloud::new();
    let forward = Forward::start(&cloud, &["-D", "0"], 1);
    let mut stream = forward.connect();
    // BIND instead of CONNECT.
    stream
        .write_all(b"\x05\x01\x00\x05\x02\x00\x01\x7f\x00\x00\x01\x00\x50")
        .unwrap();
    let answer = read_all(&stream).unwrap_or_default();
    assert_eq!(answer.get(..4), Some(&[5, 0, 5, 7][..]));
    let told = forward.closed(1);
    assert!(
        told["error"].as_str().unwrap().contains("CONNECT"),
        "{told}"
    );
    assert_eq!(cloud.emulator.counts().created, 0);
}

#[test]
fn a_socks_client_is_answered_by_what_the_remote_side_does() {
    let cloud = Cloud::new();
    let leaves = peer::serve(drop);
    let speaks = peer::serve(|mut stream| stream.write_all(b"hi").unwrap());
    let forward = Forward::start(&cloud, &["-D", "0"], 1);
    let asked = |name: &str, port: u16| {
        let mut stream = forward.connect();
        let mut request = b"\x05\x01\x00\x05\x01\x00\x03".to_vec();
        request.push(u8::try_from(name.len()).unwrap());
        request.extend(name.as_bytes());
        request.extend(port.to_be_bytes());
        stream.write_all(&request).unwrap();
        let answer = read_all(&stream).unwrap();
        // The choice of a method, and the answer without its address.
        let (head, rest) = answer.split_at(12);
        assert_eq!(head.get(..2), Some(&[5, 0][..]));
        (head[3], rest.to_vec())
    };
    assert_eq!(asked("127.0.0.1", free_port()), (5, vec![]));
    assert_eq!(asked("no-such-host.invalid", 80), (4, vec![]));
    assert_eq!(asked("127.0.0.1", leaves), (0, vec![]));
    assert_eq!(asked("127.0.0.1", speaks), (0, b"hi".to_vec()));
    assert_eq!(forward.stop().status, 0);
    none_left(&cloud);
}

/// `axt forward` that may have so many files open.
fn with_few_files(cloud: &Cloud, most: u32, args: &str) -> Option<Forward> {
    let script = format!(
        "ulimit -n {most}; exec {} forward i-demo --json {args}",
        crate::support::axt::AXT
    );
    let mut command = cloud.outside(need("sh")?);
    command.args(["-c", &script]).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    Some(Forward::watch(command.spawn().unwrap(), 1))
}

#[test]
fn connections_wait_for_their_turn_where_few_files_may_be_open() {
    let cloud = Cloud::new();
    let port = peer::serve(|mut stream| {
        let _ = stream.write_all(b"ok");
        peer::echo(stream);
    });
    for most in [24, 40] {
        let args = format!("--linger 0 -L {}", to(port));
        let Some(forward) = with_few_files(&cloud, most, &args) else {
            return;
        };
        let many: Vec<TcpStream> = (0..40).map(|_| forward.connect()).collect();
        for mut stream in many {
            let mut ok = [0; 2];
            stream.read_exact(&mut ok).unwrap();
            assert_eq!(&ok, b"ok");
        }
        assert!(!forward.all("waiting").is_empty());
        for n in 1..=40 {
            assert_eq!(forward.closed(n)["error"], Value::Null);
        }
        assert_eq!(forward.stop().status, 0);
    }
    none_left(&cloud);
}

#[cfg(target_os = "linux")]
#[test]
fn a_lack_of_open_files_is_waited_out_or_named() {
    use rustix::process::{Resource, Rlimit, getrlimit, prlimit};
    let cloud = Cloud::new();
    let (go, may_go) = mpsc::channel();
    let may_go = Arc::new(Mutex::new(may_go));
    let port = peer::serve(move |mut stream| {
        may_go.lock().unwrap().recv().unwrap();
        stream.write_all(b"ok").unwrap();
    });
    let to = to(port);
    let args = ["--max-sessions", "1", "--connect-timeout", "2s", "-L", &to];
    let forward = Forward::start(&cloud, &args, 1);
    let id = Pid::from_child(forward.child.as_ref().unwrap());
    let limit = |most| {
        let maximum = getrlimit(Resource::Nofile).maximum;
        let current = Some(most);
        prlimit(Some(id), Resource::Nofile, Rlimit { current, maximum }).unwrap();
    };
    // The second of two connections gets its turn when no file may be opened any more.
    let second = |nth| {
        let first = forward.connect();
        until("its session", || forward.told("opened", nth));
        let second = forward.connect();
        until("it waits", || forward.told("waiting", nth + 1));
        limit(3);
        go.send(()).unwrap();
        assert_eq!(read_all(&first).unwrap(), b"ok");
        second
    };
    let patient = second(1);
    until("it is told", || !forward.all("warning").is_empty());
    limit(1000);
    go.send(()).unwrap();
    assert_eq!(read_all(&patient).unwrap(), b"ok");
    let error = read_all(&second(3)).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let told = forward.closed(4);
    let (error, hint) = (&told["error"].to_string(), &told["hint"].to_string());
    assert!(error.contains("Too many open files"), "{told}");
    assert!(hint.contains("ulimit -n"), "{told}");
    limit(1000);
    assert_eq!(forward.stop().status, 0);
    none_left(&cloud);
}

#[test]
fn an_old_agents_silence_is_lived_with() {
    let mut options = Options::default();
    options.faults.set("old-agent", "").unwrap();
    options.faults.set("no-status", "").unwrap();
    let cloud = Cloud::with(options);
    let port = peer::serve(peer::echo);
    let forward = Forward::start(&cloud, &["--linger", "100ms", "-L", &to(port)], 1);
    let mut stream = forward.connect();
    stream.write_all(b"anybody?").unwrap();
    let mut back = [0; 8];
    stream.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"anybody?");
    drop(stream);
    assert_eq!(forward.closed(1)["error"], Value::Null);
    none_left(&cloud);
}

#[test]
fn input_that_an_agent_may_have_dropped_resets_its_connection() {
    let mut options = Options::default();
    options.faults.set("old-agent", "").unwrap();
    options.limits.set("start-delay", "300ms").unwrap();
    let cloud = Cloud::with(options);
    let port = peer::serve(peer::echo);
    let args = ["--eager", "--linger", "500ms", "-L", &to(port)];
    let forward = Forward::start(&cloud, &args, 1);
    let mut stream = forward.connect();
    stream.write_all(b"first words").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let error = read_all(&stream).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let told = forward.closed(1);
    let said = told["error"].as_str().unwrap();
    assert!(said.contains("may have dropped"), "{told}");
    assert!(told["hint"].as_str().unwrap().contains("--eager"), "{told}");
    none_left(&cloud);
}

#[test]
fn input_that_is_not_sent_when_the_remote_side_closes_resets_its_connection() {
    let cloud = Cloud::new();
    let port = peer::serve(peer::half_close);
    let forward = Forward::start(&cloud, &["-L", &to(port)], 1);
    let mut stream = forward.connect();
    let written = stream.write_all(&noise(1_000_000, 6));
    let error = written.and_then(|()| read_all(&stream)).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let told = forward.closed(1);
    let why = told["error"].as_str().unwrap();
    let missing = why.split_once("has closed the connection: at least ");
    let (missing, _) = missing.unwrap().1.split_once(' ').unwrap();
    let missing: u64 = missing.parse().unwrap();
    // What was read and not sent is not counted as sent.
    assert!(
        told["sent"].as_u64().unwrap() + missing < 1_000_000,
        "{told}"
    );
    none_left(&cloud);
}

/// The instance `i-demo`, of whose agent's version it is not known what it does.
fn of_unknown_version() -> Options {
    Options {
        instances: vec!["i-demo:version=2.2.3.857".parse().unwrap()],
        ..Options::default()
    }
}

#[test]
fn input_waits_for_no_agent_that_is_known_to_keep_it() {
    let log = Log::new();
    let port = peer::serve(peer::echo);
    // Of the first one's agent nothing is known; the second one's has its version, and is slow.
    let unknown = Cloud::with(of_unknown_version());
    let mut newest = Options::default();
    newest.faults.newest_agent = true;
    newest.limits.set("start-delay", "300ms").unwrap();
    let known = Cloud::with(newest);
    let waiting = Forward::start(&unknown, &["-L", &to(port)], 1);
    let args = ["--log-file", log.path(), "-L", &to(port)];
    let eager = Forward::start(&known, &args, 1);
    log.wait_for("1065");
    let answered = |forward: &Forward, order: mpsc::Sender<&'static str>, name| {
        let mut stream = forward.connect();
        stream.write_all(b"anybody?").unwrap();
        std::thread::spawn(move || {
            let mut back = [0; 8];
            stream.read_exact(&mut back).unwrap();
            order.send(name).unwrap();
        });
    };
    let (order, answers) = mpsc::channel();
    answered(&waiting, order.clone(), "held");
    answered(&eager, order, "eager");
    assert_eq!(answers.recv(), Ok("eager"));
    // A refused port is still noticed before a client of SOCKS is told that it is connected, unless the agent
    // is as slow.
    let quick = Cloud::new();
    let log = Log::new();
    let args = ["--log-file", log.path(), "-D", "0"];
    let proxy = Forward::start(&quick, &args, 1);
    log.wait_for("1065");
    let mut socks = proxy.connect();
    let mut asked = b"\x05\x01\x00\x05\x01\x00\x01\x7f\x00\x00\x01".to_vec();
    asked.extend(free_port().to_be_bytes());
    socks.write_all(&asked).unwrap();
    assert_eq!(read_all(&socks).unwrap().get(3), Some(&5));
    assert_eq!(answers.recv(), Ok("held"));
    drop((waiting, eager, proxy));
}

/// That holds for gateways that say nothing, too.
#[test]
fn input_waits_for_no_first_word_where_it_may_go_at_once() {
    let mut options = of_unknown_version();
    options.faults.no_status = true;
    let cloud = Cloud::with(options);
    let port = peer::serve(peer::echo);
    let (order, answers) = mpsc::channel();
    let ways = [("held", &[][..]), ("eager", &["--eager"])];
    let forwards = ways.map(|(name, eager)| {
        let listen = to(port);
        let args = [eager, &["-L", &listen]].concat();
        (name, Forward::start(&cloud, &args, 1))
    });
    for (name, forward) in &forwards {
        let (mut stream, order, name) = (forward.connect(), order.clone(), *name);
        stream.write_all(b"anybody?").unwrap();
        std::thread::spawn(move || {
            let mut back = [0; 8];
            stream.read_exact(&mut back).unwrap();
            order.send(name).unwrap();
        });
    }
    assert_eq!([(); 2].map(|()| answers.recv().unwrap()), ["eager", "held"]);
    drop(forwards);
}

/// As after a new login in another terminal.
#[test]
fn keys_that_are_refused_are_read_again() {
    let cloud = Cloud::new();
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join("config.json");
    let write = |id: &str, secret: &str| {
        let keys = format!(r#""access_key_id":"{id}","access_key_secret":"{secret}""#);
        let profile = format!(r#"{{"name":"p","mode":"AK",{keys},"region_id":"cn-hangzhou"}}"#);
        std::fs::write(&config, format!(r#"{{"profiles":[{profile}]}}"#)).unwrap();
    };
    write("revoked", "hush");
    let port = peer::serve(|mut stream| stream.write_all(b"renewed").unwrap());
    let file = config.to_str().unwrap();
    let args = ["--profile", "p", "--config-file", file, "-L", &to(port)];
    let forward = Forward::start(&cloud, &args, 1);
    let _ = read_all(&forward.connect());
    let refused = forward.closed(1)["error"].to_string();
    assert!(refused.contains("InvalidAccessKeyId.NotFound"), "{refused}");
    let keys = cloud.emulator.credentials();
    write(&keys.access_key_id, &keys.access_key_secret);
    assert_eq!(read_all(&forward.connect()).unwrap(), b"renewed");
    assert_eq!(forward.stop().status, 0);
    none_left(&cloud);
}
