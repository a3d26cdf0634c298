//! The pace of session starts: some at once, then one after another at an even pace. Without IO or a clock.

use std::time::Duration;

/// The latest time, after the note, at which all starts are over: a later one is a damaged file. Every start
/// would have to wait until then.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// The rate at which sessions may be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pace {
    /// The time between two starts.
    gap: Duration,
    /// The most that a start may be before its time at that pace.
    ahead: Duration,
}

impl Pace {
    /// A pace of so many a second, and twice as many at once.
    pub(crate) fn new(each_second: u32) -> Self {
        let each_second = each_second.max(1);
        let gap = Duration::from_secs(1) / each_second;
        let ahead = gap * (2 * each_second - 1);
        Self { gap, ahead }
    }
}

/// The starts that all processes know of. Times are since 1970.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Starts {
    /// The time when this was noted.
    at: Duration,
    /// The time when the next start would be if none had come before its time.
    next: Duration,
}

impl Starts {
    /// Takes the next place, and returns how long it is until then.
    ///
    /// # Errors
    /// That time, if it is more than `within`. No place is taken then.
    pub(crate) fn take(
        &mut self,
        now: Duration,
        pace: Pace,
        within: Duration,
    ) -> Result<Duration, Duration> {
        self.pass(now);
        let wait = self.next.saturating_sub(pace.ahead).saturating_sub(now);
        if wait > within {
            return Err(wait);
        }
        self.next = self.next.max(now) + pace.gap;
        Ok(wait)
    }

    /// Notes that the service takes no more for now: places taken from now on come after this pause, one after
    /// another.
    pub(crate) fn hold(&mut self, now: Duration, pace: Pace, pause: Duration) {
        self.pass(now);
        self.next = self.next.max(now + pause + pace.ahead);
    }

    /// The text of it, which has the same length at all times.
    pub(crate) fn to_text(self) -> String {
        let [at, next] = [self.at, self.next].map(|time| time.as_micros());
        format!("{at:020} {next:020}\n")
    }

    /// Reads it; what makes no sense counts as no starts.
    pub(crate) fn from_text(text: &str) -> Self {
        let times = text.split_once(' ').and_then(|(at, next)| {
            let time = |text: &str| text.trim().parse().ok().map(Duration::from_micros);
            Some((time(at)?, time(next)?))
        });
        let times = times.filter(|(at, next)| next.saturating_sub(*at) < LONGEST);
        let (at, next) = times.unwrap_or_default();
        Self { at, next }
    }

    /// A clock that was set back, or that of another machine, makes no wait longer.
    fn pass(&mut self, now: Duration) {
        self.next -= self.at.saturating_sub(now).min(self.next);
        self.at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Duration = Duration::from_secs(1_700_000_000);
    const LONG: Duration = Duration::from_secs(60);

    fn second(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn thirty_start_at_once_and_then_fifteen_a_second() {
        let (mut starts, pace) = (Starts::default(), Pace::new(15));
        let waits: Vec<_> = (0..60).map(|_| starts.take(NOW, pace, LONG)).collect();
        assert!(waits[..30].iter().all(|wait| *wait == Ok(Duration::ZERO)));
        for (n, wait) in waits[30..].iter().enumerate() {
            let n = u32::try_from(n).unwrap() + 1;
            assert_eq!(*wait, Ok(pace.gap * n));
        }
        // An idle time lets as many start at once, and no more.
        let later = NOW + second(100);
        let at_once = (0..60).filter(|_| starts.take(later, pace, Duration::ZERO).is_ok());
        assert_eq!(at_once.count(), 30);
    }

    #[test]
    fn a_minute_has_fewer_starts_than_the_service_allows() {
        let (mut starts, pace) = (Starts::default(), Pace::new(15));
        let mut made = 0;
        for step in 0..60_000 {
            let now = NOW + Duration::from_millis(step);
            while starts.take(now, pace, Duration::ZERO).is_ok() {
                made += 1;
            }
        }
        assert!((900..=1000).contains(&made), "{made}");
    }

    #[test]
    fn who_can_not_wait_takes_no_place() {
        let (mut starts, pace) = (Starts::default(), Pace::new(1));
        assert_eq!(starts.take(NOW, pace, second(0)), Ok(second(0)));
        assert_eq!(starts.take(NOW, pace, second(0)), Ok(second(0)));
        for _ in 0..3 {
            assert_eq!(starts.take(NOW, pace, Duration::ZERO), Err(second(1)));
        }
        assert_eq!(starts.take(NOW, pace, second(1)), Ok(second(1)));
    }

    #[test]
    fn after_a_refusal_all_wait_and_none_start_at_once() {
        let (mut starts, pace) = (Starts::default(), Pace::new(2));
        starts.hold(NOW, pace, second(3));
        let half = Duration::from_millis(500);
        let waits = [(); 3].map(|()| starts.take(NOW, pace, LONG).unwrap());
        assert_eq!(waits, [second(3), second(3) + half, second(4)]);
        // A shorter one changes nothing.
        let before = starts;
        starts.hold(NOW, pace, second(1));
        assert_eq!(starts, before);
    }

    #[test]
    fn a_clock_that_is_set_back_makes_no_wait_longer() {
        let (mut starts, pace) = (Starts::default(), Pace::new(1));
        for _ in 0..4 {
            let _ = starts.take(NOW, pace, LONG);
        }
        let wait = starts.take(NOW - second(5000), pace, LONG);
        assert_eq!(wait, Ok(second(3)));
        // One that is set forward ends all waits.
        assert_eq!(starts.take(NOW, pace, LONG), Ok(second(0)));
    }

    #[test]
    fn a_file_that_would_hinder_all_for_long_counts_as_damaged() {
        let pace = Pace::new(15);
        let wait_of = |later: Duration| {
            let starts = Starts {
                at: NOW,
                next: NOW + later,
            };
            Starts::from_text(&starts.to_text()).take(NOW, pace, second(100_000))
        };
        assert_eq!(wait_of(second(1000)), Ok(second(1000) - pace.ahead));
        assert_eq!(wait_of(second(2 * 60 * 60)), Ok(second(0)));
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in ".{0,60}", at in any::<u64>(), next in any::<u64>()) {
            for text in [text, format!("{at} {next}")] {
                let mut starts = Starts::from_text(&text);
                let _ = starts.take(NOW, Pace::new(15), LONG);
                starts.hold(NOW, Pace::new(15), LONG);
                let text = starts.to_text();
                prop_assert_eq!(Starts::from_text(&text).to_text(), text);
            }
        }
    }
}
