//! Sessions that outlive their connections: the real binary over real sockets, cut again and again.
#![cfg(all(feature = "emulator", unix))]
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use axt::emulator::{Cut, Emulator, Options};
use pty_process::blocking::Pty;
use sha2::{Digest, Sha256};
use std::io::{Read, Write};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// Longer than anything takes; only a hang reaches it.
const HANG: Duration = Duration::from_secs(20);

/// An emulator without bandwidth limits and with these faults.
fn emulator(faults: &[(&str, &str)]) -> Emulator {
    let mut options = Options::default();
    for limit in ["rate-bytes", "burst-bytes"] {
        options.limits.set(limit, "none").unwrap();
    }
    // The client's rate follows it.
    options.limits.set("stream-bits", "4000000000").unwrap();
    for (name, value) in faults {
        options.faults.set(name, value).unwrap();
    }
    options.agent.shell = Some("/bin/sh".into());
    Emulator::on_loopback(options).unwrap()
}

/// Takes whatever could steer it out of a program's environment.
macro_rules! lead {
    ($command:expr, $emulator:expr) => {{
        let mut command = $command;
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy().to_ascii_uppercase();
            if text.starts_with("AXT_") || text.starts_with("ALI") || text.ends_with("_PROXY") {
                command = command.env_remove(&name);
            }
        }
        command = command.env("ALIBABA_CLOUD_IGNORE_PROFILE", "TRUE");
        for (name, value) in $emulator.exports() {
            command = command.env(name, value);
        }
        command
    }};
}

/// What a command run by axt ends with.
fn run(emulator: &Emulator, command: &str, stdin: Vec<u8>) -> Output {
    let mut axt = Command::new(env!("CARGO_BIN_EXE_axt"));
    {
        let axt = lead!(&mut axt, emulator);
        axt.args(["connect", "i-test", "--command", command]);
        axt.stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
    }
    let mut child = axt.spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || pipe.write_all(&stdin));
    let output = child.wait_with_output().unwrap();
    // A command that ends early takes no more.
    let _ = writer.join().unwrap();
    output
}

fn connections(emulator: &Emulator) -> usize {
    emulator.sessions()[0].connections.len()
}

fn assert_quiet_success(output: &Output) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && stderr.is_empty(),
        "{}: {stderr}",
        output.status
    );
}

fn numbers(last: u32) -> String {
    (1..=last).map(|n| format!("{n}\n")).collect()
}

#[test]
fn a_download_through_fifty_cuts_is_exact() {
    let emulator = emulator(&[("drop-after-out", "24KiB:50")]);
    let output = run(&emulator, "seq 1 200000", Vec::new());
    assert_quiet_success(&output);
    assert!(output.stdout == numbers(200_000).as_bytes());
    assert_eq!(connections(&emulator), 51);
}

#[test]
fn an_upload_through_fifty_cuts_is_exact() {
    let emulator = emulator(&[("drop-after-in", "96KiB:50")]);
    let mut bytes = vec![0; 5_000_000];
    fastrand::Rng::with_seed(7).fill(&mut bytes);
    let sum: String = Sha256::digest(&bytes)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    let output = run(&emulator, "sha256sum", bytes);
    assert_quiet_success(&output);
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        format!("{sum}  -\n")
    );
    assert_eq!(connections(&emulator), 51);
}

#[test]
fn every_kind_of_cut_and_disorder_leaves_a_command_exact() {
    for faults in [
        &[("freeze-after", "8KiB:3"), ("duplicate", "3")][..],
        &[("reset-after", "8KiB:3"), ("reorder", "4")],
        &[
            ("drop-after-out", "9:2"),
            ("swallow", "5"),
            ("delay", "20ms"),
        ],
    ] {
        let emulator = emulator(faults);
        let output = run(&emulator, "seq 1 10000; exit 7", Vec::new());
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            (output.status.code(), &*stderr),
            (Some(7), ""),
            "{faults:?}"
        );
        assert!(output.stdout == numbers(10_000).as_bytes(), "{faults:?}");
        assert!(connections(&emulator) > 2, "{faults:?}");
    }
}

#[test]
fn what_can_not_be_resumed_ends_with_the_reason() {
    for (faults, reason) in [
        (
            &[("refuse-resume", ""), ("drop-after-out", "2")][..],
            "the session can't be resumed",
        ),
        (
            &[("old-agent", ""), ("drop-after-out", "2")],
            "the agent is too old to resume a session",
        ),
    ] {
        let emulator = emulator(faults);
        let output = run(&emulator, "cat; sleep 1000", b"x".to_vec());
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(255), "{stderr}");
        assert!(stderr.contains(reason), "{stderr}");
        assert!(
            emulator.sessions()[0].ended,
            "EndTerminalSession was called"
        );
    }
}

