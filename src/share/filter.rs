//! The filter of a shared session, which runs one command after another by the runner's client.

use super::ask::{FilterRequest, SessionMessage};
use super::ends::Ends;
use crate::error::Error;
use crate::protocol::channel::Ending;
use crate::protocol::filter::{Filter, Flow, Stop};
use crate::remote::{
    Failure, RunnerClient, RunnerEvent, RunnerOptions, Signal, StdinScript, What, Yield,
};
use bytes::BufMut as _;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// The time that a command has to end when its session is to end.
const HANG_UP: Duration = Duration::from_secs(3);

/// The filter.
pub(crate) struct Commands {
    client: RunnerClient,
    /// The beginning of a script, until its first line is known.
    script: Option<StdinScript>,
    stage: FilterStage,
    stdin: bool,
    /// The session is to end, and its command was told so.
    is_stopped: bool,
    produced: Yield,
    ends: Ends,
    asked: mpsc::UnboundedReceiver<FilterRequest>,
    said: mpsc::UnboundedSender<SessionMessage>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FilterStage {
    Free,
    /// A command runs.
    Runs,
    /// Its end was reported, and the runner is not free yet.
    Told,
}

impl Commands {
    /// A filter for a new session.
    pub(crate) fn new(
        ends: Ends,
        asked: mpsc::UnboundedReceiver<FilterRequest>,
        said: mpsc::UnboundedSender<SessionMessage>,
    ) -> Self {
        Self {
            client: RunnerClient::new(RunnerOptions {
                compress: true,
                several: true,
            }),
            script: None,
            stage: FilterStage::Free,
            stdin: false,
            is_stopped: false,
            produced: Yield::default(),
            ends,
            asked,
            said,
        }
    }

    /// The command line for the agent.
    pub(crate) fn command_line(&self) -> &str {
        self.client.command_line()
    }

    fn answer(&mut self, ask: FilterRequest) {
        match ask {
            FilterRequest::Start(command, stdin) => {
                self.stage = FilterStage::Runs;
                self.stdin = stdin;
                match command.what {
                    What::Script(_) => self.script = Some(StdinScript::new(command)),
                    What::Line(_) => self.client.start(command, &mut self.produced),
                }
                if !stdin {
                    self.start_script(true);
                    self.client.input_end(&mut self.produced);
                }
            }
            // Nothing has begun that could get the signal.
            FilterRequest::Signal(signal) if self.script.take().is_some() => {
                self.stage = FilterStage::Told;
                self.say(SessionMessage::Ended(128 + signal.number()));
            }
            FilterRequest::Signal(signal) if self.stage == FilterStage::Runs => {
                self.client.signal(signal, &mut self.produced);
            }
            FilterRequest::InputEnd if self.stage == FilterStage::Runs => {
                self.start_script(true);
                self.client.input_end(&mut self.produced);
            }
            FilterRequest::Signal(_) | FilterRequest::InputEnd => {}
        }
    }

    /// Starts a script once its first line is known.
    fn start_script(&mut self, complete: bool) {
        let known = |script: &mut StdinScript| complete || script.is_known();
        if let Some(script) = self.script.take_if(known) {
            let (command, text) = script.command();
            self.client.start(command, &mut self.produced);
            self.client.input(&text, &mut self.produced);
        }
    }

    /// Moves the client's output and events to their destinations.
    fn settle(&mut self, flow: &mut Flow) {
        flow.remote.put_slice(&self.produced.remote.split());
        let (output, errors) = (self.produced.stdout.split(), self.produced.stderr.split());
        // After the command's end only its children can still write.
        if self.stage == FilterStage::Runs {
            self.ends.expect(output.len() + errors.len());
            flow.user.put_slice(&output);
            flow.errors.put_slice(&errors);
        }
        for event in std::mem::take(&mut self.produced.events) {
            match event {
                RunnerEvent::Ready => self.say(SessionMessage::Ready),
                RunnerEvent::Note(note) => self.say(SessionMessage::Note(note.to_string())),
                // Its end was not its own.
                RunnerEvent::Ended(_) if self.is_stopped => flow.ending = Some(Ending::Normal),
                RunnerEvent::Ended(status) => {
                    self.stage = FilterStage::Told;
                    self.say(SessionMessage::Ended(status));
                }
                RunnerEvent::Failed(failure) => {
                    flow.ending = Some(Ending::Failed(Error::Remote(failure.to_string())));
                }
                RunnerEvent::Idle => {}
            }
        }
        if self.stage == FilterStage::Told && self.client.is_free() {
            self.stage = FilterStage::Free;
            self.say(SessionMessage::Free);
        }
    }

    fn say(&self, said: SessionMessage) {
        // The receiver is gone when the session's user has dropped it.
        let _ = self.said.send(said);
    }
}

impl Filter for Commands {
    fn output(&mut self, now: Instant, bytes: &[u8], flow: &mut Flow) {
        self.client.receive(now, bytes, &mut self.produced);
        self.settle(flow);
    }

    fn input(&mut self, bytes: &[u8], flow: &mut Flow) {
        match &mut self.script {
            Some(script) => {
                script.push(bytes);
                self.start_script(false);
            }
            None => self.client.input(bytes, &mut self.produced),
        }
        self.settle(flow);
    }

    fn wants_input(&self) -> bool {
        let room = self.script.is_some() || self.client.wants_input();
        self.stage == FilterStage::Runs && self.stdin && room
    }

    fn is_ready(&self) -> bool {
        self.client.is_ready()
    }

    fn overdue(&mut self, limit: Duration) -> Error {
        match self.client.ended() {
            Some(failure) => Error::Remote(failure.to_string()),
            None => Error::AgentTimeout {
                what: tr!("the answer of the remote side"),
                limit,
            },
        }
    }

    fn stop(&mut self, _: Instant, _: Stop, flow: &mut Flow) -> Option<Duration> {
        self.is_stopped = self.client.signal(Signal::Hup, &mut self.produced);
        self.settle(flow);
        self.is_stopped.then_some(HANG_UP)
    }

    fn deadline(&self) -> Option<Instant> {
        self.client.deadline()
    }

    fn wake(&mut self, now: Instant, flow: &mut Flow) {
        if self.client.deadline().is_some_and(|by| by <= now) {
            self.client.wake(now, &mut self.produced);
        }
        while let Ok(ask) = self.asked.try_recv() {
            self.answer(ask);
        }
        self.settle(flow);
    }

    fn ended(&mut self, ending: Ending, flow: &mut Flow) -> Ending {
        if let Ending::Failed(_) = ending {
            return ending;
        }
        let failure = self.client.ended();
        self.settle(flow);
        let what = match (failure, ending) {
            (Some(failure), _) if failure != Failure::Cut => failure.to_string(),
            (_, Ending::Status(status)) => tr!("the session ended with status {status}", status),
            _ => tr!("the session ended").to_owned(),
        };
        Ending::Failed(Error::Remote(what))
    }
}
