//! Programs that a test needs and a fresh machine may lack.

use std::path::PathBuf;

/// Where `program` is. If it is missing, the test is reported as skipped by name and should return;
/// with `AXT_REQUIRE_TOOLS=1`, as in CI, that is a failure.
///
/// # Panics
/// When the program is missing and must not be.
#[must_use]
pub(crate) fn need(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        // Daemons such as sshd live where an ordinary PATH does not lead.
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .map(|dir| dir.join(program))
        .find(|file| file.is_file());
    if found.is_none() {
        missing(&format!("{program} is not installed"));
    }
    found
}

/// Reports the test as skipped for want of something.
///
/// # Panics
/// With `AXT_REQUIRE_TOOLS=1`.
#[allow(clippy::print_stderr, reason = "what is not tested is said")]
pub(crate) fn missing(what: &str) {
    let required = std::env::var_os("AXT_REQUIRE_TOOLS").is_some_and(|v| v == "1");
    assert!(!required, "{what} and AXT_REQUIRE_TOOLS=1");
    let test = std::thread::current().name().unwrap_or("?").to_owned();
    eprintln!("skipped: {test}: {what}");
}
