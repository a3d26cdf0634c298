//! The wait for what the remote side still sends after the user's input has ended.

use super::Outcome;
use crate::error::Error;
use crate::protocol::channel::Ending;
use std::time::{Duration, Instant};

/// Measures how long neither side has given or taken a byte.
#[derive(Debug)]
pub(super) struct Linger {
    /// The silence after which the session ends; `None` leaves the end to the remote side.
    span: Option<Duration>,
    quiet_since: Instant,
    /// Everything the user has sent is delivered, and no more will come.
    drained: bool,
}

impl Linger {
    /// `span` as in [`Options::linger`](super::Options::linger).
    pub(super) fn new(span: Option<Duration>, now: Instant) -> Self {
        Self {
            span,
            quiet_since: now,
            drained: false,
        }
    }

    /// No answer is wanted any more: the end of the input is the end of the session.
    pub(super) fn want_no_answer(&mut self) {
        self.span = Some(Duration::ZERO);
    }

    /// Whether there is such an end.
    pub(super) fn is_limited(&self) -> bool {
        self.span.is_some()
    }

    /// A byte came or was taken: the silence starts afresh.
    pub(super) fn heard(&mut self, now: Instant) {
        self.quiet_since = now;
    }

    /// So long this process did not run: that was no silence.
    pub(super) fn delay(&mut self, span: Duration) {
        self.quiet_since += span;
    }

    /// Whether the user's input has ended and is delivered. The silence is counted from then on.
    pub(super) fn set_drained(&mut self, drained: bool, now: Instant) {
        if drained != self.drained {
            self.drained = drained;
            self.quiet_since = now;
        }
    }

    /// When the remote side will have been silent for long enough.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let span = self.span.filter(|_| self.drained)?;
        Some(self.quiet_since + span)
    }

    /// What the session ends with at the deadline. A user who waits for an answer can't know
    /// whether this was all of it; one who wants none has everything.
    pub(super) fn outcome(&self) -> Outcome {
        match self.span {
            Some(span) if !span.is_zero() => Outcome::Ended(Ending::Failed(Error::Silence(span))),
            _ => Outcome::UserLeft,
        }
    }
}
