//! The grammar of `axt emulator`.

use crate::emulator::Faults;
use crate::emulator::Instance;
use crate::emulator::Limits;
use crate::emulator::Options;
use crate::error::Result;
use clap::{Args, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;

/// `axt emulator`.
///
/// It prints its address and the lines that point a shell at it, then runs until it is interrupted.
#[derive(Debug, Args)]
#[command(after_long_help = settings())]
pub(crate) struct EmulatorArgs {
    /// Address to listen on; port 0 is any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// The program of a session
    #[arg(long, value_name = "KIND", default_value = "pty")]
    pub(crate) guest: GuestKind,
    /// Shell of sessions without a command [default: the user's]
    #[arg(long, value_name = "PATH")]
    pub(crate) shell: Option<PathBuf>,
    /// Change a limit; repeatable
    #[arg(long, value_name = "NAME=VALUE", value_delimiter = ',', value_parser = limit)]
    pub(crate) limit: Vec<String>,
    /// Add a fault; repeatable
    #[arg(long, value_name = "NAME[=VALUE]", value_delimiter = ',', value_parser = fault)]
    pub(crate) fault: Vec<String>,
    /// Describe an instance, as in i-1:stopped or i-2:windows:name=web-2:ip=10.0.0.2; repeatable
    #[arg(long, value_name = "ID[:WORD]...", value_delimiter = ',')]
    pub(crate) instance: Vec<Instance>,
    /// Read instances from a JSON file, such as what `aliyun ecs DescribeInstances` printed
    #[arg(long, value_name = "FILE")]
    pub(crate) instances: Option<PathBuf>,
    /// Deny an action as RAM would, such as ecs:StartTerminalSession; repeatable
    #[arg(long, value_name = "ACTION", value_delimiter = ',', value_parser = denied)]
    pub(crate) deny: Vec<String>,
    /// Switch Session Manager off for the account
    #[arg(long)]
    pub(crate) no_session_manager: bool,
    /// Permit an address that other machines can reach: they may get a shell as you
    #[arg(long)]
    pub(crate) allow_remote: bool,
}

/// The program of an emulated session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GuestKind {
    /// A shell or a command on a terminal, or a TCP connection
    Pty,
    /// Echo what is sent
    Echo,
}

/// Checks a value of `--limit`, so that an error names the option or the variable that it is from.
fn limit(text: &str) -> Result<String> {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    Limits::default().set(name, value)?;
    Ok(text.to_owned())
}

/// Checks a value of `--fault`.
fn fault(text: &str) -> Result<String> {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    Faults::default().set(name, value)?;
    Ok(text.to_owned())
}

/// Checks a value of `--deny`.
fn denied(text: &str) -> Result<String> {
    Options::default().deny(text)?;
    Ok(text.to_owned())
}

/// The sections of the help about what `--limit`, `--fault` and `--instance` take.
fn settings() -> String {
    let indented = |text: String| {
        let lines = text.lines().map(|line| format!("  {line}\n"));
        lines.collect::<String>()
    };
    format!(
        "\
LIMITS
What --limit takes; none lifts a limit.

{}
FAULTS
What --fault takes. An AMOUNT is a number of messages, or a size such as 64K.

{}
INSTANCES
The words of --instance: {}

WHAT IS INFERRED
The emulator follows the public documents and the published code of the agent
and the clients. No published agent speaks protocol version 1.02: numbers, Sync
and resuming follow the browser client alone.",
        indented(Limits::help()),
        indented(Faults::help()),
        crate::emulator::INSTANCE_WORDS,
    )
}
