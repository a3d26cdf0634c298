//! One command in a runner: its streams, its signals, its end.

use super::codec::{Line, OutputStream, RunnerFrame};
use super::event::{Failure, RunnerEvent, Signal, Yield};
use super::input::CommandInput;
use super::output::Receiver;
use bytes::{BufMut as _, BytesMut};
use std::time::{Duration, Instant};

/// The time that a command's streams may stay open after its end, for the sake of its children.
pub(super) const LINGER: Duration = Duration::from_secs(1);

/// The time that the runner has to be ready for another command. Input that is on its way to the earlier command
/// has to arrive first.
const CLEARED: Duration = Duration::from_secs(10);

/// One command.
#[derive(Debug)]
pub(super) struct Job {
    /// Its standard input.
    pub(super) input: CommandInput,
    /// Another command may follow.
    several: bool,
    output: Receiver,
    error: Receiver,
    /// The argument of `kill` that names the command.
    process: Option<String>,
    /// Signals for when that is known.
    signals: Vec<Signal>,
    status: Option<u8>,
    /// The time to give up its streams, or, once the runner knows its end, the runner. Set when all is there
    /// that it wrote itself.
    give_up: Option<Instant>,
    /// Its streams are given up.
    released: bool,
    /// Its end has been reported to the user.
    told: bool,
    /// Its end has been sent to the runner.
    end_sent: bool,
    /// The runner has told all of it and knows its end: another command may follow.
    closed: bool,
    /// The time to send its end although a part of what the runner has to tell is missing, and to give up the
    /// streams that only its children hold. The runner answers that it is ready once nothing is left to be
    /// told: then a process of the runner's was killed.
    ask: Option<Instant>,
}

impl Job {
    /// A command that was sent to the runner.
    pub(super) fn new(compress: bool, several: bool, sentinel: &str) -> Self {
        Self {
            input: CommandInput::new(compress),
            several,
            output: Receiver::new(sentinel),
            error: Receiver::new(sentinel),
            process: None,
            signals: Vec::new(),
            status: None,
            give_up: None,
            released: false,
            told: false,
            end_sent: false,
            closed: false,
            ask: None,
        }
    }

    /// True if its status has not come yet.
    pub(super) fn runs(&self) -> bool {
        self.status.is_none()
    }

    /// True if its end has been reported to the user.
    pub(super) fn is_told(&self) -> bool {
        self.told
    }

    /// True if the runner will take another command whatever its children do: its end has been told, and none
    /// of its input is on the way to them.
    pub(super) fn is_cleared(&self) -> bool {
        self.closed && !self.released && self.input.is_taken()
    }

