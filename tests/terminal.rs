//! Raw mode in a real pseudo-terminal: it is gone after a return, a panic, and while stopped.
//!
//! Each test starts this binary again inside a pty, where `inside` plays the program that ends somehow;
//! the modes are looked at from the pty's other side.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

use axt::terminal::{Screen, Signals, Size, TerminalSignal};
use pty_process::blocking::{Command, Pty};
use rustix::process::{Pid, WaitOptions, kill_process, waitpid};
use rustix::termios::{LocalModes, Termios, tcgetattr};
use std::io::{Read, Write};
use std::process::Child;
use tokio::io::AsyncWriteExt as _;

const ROLE: &str = "AXT_TEST_TERMINAL_ROLE";

/// The program inside the pty. Without a role it is not run, only counted.
#[test]
fn inside() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let screen = Screen::take().unwrap();
    let mut stdout = screen.stdout().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut show = |text: &str| {
        let shown = runtime.block_on(async {
            stdout.write_all(text.as_bytes()).await?;
            stdout.flush().await
        });
        shown.unwrap();
    };
    show(&format!("\x1b[?1049h\x1b[?25l<raw {:?}>", Size::current()));
    wait_for_a_key();
    match role.as_str() {
        "return" => {}
        "panic" => panic!("as asked"),
        "abandoned" => {
            // Nothing is dropped at such an end.
            std::thread::spawn(axt::terminal::screen::abandon)
                .join()
                .unwrap();
            #[allow(clippy::exit, reason = "it is the end that is tested")]
            std::process::exit(3);
        }
        "twice" => {
            screen.leave();
            screen.leave();
        }
        "suspend" => {
            runtime.block_on(async {
                let mut signals = Signals::listen().unwrap();
                screen.suspend(|| ());
                while signals.recv().await != TerminalSignal::Continue {}
            });
            screen.resume();
            show("<raw again>");
            wait_for_a_key();
        }
        "torn" => {
            show("a\x1b[3");
            assert!(screen.line("axt: whole\r\n"));
            show("1mb\r\n");
            wait_for_a_key();
        }
        other => panic!("no role {other}"),
    }
}

fn wait_for_a_key() {
    std::io::stdin().read_exact(&mut [0]).unwrap();
}

/// The outside: the pty's master, and what its modes were at first.
struct Outside {
    pty: Pty,
    child: Child,
    before: Termios,
    seen: String,
}

impl Outside {
    fn start(role: &str) -> Self {
        let (pty, pts) = pty_process::blocking::open().unwrap();
        pty.resize(pty_process::Size::new(33, 77)).unwrap();
        let before = tcgetattr(&pty).unwrap();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "inside", "--nocapture"])
            .env(ROLE, role)
            .spawn(pts)
            .unwrap();
        let mut outside = Self {
            pty,
            child,
            before,
            seen: String::new(),
        };
        outside.read_until("<raw Some(Size { rows: 33, cols: 77 })>");
        assert!(!outside.is_as_before() && !outside.echoes());
        outside
    }

    fn read_until(&mut self, text: &str) {
        while !self.seen.contains(text) {
            let mut chunk = [0; 512];
            let count = self.pty.read(&mut chunk).unwrap();
            self.seen
                .push_str(&String::from_utf8_lossy(&chunk[..count]));
        }
    }

    /// Reads what is left; a pty whose other side is closed ends with an error on Linux.
    fn read_to_end(&mut self) {
        let mut chunk = [0; 512];
        while let Ok(count @ 1..) = self.pty.read(&mut chunk) {
            self.seen
                .push_str(&String::from_utf8_lossy(&chunk[..count]));
        }
    }

    fn press_a_key(&mut self) {
        self.pty.write_all(b"x").unwrap();
    }

    fn echoes(&self) -> bool {
        let now = tcgetattr(&self.pty).unwrap();
        now.local_modes.contains(LocalModes::ECHO)
    }

    fn is_as_before(&self) -> bool {
        let (now, before) = (tcgetattr(&self.pty).unwrap(), &self.before);
        now.input_modes == before.input_modes
            && now.output_modes == before.output_modes
            && now.local_modes == before.local_modes
            && now.control_modes == before.control_modes
    }

    fn undone(&self) -> bool {
        self.seen.contains("\x1b[?25h\x1b[?1049l")
    }
}

#[test]
fn the_terminal_is_as_before_however_the_program_ends() {
    for (role, success) in [
        ("return", true),
        ("twice", true),
        ("panic", false),
        ("abandoned", false),
    ] {
        let mut outside = Outside::start(role);
        outside.press_a_key();
        outside.read_to_end();
        let status = outside.child.wait().unwrap();
        assert_eq!(status.success(), success, "{role}");
        assert!(outside.is_as_before(), "{role}");
        assert!(outside.undone(), "{role}: {:?}", outside.seen);
    }
}

#[test]
fn a_line_never_tears_a_sequence() {
    let mut outside = Outside::start("torn");
    outside.press_a_key();
    outside.read_until("axt: whole\r\n");
    assert!(
        outside.seen.contains("a\x1b[31mb\r\naxt: whole\r\n"),
        "{:?}",
        outside.seen
    );
    outside.press_a_key();
    outside.read_to_end();
    assert!(outside.child.wait().unwrap().success());
}

#[test]
fn a_stopped_program_lends_the_terminal_back() {
    let mut outside = Outside::start("suspend");
    let pid = Pid::from_child(&outside.child);
    outside.press_a_key();
    let (_, status) = waitpid(Some(pid), WaitOptions::UNTRACED).unwrap().unwrap();
    assert!(status.stopped());
    assert!(outside.is_as_before());
    kill_process(pid, rustix::process::Signal::CONT).unwrap();
    outside.read_until("<raw again>");
    assert!(!outside.is_as_before());
    assert!(outside.undone(), "{:?}", outside.seen);
    assert!(
        outside.seen.ends_with("\x1b[?1049h\x1b[?25l<raw again>"),
        "{:?}",
        outside.seen
    );
    outside.press_a_key();
    outside.read_to_end();
    assert!(outside.child.wait().unwrap().success());
    assert!(outside.is_as_before());
}
