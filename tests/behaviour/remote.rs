//! The runner's own texts under every shell that may be `sh`, on a real terminal, driven by the
//! client's side: exact streams, statuses, signals, hang-ups, and commands that do mischief.
//!
//! `AXT_HEAVY=1 cargo test --test behaviour remote::` runs ten thousand interleavings and 200 MB each way.

use crate::support::need;
use axt::remote::{
    Failure, Note, RemoteCommand, RunnerClient, RunnerEvent, RunnerOptions, Signal, What, Yield,
};
use pty_process::blocking::{Pty, open};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::process::{Pid, Signal as Kill, kill_process, test_kill_process};
use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A hang guard: nothing here is expected to take anywhere near as long.
const HANG: Duration = Duration::from_secs(60);

/// The shells that may be `sh` at the remote side, as far as they are installed.
const SHELLS: [&str; 6] = ["dash", "bash", "busybox", "mksh", "ksh93", "zsh"];

/// A machine whose `sh` is the one named.
struct Machine {
    shell: &'static str,
    path: OsString,
    dir: TempDir,
}

fn machines() -> impl Iterator<Item = Machine> {
    SHELLS.into_iter().filter_map(machine)
}

/// Does the same on all machines at once: it waits much and computes little.
fn on_all(test: impl Fn(Machine) + Sync) {
    std::thread::scope(|scope| {
        for machine in machines() {
            scope.spawn(|| test(machine));
        }
    });
}

fn machine(shell: &'static str) -> Option<Machine> {
    let program = need(shell)?;
    let dir = tempfile::tempdir().unwrap();
    let mut path = dir.path().as_os_str().to_owned();
    if shell == "busybox" {
        // Nothing but BusyBox's own tools.
        let install = std::process::Command::new(&program)
            .args(["--install", "-s"])
            .arg(dir.path())
            .status();
        assert!(install.unwrap().success());
    } else {
        symlink(program, dir.path().join("sh")).unwrap();
        path.push(":/usr/bin:/bin");
    }
    Some(Machine { shell, path, dir })
}

/// A runner on a terminal, as an agent starts it, and its client.
struct Runner {
    shell: &'static str,
    child: Child,
    pty: Option<Arc<Pty>>,
    reader: Option<JoinHandle<()>>,
    /// Tells the reader to let go of the terminal.
    closed: Arc<AtomicBool>,
    from: Receiver<Vec<u8>>,
    client: RunnerClient,
    out: Yield,
    /// Everything that has happened and was not looked at.
    events: Vec<RunnerEvent>,
    /// Called on what comes off the terminal.
    spoil: Box<dyn FnMut(Vec<u8>) -> Vec<u8>>,
    /// Everything that was to be sent, and what the terminal has not taken of it.
    sent: Vec<u8>,
    unsent: Vec<u8>,
    /// Bytes that came off the terminal.
    received: usize,
}

/// How a command ended.
#[derive(Debug, Default, PartialEq, Eq)]
struct Done {
    status: Option<u8>,
    failure: Option<Failure>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Machine {
    fn start(&self) -> Runner {
        self.start_with(
            RunnerOptions {
                compress: true,
                several: true,
            },
            &[],
        )
    }

    /// A runner in which a command is about to begin: it waits for the file that is returned.
    fn start_held(&self, command: &str) -> (Runner, PathBuf) {
        let go = self.dir.path().join(format!("go-{:x}", fastrand::u64(..)));
        let wait = format!("until [ -e {} ]; do sleep 0.02; done", go.display());
        let mut runner = self.start();
        runner.start(&format!("echo ready; {wait}; {command}"));
        (runner, go)
    }

    fn start_with(&self, options: RunnerOptions, env: &[(&str, &str)]) -> Runner {
        let client = RunnerClient::new(options);
        let words = shlex::split(client.command_line()).unwrap();
        crate::support::signals::heed();
        let (pty, pts) = open().unwrap();
        let command = pty_process::blocking::Command::new(&words[0])
            .args(&words[1..])
            .env("PATH", &self.path)
            .envs(env.iter().copied());
        let child = command.spawn(pts).unwrap();
        fcntl_setfl(&pty, OFlags::NONBLOCK).unwrap();
        let pty = Arc::new(pty);
        let reading = Arc::clone(&pty);
        let (to, from) = channel();
        let closed = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&closed);
        let reader = std::thread::spawn(move || {
            let mut buffer = vec![0; 64 * 1024];
            let patience = Timespec {
                tv_sec: 0,
                tv_nsec: 10_000_000,
            };
            while !stop.load(Ordering::Relaxed) {
                let mut ready = [PollFd::new(&*reading, PollFlags::IN)];
                if let Ok(0) = poll(&mut ready, Some(&patience)) {
                    continue;
                }
                match (&*reading).read(&mut buffer) {
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                    Ok(n @ 1..) if to.send(buffer[..n].to_vec()).is_ok() => {}
                    _ => break,
                }
            }
        });
        Runner {
            shell: self.shell,
            child,
            pty: Some(pty),
            reader: Some(reader),
            closed,
            from,
            client,
            out: Yield::default(),
            events: Vec::new(),
            spoil: Box::new(|bytes| bytes),
            sent: Vec::new(),
            unsent: Vec::new(),
            received: 0,
        }
    }

    /// The processes that were started there and still run: all have its PATH, and nobody else.
    fn processes(&self) -> Vec<i32> {
        let path = self.path.as_encoded_bytes();
        let all = std::fs::read_dir("/proc").unwrap().flatten();
        let ids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        let ours = ids.filter(|id| {
            let environ = std::fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
            environ.windows(path.len()).any(|part| part == path)
        });
        ours.collect()
    }

    /// The terminal that they have open.
    fn terminal(&self) -> PathBuf {
        let ids = self.processes().into_iter();
        let files = ids.flat_map(|id| {
            std::fs::read_dir(format!("/proc/{id}/fd"))
                .into_iter()
                .flatten()
        });
        let mut targets = files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
        targets
            .find(|target| target.starts_with("/dev/pts"))
            .unwrap()
    }

