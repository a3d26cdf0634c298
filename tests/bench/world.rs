//! The world of a benchmark: an emulator, and programs under a pseudo-terminal that are measured
//! from outside.

use super::floor;
use axt::config::credentials::Credentials;
use axt::config::settings::ConnectionType;
use axt::emulator::agent::Guest;
use axt::emulator::{Emulator, Options};
use axt::net::{Network, NetworkOptions};
use axt::openapi::client::Client;
use axt::openapi::ecs::{StartTerminalSession, TerminalSession};
use axt::openapi::endpoint::{self, Product};
use pty_process::blocking::{Command, Pty};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use secrecy::ExposeSecret as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::process::Child;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The program that is measured.
pub(crate) const AXT: &str = env!("CARGO_BIN_EXE_axt");

/// The name under which the echo guest is started. A command, since a shell's input waits for the shell to speak first.
pub(crate) const ECHO: Option<&str> = Some("echo");

/// Longer than any call to the emulator takes.
const LIMIT: Duration = Duration::from_secs(15);

/// A number that is read again and again until it stops changing is taken to be settled then.
const QUIET: Duration = Duration::from_millis(300);

/// An emulator and the way to call it.
pub(crate) struct World {
    emulator: Emulator,
}

impl World {
    /// An emulator whose sessions have this guest.
    pub(crate) fn new(guest: Guest) -> Self {
        let mut options = Options::default();
        options.agent.guest = guest;
        let emulator = Emulator::on_loopback(options).expect("a free port");
        Self { emulator }
    }

    /// `axt connect`, all the real way; `command` is run by the agent itself.
    pub(crate) fn axt(&self, command: Option<&str>) -> Program {
        self.axt_under(&[], command).expect("the program is there")
    }

    /// `axt connect` as a child of a tool that watches it; `None` without that tool.
    pub(crate) fn axt_under(&self, tool: &[&str], command: Option<&str>) -> Option<Program> {
        let words = tool.iter().copied().chain([AXT, "connect", "i-bench"]);
        let mut words = words.collect::<Vec<_>>();
        if let Some(command) = command {
            words.extend(["--raw-command", "--command", command]);
        }
        let (program, args) = words.split_first()?;
        Program::start(
            Command::new(program)
                .args(args)
                .envs(self.emulator.exports()),
        )
    }

    /// The floor client on a session like it.
    pub(crate) fn floor(&self, command: Option<&str>) -> Program {
        let session = self.start_session(command);
        let run = Command::new(std::env::current_exe().expect("this binary has a path"));
        let run = run.args([
            floor::ROLE,
            session.web_socket_url.expose_secret(),
            session.security_token.expose_secret(),
        ]);
        Program::start(run).expect("the program is there")
    }

    fn start_session(&self, command: Option<&str>) -> TerminalSession {
        const REGION: &str = "cn-hangzhou";
        let given = Some(self.emulator.api_url());
        let base = endpoint::base(
            Product::Ecs,
            REGION,
            ConnectionType::Internet,
            given.as_deref(),
        )
        .expect("a URL");
        let keys = self.emulator.credentials();
        let credentials = Credentials {
            access_key_id: keys.access_key_id.clone(),
            access_key_secret: keys.access_key_secret.clone().into(),
            security_token: None,
            expires: None,
            source: "the emulator".into(),
        };
        let network = Network::new(NetworkOptions::default());
        let mut request = StartTerminalSession::new("i-bench");
        request.command_line = command.map(str::to_owned);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("the system has an epoll");
        let client =
            Client::new(network, base, REGION, Arc::new(credentials)).expect("there is TLS");
        let call = client.call(&request, LIMIT);
        runtime.block_on(call).expect("the emulator answers")
    }
}

/// A program that copies bytes and knows no session.
pub(crate) fn plain_copy(shell_command: &str) -> Program {
    let shell = Command::new("sh").args(["-c", shell_command]);
    Program::start(shell).expect("there is a shell")
}

/// A program under a pseudo-terminal. Dropping it kills it.
pub(crate) struct Program {
    child: Child,
    pty: Pty,
}

