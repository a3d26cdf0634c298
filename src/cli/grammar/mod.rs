//! The grammar: these types are the command line, and their comments are the help.

mod configuration;
mod cp;
mod doctor;
#[cfg(feature = "emulator")]
mod emulator;
mod global;
mod instances;
mod openssh;
mod record;
mod sessions;
mod share;
pub(super) mod values;
pub(super) mod variables;

pub(crate) use configuration::{Config, ConfigShow, OptionSetting};
pub(crate) use cp::CpArgs;
pub(crate) use doctor::DoctorArgs;
#[cfg(feature = "emulator")]
pub(crate) use emulator::{EmulatorArgs, GuestKind};
pub(crate) use global::Global;
pub(crate) use instances::InstancesArgs;
pub(crate) use openssh::{Ssh, SshConfig};
pub(crate) use record::RecordArgs;
pub(crate) use sessions::{Sessions, SessionsEnd, SessionsList};
pub(crate) use share::{ControlOptions, Share, ShareStatus, ShareStop, Sharing};
pub(crate) use values::Compress;

use crate::openapi::ecs::Encryption;
use clap::{Args, Parser, Subcommand};
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::time::Duration;
use values::forward::Listen;
use values::{
    EscapeChar, Variable, duration, encryption, escape_char, forward, keepalive, rate, timeout,
    variable, written,
};

/// Shells, commands and ports on Alibaba Cloud instances that have no public address.
///
/// axt uses the session service of Cloud Assistant, which needs no open port, no key and no bastion host.
/// axt's own messages go to stderr; stdout is data only.
#[derive(Debug, Parser)]
#[command(name = "axt", version, max_term_width = 100, propagate_version = true)]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub(crate) global: Global,
    /// The command.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Open a shell on an instance, or run a command there
    Connect(Box<ConnectArgs>),
    /// Copy files and directories to an instance or from one, verified and resumable
    ///
    /// Every file is copied to a part beside its place, NAME.axt-part. Its SHA-256 is compared before it takes
    /// the place of what was there. The same command goes on where an interrupted one stopped. Files that are
    /// the same already are left alone. The instance needs a POSIX shell and no sshd.
    #[command(mut_arg("no_resume", |arg| arg.help("Copy everything afresh: nothing of an interrupted copy is used")))]
    Cp(Box<CpArgs>),
    /// Forward local TCP ports to an instance, or to what the instance can reach
    Forward(Box<ForwardArgs>),
    /// Join stdin and stdout to a port of an instance: `ProxyCommand axt proxy %h %p`
    Proxy(Box<ProxyArgs>),
    /// Act as ssh: its options, its grammar, its exit statuses, for whatever calls ssh
    ///
    /// It takes ssh's options and acts like ssh, so that whatever calls ssh can call it: rsync, scp,
    /// sftp, git, Ansible, ClusterShell, editors. It is the same when axt is called by the name ssh or
    /// axt-ssh. The instance needs no sshd. What the service can't do (-R, -A, -X, -J …) is refused.
    Ssh(Box<Ssh>),
    /// Print a block for ~/.ssh/config, for instances with an sshd of their own
    SshConfig(SshConfig),
    /// Open a shell in a pod of SAE, or run a command there
    Webshell(Box<WebshellArgs>),
    /// List instances: ids, names, addresses, agents, tags
    Instances(Box<InstancesArgs>),
    /// List sessions, or end them
    #[command(subcommand)]
    Sessions(Sessions),
    /// List the sessions that `--share` holds for later commands, or end them
    #[command(subcommand)]
    Share(Share),
    /// Check everything a session needs, and say how to repair what fails
    Doctor(DoctorArgs),
    /// Show what is configured
    #[command(subcommand)]
    Config(Config),
    /// Run a local emulator of the cloud service, in the foreground
    #[cfg(feature = "emulator")]
    Emulator(Box<EmulatorArgs>),
    /// Print the completion script of a shell
    Completion {
        /// The shell
        shell: clap_complete::Shell,
        /// The words that were typed; for bash, the line and the characters that separate its words.
        #[arg(last = true, hide = true)]
        typed: Vec<OsString>,
    },
    /// Print the manual page of axt, or of a command
    Man {
        /// The command, such as `connect` or `sessions list`
        command: Vec<String>,
    },
    /// Print the JSON Schema of all that is printed with --json
    Schema,
}

