//! The emulator's wall clock, which a test can move forward.

use jiff::Timestamp;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// The system's clock plus what it was advanced by. Request timestamps, nonces, the validity of a
/// WebSocket URL and records depend on it. What happens inside a connection (idle close, session
/// length) depends on tokio's clock instead.
#[derive(Debug, Default)]
pub struct ServiceClock {
    offset_ms: AtomicI64,
}

impl ServiceClock {
    /// The emulator's time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let offset = jiff::SignedDuration::from_millis(self.offset_ms.load(Ordering::Relaxed));
        Timestamp::now()
            .checked_add(offset)
            .unwrap_or(Timestamp::MAX)
    }

    /// Moves the clock forward by `by`.
    pub fn advance(&self, by: Duration) {
        let ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.offset_ms.fetch_add(ms, Ordering::Relaxed);
    }
}

/// A time as the API writes it: `2024-01-19T09:15:46Z`.
#[must_use]
pub(crate) fn api_time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Reads a time that is written exactly so; `None` for any other spelling.
#[must_use]
pub(crate) fn parse_api_time(text: &str) -> Option<Timestamp> {
    let time: Timestamp = text.parse().ok()?;
    (api_time(time) == text).then_some(time)
}

/// `time` plus `by`, saturating.
#[must_use]
pub(crate) fn later(time: Timestamp, by: Duration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// `time` minus `by`, saturating.
#[must_use]
pub(crate) fn before(time: Timestamp, by: Duration) -> Timestamp {
    time.checked_sub(by).unwrap_or(Timestamp::MIN)
}

/// A time as HTTP's `Date` header has it.
#[must_use]
pub(crate) fn http_date(time: Timestamp) -> String {
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
