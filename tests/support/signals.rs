//! Signals that the caller of the tests ignores, as a shell does for a job in the background.

use std::sync::Once;
use tokio::signal::unix::{SignalKind, signal};

/// Makes sure that the programs that are started from now on ignore no signal. A handler of this process
/// becomes the default in what it starts; a signal that is ignored would stay so.
pub(crate) fn heed() {
    static ONCE: Once = Once::new();
    // A test may be in a runtime of its own.
    ONCE.call_once(|| std::thread::spawn(handle_what_is_ignored).join().unwrap());
}

/// Handles the signals that are ignored. A handler for any other would keep the tests from being interrupted.
fn handle_what_is_ignored() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.map_or(0, |mask| u64::from_str_radix(mask.trim(), 16).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let _entered = runtime.enter();
    for kind in [
        SignalKind::hangup(),
        SignalKind::interrupt(),
        SignalKind::quit(),
        SignalKind::terminate(),
    ] {
        if mask >> (kind.as_raw_value() - 1) & 1 == 1 {
            drop(signal(kind).unwrap());
        }
    }
}