impl Command {
    /// True if `--json` was given: then a failure is printed as JSON too.
    pub(crate) fn prints_json(&self) -> bool {
        match self {
            Self::Forward(args) => args.json,
            Self::Instances(args) => args.json,
            Self::Sessions(Sessions::List(args)) => args.json,
            Self::Sessions(Sessions::End(args)) => args.json,
            Self::Share(Share::Status(args)) => args.json,
            Self::Share(Share::Stop(args)) => args.json,
            Self::Doctor(args) => args.json,
            Self::Config(Config::Show(args)) => args.json,
            _ => false,
        }
    }
}

/// `axt connect`.
#[derive(Debug, Args)]
pub(crate) struct ConnectArgs {
    /// The instance: an id, a name, an address or tag:KEY=VALUE, with .REGION after it if it is in another one; USER@ names the user there. Without it, a choice on the terminal
    #[arg(value_name = "[USER@]TARGET", required_unless_present = "wss_url")]
    pub(crate) target: Option<String>,
    /// What to run there.
    #[command(flatten)]
    pub(crate) run: RunArgs,
    /// Start the service's own shell, without a status, instead of the user's login shell
    #[arg(long, conflicts_with_all = ["login", "command", "argv", "words", "shell", "env"])]
    pub(crate) default_shell: bool,
    /// Pass the command to the agent as it is: no shell, no status, at most 512 characters
    #[arg(long, conflicts_with_all = ["login", "binary"])]
    pub(crate) raw_command: bool,
    /// The options that share the session with later commands.
    #[command(flatten)]
    pub(crate) sharing: Sharing,
    /// The options that record the session.
    #[command(flatten)]
    pub(crate) record: RecordArgs,
    /// Options of every session.
    #[command(flatten)]
    pub(crate) session: SessionArgs,
}

/// `axt webshell`.
#[derive(Debug, Args)]
pub(crate) struct WebshellArgs {
    /// Id of the SAE application
    #[arg(long, value_name = "ID")]
    pub(crate) app_id: String,
    /// Pod of the application: the name of one of its instances
    #[arg(long, value_name = "NAME")]
    pub(crate) pod: String,
    /// Container in the pod [default: the application's own]
    #[arg(long, value_name = "NAME")]
    pub(crate) container: Option<String>,
    /// Print the address of the shell's web page instead; anyone who has it has the shell
    #[arg(long, conflicts_with_all = ["command", "words", "argv", "login"])]
    pub(crate) print_url: bool,
    /// What to run there.
    #[command(flatten)]
    pub(crate) run: RunArgs,
    /// The options that record the session.
    #[command(flatten)]
    pub(crate) record: RecordArgs,
    /// Options of every connection.
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// What to run: options of every command that can run something.
#[derive(Debug, Clone, Args)]
pub(crate) struct RunArgs {
    /// Run this shell command and end with its exit status
    #[arg(short, long, value_name = "STR")]
    pub(crate) command: Option<OsString>,
    /// Run this shell command, its words joined by spaces; no option of axt's can follow its first word
    #[arg(
        value_name = "CMD",
        num_args = 0..,
        allow_hyphen_values = true,
        conflicts_with_all = ["command", "argv"]
    )]
    pub(crate) words: Vec<OsString>,
    /// Run this program with these arguments, quoted for the remote shell
    #[arg(last = true, value_name = "ARGV", conflicts_with = "command")]
    pub(crate) argv: Vec<OsString>,
    /// Start the user's login shell, in their home, and return its status: what a terminal session does by itself
    #[arg(long)]
    pub(crate) login: bool,
    /// Has no effect: a command's output is always exact
    #[arg(long)]
    pub(crate) binary: bool,
    /// Run the command with this shell [default: the user's]
    #[arg(long, value_name = "PATH")]
    pub(crate) shell: Option<OsString>,
    /// Set a variable for the command; without a value, to what it is here (repeatable)
    #[arg(long, value_name = "NAME[=VALUE]", value_parser = variable)]
    pub(crate) env: Vec<Variable>,
    /// Compress the traffic where that helps and the instance has gzip
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub(crate) compress: Compress,
    /// Give the command no standard input
    #[arg(short = 'n', long = "no-stdin")]
    pub(crate) no_stdin: bool,
    /// Make it a terminal session, even if stdin or stdout is no terminal
    #[arg(short = 't', long = "tty", conflicts_with = "no_tty")]
    pub(crate) tty: bool,
    /// Don't make it a terminal session
    #[arg(short = 'T', long = "no-tty")]
    pub(crate) no_tty: bool,
    /// End the command after this time, with status 124
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) timeout: Option<Duration>,
    /// Escape character of terminal sessions, or `none`
    #[arg(short, long, value_name = "CHAR", default_value = "~", value_parser = escape_char)]
    pub(crate) escape_char: EscapeChar,
}

