//! What axt may cost, measured beside the least that a client can cost.
//!
//! `cargo bench` measures everything, in about three minutes; `cargo bench -- keys idle` what is named.
//! CPU times are those of the client alone, from outside it, while a
//! session is going on; the emulator runs in this process.
#![allow(clippy::print_stdout, reason = "a benchmark prints its numbers")]

#[cfg(target_os = "linux")]
mod counts;
#[cfg(target_os = "linux")]
mod floor;
#[cfg(target_os = "linux")]
mod ports;
#[cfg(target_os = "linux")]
mod table;
#[cfg(target_os = "linux")]
mod world;

use std::process::ExitCode;
#[cfg(target_os = "linux")]
use std::time::Duration;

/// How long an idle session is watched: several pings and two heartbeats.
#[cfg(target_os = "linux")]
const WATCHED: Duration = Duration::from_secs(120);

/// What is left over from opening a session is done by then.
#[cfg(target_os = "linux")]
const SETTLED: Duration = Duration::from_secs(15);

/// How often a measurement is repeated; the smallest counts, the others were disturbed.
#[cfg(target_os = "linux")]
const ROUNDS: usize = 5;

/// Keys typed in one round.
#[cfg(target_os = "linux")]
const KEYS: usize = 500;

/// What bulk output there is, in bytes.
#[cfg(target_os = "linux")]
const BULK: usize = 100_000_000;

fn main() -> ExitCode {
    #[cfg(target_os = "linux")]
    if let Some(exit) = floor::role() {
        return exit;
    }
    // `cargo test --all-targets` runs this too, without the argument.
    if std::env::args().any(|arg| arg == "--bench") {
        #[cfg(target_os = "linux")]
        linux::measure();
        #[cfg(not(target_os = "linux"))]
        println!("skipped: the budgets are measured through Linux's /proc");
    }
    ExitCode::SUCCESS
}

#[cfg(target_os = "linux")]
mod linux {
    use super::world::{AXT, ECHO, Program, World, plain_copy};
    use super::{BULK, KEYS, ROUNDS, SETTLED, WATCHED, counts, ports, table};
    use axt::emulator::agent::Guest;
    use axt::emulator::{Emulator, Options};
    use axt::protocol::frame::{Frame, Kind, Version};
    use bytes::Bytes;
    use std::hint::black_box;
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    /// What can be measured, by the name that chooses it.
    const MEASUREMENTS: [(&str, fn()); 9] = [
        ("codec", codec),
        ("size", size),
        ("startup", startup),
        ("completion", completion),
        ("keys", keystrokes),
        ("bulk", bulk),
        ("counts", counted),
        ("ports", many_ports),
        ("idle", idle),
    ];

    pub(super) fn measure() {
        let wanted: Vec<String> = std::env::args().skip(1).collect();
        let all = wanted.iter().all(|word| word.starts_with('-'));
        table::head();
        for (name, measurement) in MEASUREMENTS {
            if all || wanted.iter().any(|word| word == name) {
                measurement();
            }
        }
    }

    /// Encoding and decoding a message of 1 KiB. The rounds are short, so that some are not interrupted on a busy
    /// machine.
    fn codec() {
        const TIMES: u32 = 1_000;
        const SHORT_ROUNDS: usize = 2_000;
        let payload = Bytes::from(vec![b'x'; 1024]);
        let mut frame = Frame::new(Kind::Output, Version::V1_02, 1_700_000_000_000, payload);
        frame.channel_id = Bytes::from_static(b"0123456789abcdef0123456789abcdef");
        let round = || {
            let started = Instant::now();
            for _ in 0..TIMES {
                let bytes = black_box(&frame).encode();
                black_box(Frame::decode(&bytes)).expect("it was encoded just now");
            }
            nanos(started.elapsed()) / f64::from(TIMES)
        };
        let spent = best(SHORT_ROUNDS, round);
        table::absolute("encode+decode 1 KiB", spent, None, spent, "ns", 300.0);
    }

    /// The binary as it is released.
    fn size() {
        const MEGABYTE: f64 = 1e6;
        let bytes = std::fs::metadata(AXT).expect("it was built").len();
        let size = bytes as f64 / MEGABYTE;
        table::absolute("binary, stripped", size, None, size, "MB", 7.0);
    }

