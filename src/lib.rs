//! axt, an ssh-like client for the session service of Alibaba Cloud: the map of the program.
//!
//! Four parties and one loop:
//!
//! ```text
//!  user's end              the core (no IO)                  the wire
//!  terminal, pipes,  <-->  protocol::{Session, Webshell} <-->  WebSocket over TLS
//!  TCP, ssh's stdio        bytes, frames and `now` in,
//!                          actions and a deadline out
//!                                ^
//!                                | pump: the only loop
//! ```
//!
//! - [`protocol`] takes bytes, frames and the time as arguments and answers with what to send, what
//!   to show and when to ask again. Keepalive, pacing, sequence numbers, resume, readiness and
//!   encryption live there, without a socket or a clock, and are tested on a virtual one.
//!   [`protocol::channel::Channel`] is the contract; a [`protocol::filter::Filter`] stands between
//!   the session's bytes and the user's.
//! - [`pump`] joins one user's end, one wire and one channel in a single `select!`. While the wire
//!   is stuck, output, escapes and signals are still served; while it is gone, it is made anew.
//! - [`wire`] is the WebSocket, [`net`] the way to any host: one choice of proxy and one TLS
//!   configuration for API and WebSocket alike. [`openapi`] signs and makes the API's calls.
//!   [`terminal`] has raw mode, size, keyboard and signals.
//! - [`config`] reads files and environment: settings, profiles, and a description of where the
//!   credentials come from. `providers` obtains them, one file a mode, and renews them in mid-run.
//! - [`commands`] is the only layer that knows everything, one file or folder a verb. What several
//!   verbs need is in `commands/shared`: the way to the service (`context`), starting and ending a
//!   session (`session`), joining it to the terminal (`attach`), one forwarded connection (`port`).
//!   A command's bootstrap is `commands/exec`; `commands/doctor` finds the reason of a failure.
//! - [`emulator`] is the other side of the same wire: the signed API, the gateway, agents with real
//!   terminals and TCP connections, and faults to order. It is what `--emulator` starts and what
//!   every end-to-end test talks to.
//!
//! Failures are values that travel up: [`error`] names them, `hints` say what to do, [`exit`] is
//! what becomes of them, and [`ui`] alone prints. What others wrote passes `printable` first. Who may
//! import whom is a table in `tests/imports.rs`; arrows never turn back.
//!
//! The path of a keystroke: `terminal::Stdin` -> `pump` -> `Escape` -> `Filter` -> `Session` (a
//! numbered Input message, as soon as the far end is ready and the bucket is not empty) -> `wire`.
//! An Output comes the other way, is taken once and in order, and goes to `terminal::Stdout`.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

mod backoff;
pub mod cli;
pub mod commands;
pub mod config;
#[cfg(feature = "emulator")]
pub mod emulator;
pub mod error;
pub mod exit;
pub(crate) mod hints;
pub mod net;
pub mod openapi;
pub(crate) mod printable;
pub mod protocol;
pub(crate) mod providers;
pub mod pump;
pub mod terminal;
pub mod ui;
pub mod wire;
