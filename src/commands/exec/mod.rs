//! A command with its exact bytes and its own exit status, over a protocol that has neither.
//!
//! The service runs `CommandLine` on a terminal: input is echoed, newlines become returns, no shell
//! is there, 512 characters are the limit, and the exit status is lost. So `CommandLine` carries a
//! small bootstrap for the far end's `sh` instead (in `script`): it silences the terminal, says
//! that it is ready, takes the real script over the channel, and reports what it has to say, the
//! exit status at last, behind a random mark (found by `scan`) that never reaches the user. Standard input
//! goes over in chunks that the far end asks for, so that nothing piles up on the way: at most one
//! chunk (32 KiB) and the far end's pipe (64 KiB on Linux) are read ahead of the command.
//!
//! What a terminal can't do is not done: the command's standard error arrives in the same stream
//! as its standard output.

mod decode;
pub mod scan;
mod script;

pub use script::{Program, What, quote_all};

use crate::error::{Error, Result};
use crate::protocol::channel::Ending;
use crate::protocol::filter::{Filter, Flow, Stop};
use bytes::BufMut;
use decode::Base64;
use scan::{Said, Scanner};
use std::time::Duration;

/// What may be typed before the far end's terminal is set, in bytes.
const TYPE_AHEAD: usize = 16 * 1024;

/// What came before the far end was ready and may explain why it never was, in bytes.
const KEEP_PREAMBLE: usize = 2048;

/// The bootstrap of one command: a filter between the session and the user.
#[derive(Debug)]
pub struct Exec {
    program: Program,
    /// Announces the ready bootstrap. It stands in `CommandLine`, where others may read it.
    nonce: String,
    /// Announces everything else. It goes over the channel only.
    mark: String,
    state: State,
    /// The far end has asked for standard input; a terminal does so once, when it is set.
    asked: bool,
    /// Typed before that.
    ahead: Vec<u8>,
}

#[derive(Debug)]
enum State {
    Starting {
        scanner: Scanner,
        preamble: Vec<u8>,
    },
    Running {
        outer: Scanner,
        encoded: Option<Encoded>,
    },
    Done,
}

/// The inner stream of `--binary`: base64, with the exit status behind the mark in the clear text.
#[derive(Debug)]
struct Encoded {
    base64: Base64,
    inner: Scanner,
}

impl Exec {
    /// Prepares the bootstrap of a program, with marks of its own.
    ///
    /// # Errors
    /// [`Error::Usage`] for a command that holds a NUL byte, which no shell can take.
    pub fn new(program: &Program) -> Result<Self> {
        if let What::Command(command) = &program.what
            && command.contains(&0)
        {
            return Err(Error::Usage("a command can't hold a NUL byte".into()));
        }
        let random = || uuid::Uuid::new_v4().simple().to_string();
        let nonce = format!("AXT{}", random());
        Ok(Self {
            program: program.clone(),
            state: State::Starting {
                scanner: Scanner::new(nonce.as_bytes()),
                preamble: Vec::new(),
            },
            nonce,
            mark: format!("\u{1e}{}", random()),
            asked: false,
            ahead: Vec::new(),
        })
    }

    /// What the agent is to run; well below the service's 512 characters.
    #[must_use]
    pub fn command_line(&self) -> String {
        script::command_line(&self.nonce)
    }

    /// The same for a session that runs a shell already: typed at its prompt. The shell makes way
    /// for it, so that both end as one; the space keeps the line out of histories that heed it.
    #[must_use]
    pub fn typed_line(&self) -> Vec<u8> {
        format!(" exec {}\r", self.command_line()).into_bytes()
    }

    fn starting(&mut self, bytes: &[u8], flow: &mut Flow) {
        let State::Starting { scanner, preamble } = &mut self.state else {
            return;
        };
        let mut said = None;
        let rest = scanner.feed(
            bytes,
            |data| preamble.put_slice(data),
            |what| {
                said.get_or_insert(what);
            },
        );
        let surplus = preamble.len().saturating_sub(KEEP_PREAMBLE);
        preamble.drain(..surplus);
        match said {
            None => {}
            Some(Said::Ready) => {
                let text = script::stage_two(&self.program, &self.mark);
                flow.remote.put_slice(script::header(text.len()).as_bytes());
                flow.remote.put_slice(&text);
                let mark = self.mark.as_bytes();
                self.state = State::Running {
                    outer: Scanner::new(mark),
                    encoded: self.program.is_encoded().then(|| Encoded {
                        base64: Base64::default(),
                        inner: Scanner::new(mark),
                    }),
                };
                self.running(&rest, flow);
            }
            Some(Said::Missing(tool)) => {
                let what = format!("{tool} is missing there, and --command needs it");
                self.finish(flow, Ending::Failed(Error::Remote(what)));
            }
            Some(Said::Wants | Said::Status(_)) => {
                let what = "the far end's shell answered something unexpected".into();
                self.finish(flow, Ending::Failed(Error::Remote(what)));
            }
        }
    }

