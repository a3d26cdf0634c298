//! The clock of the pump: tokio's, which tests can pause and advance.

use crate::protocol::channel::Now;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// tokio keeps times that are far ahead in slots of 64 times 64 ms. It wakes the process when a slot begins,
/// again for a part of it, and then at the time itself; but only once for a time at which a slot begins.
const SLOT: Duration = Duration::from_millis(64 * 64);

/// The distance from which on a deadline may be late by a slot.
const FAR: Duration = Duration::from_secs(16);

/// The time when tokio's first slot began; unknown in tests.
static FIRST_SLOT: OnceLock<Instant> = OnceLock::new();

/// The current time.
#[must_use]
pub(crate) fn now() -> Now {
    Now::at(tokio::time::Instant::now().into_std())
}

/// Notes that tokio's runtime is about to be built.
pub(crate) fn runtime_begins() {
    let _ = FIRST_SLOT.set(Instant::now());
}

/// The time to wake up for what is due `at` this time and may be a little late.
pub(super) fn wake_up_for(now: Instant, at: Instant) -> Instant {
    match FIRST_SLOT.get() {
        Some(first) if at >= now + FAR => slot_after(*first, at),
        _ => at,
    }
}

/// The beginning of the first slot that does not begin before `at`.
fn slot_after(first: Instant, at: Instant) -> Instant {
    let slots = at.saturating_duration_since(first).as_nanos();
    let slots = slots.div_ceil(SLOT.as_nanos());
    first + SLOT * u32::try_from(slots).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_follows_within_its_length() {
        let first = Instant::now();
        for millis in [0, 1, 30_000, 4096 * 7, 4096 * 7 + 1, 1 << 40] {
            let at = first + Duration::from_millis(millis);
            let slot = slot_after(first, at);
            assert!(slot >= at && slot < at + SLOT, "{millis}");
            assert_eq!((slot - first).as_millis() % SLOT.as_millis(), 0);
        }
    }
}
