//! The time limits of opening a session: to open, and then to have the runner's answer.

use std::time::{Duration, Instant};

/// The steps of opening, each with a time limit of its own.
#[derive(Debug)]
pub(super) struct Opening {
    /// The time limit for each step; `None` sets no limit.
    within: Option<Duration>,
    by: Option<Instant>,
    opened: bool,
}

impl Opening {
    /// Begins the first step.
    pub(super) fn new(within: Option<Duration>, now: Instant) -> Self {
        let mut opening = Self {
            within,
            by: None,
            opened: false,
        };
        opening.begin_step(now);
        opening
    }

    /// Begins a step, which has the whole time for itself.
    pub(super) fn begin_step(&mut self, now: Instant) {
        self.by = self.within.map(|span| now + span);
    }

    /// Begins the current step again, if it has a limit.
    pub(super) fn begin_again(&mut self, now: Instant) {
        if self.by.is_some() {
            self.begin_step(now);
        }
    }

    /// Notes that the session is open.
    pub(super) fn opened(&mut self, now: Instant) {
        if !self.opened {
            self.opened = true;
            self.begin_step(now);
        }
    }

    /// Removes the limit of the current step.
    pub(super) fn wait_on(&mut self) {
        self.by = None;
    }

    /// Adds `span` to the limit, in which this process did not run.
    pub(super) fn delay(&mut self, span: Duration) {
        self.by = self.by.map(|by| by + span);
    }

    /// True if the session is open.
    pub(super) fn is_open(&self) -> bool {
        self.opened
    }

    /// The time limit for a step.
    pub(super) fn limit(&self) -> Duration {
        self.within.unwrap_or_default()
    }

    /// The time when the current step takes too long. After the opening, the limit holds while there is a
    /// connection (`up`) and the remote side is not `ready`.
    pub(super) fn deadline(&self, up: bool, ready: bool) -> Option<Instant> {
        let waits = !self.opened || (up && !ready);
        self.by.filter(|_| waits)
    }
}
