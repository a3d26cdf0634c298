//! Runs a command in a session: a filter that holds the client of the runner.

use crate::error::{Error, Result, Stop};
use crate::protocol::channel::Ending;
use crate::protocol::filter::{Filter, Flow};
use crate::remote::{
    Failure, RemoteCommand, RunnerClient, RunnerEvent, RunnerOptions, Signal, StdinScript,
    Terminal, What, Yield, typed_line,
};
use bytes::BufMut as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The time that a command that got a signal has to end.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// The time that a killed command has to end.
const KILLED: Duration = Duration::from_secs(2);

/// The signal that a stop sends to the command, and how long the command then has to end.
pub(crate) fn passed_on(stop: Stop) -> (Signal, Duration) {
    match stop {
        Stop::Signal(1) => (Signal::Hup, GRACE),
        Stop::Signal(2) => (Signal::Int, GRACE),
        Stop::Signal(3) => (Signal::Quit, GRACE),
        Stop::Signal(_) => (Signal::Term, GRACE),
        Stop::Timeout => (Signal::Term, GRACE + KILLED),
    }
}

/// A program for a session that runs more than the service's default shell.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    /// The command.
    pub(crate) command: RemoteCommand,
    /// True if it has the session's terminal.
    pub(crate) terminal: bool,
    /// True if it has the user's standard input.
    pub(crate) stdin: bool,
}

/// The filter.
#[derive(Debug)]
pub(crate) struct Exec {
    side: Side,
    stdin: bool,
    /// The beginning of a script on standard input, until its first line is known.
    script: Option<StdinScript>,
    /// The time when the command is killed, if it has not ended at its time limit.
    kill_at: Option<Instant>,
    produced: Yield,
    /// Keeps what is typed until something has come from the instance.
    typed: Option<TypeAhead>,
}

/// The bytes typed into a session that has not answered. If it never answers, the next session gets them.
#[derive(Debug, Clone, Default)]
pub(crate) struct TypeAhead(Arc<Mutex<Vec<u8>>>);

impl TypeAhead {
    /// Takes the bytes.
    pub(crate) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add(&self, bytes: &[u8]) {
        let mut typed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        typed.put_slice(bytes);
    }
}

#[derive(Debug)]
enum Side {
    Command(Box<RunnerClient>),
    Terminal(Box<Terminal>),
}

impl Exec {
    /// Prepares a program's start.
    ///
    /// # Errors
    /// [`Error::Usage`] for a command with a NUL byte, which no shell can take.
    pub(crate) fn new(program: &Program) -> Result<Self> {
        let command = program.command.clone();
        if let What::Line(line) = &command.what
            && line.contains(&0)
        {
            return Err(Error::Usage(tr!("a command can't hold a NUL byte").into()));
        }
        let (mut script, mut produced) = (None, Yield::default());
        let side = if program.terminal {
            Side::Terminal(Box::new(Terminal::new(command)))
        } else {
            let mut client = RunnerClient::new(RunnerOptions {
                compress: !command.uncompressed,
                several: false,
            });
            if matches!(command.what, What::Script(_)) {
                script = Some(StdinScript::new(command));
            } else {
                client.start(command, &mut produced);
            }
            if !program.stdin {
                client.input_end(&mut produced);
            }
            Side::Command(Box::new(client))
        };
        Ok(Self {
            side,
            stdin: program.stdin,
            script,
            kill_at: None,
            produced,
            typed: None,
        })
    }

    /// Prepares a login shell on the session's terminal, with these variables. What is typed before it
    /// answers is kept in `typed`.
    pub(crate) fn login_shell(env: &[(String, Vec<u8>)], typed: TypeAhead) -> Self {
        let mut produced = Yield::default();
        let terminal = Terminal::login(env, &mut produced);
        Self {
            side: Side::Terminal(Box::new(terminal)),
            stdin: true,
            script: None,
            kill_at: None,
            produced,
            typed: Some(typed),
        }
    }

    /// The command line for the agent, well below the service's limit of 512 characters.
    pub(crate) fn command_line(&self) -> &str {
        match &self.side {
            Side::Command(client) => client.command_line(),
            Side::Terminal(terminal) => terminal.command_line(),
        }
    }

    /// The line that starts the runner in a session that already runs a shell: it is typed at the prompt.
    pub(crate) fn typed_line(&self) -> Vec<u8> {
        typed_line(self.command_line())
    }

    /// The reason why the runner failed, once nothing more will come from it.
    fn failure(&mut self) -> Option<Failure> {
        match &mut self.side {
            Side::Command(client) => client.ended(),
            Side::Terminal(terminal) => terminal.ended(&mut self.produced),
        }
    }

