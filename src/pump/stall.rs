//! Detects that this process did not run for a while: it was stopped, or the machine was busy or asleep.

use crate::error::Error;
use std::time::{Duration, Instant};

/// The most that a wake-up is late on a busy machine.
const LATE: Duration = Duration::from_millis(500);

/// A stop of at least this length is named in an error that follows it.
const LONG: Duration = Duration::from_secs(5);

/// The time after a stop in which it may be the cause of the session's end.
const BLAME_WINDOW: Duration = Duration::from_secs(60);

/// The next wake-up, and the last one that came late.
#[derive(Debug, Default)]
pub(super) struct StallDetector {
    due: Option<Instant>,
    /// The time when the last late wake-up came, and how late it was.
    last: Option<(Instant, Duration)>,
}

impl StallDetector {
    /// Notes when the process is to be woken. A time before `now` counts as `now`.
    pub(super) fn sleep_until(&mut self, now: Instant, due: Option<Instant>) {
        self.due = due.map(|due| due.max(now));
    }

    /// Notes a wake-up. Returns for how long the process did not run, if that was long.
    pub(super) fn woke(&mut self, now: Instant) -> Option<Duration> {
        let late = now.saturating_duration_since(self.due.take()?);
        let late = Some(late).filter(|late| *late > LATE)?;
        if late >= LONG {
            self.last = Some((now, late));
        }
        Some(late)
    }

    /// Adds the last stop to an error that it has probably caused.
    pub(super) fn explain(&self, now: Instant, error: Error) -> Error {
        let recent = self.last.filter(|(at, _)| now < *at + BLAME_WINDOW);
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

/// True if a silence of this side may have caused the error.
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
