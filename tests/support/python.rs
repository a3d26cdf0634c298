//! Python modules that a test needs and a fresh machine may lack.

use super::need::{missing, need};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Python, if it has this module; otherwise as [`need`].
///
/// # Panics
/// When the module is missing and must not be.
#[must_use]
pub(crate) fn need_python(module: &str) -> Option<PathBuf> {
    let python = need("python3")?;
    let mut import = Command::new(&python);
    import
        .args(["-c", &format!("import {module}")])
        .stderr(Stdio::null());
    if import.status().is_ok_and(|status| status.success()) {
        return Some(python);
    }
    missing(&format!("Python's {module} is not installed"));
    None
}
