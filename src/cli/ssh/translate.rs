//! A plan in axt's own arguments, so that variables and defaults count for `axt ssh` as for any command.

use super::plan::{SshPlan, Task, TtyRequest};
use super::values::LogLevel;
use crate::cli::grammar::values::forward::{Listen, Remote};
use crate::pattern::matches;
use crate::remote::sftp_server;
use std::ffi::OsString;
use std::time::Duration;

/// Sessions of one instance that the service lets be at once.
const MOST_SESSIONS: u16 = 20;

/// The facts about this process that a plan depends on.
#[derive(Debug, Clone, Default)]
pub struct Here {
    /// Standard input is a terminal.
    pub stdin_is_terminal: bool,
    /// The names of its variables, those that a shell could have.
    pub variables: Vec<String>,
}

impl SshPlan {
    /// The command that does the task, with its options; `None` where there is none but the forwards.
    #[must_use]
    pub fn task_words(&self, here: &Here) -> Option<Vec<OsString>> {
        match &self.task {
            Task::Forward => None,
            Task::Proxy(remote) => Some(self.proxy(remote)),
            // What would use the master is what finds it.
            Task::Shell | Task::Master(..) => Some(self.connect(None, here)),
            Task::Command(text) => Some(self.connect(Some(text.clone()), here)),
            Task::Subsystem(_) => Some(self.connect(Some(sftp_server().into()), here)),
        }
    }

    /// The command that does the forwards, which may go on beside the task.
    #[must_use]
    pub fn forward_words(&self) -> Option<Vec<OsString>> {
        let beside = u16::from(self.task != Task::Forward);
        let mut words = vec!["forward".into()];
        words.extend(self.session_options());
        words.push(format!("--max-sessions={}", MOST_SESSIONS - beside).into());
        for listen in &self.forwards {
            words.push(forward(listen).into());
        }
        words.push(self.target.clone().into());
        (!self.forwards.is_empty()).then_some(words)
    }

    fn proxy(&self, remote: &Remote) -> Vec<OsString> {
        let mut words = vec!["proxy".into()];
        words.extend(self.session_options());
        if let Some(host) = &remote.host {
            words.push(format!("--target-server={host}").into());
        }
        let port = remote.port.to_string();
        words.extend([self.target.clone().into(), port.into()]);
        words
    }

    fn connect(&self, command: Option<OsString>, here: &Here) -> Vec<OsString> {
        let mut words = vec!["connect".into()];
        words.extend(self.session_options());
        let tty = match self.terminal {
            TtyRequest::Always => true,
            TtyRequest::IfLocal => here.stdin_is_terminal,
            TtyRequest::Never => false,
        };
        words.push(if tty { "-t" } else { "-T" }.into());
        if self.no_stdin {
            words.push("-n".into());
        }
        if let Some(escape) = self.escape_char {
            words.push(format!("--escape-char={escape}").into());
        }
        if let Some(compress) = self.compress {
            let when = if compress { "auto" } else { "never" };
            words.push(format!("--compress={when}").into());
        }
        let is_sent = |name: &&String| self.send_env.iter().any(|p| matches(name, p));
        let sent = here.variables.iter().filter(is_sent);
        let set = self.set_env.iter();
        words.extend(
            sent.chain(set)
                .map(|variable| format!("--env={variable}").into()),
        );
        match command {
            Some(command) => {
                let mut word = OsString::from("--command=");
                word.push(command);
                words.push(word);
            }
            None => words.push("--login".into()),
        }
        words.push(self.target.clone().into());
        words
    }

    /// Options that every session has.
    fn session_options(&self) -> Vec<OsString> {
        let mut words = Vec::new();
        match self.log_level {
            LogLevel::Quiet | LogLevel::Fatal | LogLevel::Error => words.push("-q".into()),
            LogLevel::Info => {}
            LogLevel::Verbose | LogLevel::Debug1 => words.push("-v".into()),
            LogLevel::Debug2 => words.push("-vv".into()),
            LogLevel::Debug3 => words.push("-vvv".into()),
        }
        if let Some(file) = &self.log_file {
            let mut word = OsString::from("--log-file=");
            word.push(file);
            words.push(word);
        }
        if let Some(user) = &self.user {
            words.push(format!("--user={user}").into());
        }
        let times = [
            ("connect-timeout", self.connect_timeout),
            ("keepalive", self.keepalive),
            ("dead-after", self.dead_after),
        ];
        for (name, time) in times {
            if let Some(time) = time.map(|time: Duration| time.as_secs()) {
                words.push(format!("--{name}={time}s").into());
            }
        }
        words
    }
}

/// `-L` or `-D`.
fn forward(listen: &Listen) -> String {
    let bind = match listen.bind.as_deref() {
        None => String::new(),
        Some(bind) if bind.contains(':') => format!("[{bind}]:"),
        Some(bind) => format!("{bind}:"),
    };
    let port = listen.port;
    match &listen.remote {
        None => format!("-D{bind}{port}"),
        Some(remote) => match remote.host.as_deref() {
            None => format!("-L{bind}{port}:localhost:{}", remote.port),
            Some(host) => format!("-L{bind}{port}:[{host}]:{}", remote.port),
        },
    }
}
