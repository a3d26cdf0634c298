//! The real binary against an emulator of the test's own.

use super::schema::Schema;
use super::secrets;
use axt::config::credentials::Credentials;
use axt::emulator::{Emulator, Options};
use axt::net::{Network, NetworkOptions};
use axt::openapi::client::Client;
use axt::openapi::ecs::StartTerminalSession;
use secrecy::ExposeSecret as _;
use std::io::Write;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A hang guard: nothing here is expected to take anywhere near as long, even on a machine that does much else.
pub(crate) const HANG: Duration = Duration::from_secs(300);

/// An emulator, and the way to run axt against it. Every run logs all that it can. What a run prints
/// is searched for secrets when it ends, and the logs are in the end.
pub(crate) struct Cloud {
    pub emulator: Emulator,
    logs: TempDir,
    /// What its runs remember, of this emulator alone.
    cache: TempDir,
    runs: AtomicUsize,
}

impl Drop for Cloud {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let given_out = self.emulator.secrets();
        secrets::add_past(&given_out);
        for entry in self.logs.path().read_dir().unwrap() {
            let log = std::fs::read(entry.unwrap().path()).unwrap();
            secrets::search(&log);
            secrets::search_for_addresses(&log);
        }
        secrets::forget(&given_out);
    }
}

/// A client of the emulator's API.
pub(crate) fn client(emulator: &Emulator) -> Client {
    let network = Network::new(NetworkOptions {
        connect_timeout: HANG,
        ..NetworkOptions::default()
    });
    let keys = emulator.credentials();
    let credentials = Credentials {
        access_key_id: keys.access_key_id.clone(),
        access_key_secret: keys.access_key_secret.clone().into(),
        security_token: None,
        expires: None,
        source: "the emulator".into(),
    };
    let endpoint = emulator.api_url().parse().unwrap();
    Client::new(network, endpoint, "cn-hangzhou", Arc::new(credentials)).unwrap()
}

/// Answers every request with this page.
pub(crate) fn stubborn(page: &'static str) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 8192];
            let _ = std::io::Read::read(&mut stream, &mut request);
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
            let _ = write!(
                stream,
                "{head}\r\ncontent-length: {}\r\n\r\n{page}",
                page.len()
            );
        }
    });
    url
}

/// How a run of axt ended.
#[derive(Debug)]
pub(crate) struct Done {
    /// The exit status; -n for death by signal n.
    pub status: i32,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Done {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

impl Cloud {
    pub(crate) fn new() -> Self {
        Self::with(Options::default())
    }

    /// An emulator without bandwidth limits, for tests that move much.
    pub(crate) fn unlimited() -> Self {
        Self::with(unlimited())
    }

    pub(crate) fn with(options: Options) -> Self {
        let emulator = Emulator::on_loopback(options).unwrap();
        secrets::add([emulator.credentials().access_key_secret.clone()]);
        let logs = tempfile::tempdir().unwrap();
        let runs = AtomicUsize::new(0);
        let cache = tempfile::tempdir().unwrap();
        Self {
            emulator,
            logs,
            cache,
            runs,
        }
    }

    /// `axt ARGS…` with an environment that leads to this emulator and nowhere else.
    pub(crate) fn axt<I: AsRef<std::ffi::OsStr>>(
        &self,
        args: impl IntoIterator<Item = I>,
    ) -> Command {
        let mut command = axt(args);
        self.lead(&mut command);
        command
    }

    fn lead(&self, command: &mut Command) {
        let number = self.runs.fetch_add(1, Ordering::Relaxed);
        let log = self.logs.path().join(number.to_string());
        command.env("AXT_LOG_FILE", log).env("AXT_VERBOSE", "3");
        command.env("XDG_CACHE_HOME", self.cache.path());
        command.envs(self.emulator.exports());
    }

    /// Another program, such as ssh, that will run axt against this emulator.
    pub(crate) fn outside(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = unconfigured(program);
        self.lead(&mut command);
        command
    }

    /// Where its runs remember things.
    pub(crate) fn cache(&self) -> &std::path::Path {
        self.cache.path()
    }

    /// The files with names that its runs have remembered.
    pub(crate) fn name_files(&self) -> Vec<std::path::PathBuf> {
        let names = self.cache.path().join("axt").join("names");
        let entries = std::fs::read_dir(names).into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    /// Runs `axt connect i-test ARGS…` with this on its standard input.
    pub(crate) fn connect<I: AsRef<std::ffi::OsStr>>(
        &self,
        args: impl IntoIterator<Item = I>,
        stdin: &[u8],
    ) -> Done {
        let mut command = self.axt(["connect", "i-test"]);
        command.args(args);
        run(command, stdin)
    }

    /// The URL of a new session with the service's default shell.
    pub(crate) fn session_url(&self) -> String {
        self.session_url_of(&StartTerminalSession::new("i-test"))
    }

    /// The URL of the session that `start` asks for, as a broker would hand it out.
    pub(crate) fn session_url_of(&self, start: &StartTerminalSession) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(async {
            let client = client(&self.emulator);
            let started = client.call(start, HANG).await.unwrap();
            started.web_socket_url.expose_secret().to_owned()
        })
    }

    /// Fails if any session that was started has not been ended.
    pub(crate) fn assert_all_ended(&self) {
        let left: Vec<_> = self.emulator.sessions();
        let left: Vec<_> = left.iter().filter(|s| !s.ended).collect();
        assert!(left.is_empty(), "sessions left behind: {left:?}");
    }
}

/// Options that limit no bandwidth.
pub(crate) fn unlimited() -> Options {
    let mut options = Options::default();
    for limit in ["rate-bytes", "burst-bytes", "output-bits"] {
        options.limits.set(limit, "none").unwrap();
    }
    // The client's rate follows the gateway's Stream status.
    options.limits.set("stream-bits", "4000000000").unwrap();
    options
}

/// The binary under test.
pub(crate) const AXT: &str = env!("CARGO_BIN_EXE_axt");

/// `axt ARGS…` with nothing configured.
pub(crate) fn axt<I: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = I>) -> Command {
    let mut command = unconfigured(AXT);
    command.args(args);
    command
}

/// `outer` with the command line of `inner` behind its own arguments, in the environment of `inner`.
pub(crate) fn within(mut outer: Command, inner: &Command) -> Command {
    outer.arg(inner.get_program()).args(inner.get_args());
    for (name, value) in inner.get_envs() {
        match value {
            Some(value) => outer.env(name, value),
            None => outer.env_remove(name),
        };
    }
    outer
}

/// A program in an environment that holds nothing for axt.
fn unconfigured(program: impl AsRef<std::ffi::OsStr>) -> Command {
    #[cfg(unix)]
    super::signals::heed();
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let steers =
            text.starts_with("AXT_") || text.starts_with("ALI") || text.ends_with("_PROXY");
        if steers || text.ends_with("_proxy") {
            command.env_remove(&name);
        }
    }
    command.env("ALIBABA_CLOUD_IGNORE_PROFILE", "TRUE");
    command.env("AXT_CONFIG_DIR", "/nowhere");
    // The tests know the English messages; the locale stays as it is, because sessions take it along.
    command.env("AXT_LANG", "en");
    // The machine may be an instance with a role.
    command.env("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true");
    command
}

