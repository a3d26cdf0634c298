//! How many round trips a session takes, and how fast commands move bytes: without a limit, and over a line of
//! 200,000 bytes a second that takes 80 ms there and back.
//!
//! `cargo bench --bench commands` takes about eight minutes; `cargo bench --bench commands -- unpaced`,
//! `-- trips`, `-- line`, `-- share` or `-- copies` one of its parts.
#![allow(clippy::print_stdout, reason = "a benchmark prints its numbers")]

#[cfg(target_os = "linux")]
mod copies;
#[cfg(target_os = "linux")]
mod line;
#[cfg(target_os = "linux")]
mod share;
#[cfg(target_os = "linux")]
mod trips;

use std::process::ExitCode;

fn main() -> ExitCode {
    // `cargo test --all-targets` runs this too, without the argument.
    if std::env::args().any(|arg| arg == "--bench") {
        #[cfg(target_os = "linux")]
        return linux::measure();
        #[cfg(not(target_os = "linux"))]
        println!("skipped: processor times are read from Linux's /proc");
    }
    ExitCode::SUCCESS
}

#[cfg(target_os = "linux")]
mod linux {
    use super::copies;
    use super::line::Line;
    use super::share::{self, Shared, Ssh};
    use super::trips;
    use axt::emulator::{Emulator, Options};
    use std::fs;
    use std::io::{Read as _, Write as _};
    use std::path::Path;
    use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
    use std::time::{Duration, Instant};

    pub(crate) const AXT: &str = env!("CARGO_BIN_EXE_axt");

    /// What the service allows, in bytes a second.
    pub(crate) const RATE: f64 = 200_000.0;

    /// From one end of the line to the other.
    const DELAY: Duration = Duration::from_millis(40);

    /// A command that reads all of its input.
    const TAKE: &str = "echo go; cat >/dev/null; echo done";

    /// The payload of an Input message, and of an agent's Output.
    pub(crate) const INPUT: f64 = 2048.0;
    pub(crate) const OUTPUT: f64 = 1024.0;

    /// The WebSocket's own header of an Output, which counts on the line.
    pub(crate) const WEBSOCKET: f64 = 4.0;

    pub(super) fn measure() -> ExitCode {
        let wanted: Vec<String> = std::env::args()
            .skip(1)
            .filter(|arg| arg != "--bench")
            .collect();
        let wants = |part: &str| wanted.is_empty() || wanted.iter().any(|name| name == part);
        let mut good = true;
        if wants("unpaced") {
            good &= unpaced();
        }
        if wants("trips") {
            good &= round_trips();
        }
        if wants("line") {
            good &= line();
        }
        if wants("share") {
            good &= shared_sessions();
        }
        if wants("copies") {
            good &= copies::measure();
        }
        ExitCode::from(u8::from(!good))
    }

    /// Prints a figure and whether it is enough.
    pub(crate) fn report(what: &str, figure: f64, unit: &str, least: f64) -> bool {
        let good = figure >= least;
        let verdict = if good { "yes" } else { "NO" };
        println!("{what:<44} {figure:>8.2} {unit:<6} at least {least:.2}: {verdict}");
        good
    }

    /// A shell over TLS: from its start to its first output, and from `exit` to axt's own end.
    fn round_trips() -> bool {
        let (start, end) = trips::of_a_shell(trips::Target::Id);
        let (remembered, _) = trips::of_a_shell(trips::Target::Remembered);
        let (new, _) = trips::of_a_shell(trips::Target::New);
        let (all, own) = trips::memory_of_an_idle_shell();
        for (what, bytes) in [
            ("idle over TLS: MB resident", all),
            ("  of which no file's", own),
        ] {
            println!("{what:<44} {:>8.2}", bytes as f64 / 1e6);
        }
        // Leaving takes one for `exit` itself, as with any client.
        report_most("round trips to the first output", start, 4.4)
            & report_most("round trips to leave", end, 2.1)
            & report_most(
                "  more for a name that is remembered",
                remembered - start,
                0.1,
            )
            & report_most("  more for a name that is looked up", new - start, 1.1)
    }

    /// Prints a figure and whether it is little enough.
    pub(crate) fn report_most(what: &str, figure: f64, most: f64) -> bool {
        let good = figure <= most;
        let verdict = if good { "yes" } else { "NO" };
        println!(
            "{what:<44} {figure:>8.2} {:<6} at most {most:.2}: {verdict}",
            ""
        );
        good
    }

