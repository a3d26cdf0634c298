//! A token bucket that keeps a session below its bandwidth limit.

use std::time::{Duration, Instant};

/// The most that may go out at once after a pause, in bytes.
///
/// One message may start while the bucket holds a single byte, so it can overdraw it by a message;
/// bucket and largest message together stay within 16 KiB.
const BURST: u64 = 16 * 1024 - 4 * 1024;

const NANOS: u128 = 1_000_000_000;

/// Counts bytes against a rate. Overdrawing is allowed and has to be earned back.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// Bytes per second; at least 1.
    rate: u64,
    /// The instant at which the bucket is, or would have been, exactly empty.
    empty_at: Instant,
}

impl Bucket {
    /// A full bucket that refills with `rate` bytes per second (0 counts as 1).
    #[must_use]
    pub fn new(rate: u64, now: Instant) -> Self {
        let mut bucket = Self {
            rate: rate.max(1),
            empty_at: now,
        };
        bucket.empty_at = bucket.earliest(now);
        bucket
    }

    /// Bytes per second.
    #[must_use]
    pub fn rate(&self) -> u64 {
        self.rate
    }

    /// Changes the rate; what is in the bucket, or owed to it, stays.
    pub fn set_rate(&mut self, rate: u64, now: Instant) {
        let old = self.rate;
        let rescale = |span: Duration| span_of(bytes_in(span, old), rate.max(1));
        let owed = self.empty_at.saturating_duration_since(now);
        let held = now.saturating_duration_since(self.empty_at);
        self.rate = rate.max(1);
        self.empty_at = now + rescale(owed);
        self.empty_at = self.empty_at.checked_sub(rescale(held)).unwrap_or(now);
    }

    /// `None` while the bucket is not empty; else the instant from which it is not.
    #[must_use]
    pub fn wait_until(&self, now: Instant) -> Option<Instant> {
        // One byte's time, so that "not empty" means a whole byte.
        let ready = self.empty_at + span_of(1, self.rate);
        (ready > now).then_some(ready)
    }

    /// Takes `bytes` out, whether they are there or not.
    pub fn spend(&mut self, bytes: usize, now: Instant) {
        self.empty_at = self.empty_at.max(self.earliest(now));
        self.empty_at += span_of(bytes as u64, self.rate);
    }

    /// The value of `empty_at` for a bucket that is full at `now`.
    fn earliest(&self, now: Instant) -> Instant {
        now.checked_sub(span_of(BURST, self.rate)).unwrap_or(now)
    }
}

/// The time `bytes` take at `rate`, rounded up to a nanosecond.
fn span_of(bytes: u64, rate: u64) -> Duration {
    let nanos = (u128::from(bytes) * NANOS).div_ceil(u128::from(rate));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX / 4))
}

fn bytes_in(span: Duration, rate: u64) -> u64 {
    u64::try_from(span.as_nanos() * u128::from(rate) / NANOS).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Sends messages as early as allowed for five seconds; the instants and sizes.
    fn greedy(rate: u64, sizes: &[usize]) -> Vec<(Instant, usize)> {
        let start = Instant::now();
        let mut now = start;
        let mut bucket = Bucket::new(rate, now);
        let mut sent = Vec::new();
        for size in sizes.iter().cycle() {
            now = bucket.wait_until(now).unwrap_or(now);
            if now > start + Duration::from_secs(5) {
                break;
            }
            bucket.spend(*size, now);
            sent.push((now, *size));
        }
        sent
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_second_passes_the_rate_by_more_than_a_burst(
            rate in 20_000u64..400_000,
            sizes in proptest::collection::vec(31usize..2100, 1..20),
        ) {
            let sent = greedy(rate, &sizes);
            for (i, (from, _)) in sent.iter().enumerate() {
                let window = sent[i..].iter().take_while(|(at, _)| *at < *from + Duration::from_secs(1));
                let bytes: usize = window.map(|(_, size)| size).sum();
                prop_assert!(bytes as u64 <= rate + 16 * 1024, "{bytes} at {rate}");
            }
        }

        #[test]
        fn a_greedy_sender_gets_nearly_all_of_the_rate(
            rate in 20_000u64..400_000,
            sizes in proptest::collection::vec(31usize..2100, 1..20),
        ) {
            let sent = greedy(rate, &sizes);
            let bytes: usize = sent.iter().map(|(_, size)| size).sum();
            prop_assert!(bytes as u64 * 100 >= rate * 5 * 97, "{bytes} at {rate}");
        }
    }

    #[test]
    fn a_new_rate_holds_at_once_and_keeps_the_debt() {
        let now = Instant::now();
        let mut bucket = Bucket::new(100_000, now);
        bucket.spend(12 * 1024 + 10_000, now);
        bucket.set_rate(10_000, now);
        let wait = bucket.wait_until(now).expect("in debt") - now;
        assert!(
            wait >= Duration::from_secs(1) && wait < Duration::from_millis(1010),
            "{wait:?}"
        );
    }

    #[test]
    fn a_pause_fills_it_no_further_than_the_burst() {
        let start = Instant::now();
        let mut bucket = Bucket::new(1000, start);
        let later = start + Duration::from_secs(3600);
        bucket.spend(usize::try_from(BURST).unwrap(), later);
        assert!(bucket.wait_until(later).is_some());
    }
}