    /// The time to call [`Job::wake`].
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.give_up.into_iter().chain(self.ask).min()
    }

    /// Takes what the runner says of this command.
    ///
    /// # Errors
    /// The reason why the runner can't be used any more.
    pub(super) fn take(
        &mut self,
        now: Instant,
        said: &Line<'_>,
        out: &mut Yield,
    ) -> Result<(), Failure> {
        self.note(said, out)?;
        if self.has_ended() {
            self.ask = None;
            self.tell_end(now, out);
        } else if self.status.is_some() && self.is_complete() {
            self.ask = None;
            self.give_up.get_or_insert(now + LINGER);
        } else if self.is_over() && (!self.end_sent || self.is_held()) {
            self.ask.get_or_insert(now + LINGER);
        }
        Ok(())
    }

    /// Gives up, once their time is over, the streams that the command's children still hold.
    ///
    /// # Errors
    /// [`Failure::InputHeld`] if they hold its standard input: the runner can't take another command.
    pub(super) fn wake(&mut self, now: Instant, out: &mut Yield) -> Result<(), Failure> {
        if self.ask.take_if(|at| *at <= now).is_some() {
            self.send_end(out);
            if self.is_held() {
                send_release(out);
                self.ask = Some(now + LINGER);
            }
        }
        let Some(by) = self.give_up.filter(|by| *by <= now) else {
            return Ok(());
        };
        if self.closed {
            return Err(Failure::InputHeld);
        }
        self.released = true;
        self.give_up = None;
        if self.several {
            // Again and again: a process that is just starting may miss it.
            self.give_up = Some(by.max(now) + LINGER);
            send_release(out);
        }
        self.tell_end(now, out);
        Ok(())
    }

    /// Sends a signal, as soon as it is known whereto.
    pub(super) fn signal(&mut self, signal: Signal, remote: &mut BytesMut) {
        self.signals.push(signal);
        self.send_signals(remote);
    }

    fn note(&mut self, said: &Line<'_>, out: &mut Yield) -> Result<(), Failure> {
        match said {
            Line::Data(data) => {
                let (receiver, to) = match data.stream {
                    OutputStream::Output => (&mut self.output, &mut out.stdout),
                    OutputStream::Error => (&mut self.error, &mut out.stderr),
                };
                match receiver.data(data, to) {
                    Err(damage) if !self.released => return Err(Failure::Damaged(damage)),
                    _ => {}
                }
            }
            Line::StreamEnd { stream, number } => {
                let (receiver, to) = match stream {
                    OutputStream::Output => (&mut self.output, &mut out.stdout),
                    OutputStream::Error => (&mut self.error, &mut out.stderr),
                };
                let ended = receiver.end(*number, self.released, to);
                ended.map_err(Failure::Damaged)?;
            }
            Line::Process(process) => {
                if self.process.is_some() {
                    return Err(Failure::Damaged(tr!("a process was named twice")));
                }
                self.process = Some((*process).to_owned());
                self.send_signals(&mut out.remote);
            }
            Line::Status(None) => return Err(Failure::NoStatus),
            Line::Status(Some(_)) if self.status.is_some() => {
                return Err(Failure::Damaged(tr!("a status came twice")));
            }
            Line::Status(Some(status)) => {
                self.status = Some(*status);
                self.input.close();
            }
            Line::Credit => {
                if !self.input.credit(&mut out.remote) {
                    return Err(Failure::Damaged(tr!("more input was taken than was sent")));
                }
            }
            Line::InputClosed => self.input.close(),
            Line::Disturbed => return Err(Failure::Disturbed),
            // Taken before.
            Line::Unusable(_) | Line::Idle => {}
        }
        Ok(())
    }

    fn send_signals(&mut self, remote: &mut BytesMut) {
        let Some(process) = &self.process else { return };
        for signal in self.signals.drain(..) {
            let content = format!("-{} {process}", signal.name());
            remote.put_slice(RunnerFrame::Signal.header(content.len()).as_bytes());
            remote.put_slice(content.as_bytes());
        }
    }

    fn has_ended(&self) -> bool {
        self.status.is_some() && self.output.has_ended() && self.error.has_ended()
    }

    fn is_complete(&self) -> bool {
        self.output.is_complete() && self.error.is_complete()
    }

    /// True if only its children still hold its streams.
    fn is_held(&self) -> bool {
        self.is_complete() && !(self.output.has_ended() && self.error.has_ended())
    }

    /// True if the command itself has ended, whatever is missing.
    fn is_over(&self) -> bool {
        self.status.is_some() || self.is_complete()
    }

    /// Sends the end to the runner once. No input may follow.
    fn send_end(&mut self, out: &mut Yield) {
        self.input.close();
        if !self.end_sent {
            self.end_sent = true;
            out.remote.put_slice(RunnerFrame::End.header(0).as_bytes());
        }
    }

    /// Tells the end once. A runner that goes on learns when the streams have ended, too.
    fn tell_end(&mut self, now: Instant, out: &mut Yield) {
        let Some(status) = self.status else { return };
        if !self.told {
            self.told = true;
            out.events.push_back(RunnerEvent::Ended(status));
        }
        if self.has_ended() && !self.closed {
            self.closed = self.several;
            self.give_up = self.several.then(|| now + CLEARED);
            if self.several {
                self.send_end(out);
            }
        }
    }
}

/// Has the runner stop reading the command's streams.
fn send_release(out: &mut Yield) {
    out.remote
        .put_slice(RunnerFrame::Release.header(0).as_bytes());
}
