//! The grammar of `axt forward`, and the options of port sessions.

use super::SessionArgs;
use super::values::duration;
use super::values::forward::{self, Listen};
use clap::Args;
use std::ffi::OsString;
use std::time::Duration;

/// `axt forward`.
#[derive(Debug, Clone, Args)]
#[command(group = clap::ArgGroup::new("forwards").required(true).multiple(true).args(["local", "dynamic"]))]
pub(crate) struct ForwardArgs {
    /// The instance: an id, a name, an address or tag:KEY=VALUE, with .REGION after it if it is in another one
    #[arg(value_name = "TARGET", required_unless_present = "wss_url")]
    pub(crate) target: Option<String>,
    /// Listen on PORT of this machine (0: any free one), and forward to HOSTPORT of the instance, or of HOST
    #[arg(
        short = 'L',
        long,
        visible_alias = "local-forward",
        value_name = "[BIND:]PORT:[HOST:]HOSTPORT",
        value_delimiter = ' ',
        value_parser = forward::local
    )]
    pub(crate) local: Vec<Listen>,
    /// Run a SOCKS proxy on PORT, whose connections are made from the instance
    #[arg(
        short = 'D',
        long,
        visible_alias = "dynamic-forward",
        value_name = "[BIND:]PORT",
        value_delimiter = ' ',
        value_parser = forward::dynamic
    )]
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
