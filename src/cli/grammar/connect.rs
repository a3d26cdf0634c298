//! The grammar of `axt connect`, and of commands that run something.

use super::values::{Compress, EscapeChar, Variable, duration, escape_char, variable};
use super::{RecordArgs, SessionArgs, Sharing};
use clap::Args;
use std::ffi::OsString;
use std::time::Duration;

/// `axt connect`.
#[derive(Debug, Args)]
pub(crate) struct ConnectArgs {
    /// The instance: an id, a name, an address or tag:KEY=VALUE, with .REGION after it if it is in another
    /// one; USER@ names the user there. Without it, a choice on the terminal
    #[arg(value_name = "[USER@]TARGET", required_unless_present = "wss_url")]
    pub(crate) target: Option<String>,
    /// The command to run there.
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

/// The options of every command that can run something.
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
