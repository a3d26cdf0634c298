//! The agent's side: a session with a real terminal, a real TCP connection, or an echo.
//!
//! [`start`] gives a session two channels of messages and the reason it ended with. How the guest
//! behaves follows the real agent, `aliyun/aliyun_assist_client`, its faults included.
//!
//! `session` is the loop, `guest` what runs in it, `sequence` the sequence numbers, `chunk` the
//! cutting of terminal output, `command_line` the splitting of a CommandLine, `user`, `pty` and `tcp` the real world.

mod chunk;
#[cfg(unix)]
mod command_line;
mod encryption;
mod failure;
mod guest;
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

pub use options::{AgentOptions, Guest};
pub use spec::{Encryption, SessionSpec};

use crate::protocol::frame::Frame;
use tokio::sync::{mpsc, oneshot};

/// Messages that wait in each direction between gateway and agent, at most.
const CHANNEL: usize = 64;

/// A running session, as the gateway holds it.
#[derive(Debug)]
pub struct AgentHandle {
    /// Messages of the client. Dropping it, or sending a Close, ends the session at once.
    pub to_agent: mpsc::Sender<Frame>,
    /// Output, Sync and KeyExchange messages; their channelId is empty. It stays open after
    /// `ended`, so that a client that comes back can still ask for the last Output.
    pub from_agent: mpsc::Receiver<Frame>,
    /// Why the session ended: `Ok`, `OpenTargetPortFailed: connection refused`, .. It comes when
    /// everything has been put into `from_agent` and nothing of the guest is left.
    pub ended: oneshot::Receiver<String>,
}

/// Starts a session on the current tokio runtime.
///
/// # Panics
/// Outside of a runtime.
#[must_use]
pub fn start(spec: SessionSpec, options: &AgentOptions) -> AgentHandle {
    let (to_agent, from_client) = mpsc::channel(CHANNEL);
    let (to_client, from_agent) = mpsc::channel(CHANNEL);
    let (end, ended) = oneshot::channel();
    let session = session::Session::new(spec, options.clone());
    tokio::spawn(session.run(from_client, to_client, end));
    AgentHandle {
        to_agent,
        from_agent,
        ended,
    }
}
