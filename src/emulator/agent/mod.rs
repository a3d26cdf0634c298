//! The agent: sessions with a real terminal, a real TCP connection, or an echo.
//!
//! `start` starts a session; its handle has the messages of both directions and the reason of its
//! end. The guest (the program or the connection of the session) behaves as with the real agent,
//! `aliyun/aliyun_assist_client`, including that agent's bugs.
//!
//! `session` is the loop and `guest` the program or connection. `sequence` has the sequence numbers,
//! `chunk` cuts terminal output, `command_line` splits a CommandLine; `user`, `pty`, `inherit` and `tcp`
//! use the system.

mod chunk;
#[cfg(unix)]
mod command_line;
mod encryption;
mod failure;
mod guest;
#[cfg(unix)]
mod inherit;
mod input_queue;
pub(crate) mod options;
#[cfg(unix)]
pub(crate) mod pty;
pub mod sequence;
mod session;
pub(crate) mod spec;
mod tcp;
#[cfg(all(test, unix))]
mod tests;
#[cfg(unix)]
mod user;

pub use options::{AgentOptions, Generation, Guest};

use crate::emulator::state::kms::Kms;
use crate::protocol::frame::Frame;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// The most messages that wait in each direction between gateway and agent.
const CHANNEL: usize = 64;

/// The gateway's handle of a running session.
#[derive(Debug)]
pub(crate) struct AgentHandle {
    /// Messages from the client. Dropping it, or sending a Close, ends the session at once.
    pub(crate) to_agent: mpsc::Sender<Frame>,
    /// Output, Sync and KeyExchange messages; their channelId is empty. It stays open after
    /// `ended`, so that a client that comes back can still ask for the last Output.
    pub(crate) from_agent: mpsc::Receiver<Frame>,
    /// Asks the agent to end the session for a reason, as EndTerminalSession and time-outs do.
    pub(crate) stop: Option<oneshot::Sender<&'static str>>,
    /// The reason why the session ended: `Ok`, `OpenTargetPortFailed: connection refused`, … It comes when
    /// everything has been put into `from_agent` and the guest has ended.
    pub(crate) ended: oneshot::Receiver<String>,
}

/// Starts a session on the current tokio runtime.
///
/// # Panics
/// Outside of a runtime.
#[must_use]
pub(crate) fn start(spec: spec::SessionSpec, options: &AgentOptions, kms: Arc<Kms>) -> AgentHandle {
    let (to_agent, from_client) = mpsc::channel(CHANNEL);
    let (to_client, from_agent) = mpsc::channel(CHANNEL);
    let (end, ended) = oneshot::channel();
    let (stop, stopped) = oneshot::channel();
    let session = session::AgentSession::new(spec, options.clone(), kms);
    tokio::spawn(session.run(from_client, to_client, stopped, end));
    AgentHandle {
        to_agent,
        from_agent,
        stop: Some(stop),
        ended,
    }
}
