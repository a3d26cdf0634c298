//! The readiness of the remote side for input: agents need a moment, and old ones drop earlier input.

use std::time::{Duration, Instant};

/// The time after a session is said to be open in which an agent may still drop input. The official client
/// waits this long before it sends anything to a forwarded port.
pub const GRACE: Duration = Duration::from_secs(3);

/// The moment from which input may go to a session that was just begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputFrom {
    /// From the first output on, however late that is: a shell speaks first, always.
    FirstOutput,
    /// From the first output on, or when the session has been open for [`GRACE`]: the program may
    /// wait to be spoken to.
    Grace,
    /// At once.
    Start {
        /// The agent is known to keep what comes before it is ready.
        queued: bool,
    },
}

/// Follows whether the remote side is ready for input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readiness {
    from: InputFrom,
    state: ReadinessState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReadinessState {
    /// Connected; the gateway may or may not report how the session opens. One that reports nothing
    /// counts as having opened it `until` then.
    Silent { until: Instant },
    /// The gateway reports, and has not reported the session open.
    Opening,
    /// Open, but it has sent nothing yet. Its time to get ready is over at `until`.
    Opened { until: Instant },
    /// Ready.
    Ready,
}

impl Readiness {
    /// Before anything is known about the session.
    #[must_use]
    pub fn new(from: InputFrom, now: Instant) -> Self {
        let until = now + GRACE;
        Self {
            from,
            state: ReadinessState::Silent { until },
        }
    }

    /// Nothing is known any more, as on a new connection for a session that has not begun.
    pub fn restart(&mut self, now: Instant) {
        *self = Self::new(self.from, now);
    }

    /// The gateway said that the session is being opened.
    pub fn opening(&mut self) {
        if matches!(self.state, ReadinessState::Silent { .. }) {
            self.state = ReadinessState::Opening;
        }
    }

    /// The gateway said that the session is open.
    pub fn opened(&mut self, now: Instant) {
        if matches!(
            self.state,
            ReadinessState::Silent { .. } | ReadinessState::Opening
        ) {
            let until = now + GRACE;
            self.state = ReadinessState::Opened { until };
        }
    }

    /// A new connection for a session that was being opened: whether it is open by now may never
    /// be said again.
    pub fn reconnected(&mut self, now: Instant) {
        if self.state == ReadinessState::Opening {
            let until = now + GRACE;
            self.state = ReadinessState::Silent { until };
        }
    }

    /// The remote side has sent something.
    pub fn heard(&mut self) {
        self.state = ReadinessState::Ready;
    }

    /// Lets the time pass; says whether that made it ready.
    pub fn wake(&mut self, now: Instant) -> bool {
        let ready = self.deadline().is_some_and(|until| until <= now);
        if ready {
            self.state = ReadinessState::Ready;
        }
        ready
    }

    /// The time when it counts as ready although nothing was heard.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        match self.state {
            ReadinessState::Silent { until } | ReadinessState::Opened { until } => Some(until),
            ReadinessState::Opening | ReadinessState::Ready => None,
        }
        .filter(|_| self.from != InputFrom::FirstOutput)
    }

    /// True if the remote side has shown that it is ready, or had the time to get ready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.state == ReadinessState::Ready
    }

    /// True if input may be sent.
    #[must_use]
    pub fn lets_input_go(&self) -> bool {
        self.is_ready() || matches!(self.from, InputFrom::Start { .. })
    }

    /// True if an agent may drop input that is sent now.
    #[must_use]
    pub fn may_drop_input(&self) -> bool {
        !self.is_ready() && self.from != (InputFrom::Start { queued: true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_waits_for_the_first_output_or_for_three_seconds_after_open() {
        let now = Instant::now();
        let mut readiness = Readiness::new(InputFrom::Grace, now);
        readiness.opening();
        readiness.wake(now + GRACE * 10);
        assert!(!readiness.is_ready());
        let opened = now + GRACE * 11;
        readiness.opened(opened);
        readiness.wake(opened + GRACE - Duration::from_millis(1));
        assert!(!readiness.is_ready());
        readiness.wake(opened + GRACE);
        assert!(readiness.is_ready());
        readiness.opened(opened + GRACE);
        assert!(readiness.is_ready());
    }

    #[test]
    fn a_shell_is_waited_for_as_long_as_it_takes() {
        let now = Instant::now();
        let mut readiness = Readiness::new(InputFrom::FirstOutput, now);
        readiness.opened(now);
        assert_eq!(readiness.deadline(), None);
        assert!(!readiness.wake(now + GRACE * 100) && !readiness.lets_input_go());
        readiness.heard();
        assert!(readiness.lets_input_go());
    }

    #[test]
    fn a_gateway_that_reports_nothing_gets_three_seconds() {
        let now = Instant::now();
        let mut readiness = Readiness::new(InputFrom::Grace, now);
        assert_eq!(readiness.deadline(), Some(now + GRACE));
        readiness.wake(now + GRACE);
        assert!(readiness.is_ready());
    }

    #[test]
    fn a_session_that_broke_while_opening_is_not_waited_for_forever() {
        let now = Instant::now();
        let mut readiness = Readiness::new(InputFrom::Grace, now);
        readiness.opening();
        assert_eq!(readiness.deadline(), None);
        readiness.reconnected(now);
        assert_eq!(readiness.deadline(), Some(now + GRACE));
    }

    #[test]
    fn what_goes_at_once_may_be_dropped_unless_the_agent_queues_it() {
        for queued in [false, true] {
            let mut readiness = Readiness::new(InputFrom::Start { queued }, Instant::now());
            assert!(readiness.lets_input_go());
            assert_eq!(readiness.may_drop_input(), !queued);
            readiness.heard();
            assert!(!readiness.may_drop_input());
        }
    }
}
