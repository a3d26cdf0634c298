//! A program that has the session's terminal: its bytes as they are, its status at last.

use super::codec::Line;
use super::event::{Failure, Note, RunnerEvent, Yield};
use super::finder::Finder;
use super::hello::{Hello, secret};
use super::scripts::{self, RemoteCommand};
use bytes::BufMut as _;
use memchr::{memchr, memmem};

/// The most bytes that may be typed before the terminal is set up.
const TYPE_AHEAD: usize = 16 * 1024;

/// The longest name of a shell, in bytes.
const PATH: usize = 4096;

/// A mark begins with this character, which no text holds: otherwise a letter would be held back that may
/// be its first.
const CONTROL: char = '\u{1e}';

/// A terminal's end-of-file character.
pub(crate) const END_OF_FILE: &[u8] = b"\x04";

/// A program on a terminal, seen from the client.
#[derive(Debug)]
pub struct Terminal {
    command: RemoteCommand,
    command_line: String,
    /// Stands before what the second stage says. It goes over the channel only.
    mark: String,
    phase: TerminalPhase,
    /// Typed before the terminal was set.
    ahead: Vec<u8>,
    /// True if the shell may end without a status, as in an ordinary session.
    lenient: bool,
}

#[derive(Debug)]
enum TerminalPhase {
    Starting(Hello),
    /// The second stage is sent; its lines come.
    Setting(Vec<u8>),
    Open(Finder),
    /// The mark has come, and what follows it so far.
    Marked(Vec<u8>),
    Over,
}

impl Terminal {
    /// A program that does not run yet, with secrets of its own.
    #[must_use]
    pub fn new(command: RemoteCommand) -> Self {
        let hello = Hello::new();
        Self {
            command,
            command_line: hello.command_line(),
            mark: format!("{CONTROL}{}", secret()),
            phase: TerminalPhase::Starting(hello),
            ahead: Vec::new(),
            lenient: false,
        }
    }

    /// A login shell that the agent starts at once, with these variables. Those that had to be left out
    /// are told.
    #[must_use]
    pub fn login(env: &[(String, Vec<u8>)], out: &mut Yield) -> Self {
        let word = secret();
        let mark = format!("{CONTROL}{word}");
        let (command_line, left_out) = scripts::login(&word, env);
        if !left_out.is_empty() {
            let note = Note::LeftOut(left_out.join(", "));
            out.events.push_back(RunnerEvent::Note(note));
        }
        Self {
            command: RemoteCommand::default(),
            command_line,
            phase: TerminalPhase::Open(Finder::new(mark.clone().into_bytes())),
            mark,
            ahead: Vec::new(),
            lenient: true,
        }
    }

    /// The command line for the agent, well below the service's limit of 512 characters.
    #[must_use]
    pub fn command_line(&self) -> &str {
        &self.command_line
    }

