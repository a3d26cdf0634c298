//! The grammar of `axt ssh` and `axt ssh-config`, as far as it is axt's.

use super::{Command, ForwardArgs};
use crate::cli::ssh::{MasterCommand, SshPlan, Task, TtyRequest};
use clap::Args;
use std::ffi::OsString;
use std::io::{self, IsTerminal as _};

/// The section of the help that lists ssh's options.
const OPTIONS: &str = "\
OPTIONS OF SSH
  -l USER, -t, -tt, -T, -n, -q, -v, -vv, -vvv, -C, -N, -e CHAR, -E FILE
      As in ssh(1).
  -L ..., -g, -D ..., -W HOST:PORT, -s sftp, -O check|exit|stop, -G, -V, -p 22
      As in ssh(1).
      Ports only: no sockets in the file system, as in -L /path:host:port.
  -F FILE
      A configuration file is read only if this names it: its Host, Match and
      Include lines count.
  -o KEY=VALUE
      User, HostName, RequestTTY, SendEnv, SetEnv, ConnectTimeout,
      ServerAliveInterval, ServerAliveCountMax, BatchMode, LogLevel, EscapeChar,
      Compression, LocalForward, DynamicForward, GatewayPorts,
      ExitOnForwardFailure, ClearAllForwardings, RemoteCommand, StdinNull,
      SessionType, ControlMaster, ControlPath, ControlPersist, IgnoreUnknown.
  -i, -4, -6, -a, -x, -c, -m, ...
      Without effect: there are no keys, ciphers or ports of sshd's here.
  -R, -A, -X, -Y, -w, -J, -f, -b
      Refused: the service can't do it.";

/// `axt ssh`.
#[derive(Debug, Default, Args)]
#[command(
    override_usage = "axt ssh [SSH'S OPTIONS] [USER@]TARGET [COMMAND [ARG]...]",
    after_long_help = OPTIONS
)]
pub(crate) struct Ssh {
    /// ssh's options, the instance, and what to run there
    #[arg(
        value_name = "ARG",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    args: Vec<OsString>,
    /// The command that does the task on the instance, `connect` or `proxy`; without it, there are only
    /// forwards.
    #[arg(skip)]
    pub(crate) task: Option<Box<Command>>,
    /// The request of `-O` to the master of shared sessions, in place of the task.
    #[arg(skip)]
    pub(crate) master: Option<MasterCommand>,
    /// The forwards that run besides the task.
    #[arg(skip)]
    pub(crate) forward: Option<Box<ForwardArgs>>,
    /// True if a port that can't be listened on ends the command.
    #[arg(skip)]
    pub(crate) exit_on_forward_failure: bool,
    /// Warnings, shown before the task.
    #[arg(skip)]
    pub(crate) warnings: Vec<String>,
    /// The names of options that were accepted without effect.
    #[arg(skip)]
    pub(crate) without_effect: Vec<String>,
}

impl Ssh {
    /// The command for a plan; `task` and `forward` are its parts as axt reads them.
    pub(crate) fn of(plan: &SshPlan, mut task: Option<Command>, forward: Option<Command>) -> Self {
        let mut warnings: Vec<String> = plan.warnings.clone();
        let wants_terminal = plan.terminal == TtyRequest::IfLocal && plan.task != Task::Shell;
        if wants_terminal && !io::stdin().is_terminal() {
            warnings.push(tr!(
                "no terminal is allocated, because stdin is not a terminal; -tt allocates one anyway"
            ).into());
        }
        if let Some(Command::Connect(connect)) = &mut task
            && let Some(control) = &plan.control
        {
            connect.sharing.control = Some(control.clone());
        }
        Self {
            task: task.map(Box::new),
            master: match plan.task {
                Task::Master(command, _) => Some(command),
                _ => None,
            },
            forward: match forward {
                Some(Command::Forward(forward)) => Some(forward),
                _ => None,
            },
            exit_on_forward_failure: plan.exit_on_forward_failure,
            warnings,
            without_effect: plan.without_effect.clone(),
            ..Self::default()
        }
    }
}

/// `axt ssh-config`.
#[derive(Debug, Args)]
pub(crate) struct SshConfig {
    /// The instances, as for `axt connect`, each with its region and user [default: every instance id]
    #[arg(value_name = "[USER@]TARGET")]
    pub(crate) targets: Vec<String>,
}
