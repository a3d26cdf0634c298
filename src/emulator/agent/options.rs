//! How an agent behaves.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// What a session is connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Guest {
    /// A program on a PTY, or a TCP connection if the session has a port.
    #[default]
    Pty,
    /// An echo: every Input comes back as one Output, in port sessions too.
    Echo,
}

/// How the agent behaves.
#[derive(Debug, Clone)]
pub struct AgentOptions {
    /// What a session is connected to.
    pub guest: Guest,
    /// The shell of sessions without a CommandLine; when `None`, the user's, `$SHELL` or `/bin/sh`.
    pub shell: Option<PathBuf>,
    /// The PATH of programs; when `None`, the emulator's own.
    pub path: Option<OsString>,
    /// Speak 1.01, with an old agent's habits.
    pub old: bool,
    /// Wait this long before the guest starts; the real agent waits 1 s.
    pub start_delay: Duration,
    /// Wait this long before a terminal's output is read; the real agent waits 1 s.
    pub output_delay: Duration,
    /// The rate of the output in bit/s; the real agent starts with 204,800. `None`: no limit.
    pub rate_bits: Option<u32>,
    /// The most bytes of Output that are kept for sending again. If the client acknowledges none of
    /// them, the guest is no longer read: nothing is ever skipped.
    pub window: usize,
    /// Give up connecting to a port session's target after this long; the real agent: 10 s.
    pub connect_timeout: Duration,
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
