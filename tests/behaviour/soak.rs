//! Twenty sessions of every kind at once, at the service's limits and with random faults, for minutes:
//! every byte arrives once and in order, and neither memory nor open files grow.
//!
//! ```text
//! cargo test --release --test behaviour soak:: -- --ignored --nocapture
//! ```
//!
//! takes ten minutes. `AXT_SOAK_SECONDS=n` takes another time, `AXT_SOAK_SEED=n` repeats the faults of
//! an earlier run.
#![allow(clippy::print_stdout, reason = "the run tells what it does")]

use crate::support::axt::{Cloud, axt, until};
use crate::support::peer;
use axt::emulator::{Cut, Options};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

/// A session's URL is good for ten minutes, and a broken connection can't be resumed after that.
const SECONDS: u64 = 9 * 60;

/// How long the last bytes may take. A connection that has gone silent is noticed after ten seconds.
const DRAIN: Duration = Duration::from_secs(60);

/// What may be on its way between writer and reader.
const WINDOW: u64 = 256 * 1024;

/// The kinds of sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Shell,
    EncryptedShell,
    Command,
    EncryptedCommand,
    BinaryCommand,
    LoginCommand,
    Webshell,
    Proxy,
    Forward,
    Socks,
}

/// Web shells, which can't be resumed, are not cut by the faults.
const SESSIONS: [Kind; 20] = [
    Kind::Shell,
    Kind::Shell,
    Kind::EncryptedShell,
    Kind::Command,
    Kind::Command,
    Kind::EncryptedCommand,
    Kind::BinaryCommand,
    Kind::BinaryCommand,
    Kind::LoginCommand,
    Kind::Webshell,
    Kind::Webshell,
    Kind::Proxy,
    Kind::Proxy,
    Kind::Proxy,
    Kind::Forward,
    Kind::Forward,
    Kind::Forward,
    Kind::Forward,
    Kind::Socks,
    Kind::Socks,
];

impl Kind {
    /// A terminal or a torn piece of text may change other bytes on their way through an agent.
    fn is_binary(self) -> bool {
        use Kind::{BinaryCommand, Forward, Proxy, Socks};
        matches!(self, BinaryCommand | Proxy | Forward | Socks)
    }
}

/// The bytes of a stream, which its writer and its reader make alike.
struct Noise {
    random: fastrand::Rng,
    binary: bool,
}

impl Noise {
    fn next(&mut self, length: usize) -> Vec<u8> {
        let random = &mut self.random;
        let bytes = std::iter::repeat_with(|| match self.binary {
            true => random.u8(..),
            false => random.alphanumeric() as u8,
        });
        bytes.take(length).collect()
    }
}

/// What all sessions share.
struct Soak {
    cloud: Cloud,
    echo: u16,
    forward: u16,
    socks: u16,
    stop: AtomicBool,
    /// Bytes that came back, by session.
    echoed: [AtomicU64; SESSIONS.len()],
    /// The processes now, by session.
    processes: Mutex<BTreeMap<usize, u32>>,
}

/// Both ends of a running session.
struct Ends {
    child: Option<Child>,
    writer: Box<dyn Write + Send>,
    reader: Box<dyn Read + Send>,
    /// Ends the session when all bytes are back.
    finish: Box<dyn FnOnce() + Send>,
}

impl Soak {
    fn open(&self, kind: Kind) -> Ends {
        let port = self.echo.to_string();
        let connect = |more: &[&str]| self.piped(&[&["connect", "i-demo"], more].concat());
        match kind {
            Kind::Shell => shell(connect(&["-t"])),
            Kind::EncryptedShell => shell(connect(&["-t", "--encrypt", "auto"])),
            Kind::Command => connect(&["-c", "cat"]),
            Kind::EncryptedCommand => connect(&["--encrypt", "auto", "-c", "cat"]),
            Kind::BinaryCommand => connect(&["--binary", "-c", "cat"]),
            Kind::LoginCommand => connect(&["--login", "-c", "cat"]),
            Kind::Webshell => {
                self.piped(&["webshell", "--app-id", "app", "--pod", "pod", "-c", "cat"])
            }
            Kind::Proxy => {
                let proxy = ["proxy", "i-demo", &port, "--target-server", "127.0.0.1"];
                self.piped(&proxy)
            }
            Kind::Forward => tcp(TcpStream::connect(("127.0.0.1", self.forward)).unwrap()),
            Kind::Socks => {
                let mut stream = TcpStream::connect(("127.0.0.1", self.socks)).unwrap();
                let mut request = b"\x05\x01\x00\x05\x01\x00\x01\x7f\x00\x00\x01".to_vec();
                request.extend(self.echo.to_be_bytes());
                stream.write_all(&request).unwrap();
                stream.read_exact(&mut [0; 12]).unwrap();
                tcp(stream)
            }
        }
    }

