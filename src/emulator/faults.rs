//! The fault switchboard: what can go wrong on purpose, as settings.

use super::settings::{self, Setting, Slot};
use crate::error::Result;
use std::str::FromStr;
use std::time::Duration;

/// What goes wrong on purpose; nothing by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    /// Errors the API answers with.
    pub api_errors: Vec<ApiFault>,
    /// Every message is under way for so long, in both directions.
    pub delay: Option<Duration>,
    /// The connection is closed without a word after so much output.
    pub drop_after_out: Option<After>,
    /// The same after so much from the client.
    pub drop_after_in: Option<After>,
    /// The connection is reset (TCP RST) after so much output.
    pub reset_after: Option<After>,
    /// The same after so much from the client.
    pub reset_after_in: Option<After>,
    /// After so much output nothing goes either way, and the connection stays.
    pub blackhole_after: Option<After>,
    /// The same after so much from the client.
    pub blackhole_after_in: Option<After>,
    /// After so much output the gateway says Frozen and closes with 1012.
    pub freeze_after: Option<After>,
    /// Every nth Output is sent twice.
    pub duplicate: Option<u64>,
    /// Every nth Output comes after the one that follows it.
    pub reorder: Option<u64>,
    /// The nth Output of a session's first connection is lost.
    pub swallow: Option<u64>,
    /// The nth message of the client over a session's first connection is lost.
    pub swallow_in: Option<u64>,
    /// No session can be resumed.
    pub refuse_resume: bool,
    /// A session's URL is no longer good once it was used.
    pub expire_url: bool,
    /// Sessions end without a Closed status.
    pub silent_end: bool,
    /// No Opening, Opened or Stream status is sent, as with old agents.
    pub no_status: bool,
    /// Agents are old ones: version 1.01, no sequence numbers, early input dropped.
    pub old_agent: bool,
}

const FAULTS: &[Setting<Faults>] = &[
    Setting {
        name: "api-error",
        help: "CODE[:COUNT]: the API answers so, COUNT times or always",
        slot: |f| Slot::ApiErrors(&mut f.api_errors),
    },
    Setting {
        name: "delay",
        help: "every message takes so long, each way",
        slot: |f| Slot::Time(&mut f.delay),
    },
    Setting {
        name: "drop-after-out",
        help: "AMOUNT[:TIMES]: drop the connection after so much output",
        slot: |f| Slot::After(&mut f.drop_after_out),
    },
    Setting {
        name: "drop-after-in",
        help: "AMOUNT[:TIMES]: the same after so much input",
        slot: |f| Slot::After(&mut f.drop_after_in),
    },
    Setting {
        name: "reset-after",
        help: "AMOUNT[:TIMES]: reset the connection after so much output",
        slot: |f| Slot::After(&mut f.reset_after),
    },
    Setting {
        name: "reset-after-in",
        help: "AMOUNT[:TIMES]: the same after so much input",
        slot: |f| Slot::After(&mut f.reset_after_in),
    },
    Setting {
        name: "blackhole-after",
        help: "AMOUNT[:TIMES]: let nothing through after so much output",
        slot: |f| Slot::After(&mut f.blackhole_after),
    },
    Setting {
        name: "blackhole-after-in",
        help: "AMOUNT[:TIMES]: the same after so much input",
        slot: |f| Slot::After(&mut f.blackhole_after_in),
    },
    Setting {
        name: "freeze-after",
        help: "AMOUNT[:TIMES]: Frozen and close code 1012 after so much output",
        slot: |f| Slot::After(&mut f.freeze_after),
    },
    Setting {
        name: "duplicate",
        help: "send every Nth output twice",
        slot: |f| Slot::Number(&mut f.duplicate),
    },
    Setting {
        name: "reorder",
        help: "send every Nth output after the next one",
        slot: |f| Slot::Number(&mut f.reorder),
    },
    Setting {
        name: "swallow",
        help: "lose the Nth output of a session's first connection",
        slot: |f| Slot::Number(&mut f.swallow),
    },
    Setting {
        name: "swallow-in",
        help: "lose the Nth client message of a session's first connection",
        slot: |f| Slot::Number(&mut f.swallow_in),
    },
    Setting {
        name: "expire-url",
        help: "a session's URL is good for one connection only",
        slot: |f| Slot::Switch(&mut f.expire_url),
    },
    Setting {
        name: "refuse-resume",
        help: "refuse to resume sessions",
        slot: |f| Slot::Switch(&mut f.refuse_resume),
    },
    Setting {
        name: "silent-end",
        help: "end sessions without a Closed status",
        slot: |f| Slot::Switch(&mut f.silent_end),
    },
    Setting {
        name: "no-status",
        help: "send no Opening, Opened or Stream status",
        slot: |f| Slot::Switch(&mut f.no_status),
    },
    Setting {
        name: "old-agent",
        help: "old agents: 1.01, no sequence numbers, early input dropped",
        slot: |f| Slot::Switch(&mut f.old_agent),
    },
];

