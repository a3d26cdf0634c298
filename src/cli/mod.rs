//! The command line: its grammar, how it is read, help and manual pages, and the command lines of ssh.

mod grammar;
mod invocation;
pub(crate) mod manual;
mod parse;
pub mod ssh;
mod unfinished;

pub use grammar::Cli;
pub use grammar::values::EscapeChar;
pub use grammar::values::forward::{Listen, Remote};
pub(crate) use grammar::values::{bytes_of, is_variable};
pub(crate) use grammar::variables::command;
pub(crate) use grammar::{
    Command, Compress, Config, ConfigShow, ConnectArgs, ConnectionArgs, ControlOptions, CpArgs,
    DoctorArgs, ForwardArgs, Global, InstancesArgs, PortArgs, ProxyArgs, RecordArgs, RunArgs,
    SessionArgs, Sessions, SessionsEnd, SessionsList, Share, ShareStatus, ShareStop, Sharing, Ssh,
    SshConfig, WebshellArgs,
};
#[cfg(feature = "emulator")]
pub(crate) use grammar::{EmulatorArgs, GuestKind};
pub(crate) use invocation::HOLDER;
pub use invocation::parse;
#[cfg(feature = "fuzzing")]
pub(crate) use parse::file_problems;
pub(crate) use unfinished::{Candidate, Unfinished};
