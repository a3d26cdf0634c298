//! Shared sessions of a test's own.

use super::axt::{Cloud, Done, run, success, unlimited, until};
use axt::emulator::Options;
use rustix::process::Pid;
use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// An emulator, and a runtime directory of this test's own.
pub(crate) struct Sharing {
    pub cloud: Cloud,
    pub runtime: TempDir,
    /// Sessions that nobody will end.
    pub left: Cell<usize>,
}

impl Sharing {
    pub(crate) fn new() -> Self {
        Self::with(unlimited())
    }

    pub(crate) fn with(options: Options) -> Self {
        Self {
            cloud: Cloud::with(options),
            runtime: tempfile::tempdir().unwrap(),
            left: Cell::new(0),
        }
    }

    pub(crate) fn axt(&self, args: &[&str]) -> Command {
        let mut command = self.cloud.axt(args);
        command.env("XDG_RUNTIME_DIR", self.runtime.path());
        command
    }

    /// `axt connect i-test` with a session that is held for long.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut axt = self.axt(&["connect", "i-test", "--share", "1m"]);
        axt.args(args);
        axt
    }

    pub(crate) fn sh(&self, command: &str) -> Done {
        run(self.command(&["-c", command]), b"")
    }

    pub(crate) fn starts(&self, command: &str) -> Child {
        let mut axt = self.command(&["-c", command]);
        axt.stdin(Stdio::null());
        axt.stdout(Stdio::piped()).stderr(Stdio::piped());
        axt.spawn().unwrap()
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.runtime.path().join("axt")
    }

    /// The sockets that are there.
    pub(crate) fn sockets(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.folder()).into_iter().flatten();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths.filter(|path| path.extension().is_none()).collect()
    }

    /// The processes that hold sessions.
    pub(crate) fn holders(&self) -> Vec<Pid> {
        let json = success(self.axt(&["share", "status", "--json"]));
        let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
        let holders = json["holders"].as_array().unwrap().iter();
        let pids = holders.map(|holder| holder["pid"].as_i64().unwrap());
        pids.map(|pid| Pid::from_raw(pid.try_into().unwrap()).unwrap())
            .collect()
    }

    /// The only holder.
    pub(crate) fn holder(&self) -> Pid {
        let holders = self.holders();
        assert_eq!(holders.len(), 1);
        holders[0]
    }

    pub(crate) fn started(&self) -> usize {
        self.cloud.emulator.sessions().len()
    }

    pub(crate) fn all_ended(&self) -> bool {
        let sessions = self.cloud.emulator.sessions();
        sessions.iter().filter(|s| !s.ended).count() == self.left.get()
    }
}

impl Drop for Sharing {
    fn drop(&mut self) {
        let stop = self.axt(&["share", "stop"]).output();
        if !std::thread::panicking() {
            assert!(stop.unwrap().status.success());
            until("no session is left", || self.all_ended());
            until("no socket is left", || self.sockets().is_empty());
        }
    }
}

pub(crate) fn is_running(process: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.as_raw_pid()));
    stat.is_ok_and(|stat| !stat.rsplit(')').next().unwrap().starts_with(" Z"))
}

pub(crate) fn lines(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}
