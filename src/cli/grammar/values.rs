//! Parsers for the values of options.

pub(crate) mod forward;
pub(super) mod written;

use crate::openapi::ecs::Encryption;
use crate::size;
use std::ffi::OsStr;
use std::fmt;
use std::time::Duration;

/// The escape character of terminal sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EscapeChar(pub Option<u8>);

impl fmt::Display for EscapeChar {
    /// Writes it in the form that is read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("none"),
            Some(byte) if byte < b' ' => write!(f, "^{}", char::from(byte | 0x40)),
            Some(byte) => write!(f, "{}", char::from(byte)),
        }
    }
}

/// The choice when to compress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Compress {
    /// Compress where it pays.
    Auto,
    /// Never.
    Never,
}

/// An environment variable for a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Variable {
    /// Its name.
    pub(crate) name: String,
    /// Its value; `None` is the value that it has here.
    pub(crate) value: Option<String>,
}

/// The bytes of an argument.
#[must_use]
pub(crate) fn bytes_of(arg: &OsStr) -> Vec<u8> {
    arg.as_encoded_bytes().to_vec()
}

/// `NAME` or `NAME=VALUE`.
pub(super) fn variable(text: &str) -> Result<Variable, String> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (text, None),
    };
    let name = Some(name).filter(|name| is_variable(name));
    let name = name.ok_or(tr!(
        "a variable's name has letters, digits and _, and no digit in front"
    ))?;
    Ok(Variable {
        name: name.to_owned(),
        value,
    })
}

/// True if a shell takes this for a variable's name.
pub(crate) fn is_variable(name: &str) -> bool {
    let word = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    word && !name.starts_with(|c: char| c.is_ascii_digit()) && !name.is_empty()
}

/// `500ms`, `90s`, `5m`, or a bare number of seconds.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse::<u32>() {
        return Ok(Duration::from_secs(seconds.into()));
    }
    let span: Result<jiff::SignedDuration, _> = text.parse();
    let span = span.map_err(|_| tr!("a duration has the form 500ms, 90s or 5m").to_owned())?;
    Duration::try_from(span).map_err(|_| tr!("a duration can't be negative").to_owned())
}

/// A size per second that lets something through.
pub(super) fn rate(text: &str) -> Result<u64, String> {
    let rate = size::parse(text.strip_suffix("/s").unwrap_or(text));
    match rate.ok_or(tr!("a size has the form 2048, 200K or 1.5M"))? {
        0 => Err(tr!("a rate of 0 would send nothing").into()),
        rate => Ok(rate),
    }
}

/// A duration that leaves some time.
pub(super) fn timeout(text: &str) -> Result<Duration, String> {
    let span = duration(text)?;
    let problem = tr!("a time limit can't be 0").to_owned();
    Some(span).filter(|span| !span.is_zero()).ok_or(problem)
}

/// A heartbeat's interval.
pub(super) fn keepalive(text: &str) -> Result<Duration, String> {
    let span = duration(text)?;
    let fits = span.is_zero() || (1..=170).contains(&span.as_secs());
    let problem = tr!("the agent gives up after 180s of silence: from 1s to 170s, or 0 for none");
    Some(span)
        .filter(|_| fits)
        .ok_or_else(|| problem.to_owned())
}

/// `auto` or `kms:KEYID`.
pub(super) fn encryption(text: &str) -> Result<Encryption, String> {
    match text.split_once(':') {
        None if text == "auto" => Ok(Encryption::Auto),
        Some(("kms", key)) if !key.is_empty() => Ok(Encryption::Kms(key.to_owned())),
        _ => Err(tr!("auto, or kms: and the id of a KMS key").into()),
    }
}

/// `~`, `^]` or `none`.
pub(crate) fn escape_char(text: &str) -> Result<EscapeChar, String> {
    match text.as_bytes() {
        b"none" => Ok(EscapeChar(None)),
        [c @ 0x21..=0x7e] => Ok(EscapeChar(Some(*c))),
        [b'^', c @ (b'@'..=b'_' | b'a'..=b'z')] => Ok(EscapeChar(Some(c & 0x1f))),
        _ => Err(tr!("one character, ^ and a letter, or none").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        for (text, ms) in [
            ("500ms", 500),
            ("90s", 90_000),
            ("5m", 300_000),
            ("15", 15_000),
            ("0", 0),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "fast", "-1s", "1 parsec"] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert!(keepalive("171s").is_err());
        assert!(keepalive("500ms").is_err());
        assert!(timeout("0").is_err());
    }

    #[test]
    fn rates_are_read() {
        for text in ["1K", "1K/s", "1024"] {
            assert_eq!(rate(text), Ok(1024), "{text}");
        }
        for text in ["0", "", "fast", "1/s/s"] {
            assert!(rate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn escape_characters_are_read() {
        for (text, byte) in [("~", b'~'), ("^]", 0x1d), ("^x", 0x18), ("^", b'^')] {
            let read = escape_char(text);
            assert_eq!(read, Ok(EscapeChar(Some(byte))), "{text}");
            assert_eq!(escape_char(&EscapeChar(Some(byte)).to_string()), read);
        }
        assert_eq!(escape_char("none"), Ok(EscapeChar(None)));
        for text in ["", "ab", "é", "^é"] {
            assert!(escape_char(text).is_err(), "{text}");
        }
    }

    #[test]
    fn encryption_is_read() {
        assert_eq!(encryption("auto"), Ok(Encryption::Auto));
        for key in ["key-1", "alias/axt", "acs:kms:cn-beijing:1:key/key-1"] {
            let read = encryption(&format!("kms:{key}"));
            assert_eq!(read, Ok(Encryption::Kms(key.to_owned())));
        }
        for text in ["", "on", "kms", "kms:", "auto:key-1", "AUTO"] {
            assert!(encryption(text).is_err(), "{text}");
        }
    }
}
