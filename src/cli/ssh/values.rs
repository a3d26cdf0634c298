//! Parsers for the values of ssh's options.

use std::time::Duration;

/// The amount of ssh's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Nothing but what it can't do without.
    Quiet,
    /// Only fatal errors.
    Fatal,
    /// Errors.
    Error,
    /// The default.
    Info,
    /// More.
    Verbose,
    /// `-v`.
    Debug1,
    /// `-vv`.
    Debug2,
    /// `-vvv`.
    Debug3,
}

/// The levels with their names.
const LEVELS: [(&str, LogLevel); 10] = [
    ("SILENT", LogLevel::Quiet),
    ("QUIET", LogLevel::Quiet),
    ("FATAL", LogLevel::Fatal),
    ("ERROR", LogLevel::Error),
    ("INFO", LogLevel::Info),
    ("VERBOSE", LogLevel::Verbose),
    ("DEBUG1", LogLevel::Debug1),
    ("DEBUG", LogLevel::Debug1),
    ("DEBUG2", LogLevel::Debug2),
    ("DEBUG3", LogLevel::Debug3),
];

impl LogLevel {
    /// One `-v` more.
    pub(super) fn louder(self) -> Self {
        match self {
            Self::Debug1 => Self::Debug2,
            Self::Debug2 | Self::Debug3 => Self::Debug3,
            _ => Self::Debug1,
        }
    }
}

pub(super) fn log_level(text: &str) -> Result<LogLevel, String> {
    let row = LEVELS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(text));
    row.map(|(_, level)| *level).ok_or_else(|| {
        tr!(
            "{text:?} is not a level: QUIET, FATAL, ERROR, INFO, VERBOSE, DEBUG1, DEBUG2 or DEBUG3",
            text
        )
    })
}

pub(super) fn flag(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "true" => Ok(true),
        "no" | "false" => Ok(false),
        _ => Err(tr!("{text:?} is neither yes nor no", text)),
    }
}

/// One of these words; `true` and `false` count as `yes` and `no`.
pub(super) fn word(text: &str, words: &[&'static str]) -> Result<&'static str, String> {
    let text = match text.to_ascii_lowercase().as_str() {
        "true" => "yes".to_owned(),
        "false" => "no".to_owned(),
        text => text.to_owned(),
    };
    let found = words.iter().find(|word| **word == text);
    found.copied().ok_or_else(|| {
        tr!(
            "{text:?} is not one of {words}",
            text,
            words = words.join(", ")
        )
    })
}

pub(super) fn count(text: &str) -> Result<u32, String> {
    let number = text.parse::<u32>().ok();
    number
        .filter(|number| i32::try_from(*number).is_ok())
        .ok_or_else(|| tr!("{text:?} is not a number", text))
}

pub(super) fn port(text: &str) -> Result<u16, String> {
    let port = text.parse().ok().filter(|port| *port > 0);
    port.ok_or_else(|| tr!("{text:?} is not a port: 1 to 65535", text))
}

/// `90`, `1m30s`, `2h`, as in sshd_config(5).
pub(super) fn time(text: &str) -> Result<Duration, String> {
    let problem = || tr!("{text:?} is not a time such as 90, 90s or 1m30s", text);
    let mut seconds: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit());
        let (digits, tail) = rest.split_at(end.unwrap_or(rest.len()));
        let number: u64 = digits.parse().map_err(|_| problem())?;
        let mut tail = tail.chars();
        let unit = match tail.next().map(|unit| unit.to_ascii_lowercase()) {
            None | Some('s') => 1,
            Some('m') => 60,
            Some('h') => 3600,
            Some('d') => 86_400,
            Some('w') => 604_800,
            Some(_) => return Err(problem()),
        };
        rest = tail.as_str();
        let part = number.checked_mul(unit);
        seconds = part
            .and_then(|part| seconds.checked_add(part))
            .filter(|seconds| i32::try_from(*seconds).is_ok())
            .ok_or_else(problem)?;
    }
    if text.is_empty() {
        return Err(problem());
    }
    Ok(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        for (text, seconds) in [
            ("0", 0),
            ("90", 90),
            ("1m30s", 90),
            ("2H", 7200),
            ("1w1d", 691_200),
        ] {
            assert_eq!(time(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "s", "-1", "1y", "1 m", "99999999999", "99999999w"] {
            assert!(time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn words_are_read() {
        assert_eq!(flag("TRUE"), Ok(true));
        assert!(flag("maybe").is_err());
        assert_eq!(word("False", &["yes", "no", "auto"]), Ok("no"));
        assert_eq!(word("AUTO", &["yes", "no", "auto"]), Ok("auto"));
        assert!(word("off", &["yes", "no"]).is_err());
        assert_eq!(log_level("debug"), Ok(LogLevel::Debug1));
        assert!(log_level("loud").is_err());
        assert!(port("0").is_err() && port("65536").is_err() && count("-1").is_err());
    }
}
