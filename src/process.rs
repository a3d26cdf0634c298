//! Properties of this process that its parent set and that axt changes for itself: they are put back for
//! the programs it starts.

use std::sync::OnceLock;
#[cfg(unix)]
use std::sync::{Mutex, PoisonError};

/// The signals that were ignored, bit n - 1 for signal n.
static IGNORED: OnceLock<u64> = OnceLock::new();

/// The limit of core dumps.
#[cfg(unix)]
static CORE: OnceLock<rustix::process::Rlimit> = OnceLock::new();

/// Takes note of what this process got, and switches core dumps off: its memory holds keys.
pub(crate) fn begin() {
    was_ignored(1);
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit};
        CORE.get_or_init(|| getrlimit(Resource::Core));
        limit_core_dumps(Some(0));
    }
}

/// True if the signal was ignored when this was asked first: a parent that ignores it, such as nohup, wants
/// its children to do the same. Known on Linux only.
pub(crate) fn was_ignored(signal: i32) -> bool {
    let mask = IGNORED.get_or_init(|| {
        let status = std::fs::read_to_string("/proc/self/status");
        status.map_or(0, |status| ignored(&status))
    });
    (1..=64).contains(&signal) && mask >> (signal - 1) & 1 == 1
}

/// The mask of ignored signals in the text of `/proc/PID/status`.
fn ignored(status: &str) -> u64 {
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .unwrap_or_default();
    u64::from_str_radix(mask.trim(), 16).unwrap_or_default()
}

/// The number of files that this process may have open; `None` where there is no limit, or none is known.
#[cfg(unix)]
pub(crate) fn most_open_files() -> Option<usize> {
    use rustix::process::{Resource, getrlimit};
    getrlimit(Resource::Nofile).current?.try_into().ok()
}

#[cfg(not(unix))]
pub(crate) fn most_open_files() -> Option<usize> {
    None
}

/// Runs `start` with the limit of core dumps that this process got, which what it starts inherits.
#[cfg(unix)]
pub(crate) fn with_core_dumps<T>(start: impl FnOnce() -> T) -> T {
    /// The limit is the whole process's: the emulator's thread starts programs too.
    static STARTING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    // A child's limits can't be set in the child without unsafe code.
    limit_core_dumps(CORE.get().and_then(|before| before.current));
    let started = start();
    limit_core_dumps(Some(0));
    started
}

/// Sets the soft limit of core dumps, if they were ever switched off.
#[cfg(unix)]
fn limit_core_dumps(current: Option<u64>) {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let Some(maximum) = CORE.get().map(|before| before.maximum) else {
        return;
    };
    // It can't fail: the hard limit allows what was allowed before.
    let _ = setrlimit(Resource::Core, Rlimit { current, maximum });
}

/// Runs `start`.
#[cfg(not(unix))]
pub(crate) fn with_core_dumps<T>(start: impl FnOnce() -> T) -> T {
    start()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_of_ignored_signals_is_read() {
        assert_eq!(ignored("SigBlk:\t01\nSigIgn:\t0000000000001002\n"), 0x1002);
        assert_eq!(ignored("no such line"), 0);
    }
}
