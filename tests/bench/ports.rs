//! Many forwarded connections in one process: what each costs in memory, and whether busy ones get their share.

use super::world::{AXT, resident};
use axt::emulator::{Emulator, Options};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

/// Connections that are open at once.
const OPEN: usize = 100;

/// The bytes that go each way through each of them before its memory is looked at.
const CARRIED: usize = 256 * 1024;

/// Connections that are busy at once.
const BUSY: usize = 16;

/// The bytes that they carry together.
const TOGETHER: usize = 64 * 1024 * 1024;

/// An `axt forward` to a server that sends back what it gets.
struct Forward {
    child: Child,
    port: u16,
    _emulator: Emulator,
}

impl Forward {
    fn start() -> Self {
        let mut options = Options::default();
        for name in [
            "per-instance",
            "per-region",
            "rate-bytes",
            "burst-bytes",
            "calls",
        ] {
            options.limits.set(name, "none").expect("a limit");
        }
        options
            .limits
            .set("stream-bits", "4000000000")
            .expect("a limit");
        let emulator = Emulator::on_loopback(options).expect("a free port");
        let local = format!("0:{}", echo_server());
        let most = OPEN.to_string();
        let mut axt = Command::new(AXT);
        axt.args([
            "forward",
            "i-bench",
            "--json",
            "--eager",
            "-L",
            &local,
            "--max-sessions",
            &most,
        ]);
        let axt = axt
            .envs(emulator.exports())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = axt.spawn().expect("axt is there");
        let stdout = child.stdout.take().expect("a pipe");
        let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
        let port = lines.find_map(|line| {
            let event: serde_json::Value = serde_json::from_str(&line).expect("JSON");
            event["port"]
                .as_u64()
                .filter(|_| event["event"] == "listening")
        });
        // A full pipe would stop it.
        thread::spawn(move || lines.for_each(drop));
        let port = port
            .and_then(|port| port.try_into().ok())
            .expect("it listens");
        Self {
            child,
            port,
            _emulator: emulator,
        }
    }

    fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).expect("it listens")
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The memory that each of many open connections takes, in bytes, once it has carried something.
pub(crate) fn memory_of_one() -> f64 {
    let forward = Forward::start();
    let first = carried(forward.connect());
    let (before, _) = resident(forward.child.id());
    let rest: Vec<_> = (1..OPEN).map(|_| carried(forward.connect())).collect();
    let (after, _) = resident(forward.child.id());
    drop((first, rest));
    (after as f64 - before as f64) / (OPEN - 1) as f64
}

/// The connection, after bytes went through it both ways.
fn carried(mut stream: TcpStream) -> TcpStream {
    let mut writer = stream.try_clone().expect("a socket");
    let writing = thread::spawn(move || writer.write_all(&vec![b'x'; CARRIED]));
    stream
        .read_exact(&mut vec![0; CARRIED])
        .expect("it comes back");
    writing.join().expect("no panic").expect("it is taken");
    stream
}

/// The least that any of several busy connections gets, in parts of what it would get if all got the same.
pub(crate) fn least_share() -> f64 {
    let forward = Forward::start();
    let begin = Arc::new(Barrier::new(BUSY));
    let all = Arc::new(AtomicUsize::new(0));
    let busy = (0..BUSY).map(|_| {
        let (mut stream, begin, all) = (carried(forward.connect()), begin.clone(), all.clone());
        thread::spawn(move || {
            let mut writer = stream.try_clone().expect("a socket");
            begin.wait();
            // It ends when the connection does.
            thread::spawn(move || while writer.write_all(&[b'x'; 4096]).is_ok() {});
            let (mut chunk, mut own) = ([0; 4096], 0);
            while all.load(Ordering::Relaxed) < TOGETHER {
                let read = stream.read(&mut chunk).expect("it comes back");
                all.fetch_add(read, Ordering::Relaxed);
                own += read;
            }
            let _ = stream.shutdown(std::net::Shutdown::Both);
            own
        })
    });
    let busy: Vec<_> = busy.collect();
    let own = busy.into_iter().map(|busy| busy.join().expect("no panic"));
    let own: Vec<usize> = own.collect();
    let share = own.iter().sum::<usize>() as f64 / BUSY as f64;
    own.into_iter().min().unwrap_or_default() as f64 / share
}

/// Starts the server; returns its port.
fn echo_server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("it listens").port();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                let mut writer = stream.try_clone()?;
                std::io::copy(&mut { stream }, &mut writer)
            });
        }
    });
    port
}
