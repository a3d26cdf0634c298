//! Keeps programs from inheriting ignored signals.

use crate::process::was_ignored;
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
    for number in (1..32).filter(|number| was_ignored(*number)) {
        if LEFT_ALONE.iter().all(|signal| signal.as_raw() != number) {
            // It fails for signals that can't be ignored either.
            let _ = signal(SignalKind::from_raw(number));
        }
    }
}