    /// Starts a script once its first line is known.
    fn start_script(&mut self, complete: bool) {
        let Side::Command(client) = &mut self.side else {
            return;
        };
        if let Some(script) = self.script.take_if(|script| complete || script.is_known()) {
            let (command, text) = script.command();
            client.start(command, &mut self.produced);
            client.input(&text, &mut self.produced);
        }
    }

    /// Moves the client's output and events to their destinations.
    fn settle(&mut self, flow: &mut Flow) {
        for event in std::mem::take(&mut self.produced.events) {
            match event {
                RunnerEvent::Note(note) => tracing::info!("{note}"),
                RunnerEvent::Ended(status) => flow.ending = Some(Ending::Status(status)),
                RunnerEvent::Failed(failure) => {
                    let what = failure.to_string();
                    flow.ending = Some(Ending::Failed(Error::Remote(what)));
                }
                RunnerEvent::Ready | RunnerEvent::Idle => {}
            }
        }
        flow.remote.put_slice(&self.produced.remote.split());
        flow.user.put_slice(&self.produced.stdout.split());
        flow.errors.put_slice(&self.produced.stderr.split());
    }
}

impl Filter for Exec {
    fn output(&mut self, now: Instant, bytes: &[u8], flow: &mut Flow) {
        if let Some(typed) = self.typed.take() {
            typed.take();
        }
        match &mut self.side {
            Side::Command(client) => client.receive(now, bytes, &mut self.produced),
            Side::Terminal(terminal) => terminal.receive(bytes, &mut self.produced),
        }
        self.settle(flow);
    }

    fn input(&mut self, bytes: &[u8], flow: &mut Flow) {
        if let Some(typed) = &self.typed {
            typed.add(bytes);
        }
        match (&mut self.side, &mut self.script) {
            (Side::Command(_), Some(script)) => {
                script.push(bytes);
                self.start_script(false);
            }
            (Side::Command(client), None) => client.input(bytes, &mut self.produced),
            (Side::Terminal(terminal), _) => terminal.input(bytes, &mut self.produced),
        }
        self.settle(flow);
    }

    fn input_end(&mut self, flow: &mut Flow) {
        self.start_script(true);
        match &mut self.side {
            Side::Command(client) => client.input_end(&mut self.produced),
            Side::Terminal(terminal) => terminal.input_end(&mut self.produced),
        }
        self.settle(flow);
    }

    fn wants_input(&self) -> bool {
        match &self.side {
            Side::Command(client) if self.script.is_some() => client.is_ready(),
            Side::Command(client) => self.stdin && client.wants_input(),
            Side::Terminal(terminal) => terminal.wants_input(),
        }
    }

    fn is_ready(&self) -> bool {
        match &self.side {
            Side::Command(client) => client.is_ready(),
            Side::Terminal(terminal) => terminal.is_ready(),
        }
    }

    fn overdue(&mut self, limit: Duration) -> Error {
        match self.failure() {
            Some(Failure::NoShell(said)) if said.is_empty() => Error::AgentTimeout {
                what: tr!("the answer of the agent"),
                limit,
            },
            Some(failure) => Error::Remote(failure.to_string()),
            None => Error::AgentTimeout {
                what: tr!("the answer of the remote side"),
                limit,
            },
        }
    }

    fn stop(&mut self, now: Instant, stop: Stop, flow: &mut Flow) -> Option<Duration> {
        let Side::Command(client) = &mut self.side else {
            return None;
        };
        let (signal, grace) = passed_on(stop);
        let told = client.signal(signal, &mut self.produced);
        if told && stop == Stop::Timeout {
            self.kill_at = Some(now + GRACE);
        }
        self.settle(flow);
        told.then_some(grace)
    }

    fn deadline(&self) -> Option<Instant> {
        let client = match &self.side {
            Side::Command(client) => client.deadline(),
            Side::Terminal(_) => None,
        };
        client.into_iter().chain(self.kill_at).min()
    }

    fn wake(&mut self, now: Instant, flow: &mut Flow) {
        if let Side::Command(client) = &mut self.side {
            client.wake(now, &mut self.produced);
            if self.kill_at.take_if(|at| *at <= now).is_some() {
                client.signal(Signal::Kill, &mut self.produced);
            }
        }
        self.settle(flow);
    }