    /// True if a shell has answered.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !matches!(self.phase, TerminalPhase::Starting(_))
    }

    /// True if what is typed should be read now. It is from the start: an escape may come.
    #[must_use]
    pub fn wants_input(&self) -> bool {
        matches!(self.phase, TerminalPhase::Open(_)) || self.ahead.len() < TYPE_AHEAD
    }

    /// Bytes from the remote side.
    pub fn receive(&mut self, bytes: &[u8], out: &mut Yield) {
        let phase = std::mem::replace(&mut self.phase, TerminalPhase::Over);
        self.phase = match phase {
            TerminalPhase::Starting(hello) => self.starting(hello, bytes, out),
            TerminalPhase::Setting(partial) => self.setting(partial, bytes, out),
            TerminalPhase::Open(finder) => self.open(finder, bytes, out),
            TerminalPhase::Marked(said) => self.marked(said, bytes, out),
            TerminalPhase::Over => TerminalPhase::Over,
        };
    }

    /// Takes bytes that were typed.
    pub fn input(&mut self, bytes: &[u8], out: &mut Yield) {
        if matches!(self.phase, TerminalPhase::Open(_)) {
            out.remote.put_slice(bytes);
        } else {
            self.ahead.extend_from_slice(bytes);
        }
    }

    /// Nothing more will be typed.
    pub fn input_end(&mut self, out: &mut Yield) {
        self.input(END_OF_FILE, out);
    }

    /// The session has ended: what that means for the program. What was held back goes to the output.
    pub fn ended(&mut self, out: &mut Yield) -> Option<Failure> {
        match std::mem::replace(&mut self.phase, TerminalPhase::Over) {
            TerminalPhase::Starting(hello) => return Some(hello.no_shell()),
            TerminalPhase::Open(mut finder) => {
                finder.rest(&mut out.stdout);
                if self.lenient {
                    return None;
                }
            }
            TerminalPhase::Setting(_) | TerminalPhase::Marked(_) => {}
            TerminalPhase::Over => return None,
        }
        Some(Failure::Cut)
    }

    fn starting(&mut self, mut hello: Hello, bytes: &[u8], out: &mut Yield) -> TerminalPhase {
        match hello.receive(bytes) {
            Ok(None) => TerminalPhase::Starting(hello),
            Ok(Some((_, rest))) => {
                let text = scripts::terminal(&self.command, &self.mark);
                out.remote
                    .put_slice(format!("{:08}", text.len()).as_bytes());
                out.remote.put_slice(&text);
                out.events.push_back(RunnerEvent::Ready);
                self.setting(Vec::new(), &rest, out)
            }
            Err(failure) => {
                out.events.push_back(RunnerEvent::Failed(failure));
                TerminalPhase::Over
            }
        }
    }

    /// Until the terminal is set, whole lines come, and what has no mark is nobody's.
    fn setting(&mut self, mut partial: Vec<u8>, bytes: &[u8], out: &mut Yield) -> TerminalPhase {
        partial.put_slice(bytes);
        while let Some(end) = memchr(b'\n', &partial) {
            let rest = partial.split_off(end + 1);
            let line = std::mem::replace(&mut partial, rest);
            let line = line.trim_ascii_end();
            let Some(at) = memmem::find(line, self.mark.as_bytes()) else {
                continue;
            };
            match Line::decode(line.get(at + self.mark.len()..).unwrap_or_default()) {
                Some(Line::Unusable(shell)) => tell_unusable(shell, out),
                Some(Line::Credit) => {
                    out.remote.put_slice(&std::mem::take(&mut self.ahead));
                    return self.open(self.finder(), &partial, out);
                }
                _ => {}
            }
        }
        TerminalPhase::Setting(partial)
    }

    /// Finds the mark.
    fn finder(&self) -> Finder {
        Finder::new(self.mark.clone().into_bytes())
    }

    fn open(&self, mut finder: Finder, bytes: &[u8], out: &mut Yield) -> TerminalPhase {
        match finder.feed(bytes, &mut out.stdout) {
            Some(said) => self.marked(said, b"", out),
            None => TerminalPhase::Open(finder),
        }
    }

    /// After the mark comes a status, or, before a login shell, the one that can't be used.
    fn marked(&self, mut said: Vec<u8>, bytes: &[u8], out: &mut Yield) -> TerminalPhase {
        said.put_slice(bytes);
        let Some(end) = memchr(b';', &said) else {
            let longest = if said.starts_with(b"u") { PATH } else { 3 };
            if said.len() <= longest {
                return TerminalPhase::Marked(said);
            }
            let damage = Failure::Damaged(tr!("a status does not end"));
            out.events.push_back(RunnerEvent::Failed(damage));
            return TerminalPhase::Over;
        };
        let (said, rest) = said.split_at(end);
        if let Some(Line::Unusable(shell)) = Line::decode(said) {
            tell_unusable(shell, out);
            return self.open(self.finder(), rest.get(1..).unwrap_or_default(), out);
        }
        // ksh93 says 256+n for a signal.
        let status = std::str::from_utf8(said).ok();
        let status = status.and_then(|digits| digits.parse::<u16>().ok());
        let status = status.map(|status| if status < 256 { status } else { status - 128 });
        let event = match status.map(u8::try_from) {
            Some(Ok(status)) => RunnerEvent::Ended(status),
            _ => RunnerEvent::Failed(Failure::Damaged(tr!("a status is malformed"))),
        };
        out.events.push_back(event);
        TerminalPhase::Over
    }
}

