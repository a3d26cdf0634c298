//! The client's side of the runner: a state machine without IO.

use super::codec::{LINE, LONGEST_FRAME, Line, RunnerFrame};
use super::event::{Failure, Note, RunnerEvent, RunnerOptions, Signal, Yield};
use super::hello::{Hello, secret};
use super::job::Job;
use super::scripts::{self, RemoteCommand};
use super::tools::Tools;
use bytes::{BufMut as _, BytesMut};
use memchr::{memchr, memmem};
use std::time::Instant;

/// The longest line behind a mark, in bytes.
const LONGEST_LINE: usize = LINE + 64;

/// The client of a runner.
#[derive(Debug)]
pub struct RunnerClient {
    options: RunnerOptions,
    command_line: String,
    /// The mark before every line of the runner. It is sent over the channel only.
    mark: String,
    /// The text that separates a command's output from what its children write later.
    sentinel: String,
    phase: RunnerPhase,
    /// The command that was requested and is not started yet.
    next: Option<NextCommand>,
    noise: bool,
}

#[derive(Debug)]
struct NextCommand {
    command: RemoteCommand,
    /// Standard input that was given already, and whether it has ended.
    input: BytesMut,
    ended: bool,
}

#[derive(Debug)]
enum RunnerPhase {
    Starting(Hello),
    RunningRunner(Box<RunningRunner>),
    Failed,
}

#[derive(Debug)]
struct RunningRunner {
    tools: Tools,
    /// The received part of a line.
    partial: Vec<u8>,
    job: Option<Job>,
    /// The next one, sent after the end of `job` was: the runner's lines on that come first.
    following: Option<Job>,
}

impl RunningRunner {
    /// True if another command may be sent: the one before has had its end, and nothing of its input can hold
    /// the runner up.
    fn is_free(&self) -> bool {
        self.following.is_none() && self.job.as_ref().is_none_or(Job::is_cleared)
    }
}

impl RunnerClient {
    /// The client of a runner that has not started yet, with new secrets.
    #[must_use]
    pub fn new(options: RunnerOptions) -> Self {
        let hello = Hello::new();
        Self {
            options,
            command_line: hello.command_line(),
            mark: secret(),
            sentinel: format!("\u{1e}{}", secret()),
            phase: RunnerPhase::Starting(hello),
            next: None,
            noise: false,
        }
    }

    /// The command line for the agent, well below the service's limit of 512 characters.
    #[must_use]
    pub fn command_line(&self) -> &str {
        &self.command_line
    }

