//! How a session is to behave.

use std::time::Duration;

/// How a session is to behave.
#[derive(Debug, Clone)]
pub struct Options {
    /// Heartbeat interval; `None` for none.
    pub keepalive: Option<Duration>,
    /// Silence after which the connection counts as dead; `None` for never.
    pub dead_after: Option<Duration>,
    /// An upper limit for what is sent, bytes per second.
    pub rate_limit: Option<u64>,
    /// Send input at once, without waiting for the remote side to be ready.
    pub eager: bool,
    /// Take a session for open when the gateway has said nothing about it for 3 s. A terminal's
    /// prompt shows that it is there; a port may have nothing to say before it is spoken to.
    pub silence_opens: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            keepalive: Some(Duration::from_secs(60)),
            dead_after: Some(Duration::from_secs(45)),
            rate_limit: None,
            eager: false,
            silence_opens: false,
        }
    }
}