    /// A session on this process's pipes. Closing its input ends it.
    fn piped(&self, args: &[&str]) -> Ends {
        let mut command = quiet_axt(&self.cloud, args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let pid = Pid::from_child(&child);
        Ends {
            writer: Box::new(child.stdin.take().unwrap()),
            reader: Box::new(child.stdout.take().unwrap()),
            child: Some(child),
            finish: Box::new(move || kill_process(pid, Signal::TERM).unwrap()),
        }
    }

    /// Runs the session of this number for as long as the soak lasts.
    fn run(&self, number: usize, seed: u64) {
        let ends = self.open(SESSIONS[number]);
        if let Some(child) = &ends.child {
            self.processes.lock().unwrap().insert(number, child.id());
        }
        self.exchange(number, ends, seed ^ number as u64);
    }

    /// Sends and compares until the soak stops and everything is back.
    fn exchange(&self, number: usize, ends: Ends, seed: u64) {
        let binary = SESSIONS[number].is_binary();
        let noise = move || Noise {
            random: fastrand::Rng::with_seed(seed),
            binary,
        };
        let (sent, back) = (AtomicU64::new(0), AtomicU64::new(0));
        let (writing, reading) = (AtomicBool::new(true), AtomicBool::new(true));
        let Ends {
            child,
            mut writer,
            mut reader,
            finish,
        } = ends;
        let complete = std::thread::scope(|threads| {
            let writes = || {
                let mut noise = noise();
                while !self.stop.load(Ordering::Relaxed) && reading.load(Ordering::Relaxed) {
                    let under_way = sent.load(Ordering::SeqCst) - back.load(Ordering::SeqCst);
                    if under_way > WINDOW {
                        sleep(Duration::from_millis(5));
                        continue;
                    }
                    let piece = noise.next(4096);
                    sent.fetch_add(piece.len() as u64, Ordering::SeqCst);
                    if writer.write_all(&piece).is_err() {
                        break;
                    }
                }
                writing.store(false, Ordering::SeqCst);
                // The session lives until all is back.
                writer
            };
            let reads = || {
                let (mut noise, mut piece) = (noise(), vec![0; 64 * 1024]);
                while let Ok(count @ 1..) = reader.read(&mut piece) {
                    let at = back.load(Ordering::SeqCst);
                    let same = noise.next(count) == piece[..count];
                    assert!(
                        same,
                        "{:?} {number}: wrong after byte {at}",
                        SESSIONS[number]
                    );
                    back.fetch_add(count as u64, Ordering::SeqCst);
                    self.echoed[number].fetch_add(count as u64, Ordering::Relaxed);
                }
                reading.store(false, Ordering::SeqCst);
            };
            let writer = threads.spawn(writes);
            let reader = threads.spawn(reads);
            let all_back = || {
                let ended = !writing.load(Ordering::SeqCst);
                ended && sent.load(Ordering::SeqCst) == back.load(Ordering::SeqCst)
            };
            let mut stopped = None;
            while reading.load(Ordering::SeqCst) && !all_back() && !reader.is_finished() {
                if self.stop.load(Ordering::Relaxed) {
                    let since = *stopped.get_or_insert_with(Instant::now);
                    let kind = SESSIONS[number];
                    let (sent, back) = (&sent, &back);
                    assert!(
                        since.elapsed() < DRAIN,
                        "{kind:?} {number}: {sent:?} sent, {back:?} back"
                    );
                }
                sleep(Duration::from_millis(20));
            }
            let complete = all_back();
            finish();
            drop(writer.join().unwrap());
            reader.join().unwrap();
            complete
        });
        let said = child.map(|child| child.wait_with_output().unwrap().stderr);
        let said = said.unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        assert!(
            complete,
            "{:?} {number} has ended: {said}",
            SESSIONS[number]
        );
    }
}

/// `axt ARGS…` without a log, which would grow with every message.
fn quiet_axt(cloud: &Cloud, args: &[&str]) -> Command {
    let mut command = axt(args);
    command.envs(cloud.emulator.exports());
    command.env("AXT_DEAD_AFTER", "10s");
    command
}

/// A login shell on a terminal that is made to send back what it gets.
fn shell(mut ends: Ends) -> Ends {
    ends.writer
        .write_all(b"stty raw -echo; echo rea''dy; exec cat\r")
        .unwrap();
    let mut seen = Vec::new();
    let mut byte = [0];
    while !seen.ends_with(b"ready\n") {
        ends.reader.read_exact(&mut byte).unwrap();
        seen.extend(byte);
    }
    ends
}

fn tcp(stream: TcpStream) -> Ends {
    let [reader, closer] = [(); 2].map(|()| stream.try_clone().unwrap());
    Ends {
        child: None,
        writer: Box::new(stream),
        reader: Box::new(reader),
        finish: Box::new(move || drop(closer.shutdown(Shutdown::Both))),
    }
}

/// `axt forward` with a port and a SOCKS proxy: the process and the two ports.
fn forward(cloud: &Cloud, echo: u16) -> (Child, [u16; 2]) {
    let local = format!("0:127.0.0.1:{echo}");
    let args = ["forward", "i-demo", "--json", "-L", &local, "-D", "0"];
    let mut command = quiet_axt(cloud, &args);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut events = BufReader::new(child.stdout.take().unwrap());
    let mut ports = [0; 2];
    let mut line = String::new();
    while ports.contains(&0) {
        line.clear();
        events.read_line(&mut line).unwrap();
        let event: serde_json::Value = serde_json::from_str(&line).unwrap();
        let forward = usize::try_from(event["forward"].as_u64().unwrap()).unwrap();
        ports[forward - 1] = u16::try_from(event["port"].as_u64().unwrap()).unwrap();
    }
    spawn(move || {
        for line in events.lines().map_while(Result::ok) {
            println!("forward: {line}");
        }
    });
    (child, ports)
}

/// Resident memory in bytes and the number of open files, of a process that runs.
fn usage(id: u32) -> Option<(u64, u64)> {
    let files = std::fs::read_dir(format!("/proc/{id}/fd")).ok()?.count();
    let files = u64::try_from(files).unwrap();
    Some((peer::resident(id), files))
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Cuts all connections at random times in random ways until the soak stops.
fn cut(soak: Arc<Soak>, seed: u64) -> JoinHandle<u64> {
    spawn(move || {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut cuts = 0;
        loop {
            let pause = Duration::from_millis(random.u64(2_000..20_000));
            let until = Instant::now() + pause;
            while Instant::now() < until {
                if soak.stop.load(Ordering::Relaxed) {
                    return cuts;
                }
                sleep(Duration::from_millis(50));
            }
            let kinds = [Cut::Drop, Cut::Reset, Cut::BlackHole, Cut::Freeze];
            let kind = kinds[random.usize(..kinds.len())];
            println!("cut: {kind:?}");
            soak.cloud.emulator.cut_connections(kind);
            cuts += 1;
        }
    })
}

/// Leaves no process behind, also when the soak fails.
struct Reaper(Arc<Soak>);

impl Drop for Reaper {
    fn drop(&mut self) {
        for id in self.0.processes.lock().unwrap().values() {
            let id = i32::try_from(*id).ok().and_then(Pid::from_raw);
            let _ = kill_process(id.unwrap(), Signal::TERM);
        }
    }
}

#[test]
#[ignore = "takes ten minutes"]
fn twenty_sessions_are_exact_and_stay_small() {
    let seconds = number("AXT_SOAK_SECONDS").unwrap_or(SECONDS);
    let seed = number("AXT_SOAK_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("AXT_SOAK_SEED={seed} AXT_SOAK_SECONDS={seconds}");
    let mut options = Options::default();
    options.agent.shell = Some("/bin/sh".into());
    for (fault, value) in [("delay", "5ms"), ("duplicate", "13"), ("reorder", "17")] {
        options.faults.set(fault, value).unwrap();
    }
    let cloud = Cloud::with(options);
    let echo = peer::serve(peer::echo);
    let (mut forward, [port, socks]) = forward(&cloud, echo);
    let soak = Arc::new(Soak {
        cloud,
        echo,
        forward: port,
        socks,
        stop: AtomicBool::new(false),
        echoed: Default::default(),
        processes: Mutex::new(BTreeMap::from([(SESSIONS.len(), forward.id())])),
    });
    let _reaper = Reaper(soak.clone());
    let sessions: Vec<JoinHandle<()>> = (0..SESSIONS.len())
        .map(|number| {
            let soak = soak.clone();
            spawn(move || soak.run(number, seed))
        })
        .collect();
    let all_run = || {
        soak.echoed
            .iter()
            .all(|bytes| bytes.load(Ordering::Relaxed) > 0)
    };
    until("every session has sent something back", all_run);
    let cutting = cut(soak.clone(), seed);

    // What a process needs shows in the first part of the run; after that it needs no more.
    let begun = Instant::now();
    let mut most: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
    while begun.elapsed().as_secs() < seconds && !sessions.iter().any(JoinHandle::is_finished) {
        sleep(Duration::from_secs(1));
        let processes = soak.processes.lock().unwrap().clone();
        for id in processes.into_values() {
            let Some((memory, files)) = usage(id) else {
                continue;
            };
            let known = most.entry(id).or_default();
            if begun.elapsed().as_secs() < seconds / 3 {
                *known = (known.0.max(memory), known.1.max(files));
            } else if *known != (0, 0) {
                let limits = (known.0 + known.0 / 4 + (1 << 20), known.1 + 4);
                let fits = memory <= limits.0 && files <= limits.1;
                assert!(
                    fits,
                    "process {id}: {memory} bytes, {files} files, after {known:?}"
                );
            }
        }
    }
    soak.stop.store(true, Ordering::Relaxed);
    for session in sessions {
        session.join().unwrap();
    }
    let cuts = cutting.join().unwrap();
    kill_process(Pid::from_child(&forward), Signal::TERM).unwrap();
    assert!(forward.wait().unwrap().success());
    for (kind, echoed) in SESSIONS.iter().zip(&soak.echoed) {
        println!("{kind:?}: {} bytes", echoed.load(Ordering::Relaxed));
    }
    println!("{cuts} cuts, {} processes", most.len());
    soak.cloud.assert_all_ended();
}
