//! The one place where failures are shown.

use crate::error::Error;
use crate::json;
use crate::ui::Ui;

/// Shows a failure: what failed, its causes, and what can be done about it. With `as_json`, as one line of JSON.
pub(crate) fn failure(ui: &Ui, error: &anyhow::Error, as_json: bool) {
    let known = error.downcast_ref::<Error>();
    let (message, hint) = (describe(error), known.and_then(Error::hint));
    match as_json {
        true => ui.bare(&json::failure(&message, hint.as_deref(), known)),
        false => ui.error(&message, hint.as_deref()),
    }
}

/// Shows why one thing among several, `subject`, failed.
pub(crate) fn reason_of(ui: &Ui, subject: &str, why: &str) {
    ui.error(&tr!("{what}: {why}", what = subject, why), None);
}

/// Shows the failure of one thing among several, `subject`.
pub(crate) fn failure_of(ui: &Ui, subject: &str, error: &Error, as_json: bool) {
    let (message, hint) = (
        tr!("{what}: {why}", what = subject, why = error),
        error.hint(),
    );
    match as_json {
        true => ui.bare(&json::failure(&message, hint.as_deref(), Some(error))),
        false => ui.error(&message, hint.as_deref()),
    }
}

/// A failure and its causes, each said once: some errors have their cause in their own text.
fn describe(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = tr!("{what}: {why}", what = text, why = cause);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn a_cause_is_said_once() {
        let what = "writing output failed";
        let source = std::io::Error::other("disk full");
        let error = Err::<(), _>(Error::Io { what, source }).context("saving");
        let said = describe(&error.unwrap_err());
        assert_eq!(said, "saving: writing output failed: disk full");
    }
}
