//! The agent's side: a session with a real terminal, a real TCP connection, or an echo.
//!
//! [`start`] gives a session two channels of messages and the reason it ended with. How the guest
//! behaves follows the real agent, `aliyun/aliyun_assist_client`, its faults included.
//!
//! `session` is the loop, `guest` what stands behind it, `link` the sequence numbers, `chunk` the cutting of terminal output,
//! `words` the splitting of a CommandLine, `user`, `pty` and `tcp` the real world.

mod chunk;
mod guest;
pub mod link;
#[cfg(unix)]
pub(super) mod pty;
mod secrecy;
mod session;
mod tcp;
#[cfg(all(test, unix))]
mod tests;
#[cfg(unix)]
mod user;
#[cfg(unix)]
mod words;

use super::kms::Kms;
use crate::protocol::frame::Frame;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Messages that wait in each direction between gateway and agent, at most.
const CHANNEL: usize = 64;

/// What a StartTerminalSession asked for. `Debug` names the session alone: the rest may be secret.
#[derive(Clone, Default)]
pub struct SessionSpec {
    /// The session's id.
    pub session_id: String,
    /// The instance's id; it stands in every message of the agent.
    pub instance_id: String,
    /// What to run instead of a shell.
    pub command_line: Option<String>,
    /// Who runs it; the emulator's own user when not given.
    pub username: Option<String>,
    /// A Windows password's name in OOS; a Unix agent ignores it.
    pub password_name: Option<String>,
    /// Makes it a port session: where to connect to.
    pub port: Option<u16>,
    /// The host of `port`; `localhost` when not given.
    pub target_server: Option<String>,
    /// Asks for an encrypted session.
    pub encryption: Option<Encryption>,
}

impl fmt::Debug for SessionSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionSpec")
            .field("session_id", &self.session_id)
            .field("instance_id", &self.instance_id)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

/// How the key of an encrypted session comes about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    /// By ECDHE.
    Auto,
    /// By a data key of KMS.
    Kms {
        /// The KMS key that the data key is encrypted with.
        key_id: String,
    },
}

/// What stands behind a terminal session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Guest {
    /// A program on a PTY, or, where the session has a port, a TCP connection.
    #[default]
    Pty,
    /// Every Input comes back as one Output, for port sessions too.
    Echo,
}

/// How the agent behaves.
#[derive(Debug, Clone)]
pub struct AgentOptions {
    /// What stands behind the session.
    pub guest: Guest,
    /// The shell to run where there is no CommandLine; else the user's, `$SHELL` or `/bin/sh`.
    pub shell: Option<PathBuf>,
    /// Where programs are looked for; else as the emulator's own PATH says.
    pub path: Option<OsString>,
    /// Speak 1.01, with an old agent's habits.
    pub old: bool,
    /// Wait this long before the guest starts; the real agent waits 1 s.
    pub start_delay: Duration,
    /// Wait this long before a terminal's output is read; the real agent waits 1 s.
    pub output_delay: Duration,
    /// Pace of the output in bit/s; the real agent starts with 204,800. None: as fast as it goes.
    pub rate_bits: Option<u32>,
    /// Output kept for sending again, in bytes. When the client acknowledges none of it, reading
    /// from the guest stops: nothing is ever skipped.
    pub window: usize,
    /// Give up connecting to a port session's target after this long; the real agent: 10 s.
    pub connect_timeout: Duration,
    /// Decrypts the data keys of encrypted sessions.
    pub kms: Arc<Kms>,
}

impl Default for AgentOptions {
    fn default() -> Self {
        Self {
            guest: Guest::Pty,
            shell: None,
            path: None,
            old: false,
            start_delay: Duration::ZERO,
            output_delay: Duration::ZERO,
            rate_bits: None,
            window: 4 << 20,
            connect_timeout: Duration::from_secs(10),
            kms: Arc::default(),
        }
    }
}

impl AgentOptions {
    /// The delays and the pace of a real agent.
    #[must_use]
    pub fn realistic() -> Self {
        Self {
            start_delay: Duration::from_secs(1),
            output_delay: Duration::from_secs(1),
            rate_bits: Some(200 * 1024),
            ..Self::default()
        }
    }
}

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

/// Why a session failed, as newer agents name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    code: &'static str,
    text: String,
}

impl Failure {
    fn new(code: &'static str, text: impl fmt::Display) -> Self {
        Self {
            code,
            text: text.to_string(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if self.text.is_empty() {
            return Ok(());
        }
        write!(f, ": {}", self.text)
    }
}