/// axt in a terminal of 24 rows and 80 columns.
struct Terminal {
    pty: Arc<Pty>,
    child: Child,
    shown: Arc<(Mutex<vt100::Parser>, Condvar)>,
}

impl Terminal {
    fn open(emulator: &Emulator, args: &[&str]) -> Self {
        let (pty, pts) = pty_process::blocking::open().unwrap();
        pty.resize(pty_process::Size::new(24, 80)).unwrap();
        let axt = pty_process::blocking::Command::new(env!("CARGO_BIN_EXE_axt"));
        let axt = lead!(axt, emulator).args(["connect", "i-test"]).args(args);
        let child = axt.env("TERM", "xterm-256color").spawn(pts).unwrap();
        let pty = Arc::new(pty);
        let parser = vt100::Parser::new(24, 80, 0);
        let shown = Arc::new((Mutex::new(parser), Condvar::new()));
        let (reader, screen) = (Arc::clone(&pty), Arc::clone(&shown));
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(count @ 1..) = (&*reader).read(&mut chunk) {
                screen.0.lock().unwrap().process(&chunk[..count]);
                screen.1.notify_all();
            }
        });
        Self { pty, child, shown }
    }

    fn type_in(&self, text: &str) {
        (&*self.pty).write_all(text.as_bytes()).unwrap();
    }

    /// Waits until the screen's text is as wished, and gives it.
    fn wait_until(&self, wish: impl Fn(&str) -> bool) -> String {
        let (parser, changed) = &*self.shown;
        let waits = |parser: &mut vt100::Parser| !wish(&parser.screen().contents());
        let guard = parser.lock().unwrap();
        let (guard, timeout) = changed.wait_timeout_while(guard, HANG, waits).unwrap();
        let text = guard.screen().contents();
        assert!(!timeout.timed_out(), "{text}");
        text
    }

    /// Has the shell prompt with a word that nothing else shows.
    fn prompt(&self) -> String {
        self.wait_until(|screen| !screen.is_empty());
        self.type_in("PS1=prompt:; clear\r");
        self.wait_until(|screen| screen == "prompt:")
    }

    fn wait_for(&self, text: &str) -> String {
        self.wait_until(|screen| screen.contains(text))
    }

    fn end(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

const LOST: &str = "axt: connection lost, reconnecting… ~. ends";

#[test]
fn a_shell_sees_one_line_that_goes_away() {
    let emulator = emulator(&[]);
    let terminal = Terminal::open(&emulator, &[]);
    let before = terminal.prompt();
    emulator.cut_connections(Cut::Reset);
    let lost = terminal.wait_for("reconnecting");
    assert_eq!(lost, format!("{before}\n{LOST}"));
    terminal.type_in("echo typed mean\"\"while\r");
    let after = terminal.wait_for("typed meanwhile");
    let expected = format!("{before}echo typed mean\"\"while\ntyped meanwhile\n{before}");
    if after != expected {
        terminal.wait_until(|screen| screen == expected);
    }
    terminal.type_in("exit\r");
    assert_eq!(terminal.end(), Some(0));
}

#[test]
fn vim_survives_a_restart_of_the_gateway() {
    if support::need("vim").is_none() {
        return;
    }
    let screens = [false, true].map(|restart| {
        let emulator = emulator(&[]);
        let terminal = Terminal::open(&emulator, &[]);
        terminal.prompt();
        terminal.type_in("seq 1 200 | vim -u NONE -i NONE -N -\r");
        terminal.wait_for("\n23");
        terminal.type_in(":100\r");
        terminal.wait_for("\n110");
        if restart {
            emulator.restart_gateway();
            terminal.wait_for("reconnecting");
        }
        terminal.type_in("Ityped \x1b");
        let wish = |screen: &str| screen.contains("typed 100") && !screen.contains("axt:");
        let screen = terminal.wait_until(wish);
        terminal.type_in(":q!\rexit\r");
        assert_eq!(terminal.end(), Some(0));
        assert_eq!(connections(&emulator), 1 + usize::from(restart));
        screen
    });
    assert_eq!(screens[0], screens[1]);
}

#[test]
fn an_expired_url_ends_a_terminal_session_with_the_terminal_restored() {
    let emulator = emulator(&[]);
    let terminal = Terminal::open(&emulator, &[]);
    terminal.prompt();
    emulator.clock().advance(Duration::from_secs(11 * 60));
    emulator.cut_connections(Cut::Drop);
    let end = terminal.wait_for("HTTP 403");
    assert!(
        end.contains("the URL has expired") && !end.contains(LOST),
        "{end}"
    );
    let modes = rustix::termios::tcgetattr(&*terminal.pty).unwrap();
    assert!(
        modes
            .local_modes
            .contains(rustix::termios::LocalModes::ECHO)
    );
    assert_eq!(terminal.end(), Some(255));
}
