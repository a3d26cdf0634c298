//! The bandwidth limit of a session: a token bucket over whole messages.

use tokio::time::Instant;

/// A token bucket. The documents name a rate and not how it is measured; this one allows the rate
/// plus a burst over any span of time.
#[derive(Debug)]
pub(crate) struct RateLimit {
    rate: Option<u64>,
    burst: u64,
    /// Bytes in it, in millionths.
    level: u128,
    filled: Instant,
}

const MICRO: u128 = 1_000_000;

impl RateLimit {
    /// A full bucket of `burst` bytes that fills at `rate` bytes a second; without a rate, no limit.
    #[must_use]
    pub(crate) fn new(rate: Option<u64>, burst: Option<u64>, now: Instant) -> Self {
        let burst = burst.unwrap_or(u64::MAX);
        Self {
            rate,
            burst,
            level: u128::from(burst) * MICRO,
            filled: now,
        }
    }

    /// Takes a message's bytes; `false` if the client has sent too much.
    #[must_use]
    pub(crate) fn take(&mut self, bytes: usize, now: Instant) -> bool {
        let Some(rate) = self.rate else { return true };
        let micros = now.saturating_duration_since(self.filled).as_micros();
        let full = u128::from(self.burst) * MICRO;
        self.level = full.min(
            self.level
                .saturating_add(u128::from(rate).saturating_mul(micros)),
        );
        self.filled = now;
        match self.level.checked_sub(bytes as u128 * MICRO) {
            Some(level) => self.level = level,
            None => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn rate_and_burst_are_exact() {
        let start = Instant::now();
        let after = |ms| start + Duration::from_millis(ms);
        let mut bucket = RateLimit::new(Some(1000), Some(500), start);
        assert!(bucket.take(500, start));
        assert!(!bucket.take(1, start));
        assert!(bucket.take(100, after(100)));
        assert!(!bucket.take(1, after(100)));
        assert!(!bucket.take(501, after(10_000)));
        assert!(bucket.take(500, after(10_000)));
    }

    #[tokio::test(start_paused = true)]
    async fn no_rate_no_limit() {
        let now = Instant::now();
        assert!(RateLimit::new(None, Some(1), now).take(1 << 30, now));
    }
}
