//! A program in a pseudo-terminal, and the screen that its user would see. All that is shown there is searched
//! for secrets.

use super::secrets;
use pty_process::blocking::{Command, Pty, open};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{Read, Write};
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

const HANG: Duration = Duration::from_secs(30);

/// A terminal of some size with a program in it.
pub(crate) struct Screen {
    pty: Arc<Pty>,
    shared: Arc<Shared>,
    child: Child,
}

struct Shared {
    parser: Mutex<(vt100::Parser, bool)>,
    changed: Condvar,
    /// All that was ever shown.
    shown: Mutex<Vec<u8>>,
}

impl Drop for Screen {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let shown = std::mem::take(&mut *self.shared.shown.lock().unwrap());
            secrets::search_and_keep(shown);
        }
    }
}

impl Screen {
    pub(crate) fn start(command: &std::process::Command, rows: u16, cols: u16) -> Self {
        let (pty, pts) = open().unwrap();
        pty.resize(pty_process::Size::new(rows, cols)).unwrap();
        let mut inside = Command::new(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            inside = match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        let child = inside.env("TERM", "xterm-256color").spawn(pts).unwrap();
        let pty = Arc::new(pty);
        let shared = Arc::new(Shared {
            parser: Mutex::new((vt100::Parser::new(rows, cols, 1000), false)),
            changed: Condvar::new(),
            shown: Mutex::default(),
        });
        let (reader, feeds) = (pty.clone(), shared.clone());
        std::thread::spawn(move || {
            let mut bytes = [0; 65536];
            let mut reader = &*reader;
            loop {
                let n = reader.read(&mut bytes).unwrap_or(0);
                feeds.shown.lock().unwrap().extend(&bytes[..n]);
                let mut parser = feeds.parser.lock().unwrap();
                parser.0.process(&bytes[..n]);
                parser.1 = n == 0;
                feeds.changed.notify_all();
                if n == 0 {
                    return;
                }
            }
        });
        Self { pty, shared, child }
    }

    /// Types, whatever the program does with it.
    pub(crate) fn type_text(&self, text: &str) {
        (&*self.pty).write_all(text.as_bytes()).unwrap();
    }

    /// Changes the size of the window.
    pub(crate) fn resize(&self, rows: u16, cols: u16) {
        let mut parser = self.shared.parser.lock().unwrap();
        parser.0.screen_mut().set_size(rows, cols);
        self.pty.resize(pty_process::Size::new(rows, cols)).unwrap();
    }

    /// Waits until the screen looks as it should.
    pub(crate) fn wait(&self, what: &str, looks: impl Fn(&vt100::Screen) -> bool) {
        let started = Instant::now();
        let mut parser = self.shared.parser.lock().unwrap();
        while !looks(parser.0.screen()) {
            let left = HANG.checked_sub(started.elapsed());
            let Some(left) = left.filter(|_| !parser.1) else {
                panic!(
                    "never saw {what}; the screen:\n{}",
                    parser.0.screen().contents()
                );
            };
            parser = self.shared.changed.wait_timeout(parser, left).unwrap().0;
        }
    }

    /// Waits until this text is on the screen.
    pub(crate) fn wait_text(&self, text: &str) {
        self.wait(text, |screen| screen.contents().contains(text));
    }

    /// Waits until this text is on the screen so many times: typed, and answered.
    pub(crate) fn wait_times(&self, text: &str, times: usize) {
        self.wait(text, |screen| {
            screen.contents().matches(text).count() == times
        });
    }

    pub(crate) fn contents(&self) -> String {
        self.shared.parser.lock().unwrap().0.screen().contents()
    }

    /// Looks at the screen.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&vt100::Screen) -> T) -> T {
        look(self.shared.parser.lock().unwrap().0.screen())
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// The terminal's modes, as `stty` would show them.
    pub(crate) fn termios(&self) -> rustix::termios::Termios {
        rustix::termios::tcgetattr(&*self.pty).unwrap()
    }

    /// The terminal itself, to be looked at when the program has ended.
    pub(crate) fn terminal(&self) -> std::os::fd::OwnedFd {
        use std::os::fd::AsFd;
        self.pty.as_fd().try_clone_to_owned().unwrap()
    }

    /// Waits for the program to end: its status, and the whole of what it leaves on the screen.
    pub(crate) fn end_seen(self) -> (ExitStatus, String) {
        let shared = self.shared.clone();
        let status = self.end();
        let parser = shared.parser.lock().unwrap();
        let unread = |parser: &mut (vt100::Parser, bool)| !parser.1;
        let waited = shared.changed.wait_timeout_while(parser, HANG, unread);
        let (parser, late) = waited.unwrap();
        assert!(!late.timed_out(), "the terminal stays open");
        (status, parser.0.screen().contents())
    }

    /// Waits for the program to end.
    pub(crate) fn end(mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(
                started.elapsed() < HANG,
                "hangs; the screen:\n{}",
                self.contents()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