    /// Starting and ending: `axt --version` against a program that does nothing.
    fn startup() {
        const RUNS: usize = 201;
        let (mut axt, mut nothing) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            axt.push(run(Command::new(AXT).arg("--version")));
            nothing.push(run(&mut Command::new("true")));
        }
        let (axt, nothing) = (median(axt), median(nothing));
        let over = axt - nothing;
        table::absolute(
            "axt --version, over `true`",
            axt,
            Some(nothing),
            over,
            "ms",
            1.5,
        );
    }

    /// TAB behind a letter with which 10,000 remembered names begin.
    fn completion() {
        const RUNS: usize = 51;
        let instances = (0..10_000).map(|n| format!("i-bp1example{n}:name=服务器 {n}"));
        let instances = instances.map(|text| text.parse().expect("an instance"));
        let options = Options {
            instances: instances.collect(),
            ..Options::default()
        };
        let emulator = Emulator::on_loopback(options).expect("a free port");
        let cache = tempfile::tempdir().expect("a place for it");
        let axt = |words: &[&str]| {
            let mut command = Command::new(AXT);
            command.args(words).envs(emulator.exports());
            command.env("XDG_CACHE_HOME", cache.path());
            run(&mut command)
        };
        axt(&["instances"]);
        let typed = ["completion", "bash", "--", "axt connect 服", ":="];
        let spent = median((0..RUNS).map(|_| axt(&typed)).collect());
        table::absolute("10,000 targets completed", spent, None, spent, "ms", 20.0);
    }

    fn run(command: &mut Command) -> f64 {
        let started = Instant::now();
        let status = command.stdout(Stdio::null()).status();
        assert!(status.expect("the program is there").success());
        millis(started.elapsed())
    }

    /// Keys typed one after the other, each waiting for its echo.
    fn keystrokes() {
        let world = World::new(Guest::Echo);
        let spent = |mut program: Program| {
            program.type_and_read(b'a', 50);
            let before = program.cpu();
            program.type_and_read(b'a', KEYS);
            millis(program.cpu() - before)
        };
        let (axt, floor) = race(|| spent(world.axt(ECHO)), || spent(world.floor(ECHO)));
        table::ratio("CPU of 500 keys and echoes", axt, floor, "ms", 1.25);
        let copy = best(ROUNDS, || spent(plain_copy("exec cat")));
        table::compared("  of cat, with no session", copy, "ms");
    }

    /// 100 MB of text with a colour here and there, shown on a terminal.
    fn bulk() {
        const LINE: &[u8] =
            b"drwxr-xr-x 2 root root 4096 Nov 21 23:53 \x1b[01;34mdirectory\x1b[0m and what it is for, \xe4\xbd\xa0\xe5\xa5\xbd\n";
        let mut file = tempfile::NamedTempFile::new().expect("a place for it");
        let lines = BULK / LINE.len();
        file.write_all(&LINE.repeat(lines)).expect("room for it");
        // The agent's terminal makes CR LF of each LF.
        let shown = lines * (LINE.len() + 1);
        let command = format!("sh -c \"read go; cat {}; read end\"", file.path().display());
        let world = World::new(Guest::Pty);
        let spent = |mut program: Program| {
            program.type_and_read(b'a', 1);
            let before = program.cpu();
            program.type_and_read(b'\r', 1);
            program.read(1 + shown);
            millis(program.cpu() - before)
        };
        let (axt, floor) = race(
            || spent(world.axt(Some(&command))),
            || spent(world.floor(Some(&command))),
        );
        table::ratio("CPU of 100 MB of output", axt, floor, "ms", 1.2);
        // No other terminal adds a CR to each line.
        let copy = best(ROUNDS, || {
            let file = file.path().display();
            let mut program = plain_copy(&format!("head -c 1 >/dev/null; exec cat {file}"));
            let before = program.cpu();
            program.type_without_echo(b'a');
            program.read(lines * LINE.len());
            millis(program.cpu() - before)
        });
        table::compared("  of cat, with no session", copy, "ms");
    }

    /// System calls and allocations.
    fn counted() {
        for (what, count, budget) in [
            ("system calls for a key", counts::system_calls_a_key(), 9.0),
            (
                "allocations for an output message",
                counts::allocations_a_message(),
                1.5,
            ),
        ] {
            match count {
                Some(count) => table::absolute(what, count, None, count, "", budget),
                None => println!("{what:<34} skipped: strace or valgrind is missing"),
            }
        }
    }

    /// Forwarded connections, many in one process.
    fn many_ports() {
        let memory = ports::memory_of_one() / 1e6;
        table::absolute("each of 100 connections", memory, None, memory, "MB", 1.0);
        let lack = 1.0 - ports::least_share();
        let what = "what the least of 16 lacks of its share";
        table::absolute(what, 100.0 * lack, None, 100.0 * lack, "%", 50.0);
    }

    /// A session that nobody uses: wakeups and memory.
    fn idle() {
        let world = World::new(Guest::Echo);
        let mut programs = [world.axt(ECHO), world.floor(ECHO)];
        programs.iter_mut().for_each(|p| p.type_and_read(b'a', 10));
        std::thread::sleep(SETTLED);
        let before = programs.each_ref().map(Program::switches);
        std::thread::sleep(WATCHED);
        let after = programs.each_ref().map(Program::switches);
        let minutes = WATCHED.as_secs_f64() / 60.0;
        let [axt, floor] = [0, 1].map(|i| (after[i] - before[i]) as f64 / minutes);
        table::absolute("idle: wakeups a minute", axt, Some(floor), axt, "", 6.0);
        let [(axt, own), (floor, floor_own)] = programs.each_ref().map(Program::resident);
        let [axt, own, floor, floor_own] = [axt, own, floor, floor_own].map(|b| b as f64 / 1e6);
        table::absolute("idle: resident", axt, Some(floor), axt, "MB", 6.0);
        table::absolute(
            "idle: of which no file's",
            own,
            Some(floor_own),
            own,
            "MB",
            1.0,
        );
    }

    /// The best of both, taken in turns: whatever else the machine does, it does to both.
    fn race(axt: impl Fn() -> f64, floor: impl Fn() -> f64) -> (f64, f64) {
        let rounds = (0..ROUNDS).map(|_| (axt(), floor()));
        let start = (f64::INFINITY, f64::INFINITY);
        rounds.fold(start, |least, round| {
            (least.0.min(round.0), least.1.min(round.1))
        })
    }

    fn best(rounds: usize, round: impl Fn() -> f64) -> f64 {
        (0..rounds).map(|_| round()).fold(f64::INFINITY, f64::min)
    }

    fn median(mut numbers: Vec<f64>) -> f64 {
        numbers.sort_by(f64::total_cmp);
        numbers.get(numbers.len() / 2).copied().unwrap_or_default()
    }

    fn millis(span: Duration) -> f64 {
        span.as_secs_f64() * 1e3
    }

    fn nanos(span: Duration) -> f64 {
        span.as_secs_f64() * 1e9
    }
}
