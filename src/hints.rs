//! The service's codes in words: what each means and what the user can do about it.

/// What to do about an API error code; `None` for a code without advice.
#[must_use]
pub fn api(code: &str) -> Option<&'static str> {
    let _ = code;
    None
}

/// The reason a session was closed with, in words; an unlisted code is shown as it is.
#[must_use]
pub fn close_reason(code: &str, detail: &str) -> String {
    if detail.is_empty() {
        code.to_owned()
    } else {
        format!("{code}: {detail}")
    }
}

/// What to do about a session's closing reason; `None` where there is no advice.
#[must_use]
pub fn close(code: &str) -> Option<&'static str> {
    let _ = code;
    None
}
/// x
pub fn call(_: &str, code: &str) -> Option<String> {
    api(code).map(Into::into)
}
