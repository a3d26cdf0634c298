//! The wait for the remote side's answer after the user's input has ended.

use super::Outcome;
use crate::error::Error;
use crate::protocol::channel::Ending;
use std::time::{Duration, Instant};

/// Measures for how long no byte was received and none was written.
#[derive(Debug)]
pub(super) struct Linger {
    /// The silence after which the session ends; `None` leaves the end to the remote side.
    span: Option<Duration>,
    quiet_since: Instant,
    /// Everything the user has sent is delivered, and no more will come.
    drained: bool,
    /// The user has been told that the answer is waited for.
    said: bool,
}

impl Linger {
    /// `span` as in [`PumpOptions::linger`](super::Options::linger).
    pub(super) fn new(span: Option<Duration>, now: Instant) -> Self {
        Self {
            span,
            quiet_since: now,
            drained: false,
            said: false,
        }
    }

    /// Ends the session as soon as the input has ended and is delivered.
    pub(super) fn want_no_answer(&mut self) {
        self.span = Some(Duration::ZERO);
    }

    /// True if the session ends after a silence.
    pub(super) fn is_limited(&self) -> bool {
        self.span.is_some()
    }

    /// True if no answer is waited for.
    pub(super) fn wants_no_answer(&self) -> bool {
        self.span == Some(Duration::ZERO)
    }

    /// Restarts the silence: a byte was received or written.
    pub(super) fn heard(&mut self, now: Instant) {
        self.quiet_since = now;
    }

    /// Takes `span` out of the silence, in which this process did not run.
    pub(super) fn delay(&mut self, span: Duration) {
        self.quiet_since += span;
    }

    /// True if the user's input has ended and is delivered. The silence is counted from then on.
    pub(super) fn set_drained(&mut self, drained: bool, now: Instant) {
        if drained != self.drained {
            self.drained = drained;
            self.quiet_since = now;
        }
    }

    /// Notes that the user is told of the silence.
    pub(super) fn say(&mut self) {
        self.said = true;
    }

    /// True if the user has been told of the silence.
    pub(super) fn has_said(&self) -> bool {
        self.said
    }

    /// The time when the silence will be long enough to end the session, or to tell the user.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let span = self.span.filter(|_| self.drained)?;
        Some(self.quiet_since + span)
    }

    /// The outcome at the deadline: an error if an answer was waited for, as more of it may have come.
    pub(super) fn outcome(&self) -> Outcome {
        match self.span {
            Some(span) if !self.wants_no_answer() => {
                Outcome::Ended(Ending::Failed(Error::Silence(span)))
            }
            _ => Outcome::UserLeft,
        }
    }
}