    fn running(&mut self, bytes: &[u8], flow: &mut Flow) {
        let State::Running { outer, encoded } = &mut self.state else {
            return;
        };
        let mut said = Vec::new();
        match encoded {
            None => {
                outer.feed(
                    bytes,
                    |data| flow.user.put_slice(data),
                    |what| said.push(what),
                );
            }
            Some(Encoded { base64, inner }) => {
                let mut clear = Vec::new();
                outer.feed(
                    bytes,
                    |data| base64.decode(data, &mut clear),
                    |what| said.push(what),
                );
                inner.feed(
                    &clear,
                    |data| flow.user.put_slice(data),
                    |what| said.push(what),
                );
            }
        }
        for what in said {
            match what {
                Said::Wants => {
                    self.asked = true;
                    flow.remote.put_slice(&std::mem::take(&mut self.ahead));
                }
                Said::Status(status) => return self.finish(flow, Ending::Status(status)),
                Said::Missing(tool) => {
                    let what = format!("{tool} is missing there, and this option needs it");
                    return self.finish(flow, Ending::Failed(Error::Remote(what)));
                }
                Said::Ready => {}
            }
        }
    }

    fn typed(&mut self, bytes: &[u8], flow: &mut Flow) {
        if self.asked {
            flow.remote.put_slice(bytes);
        } else {
            self.ahead.extend_from_slice(bytes);
        }
    }

    /// What to say when no bootstrap has answered.
    fn no_shell(&mut self) -> String {
        let State::Starting { scanner, preamble } = &mut self.state else {
            return "no POSIX shell answered there".into();
        };
        scanner.rest(|data| preamble.put_slice(data));
        let said = String::from_utf8_lossy(preamble);
        let said = said.trim();
        let said = if said.is_empty() { "nothing" } else { said };
        format!("no POSIX shell answered there; it said: {said}")
    }

    fn finish(&mut self, flow: &mut Flow, ending: Ending) {
        self.state = State::Done;
        flow.ending = Some(ending);
    }
}

impl Filter for Exec {
    fn output(&mut self, bytes: &[u8], flow: &mut Flow) {
        match self.state {
            State::Starting { .. } => self.starting(bytes, flow),
            State::Running { .. } => self.running(bytes, flow),
            State::Done => {}
        }
    }

    fn input(&mut self, bytes: &[u8], flow: &mut Flow) {
        if self.program.terminal {
            return self.typed(bytes, flow);
        }
        self.asked = false;
        flow.remote
            .put_slice(script::header(bytes.len()).as_bytes());
        flow.remote.put_slice(bytes);
    }

    fn input_end(&mut self, flow: &mut Flow) {
        if self.program.terminal {
            return self.typed(b"\x04", flow);
        }
        flow.remote.put_slice(script::header(0).as_bytes());
    }

    fn wants_input(&self) -> bool {
        // A terminal is read from the start: an escape may come.
        let ahead = self.program.terminal && self.ahead.len() < TYPE_AHEAD;
        !matches!(self.state, State::Done) && (self.asked || ahead)
    }

    fn is_ready(&self) -> bool {
        !matches!(self.state, State::Starting { .. })
    }

    fn overdue(&mut self, _limit: Duration) -> Error {
        Error::Remote(self.no_shell())
    }

    fn stop(&mut self, stop: Stop, flow: &mut Flow) -> bool {
        let running = matches!(self.state, State::Running { .. });
        if !running || self.program.terminal {
            return false;
        }
        let name = match stop {
            Stop::Signal(1) => "HUP",
            Stop::Signal(2) => "INT",
            Stop::Signal(_) | Stop::Timeout => "TERM",
        };
        flow.remote.put_slice(script::signal(name).as_bytes());
        true
    }

    fn ended(&mut self, ending: Ending, flow: &mut Flow) -> Ending {
        let code = match ending {
            Ending::Normal { code } => code,
            // A shell that never became ours has a status of its own, not the command's.
            Ending::Status(status) if matches!(self.state, State::Starting { .. }) => {
                format!("status {status}")
            }
            other => return other,
        };
        let what = match &mut self.state {
            State::Starting { .. } => self.no_shell(),
            State::Running {
                outer,
                encoded: None,
            } => {
                outer.rest(|data| flow.user.put_slice(data));
                format!(
                    "the session ended ({}) before the command did",
                    reason(&code)
                )
            }
            _ => format!(
                "the session ended ({}) before the command did",
                reason(&code)
            ),
        };
        Ending::Failed(Error::Remote(what))
    }
}

fn reason(code: &str) -> &str {
    if code.is_empty() { "closed" } else { code }
}

#[cfg(test)]
mod tests;
