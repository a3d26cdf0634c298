//! The pauses between attempts: each twice as long as the one before, with jitter.

use std::time::Duration;

/// The most that is added to a pause, as a part of it, at random, so that many clients that failed together
/// don't come back together.
const JITTER: f64 = 0.25;

/// Makes pauses that double up to a longest one.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    made: u32,
}

impl Backoff {
    /// Makes pauses from `first` on, up to `longest`.
    #[must_use]
    pub(crate) fn new(first: Duration, longest: Duration) -> Self {
        let made = 0;
        Self {
            first,
            longest,
            made,
        }
    }

    /// Begins with the first pause again.
    pub(crate) fn restart(&mut self) {
        self.made = 0;
    }

    /// Returns true until the first pause is taken.
    #[must_use]
    pub(crate) fn is_fresh(&self) -> bool {
        self.made == 0
    }

    /// The next pause.
    pub(crate) fn next(&mut self) -> Duration {
        let step = self.first.saturating_mul(2u32.saturating_pow(self.made));
        self.made = self.made.saturating_add(1);
        let step = step.min(self.longest);
        step + step.mul_f64(JITTER * fastrand::f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_never_keep_step() {
        let (first, longest) = (Duration::from_secs(1), Duration::from_secs(15));
        let mut backoff = Backoff::new(first, longest);
        for step in [1, 2, 4, 8, 15, 15] {
            let (step, pause) = (Duration::from_secs(step), backoff.next());
            assert!(
                pause >= step && pause <= step.mul_f64(1.0 + JITTER),
                "{pause:?}"
            );
        }
        assert!((0..200).all(|_| backoff.next() <= longest.mul_f64(1.0 + JITTER)));
        assert!(backoff.next() != backoff.next());
        backoff.restart();
        assert!(backoff.is_fresh() && backoff.next() < first * 2);
    }
}
