//! The clock of the pump: tokio's, which tests can pause and advance.

use crate::protocol::channel::Now;

/// The current time.
#[must_use]
pub(crate) fn now() -> Now {
    Now::at(tokio::time::Instant::now().into_std())
}
