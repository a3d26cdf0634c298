//! The behaviour of an agent.

use crate::protocol::frame::{Kind, Version};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// The program that a session runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Guest {
    /// A program on a PTY, or a TCP connection if the session has a port.
    #[default]
    Pty,
    /// An echo: every Input comes back as one Output, in port sessions too.
    Echo,
}

/// The generation of the agents. No published agent speaks protocol version 1.02, so [`Self::New`] is
/// inferred: from the browser client in what is numbered, from [`Self::Newest`] in all else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Generation {
    /// The oldest in use (v578): version 1.01. Every message is dropped before the program runs or
    /// the connection is made, and on ports any message connects again to a target that has closed.
    Old,
    /// Version 1.02: numbers, acknowledges, sends again, and can be resumed.
    #[default]
    New,
    /// The newest published: version 1.01. It announces the end of a shell session by an Output, drops
    /// a shell's early Input and keeps a port's.
    Newest,
}

impl Generation {
    /// True if these agents speak protocol version 1.01, which numbers nothing.
    pub(crate) fn speaks_1_01(self) -> bool {
        self.version() == Version::V1_01
    }

    /// The build, the last number of the version, that has this behaviour.
    pub(crate) fn build(self) -> u32 {
        match self {
            Self::Old => 578,
            Self::New | Self::Newest => 1065,
        }
    }

    /// The protocol version that these agents and their gateway speak.
    pub(crate) fn version(self) -> Version {
        match self {
            Self::New => Version::V1_02,
            Self::Old | Self::Newest => Version::V1_01,
        }
    }
}

/// The behaviour of the agent.
#[derive(Debug, Clone)]
pub struct AgentOptions {
    /// The program that a session runs.
    pub guest: Guest,
    /// The shell of sessions without a CommandLine; when `None`, the user's, `$SHELL` or `/bin/sh`.
    pub shell: Option<PathBuf>,
    /// The PATH of programs; when `None`, the emulator's own.
    pub path: Option<OsString>,
    /// The generation to imitate.
    pub generation: Generation,
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
            generation: Generation::default(),
            start_delay: Duration::ZERO,
            output_delay: Duration::ZERO,
            rate_bits: None,
            window: 4 << 20,
            connect_timeout: Duration::from_secs(10),
        }
    }
}

impl AgentOptions {
    /// True if the agent drops a message that comes before its program runs or its connection is made. A port
    /// agent queues early Input, a shell's agent drops it, and an old agent drops everything.
    pub(crate) fn drops_early(&self, kind: Kind, is_port: bool) -> bool {
        match (self.generation, kind) {
            (_, Kind::Close) => false,
            (Generation::Old, _) => true,
            // Without a delay the program is about to start: there is no early Input then.
            (_, Kind::Input) => !is_port && !self.start_delay.is_zero(),
            _ => false,
        }
    }

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
