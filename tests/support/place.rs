//! A place where programs find axt by the names that they call it by: an emulator, a folder, a line.

use super::axt::{AXT, Cloud, Done, HANG, noise, run, run_within, success, unlimited, until};
use super::need;
use axt::emulator::Options;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The instance.
const HOST: &str = "i-demo";

/// The connection of a recipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    Plain,
    /// 50 ms each way.
    Slow,
    /// Each session loses its connection once.
    Cut,
}

/// An emulator, and a place with links to axt by the names that callers use.
pub(crate) struct Place {
    line: Line,
    pub cloud: Cloud,
    pub dir: tempfile::TempDir,
    /// Sessions that nobody will end.
    pub left: AtomicUsize,
    /// How long a program may take.
    pub limit: Duration,
}

impl Place {
    pub(crate) fn new(line: Line) -> Self {
        Self::over(line, unlimited())
    }

    pub(crate) fn with(options: Options) -> Self {
        Self::over(Line::Plain, options)
    }

    pub(crate) fn over(line: Line, mut options: Options) -> Self {
        let mut fault = |name, value| options.faults.set(name, value).unwrap();
        match line {
            Line::Plain => {}
            Line::Slow => fault("delay", "50ms"),
            Line::Cut => {
                fault("drop-after-out", "3:1");
                fault("drop-after-in", "5:1");
            }
        }
        let dir = tempfile::tempdir().unwrap();
        for folder in ["bin", "run"] {
            fs::create_dir(dir.path().join(folder)).unwrap();
        }
        for name in ["axt", "axt-ssh"] {
            symlink(AXT, dir.path().join("bin").join(name)).unwrap();
        }
        let cloud = Cloud::with(options);
        Self {
            line,
            cloud,
            dir,
            left: AtomicUsize::new(0),
            limit: HANG,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// `HOST:` and a path of this place.
    pub(crate) fn remote(&self, name: &str) -> String {
        format!("{HOST}:{}", self.text(name))
    }

    /// A program that finds axt under its names.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = self.cloud.outside(program);
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", self.text("bin")));
        // Where sessions are held that Ansible's options ask for.
        command.env("XDG_RUNTIME_DIR", self.path("run"));
        command
    }

    /// A file of this many bytes.
    pub(crate) fn file(&self, name: &str, length: usize) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, noise(length, length as u64)).unwrap();
        path
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut stop = self.command(AXT);
        stop.args(["share", "stop"]);
        let stopped = run(stop, b"");
        if !std::thread::panicking() {
            assert_eq!(stopped.status, 0, "{}", stopped.stderr);
            let sessions = || self.cloud.emulator.sessions();
            until("the end of every session", || {
                sessions().iter().filter(|s| !s.ended).count() == self.left.load(Ordering::Relaxed)
            });
            let again = sessions().iter().any(|s| s.connections.len() > 1);
            // A recipe whose program is missing has no session at all.
            assert_eq!(again, self.line == Line::Cut && !sessions().is_empty());
        }
    }
}

/// Ansible's words for this machine's Python: a version manager's stand-in may not work there.
fn interpreter(place: &Place) -> Option<String> {
    let python = need("python3")?;
    let mut asked = place.command(python);
    asked.args(["-c", "import sys; print(sys.executable)"]);
    let python = String::from_utf8(success(asked)).unwrap();
    Some(format!("ansible_python_interpreter={}", python.trim()))
}

/// What one of Ansible's programs prints that is run at these hosts; `None` where it is missing.
pub(crate) fn by_ansible(
    place: &Place,
    program: &str,
    hosts: &str,
    pipelining: bool,
    options: &[(&str, &str)],
    args: &[&str],
) -> Option<String> {
    let mut ansible = of_ansible(place, program, &format!("{hosts},"), args)?;
    ansible
        .env("ANSIBLE_SSH_EXECUTABLE", "axt-ssh")
        .env("ANSIBLE_SSH_TRANSFER_METHOD", "piped")
        .env(
            "ANSIBLE_PIPELINING",
            if pipelining { "True" } else { "False" },
        )
        .envs(options.iter().copied());
    let done = run_within(ansible, b"", place.limit);
    assert_eq!(done.status, 0, "{}{}", done.text(), done.stderr);
    Some(done.text())
}

/// One of Ansible's programs with an inventory; `None` where it is missing.
pub(crate) fn of_ansible(
    place: &Place,
    program: &str,
    inventory: &str,
    args: &[&str],
) -> Option<Command> {
    let (program, interpreter) = (need(program)?, interpreter(place)?);
    fs::write(place.path("ansible.cfg"), "").unwrap();
    let mut ansible = place.command(program);
    ansible
        .args(args)
        .args(["-i", inventory, "-e", &interpreter]);
    ansible
        .env("ANSIBLE_HOME", place.path("ansible"))
        .env("ANSIBLE_LOCAL_TEMP", place.path("local"))
        .env("ANSIBLE_REMOTE_TEMP", place.path("remote"))
        .env("ANSIBLE_TIMEOUT", "30")
        .env("ANSIBLE_CONFIG", place.path("ansible.cfg"))
        .env("LC_ALL", "C.UTF-8");
    Some(ansible)
}

/// How ClusterShell ends with these arguments; `None` where it is missing.
pub(crate) fn clush(place: &Place, args: &[&str]) -> Option<Done> {
    let program = need("clush")?;
    let config = "[Main]\nssh_path: axt ssh\nscp_path: scp -S axt-ssh\n";
    let axt = "axt instances --all-regions --groups";
    let groups = format!(
        "[Main]\ndefault: axt\n[axt]\nmap: {axt} map:$GROUP\nall: {axt} all\nlist: {axt} list\nreverse: {axt} reverse:$NODE\n"
    );
    fs::create_dir_all(place.path("clustershell")).unwrap();
    fs::write(place.path("clustershell/groups.conf"), groups).unwrap();
    fs::write(place.path("clustershell/clush.conf"), config).unwrap();
    let mut clush = place.command(program);
    clush
        .env("CLUSTERSHELL_CFGDIR", place.path("clustershell"))
        .args(args);
    Some(run_within(clush, b"", place.limit))
}
