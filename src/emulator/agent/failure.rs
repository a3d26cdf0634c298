//! Why a session failed.

use std::fmt;

/// Why a session failed, with the code of newer agents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionFailure {
    pub(crate) code: &'static str,
    text: String,
}

impl SessionFailure {
    /// A failure with a code and perhaps a text.
    pub(crate) fn new(code: &'static str, text: impl fmt::Display) -> Self {
        Self {
            code,
            text: text.to_string(),
        }
    }
}

impl fmt::Display for SessionFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if self.text.is_empty() {
            return Ok(());
        }
        write!(f, ": {}", self.text)
    }
}
