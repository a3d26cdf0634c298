//! The places of commands in a holder: as many as it may have sessions. Others wait in order.

use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Sessions of one holder, at most.
pub(super) const SESSIONS: usize = 4;

/// The time that a command waits for a place.
const PATIENCE: Duration = Duration::from_secs(10);

/// The places.
pub(super) struct Places(Arc<Semaphore>);

/// One of them, until it is dropped.
pub(super) type Place = OwnedSemaphorePermit;

impl Places {
    /// All of them are free.
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(SESSIONS)))
    }

    /// Waits for a place; `None` if there is none in time.
    pub(super) async fn take(&self) -> Option<Place> {
        let place = timeout(PATIENCE, Arc::clone(&self.0).acquire_owned());
        place.await.ok()?.ok()
    }

    /// The number of commands that have one.
    pub(super) fn taken(&self) -> usize {
        SESSIONS - self.0.available_permits()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn who_finds_none_waits_in_order_and_not_for_long() {
        let places = Places::new();
        let mut taken = Vec::new();
        for _ in 0..SESSIONS {
            taken.extend(places.take().await);
        }
        assert_eq!((taken.len(), places.taken()), (SESSIONS, SESSIONS));
        let begun = Instant::now();
        let (first, second, ()) = tokio::join!(places.take(), places.take(), async {
            tokio::time::sleep(PATIENCE / 2).await;
            taken.pop();
        });
        assert!(first.is_some() && second.is_none());
        assert_eq!(begun.elapsed().as_secs(), PATIENCE.as_secs());
    }
}
