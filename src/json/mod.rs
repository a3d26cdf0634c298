//! The output of `--json`: documents, and failures on stderr. `axt schema` describes them.

use crate::error::Error;
use crate::printable::is_invisible;
use serde::Serialize;
use serde_json::{Value, json};

/// The schema that `axt schema` prints.
pub(crate) const SCHEMA: &str = include_str!("schema.json");

/// The version of the schema. It changes when a program that reads the output has to.
pub(crate) const VERSION: u32 = 1;

/// A document: this object with the schema's version, as text.
pub(crate) fn document(mut object: Value) -> serde_json::Result<String> {
    object["schemaVersion"] = VERSION.into();
    text(&object)
}

/// Formats a value as indented JSON with a newline after it. Invisible characters that JSON allows in a text
/// are escaped too.
pub(crate) fn text(value: &impl Serialize) -> serde_json::Result<String> {
    let text = serde_json::to_string_pretty(value)?;
    let mut safe = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        // They are inside of strings, except for the newlines of the indentation.
        if is_invisible(c) && c != '\n' {
            for unit in c.encode_utf16(&mut [0; 2]) {
                safe.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            safe.push(c);
        }
    }
    safe.push('\n');
    Ok(safe)
}

/// A failure, as one line without its end: all that is to be said of it, and what can be done about it.
pub(crate) fn failure(message: &str, hint: Option<&str>, error: Option<&Error>) -> String {
    let code = error.map_or("Internal", Error::code);
    let error = json!({
        "code": code,
        "message": message,
        "hint": hint,
        "requestId": error.and_then(Error::request_id),
        "retryable": error.is_some_and(Error::is_retryable),
    });
    json!({"error": error, "schemaVersion": VERSION}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_escaped_to_the_last_invisible_character() {
        let value = serde_json::json!({"text": "a\u{9b}2J\u{7f}\n\x1b\u{202e}\u{e0041}"});
        let text = text(&value).unwrap();
        assert!(
            text.chars().all(|c| c == '\n' || !is_invisible(c)),
            "{text:?}"
        );
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&text).unwrap(),
            value
        );
    }

    #[test]
    fn a_failure_has_its_code_and_whether_it_may_pass() {
        let mut error = crate::error::ApiError::unexpected("X", 400, "slow down");
        error.code = "Throttling.User".into();
        error.request_id = Some("R-1".into());
        let line = failure("X: slow down", None, Some(&error.into()));
        let value: Value = serde_json::from_str(&line).unwrap();
        let error = &value["error"];
        assert_eq!(error["code"], "Throttling.User");
        assert_eq!(error["requestId"], "R-1");
        assert_eq!(error["retryable"], true);
        let value: Value = serde_json::from_str(&failure("oh", Some("wait"), None)).unwrap();
        assert_eq!(value["error"]["code"], "Internal");
        assert_eq!(value["error"]["hint"], "wait");
    }
}
