//! Keeps programs from inheriting ignored signals and a lowered limit of core dumps.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

/// Signals that stay as they are: std resets SIGPIPE itself, and with a handler for SIGTTIN or
/// SIGTTOU this process could no longer use its terminal from the background.
const LEFT_ALONE: [rustix::process::Signal; 3] = [
    rustix::process::Signal::PIPE,
    rustix::process::Signal::TTIN,
    rustix::process::Signal::TTOU,
];

/// Gives each signal that this process ignores a handler that does nothing. Here that is the same,
/// but exec resets a handler to the default, where it would pass on that a signal is ignored.
pub(super) fn handle_ignored_signals() {
    let ignored = std::fs::read_to_string("/proc/self/status").map_or(0, |text| ignored(&text));
    for number in (1..32).filter(|number| ignored >> (number - 1) & 1 == 1) {
        if LEFT_ALONE.iter().all(|signal| signal.as_raw() != number) {
            // It fails for signals that can't be ignored either.
            let _ = signal(SignalKind::from_raw(number));
        }
    }
}

/// Runs `start` with the soft limit of core dumps at `bytes`, which what it starts inherits.
pub(super) fn with_core_limit<T>(bytes: Option<u64>, start: impl FnOnce() -> T) -> T {
    let Some(bytes) = bytes else { return start() };
    let own = getrlimit(Resource::Core);
    let wanted = Rlimit {
        current: (bytes < u64::MAX).then_some(bytes),
        maximum: own.maximum,
    };
    // Neither can fail as long as the hard limit allows what was allowed before.
    let _ = setrlimit(Resource::Core, wanted);
    let started = start();
    let _ = setrlimit(Resource::Core, own);
    started
}

/// The mask of ignored signals in the text of `/proc/PID/status`, which only Linux has.
fn ignored(status: &str) -> u64 {
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .unwrap_or_default();
    u64::from_str_radix(mask.trim(), 16).unwrap_or_default()
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
