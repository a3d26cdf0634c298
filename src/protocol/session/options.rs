//! The settings of a session.

use super::super::readiness::InputFrom;
use std::time::Duration;

/// The interval of heartbeats that suits any agent: they end a session after 180 s.
const USUAL: Duration = Duration::from_secs(60);

/// The longest interval that does. An old agent whose port has been closed dials it again on every
/// message, and what the port then sends is appended to the stream.
const LATEST: Duration = Duration::from_secs(170);

/// The settings of a session.
#[derive(Debug, Clone)]
pub struct SessionOptions {
    /// The interval of heartbeats.
    pub keepalive: Keepalive,
    /// Silence after which the connection counts as dead; `None` for never.
    pub dead_after: Option<Duration>,
    /// An upper limit for what is sent, bytes per second.
    pub rate_limit: Option<u64>,
    /// The moment from which input may be sent.
    pub input_from: InputFrom,
    /// The session is with a TCP port and not with a terminal.
    pub port: bool,
    /// The agent is known to end the session when the port's target has closed. One that speaks 1.02 does.
    pub reports_close: bool,
}

/// The interval of heartbeats, counted from the last message of any kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keepalive {
    /// The interval that suits the agent.
    Usual,
    /// After this interval.
    Every(Duration),
    /// Never.
    Off,
}

impl Keepalive {
    /// The interval for a session with an old agent's port, or any other.
    #[must_use]
    pub(super) fn interval(self, old_port: bool) -> Option<Duration> {
        match self {
            Self::Usual if old_port => Some(LATEST),
            Self::Usual => Some(USUAL),
            Self::Every(interval) => Some(interval),
            Self::Off => None,
        }
    }
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self {
            keepalive: Keepalive::Usual,
            dead_after: Some(Duration::from_secs(45)),
            rate_limit: None,
            input_from: InputFrom::FirstOutput,
            port: false,
            reports_close: false,
        }
    }
}
