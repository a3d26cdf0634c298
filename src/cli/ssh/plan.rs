//! The plan that ssh's options and configuration add up to: one task, and how to do it.

use super::settings::{Persist, SshSettings};
use super::values::LogLevel;
use crate::cli::grammar::values::forward::{Listen, Remote};
use crate::cli::{ControlOptions, EscapeChar};
use crate::names::target::Target;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Duration;

/// Longer than the service lets a session be.
const FOR_GOOD: Duration = Duration::from_secs(24 * 60 * 60);

/// One task for axt, with everything that ssh's options and files say about it.
#[derive(Debug, Clone, PartialEq)]
pub struct SshPlan {
    /// The host: a TARGET of axt's.
    pub target: String,
    /// The user there.
    pub user: Option<String>,
    /// The task.
    pub task: Task,
    /// The request for a terminal.
    pub terminal: TtyRequest,
    /// The task gets no standard input.
    pub no_stdin: bool,
    /// Local ports to forward beside the task, or by it.
    pub forwards: Vec<Listen>,
    /// A port that can't be listened on ends it.
    pub exit_on_forward_failure: bool,
    /// Time for each step of opening.
    pub connect_timeout: Option<Duration>,
    /// A heartbeat after this much silence; never 0.
    pub keepalive: Option<Duration>,
    /// The silence of the gateway after which the network counts as dead.
    pub dead_after: Option<Duration>,
    /// The escape character of terminal sessions.
    pub escape_char: Option<EscapeChar>,
    /// The choice when to compress.
    pub compress: Option<bool>,
    /// The log file.
    pub log_file: Option<PathBuf>,
    /// The amount of messages.
    pub log_level: LogLevel,
    /// The user may be asked something: it is a shell of his own, and nothing else goes on beside it.
    pub may_ask: bool,
    /// Warnings about options in files that axt can't follow.
    pub warnings: Vec<String>,
    /// The names of options that were accepted without effect.
    pub without_effect: Vec<String>,
    /// ControlMaster, ControlPersist and ControlPath.
    pub(crate) control: Option<ControlOptions>,
    /// Patterns of the local variables to send.
    pub(super) send_env: Vec<String>,
    /// `NAME=VALUE` to set there.
    pub(super) set_env: Vec<String>,
}

/// The arguments' own requests, without the host.
#[derive(Debug, Default)]
pub(super) struct ArgumentValues {
    pub settings: SshSettings,
    pub command: Vec<OsString>,
    pub forward: Option<Remote>,
    pub master: Option<MasterCommand>,
    pub log_file: Option<PathBuf>,
}

/// The task on the instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// The user's shell.
    Shell,
    /// This command, by the user's shell.
    Command(OsString),
    /// The server of a subsystem, such as `sftp`.
    Subsystem(String),
    /// `-N`: nothing but the forwards.
    Forward,
    /// `-W`: standard input and output joined to a port.
    Proxy(Remote),
    /// `-O`: a word to the master of a shared connection.
    Master(MasterCommand, Option<String>),
}

/// The request for a task's terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TtyRequest {
    /// No.
    Never,
    /// If standard input is one.
    IfLocal,
    /// Yes.
    Always,
}

/// A request of `-O` to a master.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MasterCommand {
    /// To say that it is there.
    Check,
    /// To end.
    Exit,
    /// To take no more sessions.
    Stop,
}

impl MasterCommand {
    /// The command of this name.
    ///
    /// # Errors
    /// The message for a command that is not supported or does not exist.
    pub(super) fn named(name: &str) -> Result<Self, String> {
        match name {
            "check" => Ok(Self::Check),
            "exit" => Ok(Self::Exit),
            "stop" => Ok(Self::Stop),
            "forward" | "cancel" => Err(tr!(
                "{name}: forwards have sessions of their own; `axt forward` starts and ends them",
                name
            )),
            "proxy" => Err(tr!("proxy: axt can't share a connection this way").into()),
            _ => Err(tr!("{name:?} is not one of check, exit and stop", name)),
        }
    }
}