    /// Ends the commands that nobody is left to end, once all else is gone.
    fn end_orphans(&self) {
        let sleeps = |id| {
            std::fs::read(format!("/proc/{id}/cmdline"))
                .is_ok_and(|text| text.starts_with(b"sleep"))
        };
        for id in self.wait_until_only(sleeps) {
            let _ = kill_process(Pid::from_raw(id).unwrap(), Kill::KILL);
        }
    }

    /// Waits until of what was started there only these are left, and returns them.
    fn wait_until_only(&self, left: impl Fn(i32) -> bool) -> Vec<i32> {
        let begun = Instant::now();
        loop {
            let all = self.processes();
            let running: Vec<_> = all.iter().filter(|id| !left(**id)).collect();
            if running.is_empty() {
                return all;
            }
            assert!(
                begun.elapsed() < HANG,
                "{}: {running:?} still run",
                self.shell
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A command line, run by the machine's `sh`.
fn line(line: &str) -> RemoteCommand {
    RemoteCommand {
        what: What::Line(line.into()),
        shell: Some(b"sh".to_vec()),
        ..RemoteCommand::default()
    }
}

impl Runner {
    /// Passes on what is there for the remote side, then waits for more from it. Returns whether
    /// the session goes on.
    fn step(&mut self) -> bool {
        self.send();
        let wait = self
            .client
            .deadline()
            .map(|by| by.saturating_duration_since(Instant::now()));
        // A terminal that is full is tried again.
        let retry = (!self.unsent.is_empty()).then_some(Duration::from_millis(2));
        let patience = wait.into_iter().chain(retry).min();
        let goes_on = match self.from.recv_timeout(patience.unwrap_or(HANG)) {
            Ok(bytes) => {
                self.received += bytes.len();
                let bytes = (self.spoil)(bytes);
                self.client.receive(Instant::now(), &bytes, &mut self.out);
                true
            }
            Err(RecvTimeoutError::Timeout) if patience.is_some() => {
                self.client.wake(Instant::now(), &mut self.out);
                true
            }
            Err(RecvTimeoutError::Timeout) => {
                panic!("{} hangs: {:?} {:?}", self.shell, self.client, self.events)
            }
            Err(RecvTimeoutError::Disconnected) => {
                let failure = self.client.ended().expect("a command runs");
                self.events.push(RunnerEvent::Failed(failure));
                false
            }
        };
        self.events.extend(self.out.events.drain(..));
        goes_on
    }

    /// Writes to the terminal what it takes now.
    fn send(&mut self) {
        let remote = self.out.remote.split();
        self.sent.extend(&remote);
        self.unsent.extend(&remote);
        while let Some(pty) = self.pty.as_deref().filter(|_| !self.unsent.is_empty()) {
            match (&*pty).write(&self.unsent) {
                Ok(n) => drop(self.unsent.drain(..n)),
                Err(_) => break,
            }
        }
    }

    /// Runs a command with this on its standard input until its end.
    fn run(&mut self, command: RemoteCommand, stdin: &[u8]) -> Done {
        self.client.start(command, &mut self.out);
        self.go_on(stdin)
    }

    fn sh(&mut self, command: &str, stdin: &[u8]) -> Done {
        self.run(line(command), stdin)
    }

    fn go_on(&mut self, stdin: &[u8]) -> Done {
        self.follow(Some(stdin))
    }

    /// Follows a command until its end. Without `stdin` its input stays open.
    fn follow(&mut self, mut stdin: Option<&[u8]>) -> Done {
        let mut done = Done::default();
        loop {
            done.stdout.extend(self.out.stdout.split());
            done.stderr.extend(self.out.stderr.split());
            for event in self
                .events
                .extract_if(.., |event| !matches!(event, RunnerEvent::Note(_)))
            {
                match event {
                    RunnerEvent::Ended(status) => done.status = Some(status),
                    RunnerEvent::Failed(failure) => done.failure = Some(failure),
                    RunnerEvent::Ready | RunnerEvent::Idle | RunnerEvent::Note(_) => {}
                }
            }
            if done.status.is_some() || done.failure.is_some() {
                return done;
            }
            while let Some(rest) = stdin.filter(|_| self.client.wants_input()) {
                let (now, later) = rest.split_at(rest.len().min(32 * 1024));
                if now.is_empty() {
                    self.client.input_end(&mut self.out);
                } else {
                    self.client.input(now, &mut self.out);
                }
                stdin = Some(later).filter(|_| !now.is_empty());
            }
            self.step();
        }
    }

    fn has_failed(&self) -> bool {
        let mut events = self.events.iter();
        events.any(|event| matches!(event, RunnerEvent::Failed(_)))
    }

    fn notes(&self) -> Vec<Note> {
        let notes = self.events.iter().filter_map(|event| match event {
            RunnerEvent::Note(note) => Some(note.clone()),
            _ => None,
        });
        notes.collect()
    }
}

impl Runner {
    /// Starts a command and waits for the beginning of its output.
    fn start(&mut self, command: &str) -> String {
        self.client.start(line(command), &mut self.out);
        self.wait_for(b"\n")
    }

    /// Waits until the command's output ends with this, and takes it.
    fn wait_for(&mut self, end: &[u8]) -> String {
        while !self.out.stdout.ends_with(end) {
            assert!(self.step(), "{}: {:?}", self.shell, self.events);
        }
        String::from_utf8(self.out.stdout.split().to_vec()).unwrap()
    }

    /// The runner's processes whose standard input and output are the terminal or not, a shell before its
    /// tools.
    fn between(&self, input: bool, output: bool) -> Vec<Pid> {
        let is_terminal = |id: &Pid, descriptor: u8| {
            let file = format!("/proc/{}/fd/{descriptor}", id.as_raw_nonzero());
            std::fs::read_link(file).is_ok_and(|target| target.starts_with("/dev/pts"))
        };
        let mut all = self.processes();
        all.retain(|id| is_terminal(id, 0) == input && is_terminal(id, 1) == output);
        all
    }

    /// The runner's processes. The command has a session of its own.
    fn processes(&self) -> Vec<Pid> {
        let session = self.child.id().to_string();
        let is_ours = |id: i32| {
            let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
            let fields = stat.rsplit(')').next().unwrap_or_default();
            fields.split_whitespace().nth(3) == Some(&session)
        };
        let all = std::fs::read_dir("/proc").unwrap().flatten();
        let ids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let mut ours: Vec<_> = ids.filter(|id| is_ours(*id)).collect();
        ours.sort_unstable();
        ours.into_iter().filter_map(Pid::from_raw).collect()
    }

    /// The mark, as it was sent.
    fn mark(&self) -> Vec<u8> {
        let at = self
            .sent
            .windows(4)
            .position(|part| part == b"\n_m=")
            .unwrap();
        self.sent[at + 4..]
            .split(|b| *b == b'\n')
            .next()
            .unwrap()
            .to_vec()
    }
}

impl Drop for Runner {
    /// As an agent ends a session: its terminal is closed and its own child killed, nothing else.
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
        let _ = self.reader.take().map(JoinHandle::join);
        self.pty = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Done {
    fn ok(status: u8, stdout: &[u8], stderr: &[u8]) -> Self {
        Self {
            status: Some(status),
            failure: None,
            stdout: stdout.to_vec(),
            stderr: stderr.to_vec(),
        }
    }
}

#[test]
fn streams_and_status_are_the_commands_own() {
    for machine in machines() {
        let mut runner = machine.start();
        let done = runner.sh("echo out; echo err >&2; cat; exit 3", b"in\n");
        assert_eq!(
            done,
            Done::ok(3, b"out\nin\n", b"err\n"),
            "{}",
            machine.shell
        );
        assert_eq!(runner.notes(), []);
    }
}

/// Bytes without any order, the same in every run.
fn random_bytes(len: usize, seed: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    std::iter::repeat_with(|| random.u8(..)).take(len).collect()
}

/// The interpreter itself: what is called python3 may be a script that looks for it.
fn python() -> Option<PathBuf> {
    let print = ["-c", "import sys; print(sys.executable)"];
    let said = std::process::Command::new(need("python3")?)
        .args(print)
        .output();
    Some(
        String::from_utf8(said.unwrap().stdout)
            .unwrap()
            .trim()
            .into(),
    )
}

/// How many of these a test does: few in the suite, many if it is asked for.
fn count(few: usize, many: usize) -> usize {
    if std::env::var_os("AXT_HEAVY").is_some_and(|heavy| heavy == "1") {
        many
    } else {
        few
    }
}

#[test]
fn statuses_are_told_as_a_shell_tells_them() {
    for machine in machines() {
        let mut runner = machine.start();
        for status in [0, 1, 7, 42, 126, 127, 130, 137, 143, 254, 255] {
            let done = runner.sh(&format!("exit {status}"), b"");
            assert_eq!(done, Done::ok(status, b"", b""), "{}", machine.shell);
        }
        for (command, status) in [
            ("kill -9 $$", 137),
            ("kill -TERM $$", 143),
            ("exec no-such-program", 127),
            ("exec /", 126),
            ("exec 0<&- 1>&- 2>&-; exit 8", 8),
        ] {
            let done = runner.sh(command, b"");
            assert_eq!(
                done.status,
                Some(status),
                "{}: {command}: {done:?}",
                machine.shell
            );
        }
    }
}

#[test]
fn both_streams_are_exact_however_they_are_written() {
    let Some(perl) = need("perl") else { return };
    let dir = tempfile::tempdir().unwrap();
    let runs = count(3, 10_000 / SHELLS.len() + 1);
    for machine in machines() {
        let mut runner = machine.start();
        for run in 0..runs {
            let mut random = fastrand::Rng::with_seed(run as u64);
            // Sizes on every scale; each stream's bytes with and without order.
            let mut streams = [Vec::new(), Vec::new()];
            let mut plan = String::new();
            for _ in 0..random.usize(1..60) {
                let which = random.usize(0..2);
                let most = [2, 100, 5_000, 70_000][random.usize(0..4)];
                let len = random.usize(1..most);
                let noisy = random.bool();
                let bytes = std::iter::repeat_with(|| if noisy { random.u8(..) } else { b'a' });
                streams[which].extend(bytes.take(len));
                plan.push_str(&format!("{} {len} ", which + 1));
                if random.u8(..) < 20 {
                    plan.push_str("0 0 ");
                }
            }
            let [out, err] = &streams;
            std::fs::write(dir.path().join("1"), out).unwrap();
            std::fs::write(dir.path().join("2"), err).unwrap();
            let script = "my $d=shift; my @f; for(1,2){open($f[$_],\"<:raw\",\"$d/$_\")} my @o=(0,*STDOUT,*STDERR);\
                while(@ARGV){my($w,$n)=splice(@ARGV,0,2); if(!$w){select(undef,undef,undef,0.003);next}\
                my $b; read($f[$w],$b,$n); while(length $b){my $k=syswrite($o[$w],$b); substr($b,0,$k)=\"\"}}";
            let command = format!(
                "exec {} -e '{script}' {} {plan}",
                perl.display(),
                dir.path().display()
            );
            let done = runner.sh(&command, b"");
            assert_eq!(
                (done.status, &done.failure),
                (Some(0), &None),
                "{} {run}",
                machine.shell
            );
            assert!(
                done.stdout == *out && done.stderr == *err,
                "{} {run}",
                machine.shell
            );
        }
        assert_eq!(runner.notes(), [], "{}", machine.shell);
    }
}

#[test]
fn random_bytes_go_both_ways_unchanged() {
    let len = count(1, 200) * 1_000_000;
    for machine in machines() {
        let mut bytes = random_bytes(len, 7);
        // What agents garble: a literal U+FFFD, and a sequence without its end.
        bytes.extend_from_slice("\u{fffd}".as_bytes());
        bytes.extend_from_slice(b"\xe4\xbd");
        let done = machine.start().sh("cat; echo end >&2", &bytes);
        assert_eq!(
            (done.status, &*done.stderr),
            (Some(0), &b"end\n"[..]),
            "{} {:?}",
            machine.shell,
            done.failure
        );
        assert!(
            done.stdout == bytes,
            "{}: {} bytes",
            machine.shell,
            done.stdout.len()
        );
    }
}

#[test]
fn text_is_compressed_both_ways_and_noise_costs_no_more_than_base64() {
    let text: Vec<u8> = (1_000_000..1_150_000)
        .flat_map(|n| format!("{n}\n").into_bytes())
        .collect();
    let noise = random_bytes(1_000_000, 3);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    for machine in machines() {
        for (bytes, compress, least, most) in [
            (&text, true, 0.2, 0.45),
            (&text, false, 1.33, 1.36),
            (&noise, true, 1.33, 1.36),
        ] {
            std::fs::write(&file, bytes).unwrap();
            let several = false;
            let mut runner = machine.start_with(RunnerOptions { compress, several }, &[]);
            let command = format!("cat {}; exec wc -c", file.display());
            let done = runner.sh(&command, bytes);
            assert!(
                done.stdout.starts_with(bytes),
                "{}: {} bytes",
                machine.shell,
                done.stdout.len()
            );
            let read = String::from_utf8_lossy(&done.stdout[bytes.len()..])
                .trim()
                .parse();
            assert_eq!(read, Ok(bytes.len()));
            let share = runner.received as f64 / bytes.len() as f64;
            assert!((least..most).contains(&share), "{}: {share}", machine.shell);
            let share = runner.sent.len() as f64 / bytes.len() as f64;
            let most = if most < 1.0 { 0.45 } else { 1.02 };
            assert!(share < most, "{}: {share}", machine.shell);
        }
    }
}

#[test]
fn the_command_has_no_terminal() {
    for machine in machines() {
        let mut runner = machine.start();
        let command = "test -t 0 || test -t 1 || test -t 2 || echo none; (echo prompt >/dev/tty) 2>/dev/null || echo no tty";
        let done = runner.sh(command, b"");
        assert_eq!(
            done,
            Done::ok(0, b"none\nno tty\n", b""),
            "{}",
            machine.shell
        );
    }
}

#[test]
fn what_others_write_to_the_terminal_is_left_out() {
    let text: Vec<u8> = (1..60_000)
        .flat_map(|n| format!("{n}\n").into_bytes())
        .collect();
    for machine in machines() {
        let mut runner = machine.start();
        assert_eq!(runner.sh("echo first", b"").status, Some(0));
        let terminal = machine.terminal();
        let command = format!(
            "i=0; while [ $i -lt 200 ]; do echo noise; printf torn; i=$((i+1)); done >{} & cat; wait",
            terminal.display()
        );
        let done = runner.sh(&command, &text);
        assert_eq!(
            (done.status, &done.failure),
            (Some(0), &None),
            "{}",
            machine.shell
        );
        assert!(done.stdout == text, "{}", machine.shell);
        assert_eq!(
            runner.notes(),
            [Note::Noise],
            "{} {}",
            machine.shell,
            terminal.display()
        );
        assert_eq!(runner.sh("echo next", b""), Done::ok(0, b"next\n", b""));
    }
}

#[test]
fn signals_reach_the_command_although_nobody_reads_its_input() {
    let signals = [
        (Signal::Hup, 129),
        (Signal::Int, 130),
        (Signal::Quit, 131),
        (Signal::Term, 143),
        (Signal::Kill, 137),
    ];
    on_all(|machine| {
        let mut runner = machine.start();
        for (signal, status) in signals {
            runner.start("ulimit -c 0; echo ready; exec sleep 1000");
            while runner.client.wants_input() {
                runner.client.input(&[b'x'; 32 * 1024], &mut runner.out);
                runner.client.input(&random_bytes(3000, 1), &mut runner.out);
            }
            assert!(runner.client.signal(signal, &mut runner.out));
            let done = runner.go_on(&[b'x'; 900_000]);
            assert_eq!(
                done,
                Done::ok(status, b"", b""),
                "{} {signal:?}",
                machine.shell
            );
        }
        // One that is caught, and one that comes before the command has a process.
        runner.start("trap 'echo caught; exit 9' TERM; echo ready; while :; do sleep 0.05; done");
        runner.client.signal(Signal::Term, &mut runner.out);
        let done = runner.go_on(b"");
        assert_eq!(
            (done.status, &*done.stdout),
            (Some(9), &b"caught\n"[..]),
            "{}",
            machine.shell
        );
        let mut early = machine.start();
        early.client.start(line("exec sleep 1000"), &mut early.out);
        while !early.client.signal(Signal::Kill, &mut early.out) {
            assert!(early.step());
        }
        assert_eq!(early.go_on(b"").status, Some(137), "{}", machine.shell);
    });
}

#[test]
fn a_signal_to_its_own_group_costs_a_command_no_input() {
    let input = random_bytes(900_000, 5);
    for machine in machines() {
        let mut runner = machine.start();
        for signal in ["TERM", "INT", "QUIT", "HUP"] {
            let command = format!("trap '' {signal}; (sleep 0.1; kill -{signal} 0) & wc -c; wait");
            let done = runner.sh(&command, &input);
            let text = String::from_utf8_lossy(&done.stdout);
            assert_eq!(
                (done.status, text.trim()),
                (Some(0), "900000"),
                "{} {signal}",
                machine.shell
            );
        }
    }
}

#[test]
fn children_that_hold_the_streams_do_not_hold_the_end() {
    on_all(|machine| {
        let mut runner = machine.start();
        let done = runner.sh("sleep 1000 & echo $!; exit 4", b"");
        let child: i32 = String::from_utf8_lossy(&done.stdout)
            .trim()
            .parse()
            .unwrap();
        assert_eq!(done.status, Some(4), "{}: {done:?}", machine.shell);
        // What it writes later is not the next command's, and the runner is whole.
        assert_eq!(
            runner.sh("echo next", b""),
            Done::ok(0, b"next\n", b""),
            "{}",
            machine.shell
        );
        let child = Pid::from_raw(child).unwrap();
        assert!(
            test_kill_process(child).is_ok(),
            "{}: it was to run on",
            machine.shell
        );
        kill_process(child, Kill::KILL).unwrap();
    });
}

#[test]
fn when_the_session_goes_the_command_is_hung_up() {
    on_all(|machine| {
        let commands = [
            "echo $$; exec sleep 1000",
            "echo $$; sleep 1000",
            "echo $$; cat; sleep 1000",
            "echo $$; yes >/dev/null",
            "echo $$; yes",
            // It asks to go on.
            "trap '' HUP; echo $$; exec sleep 1000",
        ];
        let mut survivor = 0;
        let mut runners = Vec::new();
        for command in commands {
            let mut runner = machine.start();
            survivor = runner
                .start(command)
                .lines()
                .next()
                .unwrap()
                .parse()
                .unwrap();
            runners.push(runner);
        }
        drop(runners);
        machine.wait_until_only(|id| id == survivor);
        kill_process(Pid::from_raw(survivor).unwrap(), Kill::KILL).unwrap();
    });
}

#[test]
fn commands_that_kill_what_runs_them_have_no_status() {
    let group = "read a b c d g e </proc/$PPID/stat; kill -9 -$g; exec sleep 1000";
    on_all(|machine| {
        let mut runner = machine.start();
        let done = runner.sh("echo before; kill -9 $PPID; sleep 1000", b"");
        assert_eq!(
            done.failure,
            Some(Failure::NoStatus),
            "{}: {done:?}",
            machine.shell
        );
        drop(runner);
        let done = machine.start().sh(group, b"");
        assert_eq!(
            (done.status, done.failure),
            (None, Some(Failure::Cut)),
            "{}",
            machine.shell
        );
        machine.end_orphans();
    });
}

#[test]
fn a_tool_of_the_runners_that_is_killed_ends_the_command_with_its_reason() {
    // Each tool in turn, while both directions are busy: honest or a failure, never a hang.
    on_all(|machine| {
        for tool in ["dd", "gzip", "base64"] {
            let mut runner = machine.start();
            runner.start("echo ready; cat");
            let mut random = fastrand::Rng::with_seed(3);
            let sent = random_bytes(300_000, 3);
            for piece in sent.chunks(30_000) {
                while !runner.client.wants_input() && !runner.has_failed() {
                    runner.step();
                }
                runner.client.input(piece, &mut runner.out);
                if random.bool() {
                    for id in machine.processes() {
                        let name = std::fs::read_to_string(format!("/proc/{id}/comm"));
                        let own = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
                        let applet = own.split(|b| *b == 0).next().unwrap_or_default().to_vec();
                        if name.is_ok_and(|name| name.trim() == tool) || applet == tool.as_bytes() {
                            let _ = kill_process(Pid::from_raw(id).unwrap(), Kill::KILL);
                        }
                    }
                }
            }
            let done = runner.go_on(b"");
            let honest = done.failure.is_some() || done.stdout == sent;
            assert!(honest, "{} {tool}: {:?}", machine.shell, done.status);
            assert!(sent.starts_with(&done.stdout), "{} {tool}", machine.shell);
        }
        machine.wait_until_only(|_| false);
    });
}

#[test]
fn without_its_writer_the_runner_ends_and_the_command_is_hung_up() {
    on_all(|machine| {
        let mut runner = machine.start();
        runner.start("echo ready; exec sleep 1000");
        let writer = runner.between(false, true).pop().unwrap();
        kill_process(writer, Kill::KILL).unwrap();
        while runner.step() {}
        let failures = [RunnerEvent::Failed(Failure::Cut)];
        assert!(runner.events.ends_with(&failures), "{:?}", runner.events);
        // The session itself is still there.
        machine.wait_until_only(|_| false);
    });
}

#[test]
fn each_process_of_the_runner_may_be_killed() {
    on_all(|machine| {
        // No end of the input is needed to notice.
        let streams = Done::ok(3, b"out\n", b"err\n");
        kill_each(&machine, "echo out; echo err >&2; exit 3", None, &streams);
        // An input that is cut never looks like one that is complete.
        let input = random_bytes(100_000, 5);
        let counted = Done::ok(0, b"100000\n", b"");
        kill_each(&machine, "exec wc -c", Some(&input), &counted);
        machine.wait_until_only(|_| false);
    });
}

/// Kills one process of the runner after another, each under a command of its own. That ends with a failure,
/// or as if nothing had happened.
fn kill_each(machine: &Machine, command: &str, stdin: Option<&[u8]>, undisturbed: &Done) {
    for victim in 0.. {
        let (mut runner, go) = machine.start_held(command);
        let Some(victim) = runner.processes().get(victim).copied() else {
            assert!(victim >= 10, "{}: {victim} processes", machine.shell);
            return;
        };
        kill_process(victim, Kill::KILL).unwrap();
        std::fs::write(go, "").unwrap();
        let done = runner.follow(stdin);
        let honest = done == *undisturbed || done.failure.is_some();
        assert!(honest, "{} {command}: {done:?}", machine.shell);
    }
}

#[test]
fn without_its_guard_a_command_is_not_held_by_its_children() {
    on_all(|machine| {
        let (mut runner, go) = machine.start_held("(exec sleep 1000) & echo done");
        // The guard waits for a report.
        let reads_reports = |id: &Pid| {
            let text = std::fs::read(format!("/proc/{}/cmdline", id.as_raw_nonzero()));
            // BusyBox takes its arguments apart where they stand.
            let words = text.unwrap_or_default();
            let words = words.split(|b| [0, b'='].contains(b));
            words.eq([&b"dd"[..], b"bs", b"64", b"count", b"1", b""])
        };
        let begun = Instant::now();
        let guard = loop {
            let tool = runner.processes().into_iter().find(reads_reports);
            if let Some(guard) = tool.and_then(parent) {
                break guard;
            }
            assert!(begun.elapsed() < HANG, "{}: no guard", machine.shell);
        };
        kill_process(guard, Kill::KILL).unwrap();
        std::fs::write(go, "").unwrap();
        let done = runner.follow(None);
        assert!(done.failure.is_some(), "{}: {done:?}", machine.shell);
        assert_eq!(done.stdout, b"done\n", "{}", machine.shell);
        drop(runner);
        machine.end_orphans();
    });
}

fn parent(id: Pid) -> Option<Pid> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", id.as_raw_nonzero())).ok()?;
    let fields = stat.rsplit(')').next()?;
    Pid::from_raw(fields.split_whitespace().nth(1)?.parse().ok()?)
}

#[test]
fn when_the_session_goes_without_its_reader_the_command_is_hung_up() {
    on_all(|machine| {
        let mut runner = machine.start();
        runner.start("echo ready; exec sleep 1000");
        let reader = runner.between(true, false).remove(0);
        kill_process(reader, Kill::KILL).unwrap();
        drop(runner);
        machine.wait_until_only(|_| false);
        // The session goes when all shells do, whatever tools they leave.
        let mut runner = machine.start();
        runner.start("echo ready; exec sleep 1000");
        for id in runner.processes() {
            let name = std::fs::read_to_string(format!("/proc/{}/comm", id.as_raw_nonzero()));
            if name.is_ok_and(|name| name.trim() == "sh") {
                kill_process(id, Kill::KILL).unwrap();
            }
        }
        while !runner.has_failed() {
            runner.step();
        }
        drop(runner);
        machine.end_orphans();
    });
}

#[test]
fn nothing_of_a_command_reaches_the_next() {
    on_all(|machine| {
        let mut runner = machine.start();
        let look = "pwd; umask; echo ${X-none}; set -- /proc/$$/fd/*; echo $#";
        let before = runner.sh(look, b"");
        for i in 0..20 {
            let input = random_bytes(i * 3_000, 1);
            let done = runner.sh(&format!("cat >&2; exit {i}"), &input);
            assert_eq!(done, Done::ok(i as u8, b"", &input), "{}", machine.shell);
        }
        let leave =
            "cd /; umask 0; X=1; export X; exec 7>/dev/null; set -f; trap : TERM; sleep 0.01 &";
        assert_eq!(runner.sh(leave, b"left behind").status, Some(0));
        assert_eq!(runner.sh(look, b""), before, "{}", machine.shell);
    });
}

/// Lines that would each run a command, if they were taken for frames.
fn frames_in_data(file: &std::path::Path) -> Vec<u8> {
    let text = format!("touch {}", file.display());
    let frame = format!("\nx{:07}\n{text}\n", text.len());
    frame.repeat(900_000 / frame.len()).into_bytes()
}

#[test]
fn input_that_nobody_read_is_dropped_and_never_taken_for_a_command() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    let input = frames_in_data(&file);
    on_all(|machine| {
        let mut runner = machine.start();
        for command in [
            "true",
            "head -c 1",
            "exec <&-; sleep 0.1",
            "sleep 1000 </dev/null & :",
        ] {
            assert_eq!(runner.sh(command, &input).status, Some(0));
            let done = runner.sh("cat", b"its own");
            assert_eq!(
                done,
                Done::ok(0, b"its own", b""),
                "{} {command}",
                machine.shell
            );
        }
        assert!(!file.exists(), "{}", machine.shell);
    });
}

#[test]
fn a_dd_without_fullblock_takes_all_input_too() {
    let Some(machine) = machine("dash") else {
        return;
    };
    let dd = machine.dir.path().join("dd");
    let real = need("dd").unwrap();
    let text = format!(
        "#!/bin/sh\ncase $* in *iflag*) exit 1 ;; esac\nexec {} \"$@\"\n",
        real.display()
    );
    std::fs::write(&dd, text).unwrap();
    std::fs::set_permissions(&dd, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let file = machine.dir.path().join("file");
    let mut runner = machine.start();
    for input in [frames_in_data(&file), random_bytes(200_000, 2)] {
        assert_eq!(runner.sh("head -c 1", &input).status, Some(0));
        assert_eq!(runner.sh("cat", b"its own"), Done::ok(0, b"its own", b""));
        let done = runner.sh("cat", &input);
        assert!(done.stdout == input, "{:?}", done.failure);
    }
    assert!(!file.exists());
}

#[test]
fn a_child_that_keeps_the_input_from_being_read_ends_the_runner() {
    let Some(machine) = machine("dash") else {
        return;
    };
    let mut runner = machine.start();
    let go = machine.dir.path().join("go");
    let command = format!(
        "{{ sleep 1000 <&3 >/dev/null 2>&1 & }} 3<&0; echo $!; until test -e {}; do sleep 0.05; done",
        go.display()
    );
    let child: i32 = runner.start(&command).trim().parse().unwrap();
    // More than its pipe and a tool of the runner's hold.
    while runner.sent.len() < 100_000 {
        if runner.client.wants_input() {
            let input = random_bytes(32 * 1024, 1);
            runner.client.input(&input, &mut runner.out);
            runner.send();
        } else {
            runner.step();
        }
    }
    std::fs::write(go, "").unwrap();
    assert_eq!(runner.go_on(b"").status, Some(0));
    let next = runner.sh("echo not run", b"");
    assert_eq!(
        (next.status, next.failure),
        (None, Some(Failure::InputHeld))
    );
    kill_process(Pid::from_raw(child).unwrap(), Kill::KILL).unwrap();
}

#[test]
fn a_runner_that_was_sent_what_is_no_frame_ends() {
    on_all(|machine| {
        for spoil in ["noframe!", "y0000000", "x0000006echo x"] {
            let mut runner = machine.start();
            assert_eq!(runner.sh("true", b"").status, Some(0));
            runner.out.remote.extend_from_slice(spoil.as_bytes());
            runner.client.start(line("echo run"), &mut runner.out);
            let done = runner.go_on(b"");
            assert_eq!(
                (done.failure, &*done.stdout),
                (Some(Failure::Cut), &b""[..]),
                "{} {spoil}",
                machine.shell
            );
            drop(runner);
            machine.wait_until_only(|_| false);
        }
    });
}

#[test]
fn the_mark_is_to_be_seen_nowhere() {
    for machine in machines() {
        let env = [
            "M", "C", "w", "d", "n", "s", "_m", "_y", "_c", "_l", "_h", "PWD",
        ]
        .map(|name| (name, "outside"));
        let options = RunnerOptions {
            compress: true,
            several: true,
        };
        let mut runner = machine.start_with(options, &env);
        runner.start("echo ready; read x; env; cat");
        let mark = runner.mark();
        assert!(mark.len() > 16);
        for id in machine.processes() {
            for file in ["cmdline", "environ"] {
                let text = std::fs::read(format!("/proc/{id}/{file}")).unwrap_or_default();
                let seen = text.windows(mark.len()).any(|part| part == mark);
                assert!(
                    !seen,
                    "{}: {}",
                    machine.shell,
                    String::from_utf8_lossy(&text)
                );
            }
        }
        let done = runner.go_on(b"go\nrest");
        let text = String::from_utf8_lossy(&done.stdout);
        for name in ["M", "C", "w", "d", "n", "s"] {
            assert!(
                text.contains(&format!("\n{name}=outside\n"))
                    || text.starts_with(&format!("{name}=outside\n")),
                "{} {name}: {text}",
                machine.shell
            );
        }
        assert!(
            !text.contains(&*String::from_utf8_lossy(&mark)) && text.ends_with("rest"),
            "{text}"
        );
    }
}

#[test]
fn a_line_that_is_lost_doubled_or_damaged_ends_the_command() {
    let Some(machine) = machine("dash") else {
        return;
    };
    let bytes = random_bytes(60_000, 9);
    type Spoil = fn(&mut Vec<Vec<u8>>, usize);
    let spoils: [(&str, Spoil); 4] = [
        ("lost", |lines, at| drop(lines.remove(at))),
        ("doubled", |lines, at| {
            lines.insert(at, lines[at - 1].clone())
        }),
        ("shorter", |lines, at| lines[at].truncate(100)),
        ("swapped", |lines, at| lines.swap(at - 1, at)),
    ];
    for (what, spoil) in spoils {
        let mut runner = machine.start();
        runner.start("echo ready; cat");
        let mut held: Vec<Vec<u8>> = vec![Vec::new()];
        let mut done = false;
        runner.spoil = Box::new(move |bytes| {
            for byte in bytes {
                if byte == b'\n' {
                    held.push(Vec::new());
                } else {
                    held.last_mut().unwrap().push(byte);
                }
            }
            // Lines of data are long, and all others are short.
            let mut data = held.windows(3);
            let before = data.position(|lines| lines.iter().all(|line| line.len() > 1000));
            if let Some(before) = before.filter(|_| !done) {
                done = true;
                spoil(&mut held, before + 1);
            }
            if held.len() < 9 && !done {
                return Vec::new();
            }
            let last = held.pop().unwrap();
            let mut whole = held.join(&b'\n');
            if !held.is_empty() {
                whole.push(b'\n');
            }
            held = vec![last];
            whole
        });
        let done = runner.go_on(&bytes);
        assert!(
            matches!(done.failure, Some(Failure::Damaged(_))),
            "{what}: {:?} {:?}",
            done.status,
            done.failure
        );
        assert!(bytes.starts_with(&done.stdout), "{what}");
    }
}

#[test]
fn commands_of_any_length_and_any_bytes_arrive() {
    for machine in machines() {
        let mut runner = machine.start();
        for len in [600, 5_000, 300_000] {
            let text = "x'\"$y\n\\ü".repeat(len / 10);
            let text = format!("{text}\n");
            let done = runner.sh(&format!("cat <<'E'\n{text}E\n"), b"");
            assert!(
                done.stdout == text.as_bytes(),
                "{}, {len}: {:?}",
                machine.shell,
                done.failure
            );
        }
        let bytes: Vec<u8> = (1..=255).filter(|b| *b != b'\'').collect();
        let command = [b"printf %s '", &bytes[..], b"'"].concat();
        let what = What::Line(command);
        let done = runner.run(RemoteCommand { what, ..line("") }, b"");
        assert!(
            done.stdout == bytes,
            "{}: {}",
            machine.shell,
            done.stdout.escape_ascii()
        );
    }
}

#[test]
fn shells_of_all_kinds_run_the_command() {
    let Some(machine) = machine("dash") else {
        return;
    };
    let mut runner = machine.start();
    for shell in ["tcsh", "csh", "zsh", "ksh93", "mksh", "bash"] {
        let Some(program) = need(shell) else { continue };
        let shell = Some(program.into_os_string().into_encoded_bytes());
        for login in [false, true] {
            let command = RemoteCommand {
                shell: shell.clone(),
                login,
                ..line("echo 'a  b'; exit 3")
            };
            let done = runner.run(command, b"");
            assert_eq!(
                (done.status, &*done.stdout),
                (Some(3), &b"a  b\n"[..]),
                "{shell:?}: {done:?}"
            );
            let command = RemoteCommand {
                shell: shell.clone(),
                login,
                ..RemoteCommand::default()
            };
            let done = runner.run(command, b"echo script\nexit 5\n");
            // A tcsh that is a login shell complains about the terminal first, as over ssh.
            assert_eq!(
                (done.status, done.stdout.ends_with(b"script\n")),
                (Some(5), true),
                "{shell:?}: {done:?}"
            );
        }
    }
    let missing = RemoteCommand {
        shell: Some(b"/no/such/shell".to_vec()),
        ..line("true")
    };
    let done = runner.run(missing, b"");
    assert_eq!(done.status, Some(127));
    assert!(
        String::from_utf8_lossy(&done.stderr).contains("/no/such/shell"),
        "{done:?}"
    );
}

#[test]
fn variables_are_set_for_the_command_alone() {
    for machine in machines() {
        let mut runner = machine.start();
        let env = vec![
            ("A_1".into(), b"it's\n$x".to_vec()),
            ("PATH".into(), b"/nowhere".to_vec()),
        ];
        let command = RemoteCommand {
            env,
            ..line("echo \"$A_1\" \"$PATH\"")
        };
        let shell = Some(b"/bin/sh".to_vec());
        let done = runner.run(RemoteCommand { shell, ..command }, b"");
        assert_eq!(
            done,
            Done::ok(0, b"it's\n$x /nowhere\n", b""),
            "{}",
            machine.shell
        );
        assert_eq!(
            runner.sh("echo ${A_1-none}", b""),
            Done::ok(0, b"none\n", b"")
        );
    }
}

#[test]
fn what_the_environment_tells_shells_changes_nothing() {
    for machine in machines() {
        for (name, value) in [("TMOUT", "1"), ("SHELLOPTS", "monitor:nounset")] {
            let reads_it = machine.shell == "bash" || machine.shell == "ksh93" && name == "TMOUT";
            if !reads_it {
                continue;
            }
            let options = RunnerOptions {
                compress: false,
                several: true,
            };
            let mut runner = machine.start_with(options, &[(name, value)]);
            let done = runner.sh("sleep 1.2; echo late; exit 3", b"");
            let shell = machine.shell;
            assert_eq!(done, Done::ok(3, b"late\n", b""), "{shell} {name}");
        }
    }
}

#[test]
fn signals_to_the_runners_group_do_not_hang_it() {
    for machine in machines() {
        for signal in ["USR1", "USR2"] {
            let line = format!(
                "read -r _ _ _ _ group _ </proc/$PPID/stat; kill -{signal} -$group; sleep 0.1; echo still here"
            );
            let done = machine.start().sh(&line, b"");
            let is_whole = done == Done::ok(0, b"still here\n", b"");
            let shell = machine.shell;
            assert!(
                is_whole || done.failure.is_some(),
                "{shell} {signal}: {done:?}"
            );
        }
    }
}

#[test]
fn a_variable_that_the_shell_keeps_is_told() {
    let mut machines = machines();
    let Some(machine) = machines.find(|machine| machine.shell == "bash") else {
        return;
    };
    let env = vec![("UID".into(), b"5".to_vec())];
    let done = machine.start().run(
        RemoteCommand {
            env,
            ..line("true")
        },
        b"",
    );
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(said.contains("UID: readonly variable"), "{done:?}");
    assert_ne!(done.status, Some(0));
}

#[test]
fn tools_that_are_missing_are_replaced() {
    let Some(dash) = need("dash") else { return };
    let Some(python) = python() else { return };
    let basic = ["stty", "dd", "id", "getent", "cat", "sleep", "env", "sh"];
    let bytes = random_bytes(200_000, 4);
    for tools in [
        &["base64", "setsid"][..],
        &["base64", "perl", "gzip"],
        &["openssl", "fold", "setsid"],
        &["perl"],
        &["python3"],
        &["base64"],
    ] {
        let dir = tempfile::tempdir().unwrap();
        for tool in basic.iter().chain(tools) {
            let target = match *tool {
                "sh" => dash.clone(),
                "python3" => python.clone(),
                other => need(other).unwrap(),
            };
            symlink(target, dir.path().join(tool)).unwrap();
        }
        let machine = Machine {
            shell: "dash",
            path: dir.path().into(),
            dir,
        };
        let mut runner = machine.start();
        let done = runner.sh("echo err >&2; cat; exit 2", &bytes);
        assert_eq!(
            (done.status, &*done.stderr),
            (Some(2), &b"err\n"[..]),
            "{tools:?} {:?}",
            done.failure
        );
        assert!(done.stdout == bytes, "{tools:?}");
        runner.start("echo ready; exec sleep 1000");
        assert!(runner.client.signal(Signal::Term, &mut runner.out));
        assert_eq!(runner.go_on(b"").status, Some(143), "{tools:?}");
        let starts = tools
            .iter()
            .any(|tool| ["setsid", "perl", "python3"].contains(tool));
        let notes = runner.notes();
        assert_eq!(notes.contains(&Note::NoOwnSession), !starts, "{tools:?}");
        assert_eq!(
            notes.contains(&Note::NoGzip),
            !tools.contains(&"gzip"),
            "{tools:?}"
        );
        drop(runner);
        machine.wait_until_only(|_| false);
    }
    for (tools, missing) in [
        (&["dd"][..], "stty"),
        (&["stty"], "dd"),
        (&["stty", "dd"], "id"),
        (&["stty", "dd", "id"], "base64"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        symlink(&dash, dir.path().join("sh")).unwrap();
        for tool in tools {
            symlink(need(tool).unwrap(), dir.path().join(tool)).unwrap();
        }
        let machine = Machine {
            shell: "dash",
            path: dir.path().into(),
            dir,
        };
        let done = machine.start().sh("true", b"");
        let Some(Failure::Missing(tool)) = done.failure else {
            panic!("{tools:?}: {done:?}");
        };
        assert!(tool.starts_with(missing), "{tool}");
    }
}
