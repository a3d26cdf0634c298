//! The grammar: these types are the command line, and their comments are the help.

mod configuration;
mod connect;
mod cp;
mod doctor;
#[cfg(feature = "emulator")]
mod emulator;
mod forward;
mod global;
mod instances;
mod openssh;
mod proxy;
mod record;
mod session;
mod sessions;
mod share;
pub(super) mod values;
pub(super) mod variables;
mod webshell;

pub(crate) use configuration::{Config, ConfigShow, OptionSetting};
pub(crate) use connect::{ConnectArgs, RunArgs};
pub(crate) use cp::CpArgs;
pub(crate) use doctor::DoctorArgs;
#[cfg(feature = "emulator")]
pub(crate) use emulator::{EmulatorArgs, GuestKind};
pub(crate) use forward::{ForwardArgs, PortArgs};
pub(crate) use global::Global;
pub(crate) use instances::InstancesArgs;
pub(crate) use openssh::{Ssh, SshConfig};
pub(crate) use proxy::ProxyArgs;
pub(crate) use record::RecordArgs;
pub(crate) use session::{ConnectionArgs, SessionArgs};
pub(crate) use sessions::{Sessions, SessionsEnd, SessionsList};
pub(crate) use share::{ControlOptions, Share, ShareStatus, ShareStop, Sharing};
pub(crate) use values::Compress;
pub(crate) use webshell::WebshellArgs;

use clap::{Parser, Subcommand};
use std::ffi::OsString;

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
    /// Act as ssh: its options, its grammar, its exit statuses, for programs that call ssh
    ///
    /// It takes ssh's options and acts like ssh, so that programs that call ssh can call it: rsync, scp,
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
