//! The clock of the pump, which tests may turn.

use crate::protocol::channel::Now;

/// Now.
#[must_use]
pub fn now() -> Now {
    Now::at(tokio::time::Instant::now().into_std())
}