/// `axt proxy`.
#[derive(Debug, Args)]
pub(crate) struct ProxyArgs {
    /// The instance: an id, a name, an address or tag:KEY=VALUE, with .REGION after it if it is in another one
    #[arg(value_name = "TARGET", required_unless_present = "wss_url")]
    pub(crate) target: Option<String>,
    /// The TCP port
    #[arg(value_name = "PORT", default_value = "22", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: u16,
    /// The port's host, as the instance reaches it [default: the instance itself]
    #[arg(long, value_name = "HOST")]
    pub(crate) target_server: Option<String>,
    /// Options of every port session.
    #[command(flatten)]
    pub(crate) ports: PortArgs,
    /// Options of every session.
    #[command(flatten)]
    pub(crate) session: SessionArgs,
}

/// `axt forward`.
#[derive(Debug, Clone, Args)]
#[command(group = clap::ArgGroup::new("forwards").required(true).multiple(true).args(["local", "dynamic"]))]
pub(crate) struct ForwardArgs {
    /// The instance: an id, a name, an address or tag:KEY=VALUE, with .REGION after it if it is in another one
    #[arg(value_name = "TARGET", required_unless_present = "wss_url")]
    pub(crate) target: Option<String>,
    /// Listen on PORT of this machine (0: any free one), and forward to HOSTPORT of the instance, or of HOST
    #[arg(short = 'L', long, visible_alias = "local-forward", value_name = "[BIND:]PORT:[HOST:]HOSTPORT", value_delimiter = ' ', value_parser = forward::local)]
    pub(crate) local: Vec<Listen>,
    /// Run a SOCKS proxy on PORT, whose connections are made from the instance
    #[arg(short = 'D', long, visible_alias = "dynamic-forward", value_name = "[BIND:]PORT", value_delimiter = ' ', value_parser = forward::dynamic)]
    pub(crate) dynamic: Vec<Listen>,
    /// Run a program with AXT_FORWARD_1_PORT and so on set (for each -L, then each -D), and end with its status
    #[arg(long, requires = "argv", conflicts_with = "json")]
    pub(crate) exec: bool,
    /// The program of --exec, with its arguments
    #[arg(last = true, value_name = "CMD", requires = "exec")]
    pub(crate) argv: Vec<OsString>,
    /// Open at most N sessions at once; further connections wait for their turn
    #[arg(long, value_name = "N", default_value = "16", value_parser = clap::value_parser!(u16).range(1..=100))]
    pub(crate) max_sessions: u16,
    /// Keep N opened sessions in reserve for each -L (not for servers that limit idle connections)
    #[arg(long, value_name = "N", default_value = "0", value_parser = clap::value_parser!(u16).range(..=100))]
    pub(crate) warm: u16,
    /// Print events as JSON lines on stdout
    #[arg(long)]
    pub(crate) json: bool,
    /// Options of every port session.
    #[command(flatten)]
    pub(crate) ports: PortArgs,
    /// Options of every session.
    #[command(flatten)]
    pub(crate) session: SessionArgs,
}