impl Program {
    fn start(command: Command) -> Option<Self> {
        let (pty, pts) = pty_process::blocking::open().expect("a pseudo-terminal");
        let size = pty_process::Size::new(40, 120);
        pty.resize(size).expect("a size like any other");
        // Raw from the start: nothing that is typed early is echoed on this side.
        let mut modes = tcgetattr(&pty).expect("it is a terminal");
        modes.make_raw();
        tcsetattr(&pty, OptionalActions::Now, &modes).expect("it is a terminal");
        let child = command.spawn(pts).ok()?;
        Some(Self { child, pty })
    }

    /// Types `key` and waits for its echo, `times` over.
    pub(crate) fn type_and_read(&mut self, key: u8, times: usize) {
        for _ in 0..times {
            self.pty.write_all(&[key]).expect("the program lives");
            self.read(1);
        }
    }

    /// Types a key that nothing echoes.
    pub(crate) fn type_without_echo(&mut self, key: u8) {
        self.pty.write_all(&[key]).expect("the program lives");
    }

    /// Waits for that many bytes on the screen.
    pub(crate) fn read(&mut self, count: usize) {
        let mut buffer = vec![0; 256 * 1024];
        let mut left = count;
        while left > 0 {
            let room = buffer.len().min(left);
            let into = buffer.get_mut(..room).unwrap_or_default();
            let read = self.pty.read(into).expect("the program lives");
            assert!(read > 0, "the program ended with {left} bytes to go");
            left -= read;
        }
    }

    /// The time all its threads have been on a processor so far, once they have come to rest.
    pub(crate) fn cpu(&self) -> Duration {
        let mut before = self.cpu_now();
        let started = Instant::now();
        loop {
            std::thread::sleep(QUIET);
            let now = self.cpu_now();
            if now == before || started.elapsed() > 10 * QUIET {
                return now;
            }
            before = now;
        }
    }

    /// The first number of `schedstat` is nanoseconds on a processor, user and system.
    fn cpu_now(&self) -> Duration {
        let total = self.threads("schedstat", |text| number(text.split(' ').next()));
        Duration::from_nanos(total)
    }

    /// How often its threads have gone to sleep and woken, or been made to wait, so far.
    pub(crate) fn switches(&self) -> u64 {
        self.threads("status", |text| {
            let lines = text.lines().filter_map(|line| line.split_once(':'));
            let counts = lines.filter(|(name, _)| name.ends_with("_ctxt_switches"));
            counts.map(|(_, value)| number(Some(value))).sum()
        })
    }

    /// Types the escape that ends the session, and waits for the end.
    pub(crate) fn leave(&mut self) {
        self.pty.write_all(b"\r~.").expect("the program lives");
        // It may have more to show. A terminal without a program on it fails to read.
        while let Ok(1..) = self.pty.read(&mut [0; 4096]) {}
        self.child.wait().expect("it ends");
    }

    /// Memory that is resident, in bytes: (all of it, what is its own and not a file's).
    pub(crate) fn resident(&self) -> (u64, u64) {
        resident(self.child.id())
    }

    fn threads(&self, file: &str, read: impl Fn(&str) -> u64) -> u64 {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id()));
        let tasks = tasks.expect("the program lives").filter_map(Result::ok);
        // A thread that has ended meanwhile has nothing to add.
        let texts = tasks.filter_map(|task| fs::read_to_string(task.path().join(file)).ok());
        texts.map(|text| read(&text)).sum()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The memory of a process that is resident, in bytes: (all of it, what is its own and not a file's).
pub(crate) fn resident(process: u32) -> (u64, u64) {
    let status = fs::read_to_string(format!("/proc/{process}/status"));
    let status = status.expect("the program lives");
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        number(line.map(|line| line.trim_end_matches("kB"))) * 1024
    };
    (field("VmRSS:"), field("RssAnon:"))
}

fn number(text: Option<&str>) -> u64 {
    let text = text.unwrap_or_default().trim();
    text.parse().expect("a number, as proc(5) has it")
}