impl Faults {
    /// Switches one fault on, as `--fault NAME[=VALUE]` does.
    ///
    /// # Errors
    /// [`crate::error::Error::Usage`] listing the valid names, or saying what is wrong with the value.
    pub fn set(&mut self, name: &str, value: &str) -> Result<()> {
        settings::set(FAULTS, self, name, value)
    }

    /// The faults there are, one a line, for a help text.
    #[must_use]
    pub fn help() -> String {
        settings::help(FAULTS)
    }
}

/// An error the API answers with instead of doing what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiFault {
    /// The code.
    pub code: String,
    /// How many calls meet it; all when `None`.
    pub count: Option<u32>,
}

impl FromStr for ApiFault {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (code, count) = match text.split_once(':') {
            Some((code, count)) => (code, Some(count.parse().map_err(drop)?)),
            None => (text, None),
        };
        let valid = |c: char| c.is_ascii_alphanumeric() || c == '.';
        if code.is_empty() || !code.chars().all(valid) {
            return Err(());
        }
        Ok(Self {
            code: code.to_owned(),
            count,
        })
    }
}

/// When a fault of the link strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct After {
    /// How much passes first, in each connection anew.
    pub amount: Amount,
    /// In how many connections of a session; in all when `None`.
    pub times: Option<u32>,
}

/// So much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// Messages: Output messages outward, any inward.
    Messages(u64),
    /// Bytes of payload in them.
    Bytes(u64),
}

impl FromStr for After {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (amount, times) = match text.split_once(':') {
            Some((amount, times)) => (amount, Some(times.parse().map_err(drop)?)),
            None => (text, None),
        };
        let units = [("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];
        let unit = units
            .iter()
            .find_map(|(suffix, size)| Some((amount.strip_suffix(suffix)?, *size)));
        let amount = match unit {
            Some((n, size)) => Amount::Bytes(
                n.parse::<u64>()
                    .map_err(drop)?
                    .checked_mul(size)
                    .ok_or(())?,
            ),
            None => Amount::Messages(amount.parse().map_err(drop)?),
        };
        Ok(Self { amount, times })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_or_refused() {
        assert_eq!(
            "64KiB:3".parse(),
            Ok(After {
                amount: Amount::Bytes(65536),
                times: Some(3)
            })
        );
        for bad in ["", "x", "1:", "1:x", "-1", "99999999999999999MiB"] {
            assert_eq!(bad.parse::<After>(), Err(()), "{bad}");
        }
        for bad in ["", ":1", "A B", "Throttling:x"] {
            assert_eq!(bad.parse::<ApiFault>(), Err(()), "{bad}");
        }
        let message = Faults::default()
            .set("old-agent", "yes")
            .unwrap_err()
            .to_string();
        assert_eq!(message, "old-agent=yes: neither true nor false");
    }
}
