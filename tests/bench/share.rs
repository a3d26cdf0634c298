//! What later commands cost in a shared session, beside ssh with a control master, and what holds it costs.

use super::line::Line;
use super::trips::{RATE, World};
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// From one end of the line to the other.
pub(crate) const DELAY: Duration = Duration::from_millis(40);

/// How many commands are timed for themselves, and how many as a sequence.
const TIMED: usize = 50;
const SEQUENCE: u32 = 100;

/// What is left over from commands is done by then.
const SETTLED: Duration = Duration::from_secs(15);

/// How long a process that holds a session is watched.
const WATCHED: Duration = Duration::from_secs(120);

/// An instance at the other end of a line, and a directory of sockets.
pub(crate) struct Shared {
    world: World,
    runtime: TempDir,
}

impl Shared {
    pub(crate) fn new() -> Self {
        let world = World::new(DELAY);
        let runtime = tempfile::tempdir().expect("a place for it");
        Self { world, runtime }
    }

    fn axt(&self, args: &[&str]) -> Command {
        let mut axt = self.world.axt(args);
        axt.env("XDG_RUNTIME_DIR", self.runtime.path());
        axt
    }

    /// A command in a session that is held for later ones, or in one of its own.
    fn command(&self, share: &str) -> Command {
        self.axt(&["connect", "i-bench", "--share", share, "-c", "true"])
    }

    /// The median of later commands, from the start of the process to its end.
    pub(crate) fn later_command(&self) -> Duration {
        spent(&mut self.command("10m"));
        let mut times: Vec<_> = (0..TIMED)
            .map(|_| spent(&mut self.command("10m")))
            .collect();
        times.sort_unstable();
        times.get(TIMED / 2).copied().unwrap_or_default()
    }

    /// The time of each of several commands, one after another: shared, and not shared.
    pub(crate) fn sequences(&self) -> (Duration, Duration) {
        spent(&mut self.command("10m"));
        let shared = each(SEQUENCE, || self.command("10m"));
        (shared, each(SEQUENCE / 10, || self.command("0")))
    }

    /// How often the process that holds an idle session wakes in a minute, and what it has in memory, in
    /// bytes.
    pub(crate) fn idle(&self) -> (f64, u64) {
        spent(&mut self.command("10m"));
        let status = self.axt(&["share", "status", "--json"]).output();
        let status: serde_json::Value =
            serde_json::from_slice(&status.expect("axt is there").stdout).expect("JSON");
        let pid = status["holders"][0]["pid"]
            .as_u64()
            .and_then(|pid| pid.try_into().ok());
        let pid: u32 = pid.expect("a process");
        let holder = PathBuf::from(format!("/proc/{pid}"));
        sleep(SETTLED);
        let before = switches(&holder);
        sleep(WATCHED);
        let wakeups = switches(&holder) - before;
        (
            wakeups as f64 * 60.0 / WATCHED.as_secs_f64(),
            resident(pid).0,
        )
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let _ = self.axt(&["share", "stop"]).output();
    }
}

/// An sshd behind the same kind of line, and a control master of ssh's.
pub(crate) struct Ssh {
    dir: TempDir,
    port: u16,
    sshd: Child,
}

impl Ssh {
    /// `None` where there is no OpenSSH.
    pub(crate) fn new() -> Option<Self> {
        let dir = tempfile::tempdir().expect("a place for it");
        let at = |name: &str| dir.path().join(name).display().to_string();
        for name in ["host", "user"] {
            let args = ["-q", "-t", "ed25519", "-N", "", "-f", &at(name)];
            Command::new("ssh-keygen").args(args).status().ok()?;
        }
        fs::rename(at("user.pub"), at("authorized")).ok()?;
        // Run by root, it wants its empty directory.
        let _ = fs::create_dir_all("/run/sshd");
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("it listens");
        drop(free);
        let config = format!(
            "Port {}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\n\
             StrictModes no\nUsePAM no\nPermitRootLogin yes\n",
            address.port(),
            at("host"),
            at("authorized"),
        );
        fs::write(at("config"), config).expect("room for it");
        let mut sshd = Command::new("/usr/sbin/sshd");
        let sshd = sshd.args(["-D", "-f", &at("config")]).stderr(Stdio::null());
        let sshd = sshd.spawn().ok()?;
        wait_for(address);
        let port = Line::before(address, RATE, DELAY).address.port();
        Some(Self { dir, port, sshd })
    }

    fn ssh(&self) -> Command {
        let at = |name: &str| self.dir.path().join(name).display().to_string();
        let mut ssh = Command::new("ssh");
        ssh.args([
            "-F",
            "none",
            "-T",
            "-i",
            &at("user"),
            "-p",
            &self.port.to_string(),
        ]);
        ssh.args(["-o", "StrictHostKeyChecking=no", "-o", "LogLevel=ERROR"]);
        ssh.args(["-o", &format!("UserKnownHostsFile={}", at("known"))]);
        ssh.args(["-o", "ControlMaster=auto", "-o", "ControlPersist=10m"]);
        ssh.args(["-o", &format!("ControlPath={}", at("control"))]);
        ssh.args(["127.0.0.1", "true"]);
        ssh
    }

    /// The time of each of several commands, one after another.
    pub(crate) fn sequence(&self) -> Duration {
        spent(&mut self.ssh());
        each(SEQUENCE, || self.ssh())
    }
}

impl Drop for Ssh {
    fn drop(&mut self) {
        let _ = self.ssh().args(["-O", "exit"]).output();
        let _ = self.sshd.kill();
        let _ = self.sshd.wait();
    }
}

fn wait_for(address: SocketAddr) {
    while TcpStream::connect(address).is_err() {
        sleep(Duration::from_millis(10));
    }
}

fn each(times: u32, command: impl Fn() -> Command) -> Duration {
    let begun = Instant::now();
    for _ in 0..times {
        spent(&mut command());
    }
    begun.elapsed() / times
}

/// How long a command takes, from the start of its process to its end.
fn spent(command: &mut Command) -> Duration {
    command.stdin(Stdio::null());
    let begun = Instant::now();
    let status = command.status().expect("the program is there");
    assert!(status.success(), "{command:?}");
    begun.elapsed()
}

/// How often the threads of a process have gone to sleep and woken, or been made to wait.
fn switches(process: &Path) -> u64 {
    let tasks = fs::read_dir(process.join("task")).expect("it lives");
    let tasks = tasks
        .filter_map(Result::ok)
        .map(|task| task.path().join("status"));
    let names = ["voluntary_ctxt_switches:", "nonvoluntary_ctxt_switches:"];
    tasks
        .map(|task| names.map(|name| field(&task, name)).iter().sum::<u64>())
        .sum()
}

/// The memory of a process that is resident, in bytes: (all of it, what is its own and not a file's).
pub(crate) fn resident(process: u32) -> (u64, u64) {
    let status = PathBuf::from(format!("/proc/{process}/status"));
    (
        field(&status, "VmRSS:") * 1024,
        field(&status, "RssAnon:") * 1024,
    )
}

/// A number of `/proc`.
fn field(file: &Path, name: &str) -> u64 {
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.unwrap_or_default().trim().trim_end_matches(" kB");
    number.parse().unwrap_or_default()
}
