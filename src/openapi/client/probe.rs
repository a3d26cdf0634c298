//! Whether a host answers at all, and what time it has.

use super::Client;
use crate::error::{Error, Result};
use jiff::Timestamp;
use reqwest::header::DATE;
use std::time::{Duration, Instant};

impl Client {
    /// Asks for nothing, without a signature: whatever answers, the host is there.
    ///
    /// # Errors
    /// As [`Self::call`], for the network.
    pub async fn probe(&self, limit: Duration) -> Result<Probe> {
        let start = Instant::now();
        let asked = tokio::time::timeout(limit, self.http.get(self.endpoint.clone()).send());
        let response = asked.await.map_err(|_| Error::Timeout {
            what: format!("an answer of {}", self.host()),
            limit,
        })?;
        let response = response.map_err(|error| self.unreachable(&error))?;
        let date = response.headers().get(DATE);
        Ok(Probe {
            host: self.host(),
            took: start.elapsed(),
            clock: date
                .and_then(|value| value.to_str().ok())
                .and_then(|text| Clock::read(text, Timestamp::now())),
        })
    }
}

/// A host that has answered.
#[derive(Debug, Clone)]
pub struct Probe {
    /// Host and port.
    pub host: String,
    /// How long the answer took, connecting included.
    pub took: Duration,
    /// The clocks, where the answer told its time.
    pub clock: Option<Clock>,
}

/// How far this machine's clock is from a server's, in words when displayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// Seconds that this machine is ahead; negative when it is behind.
    pub ahead: i64,
}

impl Clock {
    /// Compares the server's `Date` header with our time; `None` for a header that is no date.
    #[must_use]
    pub fn read(date: &str, ours: Timestamp) -> Option<Self> {
        let parser = jiff::fmt::rfc2822::DateTimeParser::new();
        let theirs = parser.parse_timestamp(date).ok()?;
        let ahead = ours.as_second() - theirs.as_second();
        Some(Self { ahead })
    }
}

impl std::fmt::Display for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let side = if self.ahead < 0 { "behind" } else { "ahead of" };
        let size = Duration::from_secs(self.ahead.unsigned_abs());
        write!(f, "this machine's clock is {size:?} {side} the server's")
    }
}
