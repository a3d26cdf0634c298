//! Notices that this process did not run for a while: it was stopped, or its machine had no time for it.

use crate::error::Error;
use std::time::{Duration, Instant};

/// How late a wake-up may be on a busy machine.
const LATE: Duration = Duration::from_millis(500);

/// A stop that is worth a word.
const LONG: Duration = Duration::from_secs(5);

/// For how long after a stop it explains the end of the session.
const EXPLAINS: Duration = Duration::from_secs(60);

/// The wake-up that is due, and the last one that came late.
#[derive(Debug, Default)]
pub(super) struct Stall {
    due: Option<Instant>,
    /// When the last late one came, and how late.
    last: Option<(Instant, Duration)>,
}

impl Stall {
    /// The process wants to be woken by then. What was due before `now` is not late because of a stop.
    pub(super) fn sleep_until(&mut self, now: Instant, due: Option<Instant>) {
        self.due = due.map(|due| due.max(now));
    }

    /// The process was woken; for how long it did not run, if for long.
    pub(super) fn woke(&mut self, now: Instant) -> Option<Duration> {
        let late = now.saturating_duration_since(self.due.take()?);
        let late = Some(late).filter(|late| *late > LATE)?;
        if late >= LONG {
            self.last = Some((now, late));
        }
        Some(late)
    }

    /// The same error, or with the stop that probably led to it.
    pub(super) fn explain(&self, now: Instant, error: Error) -> Error {
        let recent = self.last.filter(|(at, _)| now < *at + EXPLAINS);
        match recent {
            Some((_, span)) if is_of_session(&error) => Error::AfterStop {
                // Whole seconds are said.
                span: Duration::from_secs(span.as_secs()),
                error: Box::new(error),
            },
            _ => error,
        }
    }
}

/// Whether the error may come from the session's silence.
fn is_of_session(error: &Error) -> bool {
    matches!(
        error,
        Error::Ended { .. }
            | Error::Lost(_)
            | Error::Refused { .. }
            | Error::Connect { .. }
            | Error::Timeout { .. }
            | Error::AgentTimeout { .. }
    )
}