/// Runs a program to its end with this on its standard input.
pub(crate) fn run(command: Command, stdin: &[u8]) -> Done {
    run_within(command, stdin, HANG)
}

/// The same for what may take longer. What it prints with `--json` is as the schema says.
pub(crate) fn run_within(mut command: Command, stdin: &[u8], limit: Duration) -> Done {
    let as_json = prints_json(&command);
    command.stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let bytes = stdin.to_vec();
    // A program that ends early takes no more: that is its right.
    let writer = std::thread::spawn(move || drop(pipe.write_all(&bytes)));
    let done = finish_within(child, limit);
    writer.join().unwrap();
    if as_json {
        Schema::new().check_run(&done.text(), &done.stderr);
    }
    done
}

/// Whether it is axt with `--json`.
fn prints_json(command: &Command) -> bool {
    let own = command.get_args().take_while(|arg| *arg != "--");
    command.get_program() == AXT && { own }.any(|arg| arg == "--json")
}

/// Waits for a child to end, but not forever.
pub(crate) fn finish(child: Child) -> Done {
    finish_within(child, HANG)
}

fn finish_within(child: Child, limit: Duration) -> Done {
    let id = child.id();
    let (ended, wait) = mpsc::channel();
    std::thread::spawn(move || ended.send(child.wait_with_output()));
    let Ok(output) = wait.recv_timeout(limit) else {
        let _ = Command::new("kill").args(["-9", &id.to_string()]).status();
        panic!("axt hangs");
    };
    let Output {
        status,
        stdout,
        stderr,
    } = output.unwrap();
    secrets::search(&stdout);
    secrets::search_for_addresses(&stderr);
    secrets::search_and_keep(stderr.clone());
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    #[cfg(not(unix))]
    let signal = None::<i32>;
    Done {
        status: status.code().unwrap_or_else(|| -signal.unwrap_or(0)),
        stdout,
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
    }
}

/// Runs a program to its end and returns its stdout; fails unless it succeeds.
pub(crate) fn success(command: Command) -> Vec<u8> {
    let shown = format!("{command:?}");
    let done = run(command, b"");
    assert_eq!(done.status, 0, "{}{}\n{shown}", done.text(), done.stderr);
    done.stdout
}

/// Waits until it is so, but not forever.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < HANG, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// `length` bytes without a pattern.
pub(crate) fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    std::iter::repeat_with(|| random.u8(..))
        .take(length)
        .collect()
}
