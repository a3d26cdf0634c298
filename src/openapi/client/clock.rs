//! The difference between this machine's clock and a server's.

use jiff::Timestamp;
use std::time::Duration;

/// The difference between this machine's clock and a server's, in words when displayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClockSkew {
    /// Seconds that this machine is ahead; negative when it is behind.
    pub(crate) ahead: i64,
}

impl ClockSkew {
    /// Compares the server's `Date` header with our time; `None` for a header that is no date.
    #[must_use]
    pub(crate) fn read(date: &str, ours: Timestamp) -> Option<Self> {
        let parser = jiff::fmt::rfc2822::DateTimeParser::new();
        let theirs = parser.parse_timestamp(date).ok()?;
        let ahead = ours.as_second() - theirs.as_second();
        Some(Self { ahead })
    }
}

impl std::fmt::Display for ClockSkew {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let size = Duration::from_secs(self.ahead.unsigned_abs());
        f.write_str(&match self.ahead < 0 {
            true => tr!("this machine's clock is {size:?} behind the server's", size),
            false => tr!(
                "this machine's clock is {size:?} ahead of the server's",
                size
            ),
        })
    }
}
