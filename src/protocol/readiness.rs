//! Whether the remote side can take input: agents need a moment, and old ones drop what comes earlier.

use std::time::{Duration, Instant};

/// How long after it is said to be open an agent may still drop input. The official client waits
/// this long before it sends anything to a forwarded port.
pub const GRACE: Duration = Duration::from_secs(3);

/// Holds input back until the remote side shows that it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// Connected; the gateway may or may not report how the session opens.
    Silent {
        /// A gateway that reports nothing is taken at its word from here on.
        until: Instant,
    },
    /// The gateway reports, and has not reported the session open.
    Opening,
    /// Open, but it has said nothing yet.
    Opened {
        /// When its time to get ready is over.
        until: Instant,
    },
    /// Input may flow.
    Released,
}

impl Readiness {
    /// Before anything is known about the session. `eager` releases at once.
    #[must_use]
    pub fn new(eager: bool, now: Instant) -> Self {
        if eager {
            Self::Released
        } else {
            Self::Silent { until: now + GRACE }
        }
    }

    /// The gateway said that the session is being opened.
    pub fn opening(&mut self) {
        if matches!(self, Self::Silent { .. }) {
            *self = Self::Opening;
        }
    }

    /// The gateway said that the session is open.
    pub fn opened(&mut self, now: Instant) {
        if matches!(self, Self::Silent { .. } | Self::Opening) {
            *self = Self::Opened { until: now + GRACE };
        }
    }

    /// A new connection for a session that was being opened: whether it is open by now may never
    /// be said again.
    pub fn reconnected(&mut self, now: Instant) {
        if *self == Self::Opening {
            *self = Self::Silent { until: now + GRACE };
        }
    }

    /// The remote side has sent something.
    pub fn spoke(&mut self) {
        *self = Self::Released;
    }

    /// Lets the time pass; says whether that released it.
    pub fn wake(&mut self, now: Instant) -> bool {
        let released = self.deadline().is_some_and(|until| until <= now);
        if released {
            *self = Self::Released;
        }
        released
    }

    /// When it releases by itself.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Silent { until } | Self::Opened { until } => Some(*until),
            Self::Opening | Self::Released => None,
        }
    }

    /// Whether input may flow.
    #[must_use]
    pub fn is_released(&self) -> bool {
        *self == Self::Released
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_waits_for_the_first_word_or_for_three_seconds_after_open() {
        let now = Instant::now();
        let mut readiness = Readiness::new(false, now);
        readiness.opening();
        readiness.wake(now + GRACE * 10);
        assert!(!readiness.is_released());
        let opened = now + GRACE * 11;
        readiness.opened(opened);
        readiness.wake(opened + GRACE - Duration::from_millis(1));
        assert!(!readiness.is_released());
        readiness.wake(opened + GRACE);
        assert!(readiness.is_released());
        readiness.opened(opened + GRACE);
        assert!(readiness.is_released());
    }

    #[test]
    fn a_gateway_that_reports_nothing_gets_three_seconds() {
        let now = Instant::now();
        let mut readiness = Readiness::new(false, now);
        assert_eq!(readiness.deadline(), Some(now + GRACE));
        readiness.wake(now + GRACE);
        assert!(readiness.is_released());
    }

    #[test]
    fn a_session_that_broke_while_opening_is_not_held_for_ever() {
        let now = Instant::now();
        let mut readiness = Readiness::new(false, now);
        readiness.opening();
        assert_eq!(readiness.deadline(), None);
        readiness.reconnected(now);
        assert_eq!(readiness.deadline(), Some(now + GRACE));
    }

    #[test]
    fn output_releases_at_once() {
        let mut readiness = Readiness::new(false, Instant::now());
        readiness.spoke();
        assert!(readiness.is_released());
        assert!(Readiness::new(true, Instant::now()).is_released());
    }
}
