//! Counts the API's calls, and refuses them when there are too many.

use super::clock::later;
use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The calls so far.
#[derive(Default)]
pub(crate) struct Calls {
    state: Mutex<CallCounts>,
}

#[derive(Default)]
struct CallCounts {
    /// The calls by action.
    total: BTreeMap<String, u64>,
    /// The calls by action and region since the window's start, with that start.
    window: HashMap<(String, String), (Timestamp, u64)>,
}

impl Calls {
    /// Counts a call. The result is how long the caller should wait, if this is one too many: `limit`
    /// is how many there may be in each window of time. (How the service counts is inferred.)
    pub(crate) fn count(
        &self,
        action: &str,
        region: &str,
        now: Timestamp,
        limit: Option<(u64, Duration)>,
    ) -> Option<Duration> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state.total.entry(action.to_owned()).or_default() += 1;
        let (most, length) = limit?;
        let key = (action.to_owned(), region.to_owned());
        let (start, made) = state.window.entry(key).or_insert((now, 0));
        if now >= later(*start, length) {
            (*start, *made) = (now, 0);
        }
        *made += 1;
        let left = later(*start, length).duration_since(now).unsigned_abs();
        (*made > most).then_some(left)
    }

    /// The number of calls of an action.
    pub(crate) fn of(&self, action: &str) -> u64 {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.total.get(action).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_limited_by_action_region_and_window() {
        let (calls, start) = (Calls::default(), Timestamp::UNIX_EPOCH);
        let second = Duration::from_secs(1);
        let count = |action: &str, region: &str, after: Duration| {
            calls.count(action, region, later(start, after), Some((2, 10 * second)))
        };
        assert_eq!(count("A", "x", Duration::ZERO), None);
        assert_eq!(count("A", "x", second), None);
        assert_eq!(count("A", "x", 3 * second), Some(7 * second));
        assert_eq!(count("A", "y", 3 * second), None);
        assert_eq!(count("B", "x", 3 * second), None);
        assert_eq!(count("A", "x", 10 * second), None);
        assert_eq!((calls.of("A"), calls.of("B"), calls.of("C")), (5, 1, 0));
    }
}