    /// True if the runner is there.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !matches!(self.phase, RunnerPhase::Starting(_))
    }

    /// True if standard input should be read now.
    #[must_use]
    pub fn wants_input(&self) -> bool {
        self.job()
            .is_some_and(|job| job.runs() && job.input.has_room())
    }

    /// True if a command would be sent to the runner at once.
    #[must_use]
    pub fn is_free(&self) -> bool {
        match &self.phase {
            RunnerPhase::RunningRunner(running) => running.is_free(),
            _ => false,
        }
    }

    /// Runs this command as soon as the runner is ready and nothing is left to be done for the one before.
    /// Standard input that is given from now on is this command's.
    pub fn start(&mut self, command: RemoteCommand, out: &mut Yield) {
        if matches!(self.phase, RunnerPhase::Failed) {
            out.events.push_back(RunnerEvent::Failed(Failure::Cut));
        }
        self.next = Some(NextCommand {
            command,
            input: BytesMut::new(),
            ended: false,
        });
        self.start_next(out);
    }

    /// Bytes from the remote side.
    pub fn receive(&mut self, now: Instant, bytes: &[u8], out: &mut Yield) {
        match &mut self.phase {
            RunnerPhase::Starting(_) => self.starting(now, bytes, out),
            RunnerPhase::RunningRunner(_) => self.running(now, bytes, out),
            RunnerPhase::Failed => {}
        }
    }

    /// Bytes for the command's standard input. After its end they are dropped.
    pub fn input(&mut self, bytes: &[u8], out: &mut Yield) {
        if let Some(next) = &mut self.next {
            next.input.put_slice(bytes);
        } else if let Some(job) = self.job_mut() {
            job.input.push(bytes, &mut out.remote);
        }
    }

    /// The command's standard input has ended.
    pub fn input_end(&mut self, out: &mut Yield) {
        if let Some(next) = &mut self.next {
            next.ended = true;
        } else if let Some(job) = self.job_mut() {
            job.input.end(&mut out.remote);
        }
    }

    /// Sends a signal to the command. Returns whether one runs that can get it.
    pub fn signal(&mut self, signal: Signal, out: &mut Yield) -> bool {
        let Some(job) = self.job_mut().filter(|job| job.runs()) else {
            return false;
        };
        job.signal(signal, &mut out.remote);
        true
    }

    /// The time to call [`RunnerClient::wake`] if nothing happens before.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.jobs().filter_map(Job::deadline).min()
    }

    /// Time has passed.
    pub fn wake(&mut self, now: Instant, out: &mut Yield) {
        let RunnerPhase::RunningRunner(running) = &mut self.phase else {
            return;
        };
        let mut jobs = running.job.iter_mut().chain(&mut running.following);
        if let Err(failure) = jobs.try_for_each(|job| job.wake(now, out)) {
            self.fail(failure, out);
        }
    }

    /// Notes the end of the session. Returns the failure of the command that it interrupted, if there is
    /// one.
    #[must_use]
    pub fn ended(&mut self) -> Option<Failure> {
        let failure = match &self.phase {
            RunnerPhase::Starting(hello) => hello.no_shell(),
            RunnerPhase::RunningRunner(running) if running.job.is_some() || self.next.is_some() => {
                Failure::Cut
            }
            RunnerPhase::RunningRunner(_) | RunnerPhase::Failed => return None,
        };
        self.phase = RunnerPhase::Failed;
        Some(failure)
    }

    /// The commands that the runner has not done with, the last one first.
    fn jobs(&self) -> impl Iterator<Item = &Job> {
        let running = match &self.phase {
            RunnerPhase::RunningRunner(running) => Some(running),
            _ => None,
        };
        running
            .into_iter()
            .flat_map(|running| running.following.iter().chain(&running.job))
    }

    /// The command that was sent last.
    fn job(&self) -> Option<&Job> {
        self.jobs().next()
    }

    fn job_mut(&mut self) -> Option<&mut Job> {
        match &mut self.phase {
            RunnerPhase::RunningRunner(running) => {
                running.following.as_mut().or(running.job.as_mut())
            }
            _ => None,
        }
    }

    fn fail(&mut self, failure: Failure, out: &mut Yield) {
        self.phase = RunnerPhase::Failed;
        out.events.push_back(RunnerEvent::Failed(failure));
    }

    fn starting(&mut self, now: Instant, bytes: &[u8], out: &mut Yield) {
        let RunnerPhase::Starting(hello) = &mut self.phase else {
            return;
        };
        let (tools, rest) = match hello.receive(bytes) {
            Ok(None) => return,
            Ok(Some(answer)) => answer,
            Err(failure) => return self.fail(failure, out),
        };
        self.send_runner(&tools, out);
        self.phase = RunnerPhase::RunningRunner(Box::new(RunningRunner {
            tools,
            partial: Vec::new(),
            job: None,
            following: None,
        }));
        self.start_next(out);
        self.running(now, &rest, out);
    }

    fn send_runner(&self, tools: &Tools, out: &mut Yield) {
        let compress = self.options.compress && tools.has("gzip");
        let text = scripts::runner(tools, compress, &self.mark, &self.sentinel);
        out.remote
            .put_slice(format!("{:08}", text.len()).as_bytes());
        out.remote.put_slice(text.as_bytes());
        out.events.push_back(RunnerEvent::Ready);
        let notes = [
            (tools.own_session().is_none(), Note::NoOwnSession),
            (self.options.compress && !compress, Note::NoGzip),
        ];
        let notes = notes.into_iter().filter(|(holds, _)| *holds);
        out.events
            .extend(notes.map(|(_, note)| RunnerEvent::Note(note)));
    }

    fn start_next(&mut self, out: &mut Yield) {
        let RunnerPhase::RunningRunner(running) = &mut self.phase else {
            return;
        };
        if !running.is_free() {
            return;
        }
        let Some(next) = self.next.take() else {
            return;
        };
        let group = running.tools.own_session().is_some();
        let text = scripts::setup(&next.command, group, &self.mark);
        if text.len() > LONGEST_FRAME {
            return self.fail(Failure::TooLong, out);
        }
        out.remote
            .put_slice(RunnerFrame::Script.header(text.len()).as_bytes());
        out.remote.put_slice(&text);
        let compress = self.options.compress && !next.command.uncompressed;
        let compress = compress && running.tools.has("gzip");
        let job = Job::new(compress, self.options.several, &self.sentinel);
        let job = match running.job {
            None => running.job.insert(job),
            Some(_) => running.following.insert(job),
        };
        job.input.push(&next.input, &mut out.remote);
        if next.ended {
            job.input.end(&mut out.remote);
        }
    }

    /// Takes the lines out of the received bytes; the rest is noise.
    fn running(&mut self, now: Instant, bytes: &[u8], out: &mut Yield) {
        let RunnerPhase::RunningRunner(running) = &mut self.phase else {
            return;
        };
        let mut all = std::mem::take(&mut running.partial);
        all.extend_from_slice(bytes);
        let mut rest = all.as_slice();
        while let Some(end) = memchr(b'\n', rest) {
            let (line, more) = rest.split_at(end);
            rest = more.get(1..).unwrap_or_default();
            if let Err(failure) = self.line(now, line, out) {
                return self.fail(failure, out);
            }
        }
        let marked = memmem::find(rest, self.mark.as_bytes());
        let unmarked = rest.len().saturating_sub(self.mark.len());
        if let Some(at) = marked {
            if rest.len() - at > self.mark.len() + LONGEST_LINE {
                return self.fail(Failure::Damaged(tr!("a line does not end")), out);
            }
        } else if unmarked > LONGEST_LINE {
            // The beginning of the mark may be at the end.
            self.noise(out);
            rest = rest.get(unmarked..).unwrap_or_default();
        }
        if let RunnerPhase::RunningRunner(running) = &mut self.phase {
            running.partial = rest.to_vec();
        }
    }

    /// Takes a line, in which the mark may follow noise that did not end with one.
    fn line(&mut self, now: Instant, line: &[u8], out: &mut Yield) -> Result<(), Failure> {
        let Some(at) = memmem::find(line, self.mark.as_bytes()) else {
            self.noise(out);
            return Ok(());
        };
        if at > 0 {
            self.noise(out);
        }
        let said = line.get(at + self.mark.len()..).unwrap_or_default();
        let said = Line::decode(said).ok_or(Failure::Damaged(tr!("a line is malformed")))?;
        if let Line::Unusable(shell) = said {
            let note = Note::UnusableShell(shell.to_owned());
            out.events.push_back(RunnerEvent::Note(note));
            return Ok(());
        }
        let RunnerPhase::RunningRunner(running) = &mut self.phase else {
            return Ok(());
        };
        let Some(job) = &mut running.job else {
            return Err(Failure::Damaged(tr!("a line for an unknown command")));
        };
        if matches!(said, Line::Idle) {
            if !job.is_told() {
                return Err(Failure::Disturbed);
            }
            running.job = running.following.take();
            if running.job.is_none() {
                out.events.push_back(RunnerEvent::Idle);
            }
            self.start_next(out);
            return Ok(());
        }
        job.take(now, &said, out)?;
        self.start_next(out);
        Ok(())
    }

    fn noise(&mut self, out: &mut Yield) {
        if !self.noise {
            self.noise = true;
            out.events.push_back(RunnerEvent::Note(Note::Noise));
        }
    }
}

#[cfg(test)]
mod tests;