impl SshPlan {
    /// The plan for the host that was typed.
    ///
    /// # Errors
    /// The message names the request that axt does not support.
    pub(super) fn of(wanted: ArgumentValues, host: &str) -> Result<Self, String> {
        let settings = &wanted.settings;
        possible(settings)?;
        let target = target(settings, host)?;
        let task = task(&wanted, (host, &target))?;
        let forwards = forwards(settings, &task)?;
        let interval = settings.alive_interval.filter(|time| !time.is_zero());
        let replies = settings.alive_count_max.unwrap_or(3).max(1);
        let warnings = settings.complaints().filter(|c| c.is_warning);
        let terminal = terminal(settings, &task);
        let is_alone = forwards.is_empty() && settings.batch_mode != Some(true);
        Ok(Self {
            user: settings.user.clone(),
            may_ask: task == Task::Shell && terminal != TtyRequest::Never && is_alone,
            terminal,
            no_stdin: settings.stdin_null == Some(true),
            exit_on_forward_failure: settings.exit_on_forward_failure == Some(true),
            connect_timeout: settings
                .connect_timeout
                .flatten()
                .filter(|time| !time.is_zero()),
            // The agent gives up after 180 s of silence.
            keepalive: interval.map(|time| time.min(Duration::from_secs(170))),
            dead_after: interval.map(|time| time.saturating_mul(replies)),
            escape_char: settings.escape_char,
            compress: settings.compression,
            log_level: settings.log_level.unwrap_or(LogLevel::Info),
            warnings: warnings.map(|c| c.text.clone()).collect(),
            without_effect: settings.without_effect.clone(),
            send_env: settings.send_env.clone(),
            set_env: settings.set_env.clone(),
            log_file: wanted.log_file.clone(),
            control: control(settings),
            target,
            task,
            forwards,
        })
    }
}

/// The sharing of sessions. As with ssh, it needs a ControlPath, and `none` switches it off.
fn control(settings: &SshSettings) -> Option<ControlOptions> {
    let path = settings.control_path.clone()?;
    if path == "none" {
        return Some(ControlOptions::off());
    }
    // Nobody can be asked, so that `ask` starts nothing.
    let starts = matches!(settings.control_master, Some("yes" | "auto"));
    let keep = match settings.control_persist {
        None | Some(Persist::No) => Duration::ZERO,
        Some(Persist::Yes) => FOR_GOOD,
        Some(Persist::For(span)) => span,
    };
    Some(ControlOptions {
        path: Some(path),
        keep: starts.then_some(keep),
    })
}

/// Fails if something was requested that axt does not support, and names all of it.
fn possible(settings: &SshSettings) -> Result<(), String> {
    let refused = settings.complaints().filter(|c| !c.is_warning);
    let mut refused: Vec<String> = refused.map(|c| c.text.clone()).collect();
    if let Some(port) = settings.port.filter(|port| *port != 22) {
        refused.push(tr!(
            "port {port}: axt does not connect to sshd's port; leave it out, or reach a port by `axt forward` or `axt proxy`",
            port
        ));
    }
    if refused.is_empty() {
        Ok(())
    } else {
        Err(refused.join("\n"))
    }
}

/// `HostName`, or what was typed.
pub(super) fn target(settings: &SshSettings, host: &str) -> Result<String, String> {
    let target = match &settings.host_name {
        Some(name) => expand("HostName", name, &[('h', host)])?,
        None => host.to_owned(),
    };
    // The user has his own setting.
    let has_user = Target::parse(&target).user.is_some();
    let is_odd = target.is_empty() || target.starts_with('-') || target.contains(char::is_control);
    if has_user || is_odd {
        return Err(tr!("{target:?} can't be the name of an instance", target));
    }
    Ok(target)
}

