//! The Output by which the newest agents announce the end of a shell session.

use crate::protocol::channel::Ending;
use bytes::Bytes;
use std::time::{Duration, Instant};

/// The beginning of the announcement. A code follows, then `: ` and a detail if the agent has one (it has
/// none for Notified), then a newline.
const START: &str = "The session has terminated. ";

/// The silence after an announcement that shows it to be a program's output: agents close the session one
/// second after it.
const LAST_FOR: Duration = Duration::from_secs(10);

/// An Output that is the announcement if it is the last one.
#[derive(Debug)]
pub(super) struct EndNotice {
    /// The message as it came.
    pub(super) payload: Bytes,
    /// It came unencrypted although the session is encrypted: anybody on the way may have forged it.
    pub(super) unverified: bool,
    /// The time from which on it is no announcement.
    pub(super) until: Instant,
    code: String,
    info: String,
}

impl EndNotice {
    /// Reads an Output's payload; `None` if it is none.
    pub(super) fn read(payload: &Bytes, unverified: bool, now: Instant) -> Option<Self> {
        let rest = payload.strip_prefix(START.as_bytes())?;
        let text = std::str::from_utf8(rest).ok()?.strip_suffix('\n')?;
        // A program's line ends with a return too: the terminal puts it there.
        if text.contains(['\r', '\n']) {
            return None;
        }
        let (code, info) = text.split_once(':').unwrap_or((text, ""));
        let named = code.starts_with(|c: char| c.is_ascii_uppercase());
        let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_');
        (named && code.chars().all(word)).then(|| Self {
            payload: payload.clone(),
            unverified,
            until: now + LAST_FOR,
            code: code.to_owned(),
            info: info.trim().to_owned(),
        })
    }

    /// The end of the session that it announces.
    pub(super) fn ending(self) -> Ending {
        let mark = tr!("not verified: it came unencrypted");
        let detail = match (self.unverified, self.info.is_empty()) {
            (false, _) => self.info,
            (true, true) => mark.to_owned(),
            (true, false) => format!("{} ({mark})", self.info),
        };
        Ending::by_code(&self.code, &detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_message_that_names_a_code_is_one() {
        for (text, is_one) in [
            ("The session has terminated. IdleTimeout: 180s\n", true),
            ("The session has terminated. UnknownError: \n", true),
            (
                "The session has terminated. KeyExchangeError.Timeout: x: y\n",
                true,
            ),
            ("The session has terminated. IdleTimeout: 180s", false),
            ("The session has terminated. Notified\n", true),
            ("The session has terminated. Good bye\n", false),
            ("The session has terminated. : why\n", false),
            ("The session has terminated. no code: why\n", false),
            ("The session has terminated. code: why\n", false),
            ("$ The session has terminated. IdleTimeout: 180s\n", false),
            ("The session has terminated. IdleTimeout: 180s\n$ ", false),
        ] {
            let payload = Bytes::from(text);
            let read = EndNotice::read(&payload, false, Instant::now());
            assert_eq!(read.is_some(), is_one, "{text:?}");
        }
    }
}