    /// Commands in a session that is held for them, behind a line that takes 80 ms there and back.
    fn shared_sessions() -> bool {
        let shared = Shared::new();
        let trip = 2.0 * share::DELAY.as_secs_f64();
        let later = shared.later_command().as_secs_f64();
        let most = "ms of a later `true`, beyond one round trip";
        let mut good = report_most(most, 1e3 * (later - trip), 25.0);
        let (of_axt, alone) = shared.sequences();
        let of_ssh = Ssh::new().map(|ssh| ssh.sequence());
        for (what, each) in [
            ("one after another, ms each: axt --share", Some(of_axt)),
            ("  ssh with a control master", of_ssh),
            ("  axt with a session for each", Some(alone)),
        ] {
            let each = each.map_or(f64::NAN, |each| 1e3 * each.as_secs_f64());
            println!("{what:<44} {each:>8.2}");
        }
        let (wakeups, resident) = shared.idle();
        good &= report_most("idle holder: wakeups a minute", wakeups, 12.0);
        good & report_most("idle holder: MB resident", resident as f64 / 1e6, 8.0)
    }

    /// The emulator without any limit, and the client without one of its own.
    fn unlimited() -> Emulator {
        let mut options = Options::default();
        for (name, value) in [
            ("rate-bytes", "none"),
            ("burst-bytes", "none"),
            ("stream-bits", "4000000000"),
        ] {
            options.limits.set(name, value).expect("a limit");
        }
        Emulator::on_loopback(options).expect("a free port")
    }

    fn unpaced() -> bool {
        const MUCH: usize = 60_000_000;
        let emulator = unlimited();
        let dir = tempfile::tempdir().expect("a place for it");
        let file = dir.path().join("noise");
        fs::write(&file, noise(MUCH)).expect("room for it");
        let show = format!("echo go; cat {}", file.display());
        let spent = Running::start(&emulator, None, &[], &show).read(MUCH);
        let output = report(
            "unpaced output of noise",
            rate(MUCH, spent) / 1e6,
            "MB/s",
            5.0,
        );
        let running = Running::start(&emulator, None, &[], TAKE);
        let spent = running.write(&noise(MUCH));
        output
            & report(
                "unpaced input of noise",
                rate(MUCH, spent) / 1e6,
                "MB/s",
                5.0,
            )
    }

    fn line() -> bool {
        let emulator = unlimited_output();
        let line = Line::before(emulator.address(), RATE, DELAY);
        // Towards the instance the client itself keeps to the rate.
        let slow = Line::before(emulator.address(), f64::INFINITY, DELAY);
        let dir = tempfile::tempdir().expect("a place for it");
        let file = dir.path().join("bytes");
        let show = format!("echo go; cat {}", file.display());
        let shown = |what: &str, bytes: &[u8]| {
            fs::write(&file, bytes).expect("room for it");
            let running = Running::start(&emulator, Some(&line), &[], &show);
            let before = (processor_time(), line.passed()[1]);
            let spent = running.read(bytes.len());
            let load = (processor_time() - before.0) / spent.as_secs_f64();
            let passed = (line.passed()[1] - before.1) as f64 / bytes.len() as f64;
            println!("{what:<44} {passed:>8.3} bytes on the line for each");
            (rate(bytes.len(), spent), load)
        };

        let bytes = noise(2_000_000);
        let running = Running::start(&emulator, Some(&slow), &[], TAKE);
        let (input, header) = (rate(bytes.len(), running.write(&bytes)), slow.header());
        let limit = RATE * INPUT / (INPUT + header);
        let mut good = report("input over the line, of its rate", input / limit, "", 0.97);

        // The floor: bytes that need no encoding, on the service's own terminal, unchecked.
        let text = vec![b'x'; bytes.len()];
        fs::write(&file, &text).expect("room for it");
        let raw = format!("sh -c \"printf go_; cat {}\"", file.display());
        let running = Running::start(&emulator, Some(&line), &["--raw-command"], &raw);
        let floor = rate(text.len(), running.read(text.len())) / RATE;
        println!("{:<44} {floor:>8.2}", "floor: raw text, of the line's rate");

        let (output, load) = shown("output of noise", &bytes);
        let limit = RATE * OUTPUT / (OUTPUT + header + WEBSOCKET) * 0.75;
        good &= report(
            "output of noise, of 3/4 of its rate",
            output / limit,
            "",
            0.97,
        );
        println!(
            "{:<44} {:>8.2} of a processor",
            "  all processes here meanwhile", load
        );

        let numbers: String = (1..=3_000_000).map(|n| format!("{n}\n")).collect();
        let (output, _) = shown("seq 1 3000000", numbers.as_bytes());
        good &= report(
            "seq 1 3000000, times the line's rate",
            output / RATE,
            "",
            2.3,
        );
        let (output, _) = shown(
            "axt's own sources",
            &sources(Path::new(env!("CARGO_MANIFEST_DIR"))),
        );
        good & report(
            "axt's own sources, times the line's rate",
            output / RATE,
            "",
            2.0,
        )
    }