/// The task at `target`, which was typed as `host`.
fn task(wanted: &ArgumentValues, (host, target): (&str, &str)) -> Result<Task, String> {
    let settings = &wanted.settings;
    if let Some(master) = wanted.master {
        if wanted.forward.is_some() {
            return Err(tr!("-O and -W exclude each other").into());
        }
        let path = settings.control_path.clone();
        return Ok(Task::Master(master, path.filter(|path| path != "none")));
    }
    if let Some(remote) = &wanted.forward {
        return Ok(Task::Proxy(remote.clone()));
    }
    let words = wanted.command.join(OsStr::new(" "));
    let has_command = !words.is_empty();
    let configured = settings.remote_command.as_deref().unwrap_or_default();
    match settings.session_type {
        Some("none") => Ok(Task::Forward),
        Some("subsystem") if !has_command => Err(tr!("-s: the subsystem's name is missing").into()),
        Some("subsystem") => match words.to_str() {
            Some("sftp") => Ok(Task::Subsystem("sftp".into())),
            _ => Err(tr!("-s: there is no subsystem {words:?}, only sftp", words)),
        },
        // As with ssh, an empty command is none.
        _ if configured.is_empty() && !has_command => Ok(Task::Shell),
        _ if configured.is_empty() => Ok(Task::Command(words)),
        _ if has_command => {
            Err(tr!("RemoteCommand and a command in the arguments exclude each other").into())
        }
        _ => {
            let user = settings.user.as_deref().unwrap_or_default();
            let tokens = [('h', target), ('n', host), ('p', "22"), ('r', user)];
            expand("RemoteCommand", configured, &tokens).map(|text| Task::Command(text.into()))
        }
    }
}

fn terminal(settings: &SshSettings, task: &Task) -> TtyRequest {
    let has_none = matches!(task, Task::Forward | Task::Proxy(_) | Task::Master(..));
    match settings.request_tty {
        _ if has_none => TtyRequest::Never,
        Some("force") => TtyRequest::Always,
        _ if settings.stdin_null == Some(true) => TtyRequest::Never,
        Some("yes") => TtyRequest::IfLocal,
        None | Some("auto") if *task == Task::Shell => TtyRequest::IfLocal,
        _ => TtyRequest::Never,
    }
}

/// The forwards, with the address of those that name none.
fn forwards(settings: &SshSettings, task: &Task) -> Result<Vec<Listen>, String> {
    if settings.clear_all_forwardings == Some(true) {
        return Ok(Vec::new());
    }
    let wide = settings.gateway_ports == Some(true);
    let all = settings
        .local_forwards
        .iter()
        .chain(&settings.dynamic_forwards);
    let all: Vec<Listen> = all.cloned().map(|listen| bound(listen, wide)).collect();
    if *task == Task::Forward && all.is_empty() {
        if matches!(settings.control_master, Some("yes" | "auto")) {
            return Err(tr!(
                "-N: axt starts a shared session with its first command: give the commands themselves ControlMaster=auto, ControlPersist and the ControlPath"
            )
            .into());
        }
        return Err(tr!("-N: without -L or -D there is nothing to do").into());
    }
    Ok(all)
}

fn bound(mut listen: Listen, wide: bool) -> Listen {
    listen.bind = match listen.bind.as_deref() {
        Some("localhost") => None,
        None if wide => Some("*".into()),
        _ => listen.bind,
    };
    listen
}

/// Replaces `%%` and these tokens.
fn expand(what: &str, text: &str, tokens: &[(char, &str)]) -> Result<String, String> {
    let mut expanded = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            expanded.push(c);
            continue;
        }
        let token = chars.next().unwrap_or(' ');
        match tokens.iter().find(|(name, _)| *name == token) {
            Some((_, value)) => expanded.push_str(value),
            None if token == '%' => expanded.push('%'),
            None => {
                return Err(tr!(
                    "{what}: axt does not know the token %{token}",
                    what,
                    token
                ));
            }
        }
    }
    Ok(expanded)
}
