//! axt, an ssh-like client for the session service of Alibaba Cloud. This page is the map of the program.
//!
//! ```text
//!  local side              the core (no IO)                    the wire
//!  terminal, pipes,  <-->  protocol::{Session, Webshell}  <-->  WebSocket over TLS
//!  TCP, ssh's stdio        takes bytes, frames and `now`,
//!                          returns actions and a deadline
//!                                ^
//!                                | pump: the only loop
//! ```
//!
//! - [`protocol`] takes bytes, frames and the time as arguments. It returns what to send, what to show
//!   and when to ask again. Keepalive, pacing, sequence numbers, resume, readiness and encryption are
//!   there, without a socket or a clock, and are tested on a virtual clock.
//!   [`protocol::channel::Channel`] is the interface of a session; a [`protocol::filter::Filter`]
//!   translates between the session's bytes and the user's.
//! - [`remote`] is what runs on the instance for a command, as shell scripts, and its client without IO:
//!   two exact streams, input in a window, signals, a status.
//! - `pump` joins the local side, one wire and one channel in a single `select!`. While the wire is
//!   stuck, it still serves output, escapes and signals; when the wire breaks, it connects again.
//! - `wire` is the WebSocket. [`net`] connects to any host, and chooses proxy and TLS for the API and
//!   the WebSocket alike. [`openapi`] signs and makes the API's calls; lists in pages
//!   (`openapi::pages`) and the instances of an account (`openapi::ecs`) are there. [`terminal`] has raw mode, the
//!   size, the keyboard and the signals.
//! - `recording` writes what a terminal shows into a file that asciinema plays. `terminal::Stdout` shows it every
//!   byte that goes to the terminal; `commands/common/session/recorder` decides whether there is one, and where.
//! - `names` knows how instances are named: what a TARGET may mean, what the answers to a search mean, and
//!   what of it is remembered, all without a call. `commands/common/target` makes the calls: it finds the
//!   instance of a TARGET, and makes sure of one that was only remembered while its session is started.
//!   `terminal::choice` is the list from which a user chooses one of several.
//! - [`config`] reads files and the environment: settings, profiles, and a description of where the
//!   credentials come from. `providers` obtains the credentials, with one file for each mode, and renews
//!   them during a run.
//! - [`cli`] is the command line: its types are in `cli::grammar`, ssh's own grammar in `cli::ssh`, and
//!   `cli::parse` reads it. The grammar is also the list of what may be in axt's configuration file:
//!   `cli::parse::configured` turns what the file says into defaults of the options. `cli::manual` has the
//!   texts of help and manual pages that are not of the grammar. `cli::unfinished` finds the words that could
//!   come next on an unfinished command line; `commands/completion` has the shells' scripts, and the targets
//!   that are known without a call.
//! - `share` is the filter that runs one command after another in a session, and what passes between a command
//!   and the process that holds sessions for later commands: the socket and who may use it, messages with
//!   descriptors. The process itself is `commands/share`, and `commands/common/sharing` hands a command over
//!   to it. `share::governor` is the pace at which all processes of a user together start sessions;
//!   `commands/common/session/queue` waits for it, and for the service's limits.
//! - `copy` is `axt cp` without IO: how its paths are written, the scripts that run at the remote side, what
//!   these say, and what is left to be copied. `commands/cp` runs the scripts one after another in a session that
//!   is held (`commands/common/session/held`), and has the local files.
//! - [`commands`] is the only layer that may use every other one, with one file or folder for each
//!   command. Code that several commands need is in `commands/common`: the way to the service
//!   (`context`), the instance of a TARGET (`target`), starting and ending a session, joining it to the
//!   terminal or to a port (`session`), what is remembered of earlier runs (`remembered`), signals and time
//!   limits (`stops`), showing failures (`report`), and the filter that runs a command by [`remote`] (`exec`).
//!   `commands/doctor` finds the reason of a failure. `commands/ssh` does what ssh's arguments ask for by
//!   `connect`, `proxy` and `forward`.
//! - [`emulator`] stands in for the service: `api` is the signed API, `gateway` the WebSockets and
//!   `agent` the instances, with real terminals and TCP connections. `fleet` has the instances that there are,
//!   with their names, addresses and tags, `state` what is remembered between calls, and `options` the
//!   faults that a test can ask for.
//!   `--emulator` starts it, and every end-to-end test talks to it.
//!
//! Messages are English or Chinese: `language` has `tr!`, which every text for users passes, and the tables of the
//! Chinese texts. Help, the log, JSON, and what is sent or kept are English.
//!
//! Failures are values: [`error`] has their types, `hints` what to do about them, [`exit`] the exit
//! status. A panic is a fault of axt's: `commands/common/panics` gives the terminal back and ends the process, as
//! nothing is unwound. Only `ui` prints; `json` makes the documents of `--json`, and has their schema. Text from
//! others passes `printable` first. `tests/imports.rs` has the table of which layer may import which;
//! neither layers nor files import each other in a circle.
//!
//! The path of a keystroke: `terminal::Stdin` -> `pump` -> `Escape` -> `Filter` -> `Session` (a numbered
//! Input message, as soon as the remote side is ready and the rate limit allows it) -> `wire`. Output
//! takes the same way back, once and in order, to `terminal::Stdout`.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

// First, so that its macros are known in all others.
#[macro_use]
mod language;

mod backoff;
pub mod cli;
pub mod commands;
pub mod config;
mod copy;
#[cfg(feature = "emulator")]
pub mod emulator;
pub mod error;
pub mod exit;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub(crate) mod hints;
mod json;
mod kept;
mod names;
pub mod net;
pub mod openapi;
pub(crate) mod pattern;
pub(crate) mod printable;
mod process;
pub mod protocol;
pub(crate) mod providers;
pub(crate) mod pump;
pub(crate) mod recording;
pub mod remote;
pub(crate) mod share;
mod size;
pub mod terminal;
pub(crate) mod ui;
pub(crate) mod wire;