    /// The service's limit for the client, none for the agent: the line has it.
    pub(crate) fn unlimited_output() -> Emulator {
        let mut options = Options::default();
        // No client is cut for what the line has delayed.
        options.limits.set("rate-bytes", "none").expect("a limit");
        Emulator::on_loopback(options).expect("a free port")
    }

    /// A command that has said `go`.
    struct Running {
        child: Child,
        stdin: ChildStdin,
        stdout: ChildStdout,
    }

    impl Running {
        fn start(
            emulator: &Emulator,
            line: Option<&Line>,
            options: &[&str],
            command: &str,
        ) -> Self {
            let mut axt = Command::new(AXT);
            axt.args(["connect", "i-bench"]).args(options);
            axt.args(["--command", command]);
            axt.envs(emulator.exports());
            if let Some(line) = line {
                axt.env("AXT_ENDPOINT", format!("http://{}", line.address));
            }
            let axt = axt.stdin(Stdio::piped()).stdout(Stdio::piped());
            let mut child = axt.spawn().expect("axt is there");
            let stdin = child.stdin.take().expect("a pipe");
            let mut stdout = child.stdout.take().expect("a pipe");
            stdout.read_exact(&mut [0; 3]).expect("it says go");
            Self {
                child,
                stdin,
                stdout,
            }
        }

        /// Reads so much, which is all. What it takes to end is not counted.
        fn read(mut self, len: usize) -> Duration {
            drop(self.stdin);
            let start = Instant::now();
            self.stdout.read_exact(&mut vec![0; len]).expect("a pipe");
            let spent = start.elapsed();
            let rest = self.stdout.read_to_end(&mut Vec::new());
            assert_eq!(rest.expect("a pipe"), 0);
            assert!(self.child.wait().expect("it ends").success());
            spent
        }

        /// Writes this, and waits until [`TAKE`] says that it has read all of it.
        fn write(mut self, bytes: &[u8]) -> Duration {
            let start = Instant::now();
            self.stdin.write_all(bytes).expect("it reads");
            drop(self.stdin);
            self.stdout.read_exact(&mut [0; 5]).expect("it says done");
            let spent = start.elapsed();
            assert!(self.child.wait().expect("it ends").success());
            spent
        }
    }

    fn rate(bytes: usize, spent: Duration) -> f64 {
        bytes as f64 / spent.as_secs_f64()
    }

    pub(crate) fn noise(len: usize) -> Vec<u8> {
        let mut random = fastrand::Rng::with_seed(1);
        let mut bytes = vec![0; len];
        random.fill(&mut bytes);
        bytes
    }

    /// The project's own texts, one after the other.
    fn sources(root: &Path) -> Vec<u8> {
        let mut folders = vec![root.join("src"), root.join("tests")];
        let mut text = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    text.extend(fs::read(path).expect("a file"));
                }
            }
        }
        text
    }

    /// What all processes of this machine have computed, in seconds.
    fn processor_time() -> f64 {
        let text = fs::read_to_string("/proc/stat").expect("Linux");
        let first = text.lines().next().unwrap_or_default();
        let fields: Vec<f64> = first
            .split_whitespace()
            .filter_map(|f| f.parse().ok())
            .collect();
        // user, nice, system, and not idle or waiting; in hundredths of a second.
        let busy = fields.iter().take(3).sum::<f64>();
        busy / 100.0
    }
}
