//! The runner: what runs at the remote side of a command, and its client's side without IO.
//!
//! The service runs `CommandLine` on a terminal: input is echoed, newlines become returns, both
//! streams are one, no shell is there, 512 characters are the limit, and the exit status is lost. So
//! `CommandLine` carries a first stage (`scripts/bootstrap.sh`) that silences the terminal, names the tools
//! it found and takes the second stage (`scripts/runner.sh`) over the channel: a loop that runs one command
//! after another. Each command has a session of its own without a terminal, pipes for its standard
//! streams, and the user's shell.
//!
//! - [`codec`] is the language that both sides speak: frames towards the runner, marked and numbered
//!   lines back.
//! - [`RunnerClient`] is the client's side: bytes and the time in; bytes for the runner, standard output,
//!   standard error, events and a deadline out.
//! - [`Terminal`] is the same for a program that has the session's terminal, whose bytes go as they
//!   are: only its status comes behind the mark.
//! - `scripts` makes the scripts: what the tools at the remote side allow, and what a command needs.
//!
//! A runner may run several commands ([`RunnerOptions::several`]): the next one may be given as soon as
//! [`RunnerEvent::Ended`] has come, and starts when the runner has said [`RunnerEvent::Idle`]. A runner that has
//! said [`RunnerEvent::Failed`], before or after a command's end, takes no other: its session is to be ended.
//!
//! A byte of one stream never shows in the other. What isn't a line of the runner's is never data.
//! The bytes that were delivered before a failure are a correct beginning.

mod client;
pub mod codec;
mod event;
mod finder;
mod hello;
mod input;
mod job;
mod output;
mod script;
mod scripts;
mod terminal;
mod tools;

pub use client::RunnerClient;
pub use event::{Failure, Note, RunnerEvent, RunnerOptions, Signal, Yield};
pub use script::StdinScript;
pub use scripts::{RemoteCommand, What, interpreter, quote, quote_all, typed_line};
pub(crate) use scripts::{code, sftp_server};
pub(crate) use terminal::END_OF_FILE;
pub use terminal::Terminal;
pub use tools::Tools;