/// Options of every port session.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Port options")]
pub(crate) struct PortArgs {
    /// Send at once instead of waiting until the remote side is ready: old agents drop early input
    #[arg(long)]
    pub(crate) eager: bool,
    /// After the local side's end, end the session as incomplete after this much silence of the remote
    /// side; 0 waits for nothing [default: 5s, no limit where the agent reports its target's close]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) linger: Option<Duration>,
}

/// Options of every session.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
#[command(next_help_heading = "Session options")]
pub(crate) struct SessionArgs {
    /// User on the instance [default: the service's]
    #[arg(short = 'l', long, value_name = "NAME")]
    pub(crate) user: Option<String>,
    /// Name of the user's password in the parameter store (Windows instances)
    #[arg(long, value_name = "NAME")]
    pub(crate) password_name: Option<String>,
    /// Encrypt a terminal session end to end: auto, or kms:KEYID for a data key from KMS
    #[serde(with = "written")]
    #[arg(long, value_name = "auto|kms:KEYID", value_parser = encryption)]
    pub(crate) encrypt: Option<Encryption>,
    /// Base URL of KMS, for --encrypt kms:KEYID [default: --endpoint, or the region's]
    #[arg(long, value_name = "URL")]
    pub(crate) kms_endpoint: Option<String>,
    /// Wait this long for the service's limits and for sessions that other commands start before; 0: not
    /// at all
    #[arg(long, value_name = "DURATION", env = "AXT_QUEUE_TIMEOUT", default_value = "60s", value_parser = duration, hide_short_help = true)]
    pub(crate) queue_timeout: Duration,
    /// Start no more sessions a second than this with all commands of the account in a region, after twice
    /// as many at once; 0: no limit
    #[arg(long, value_name = "N", env = "AXT_START_RATE", default_value = "15", value_parser = clap::value_parser!(u32).range(..=1000), hide_short_help = true)]
    pub(crate) start_rate: u32,
    /// Idempotency token of the call that starts the session [default: a new UUID]
    #[arg(long, value_name = "TOKEN")]
    pub(crate) client_token: Option<String>,
    /// Use this session URL instead of asking the API for a session; `-` reads it from stdin
    #[cfg_attr(feature = "emulator", arg(conflicts_with = "emulator"))]
    #[arg(long, value_name = "URL")]
    pub(crate) wss_url: Option<String>,
    /// End when the connection breaks, instead of resuming the session
    #[arg(long)]
    pub(crate) no_resume: bool,
    /// Use a name's instance without a check for this long after it was looked up; 0 for never
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration, hide_short_help = true)]
    pub(crate) name_cache: Duration,
    /// Options of every connection.
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// Options of every connection.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
#[command(next_help_heading = "Session options")]
pub(crate) struct ConnectionArgs {
    /// Time limit for each step of opening: API call, connection, the agent's answer
    #[arg(long, value_name = "DURATION", default_value = "15s", value_parser = timeout)]
    pub(crate) connect_timeout: Duration,
    /// Send a heartbeat after this much time without sending, 1s to 170s; 0 for none [default: 60s, for
    /// the ports of old agents 170s]
    #[arg(long, value_name = "DURATION", value_parser = keepalive)]
    pub(crate) keepalive: Option<Duration>,
    /// Treat the connection as dead after this much silence of the gateway; 0 for never
    #[arg(long, value_name = "DURATION", default_value = "45s", value_parser = duration)]
    pub(crate) dead_after: Duration,
    /// Send no more bytes per second than this, such as 200K [default: the service's limit]
    #[arg(long, value_name = "SIZE/S", value_parser = rate)]
    pub(crate) rate_limit: Option<u64>,
    /// Use an emulator inside this process: every instance is this machine
    #[cfg(feature = "emulator")]
    #[arg(long, conflicts_with = "endpoint")]
    pub(crate) emulator: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_grammar_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn everything_after_two_dashes_is_the_command() {
        let cli = Cli::try_parse_from(["axt", "connect", "i-1", "-v", "--", "ls", "-l"]).unwrap();
        let Command::Connect(connect) = cli.command else {
            panic!("connect was asked for");
        };
        assert_eq!(connect.run.argv, ["ls", "-l"]);
        assert_eq!(cli.global.verbose, 1);
    }
}