fn tell_unusable(shell: &str, out: &mut Yield) {
    let note = Note::UnusableShell(shell.to_owned());
    out.events.push_back(RunnerEvent::Note(note));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started() -> (Terminal, Yield) {
        let (mut terminal, mut out) = (Terminal::new(RemoteCommand::default()), Yield::default());
        assert!(terminal.wants_input());
        terminal.input(b"early", &mut out);
        let TerminalPhase::Starting(hello) = &terminal.phase else {
            panic!("it has just begun");
        };
        let tools = format!("motd\r\n{}? stty dd id base64 -w;", hello.nonce());
        terminal.receive(tools.as_bytes(), &mut out);
        assert_eq!(out.events.pop_front(), Some(RunnerEvent::Ready));
        (terminal, out)
    }

    #[test]
    fn what_is_typed_early_waits_for_the_terminal() {
        let (mut terminal, mut out) = started();
        let text = out.remote.split();
        assert!(!text.ends_with(b"early"));
        let mark = terminal.mark.clone();
        terminal.receive(format!("noise\r\n{mark}+\r").as_bytes(), &mut out);
        assert!(out.remote.is_empty());
        terminal.receive(b"\n$ ", &mut out);
        terminal.input(b" late", &mut out);
        terminal.input_end(&mut out);
        assert_eq!(
            (&*out.remote, &*out.stdout),
            (&b"early late\x04"[..], &b"$ "[..])
        );
    }

    #[test]
    fn the_status_ends_it_however_it_is_cut() {
        for (said, ended) in [
            ("7;", RunnerEvent::Ended(7)),
            ("258;", RunnerEvent::Ended(130)),
            (
                "x;",
                RunnerEvent::Failed(Failure::Damaged("a status is malformed")),
            ),
            (
                "12345;",
                RunnerEvent::Failed(Failure::Damaged("a status does not end")),
            ),
        ] {
            let (mut terminal, mut out) = started();
            let mark = terminal.mark.clone();
            let all = format!("{mark}+\r\nout\x1eput{mark}{said}\r\nlate");
            for byte in all.as_bytes().chunks(1) {
                terminal.receive(byte, &mut out);
            }
            assert_eq!(out.stdout, "out\x1eput");
            assert_eq!(out.events, [ended]);
            assert_eq!(terminal.ended(&mut out), None);
        }
    }

    #[test]
    fn a_login_shell_needs_no_second_stage() {
        let mut out = Yield::default();
        let env = [("LC_X".to_owned(), b"it's".to_vec())];
        let mut shell = Terminal::login(&env, &mut out);
        let note = Note::LeftOut("LC_X".into());
        assert_eq!(out.events.pop_front(), Some(RunnerEvent::Note(note)));
        let word = shell.mark.trim_start_matches(CONTROL);
        assert!(shell.is_ready() && !shell.command_line().contains(word));
        shell.input(b"exit 3\r", &mut out);
        let said = format!("$ exit 3\r\nlogout\r\n{}3;", shell.mark);
        shell.receive(said.as_bytes(), &mut out);
        assert_eq!(
            (&*out.remote, &*out.stdout),
            (&b"exit 3\r"[..], &b"$ exit 3\r\nlogout\r\n"[..])
        );
        assert_eq!(out.events, [RunnerEvent::Ended(3)]);
        // The runner names a shell that it can't use before it starts another one.
        let mut shell = Terminal::login(&[], &mut out);
        let said = format!("{}u/sbin/nologin;$ ", shell.mark);
        for byte in said.as_bytes().chunks(1) {
            shell.receive(byte, &mut out);
        }
        let note = Note::UnusableShell("/sbin/nologin".into());
        assert_eq!(out.events.pop_back(), Some(RunnerEvent::Note(note)));
        assert!(out.stdout.ends_with(b"logout\r\n$ "));
        // Each letter that is typed is shown at once.
        for letter in "0123456789abcdefghijklmnopqrstuvwxyz".split_inclusive(|_| true) {
            let (mut shell, mut out) = (Terminal::login(&[], &mut out), Yield::default());
            shell.receive(letter.as_bytes(), &mut out);
            assert_eq!(out.stdout, letter);
        }
        // Ended from outside, it has no status.
        let mut shell = Terminal::login(&[], &mut out);
        assert_eq!(shell.ended(&mut out), None);
    }

    #[test]
    fn an_end_without_a_status_is_a_failure() {
        let (mut terminal, mut out) = started();
        let mark = terminal.mark.clone();
        terminal.receive(format!("{mark}+\nhalf{}", &mark[..5]).as_bytes(), &mut out);
        assert_eq!(terminal.ended(&mut out), Some(Failure::Cut));
        assert_eq!(out.stdout, format!("half{}", &mark[..5]));
    }
}
