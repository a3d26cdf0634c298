//! The round-trip time of a session: from what was sent to what acknowledges it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The number of measurements that are remembered. The least of them counts: an acknowledgement waits for the
/// next output, and a program that shows nothing makes it late.
const REMEMBERED: usize = 8;

/// The time after which a later message is measured in place of one that is not acknowledged.
const PATIENCE: Duration = Duration::from_secs(5);

/// Measures one message at a time.
#[derive(Debug, Default)]
pub(super) struct Trip {
    /// The message that is under way, and when it was sent.
    sent: Option<(u32, Instant)>,
    times: VecDeque<Duration>,
}

impl Trip {
    /// A message with this number was sent.
    pub(super) fn sent(&mut self, number: u32, now: Instant) {
        if self.sent.is_none_or(|(_, at)| now >= at + PATIENCE) {
            self.sent = Some((number, now));
        }
    }

    /// Everything up to this number has arrived.
    pub(super) fn acknowledged(&mut self, number: u32, now: Instant) {
        if let Some((_, at)) = self.sent.take_if(|(sent, _)| *sent <= number) {
            self.times.truncate(REMEMBERED - 1);
            self.times.push_front(now.saturating_duration_since(at));
        }
    }

    /// The connection was lost, and with it perhaps the message.
    pub(super) fn lost(&mut self) {
        self.sent = None;
    }

    /// The round-trip time, once it was measured.
    #[must_use]
    pub(super) fn time(&self) -> Option<Duration> {
        self.times.iter().min().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_acknowledgement_does_not_hide_the_others() {
        let begun = Instant::now();
        let at = |ms| begun + Duration::from_millis(ms);
        let mut trip = Trip::default();
        trip.sent(1, at(0));
        trip.sent(2, at(5));
        assert_eq!(trip.time(), None);
        trip.acknowledged(0, at(10));
        assert_eq!(trip.time(), None);
        trip.acknowledged(2, at(20));
        assert_eq!(trip.time(), Some(Duration::from_millis(20)));
        trip.sent(3, at(100));
        trip.acknowledged(3, at(4000));
        trip.sent(3, at(5000));
        trip.sent(4, at(10_000));
        trip.acknowledged(4, at(10_050));
        assert_eq!(trip.time(), Some(Duration::from_millis(20)));
        for number in 5..13 {
            trip.sent(number, at(20_000));
            trip.acknowledged(number, at(20_030));
        }
        assert_eq!(trip.time(), Some(Duration::from_millis(30)));
        trip.sent(13, at(10_100));
        trip.lost();
        trip.acknowledged(13, at(20_000));
        assert_eq!(trip.time(), Some(Duration::from_millis(30)));
    }
}
