//! The time a session has to open, and then to show that it is what was asked for.

use std::time::{Duration, Instant};

/// The steps of opening, each with a time limit of its own.
#[derive(Debug)]
pub(super) struct Opening {
    /// How long each step may take; `None` for as long as it likes.
    within: Option<Duration>,
    by: Option<Instant>,
    opened: bool,
}

impl Opening {
    /// The first step begins at `now`.
    pub(super) fn new(within: Option<Duration>, now: Instant) -> Self {
        let mut opening = Self {
            within,
            by: None,
            opened: false,
        };
        opening.begin_step(now);
        opening
    }

    /// The next step, if there is one, has the whole time for itself.
    pub(super) fn begin_step(&mut self, now: Instant) {
        self.by = self.within.map(|span| now + span);
    }

    /// The step under way, if it has a limit, has the whole time again.
    pub(super) fn begin_again(&mut self, now: Instant) {
        if self.by.is_some() {
            self.begin_step(now);
        }
    }

    /// The session has shown that it is open.
    pub(super) fn opened(&mut self, now: Instant) {
        if !self.opened {
            self.opened = true;
            self.begin_step(now);
        }
    }

    /// The step under way may take as long as it likes.
    pub(super) fn wait_on(&mut self) {
        self.by = None;
    }

    /// So long this process did not run: that is nobody's delay.
    pub(super) fn delay(&mut self, span: Duration) {
        self.by = self.by.map(|by| by + span);
    }

    /// Whether the session is open.
    pub(super) fn is_open(&self) -> bool {
        self.opened
    }

    /// How long a step may take.
    pub(super) fn limit(&self) -> Duration {
        self.within.unwrap_or_default()
    }

    /// When the step under way has taken too long. `ready` says that the remote side has shown
    /// what it was to show; a connection that is gone meanwhile (`up` is false) is not its fault.
    pub(super) fn deadline(&self, up: bool, ready: bool) -> Option<Instant> {
        let waits = !self.opened || (up && !ready);
        self.by.filter(|_| waits)
    }
}