    fn ended(&mut self, ending: Ending, flow: &mut Flow) -> Ending {
        let starting = !self.is_ready();
        let status = match ending {
            Ending::Normal => None,
            // The runner never took over this shell: the status is the shell's, not the command's.
            Ending::Status(status) if starting => Some(status),
            Ending::Failed(Error::Ended { code, .. }) if starting && is_no_shell(&code) => {
                let what = tr!(
                    "there is no POSIX shell ({code}); on Windows, --raw-command passes a command on as it is",
                    code
                );
                return Ending::Failed(Error::Remote(what));
            }
            other => return other,
        };
        let failure = self.failure();
        self.settle(flow);
        let what = match (failure, status) {
            (None, _) => return Ending::Normal,
            (Some(Failure::Cut), Some(status)) => {
                tr!(
                    "the session ended with status {status} before the command did",
                    status
                )
            }
            (Some(failure), _) => failure.to_string(),
        };
        Ending::Failed(Error::Remote(what))
    }
}

/// True if this is an agent's code for a `sh` that can't be started.
pub(crate) fn is_no_shell(code: &str) -> bool {
    matches!(code, "ShellCommandNotFound" | "MalformedCommandLine")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exec(what: What, terminal: bool) -> Exec {
        let command = RemoteCommand {
            what,
            ..RemoteCommand::default()
        };
        Exec::new(&Program {
            command,
            terminal,
            stdin: true,
        })
        .unwrap()
    }

    /// One that has sent its text, which is returned.
    fn ready(what: What) -> (Exec, Flow, String) {
        let (mut exec, mut flow) = (exec(what, false), Flow::default());
        assert!(!exec.is_ready() && !exec.wants_input());
        let nonce = exec.command_line().split("_m=").nth(1);
        let nonce = nonce.unwrap().split(';').next().unwrap().to_owned();
        let hello = format!("{nonce}? stty dd id base64 setsid -w;");
        exec.output(Instant::now(), hello.as_bytes(), &mut flow);
        let text = String::from_utf8(flow.remote.split().to_vec()).unwrap();
        (exec, flow, text)
    }

    #[test]
    fn a_script_waits_for_its_first_line() {
        for (pieces, words) in [
            (&["echo ", "hi\n"][..], r#"_o "$SHELL""#),
            (
                &["#!/usr/bin/", "perl -w\nprint 1;"],
                "_o '/usr/bin/perl' '-w' '-'",
            ),
            (&["#!/bin/sh"], "_o '/bin/sh' '-s'"),
        ] {
            let (mut exec, mut flow, text) = ready(What::Script(None));
            assert!(!text.contains("_o \"") && exec.wants_input());
            for piece in pieces {
                assert!(flow.remote.is_empty());
                exec.input(piece.as_bytes(), &mut flow);
            }
            exec.input_end(&mut flow);
            let text = String::from_utf8(flow.remote.to_vec()).unwrap();
            let all = pieces.concat();
            let end = format!("{words}d{:07}{all}d0000000", all.len());
            assert!(text.ends_with(&end), "{text}");
        }
    }

    #[test]
    fn a_time_limit_kills_what_does_not_end() {
        let (mut exec, mut flow, text) = ready(What::Line(b"true".to_vec()));
        let mark = text
            .split("_m=")
            .nth(1)
            .unwrap()
            .split('\n')
            .next()
            .unwrap();
        let now = Instant::now();
        exec.output(now, format!("{mark}p-77\n").as_bytes(), &mut flow);
        let grace = exec.stop(now, Stop::Timeout, &mut flow);
        assert_eq!(grace, Some(GRACE + KILLED));
        assert_eq!(flow.remote.split(), "s0000009-TERM -77");
        assert_eq!(exec.deadline(), Some(now + GRACE));
        exec.wake(now + GRACE, &mut flow);
        assert_eq!(
            (&*flow.remote, exec.deadline()),
            (&b"s0000009-KILL -77"[..], None)
        );
    }

    #[test]
    fn an_agent_that_says_nothing_is_told_from_a_shell_that_says_something_else() {
        let limit = Duration::from_secs(3);
        for (said, expected) in [
            ("", "the answer of the agent took longer than 3s"),
            ("C:\\>", "no POSIX shell answered; the output was: C:\\>"),
        ] {
            let mut exec = exec(What::Line(b"true".to_vec()), false);
            exec.output(Instant::now(), said.as_bytes(), &mut Flow::default());
            let error = exec.overdue(limit).to_string();
            assert!(error.ends_with(expected), "{error}");
        }
    }

    #[test]
    fn a_windows_instance_is_told_of() {
        let mut exec = exec(What::Line(b"true".to_vec()), false);
        let ending = Ending::Failed(Error::Ended {
            code: "ShellCommandNotFound".into(),
            detail: String::new(),
        });
        let Ending::Failed(error) = exec.ended(ending, &mut Flow::default()) else {
            panic!("that is no success");
        };
        assert!(error.to_string().contains("--raw-command"), "{error}");
    }
}
