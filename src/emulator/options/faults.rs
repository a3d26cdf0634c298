//! The faults that an emulator can inject, as settings.

use super::settings::{self, Setting, duration, number, optional, switch, time};
use crate::error::Result;
use crate::size;
use std::str::FromStr;
use std::time::Duration;

/// The faults to inject; none by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    /// Errors that API calls fail with.
    pub api_errors: Vec<ApiFault>,
    /// Every message is delayed by this, in both directions.
    pub delay: Option<Duration>,
    /// TCP is closed, without a close frame, after this much output.
    pub drop_after_out: Option<After>,
    /// The same after this much from the client.
    pub drop_after_in: Option<After>,
    /// TCP is reset after this much output.
    pub reset_after: Option<After>,
    /// The same after this much from the client.
    pub reset_after_in: Option<After>,
    /// After this much output the connection stays open and carries nothing more.
    pub blackhole_after: Option<After>,
    /// The same after this much from the client.
    pub blackhole_after_in: Option<After>,
    /// After this much output the gateway sends Frozen and closes with 1012.
    pub freeze_after: Option<After>,
    /// After this much output of a session's first connection, all traffic is held for a time.
    pub stall_after: Option<ForATime>,
    /// After this much from the client of a session's first connection, nothing is read for a time.
    pub deaf_after_in: Option<ForATime>,
    /// The gateway pings the client this often, whether it reads or not.
    pub ping_every: Option<Duration>,
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
    /// A session's URL expires when it is used.
    pub expire_url: bool,
    /// Sessions end without a Closed status.
    pub silent_end: bool,
    /// No Opening, Opened or Stream status is sent, as with old agents.
    pub no_status: bool,
    /// Agents are [`crate::emulator::agent::Generation::Old`].
    pub old_agent: bool,
    /// Agents are [`crate::emulator::agent::Generation::Newest`].
    pub newest_agent: bool,
}

#[rustfmt::skip]
const FAULTS: &[Setting<Faults>] = &[
    ("api-error", "CODE[:COUNT]: API calls fail with CODE, COUNT times or always", |f, text| api_error(&mut f.api_errors, text)),
    ("delay", "delay every message by this, each way", |f, text| time(&mut f.delay, text)),
    ("drop-after-out", "AMOUNT[:TIMES]: close TCP after this much output", |f, text| after(&mut f.drop_after_out, text)),
    ("drop-after-in", "AMOUNT[:TIMES]: the same after this much input", |f, text| after(&mut f.drop_after_in, text)),
    ("reset-after", "AMOUNT[:TIMES]: reset TCP after this much output", |f, text| after(&mut f.reset_after, text)),
    ("reset-after-in", "AMOUNT[:TIMES]: the same after this much input", |f, text| after(&mut f.reset_after_in, text)),
    ("blackhole-after", "AMOUNT[:TIMES]: stop all traffic after this much output", |f, text| after(&mut f.blackhole_after, text)),
    ("blackhole-after-in", "AMOUNT[:TIMES]: the same after this much input", |f, text| after(&mut f.blackhole_after_in, text)),
    ("freeze-after", "AMOUNT[:TIMES]: send Frozen and close with 1012 after this much output", |f, text| after(&mut f.freeze_after, text)),
    ("stall-after", "AMOUNT:TIME: hold all traffic for TIME after this much output, once a session", |f, text| for_a_time(&mut f.stall_after, text)),
    ("deaf-after-in", "AMOUNT:TIME: read nothing for TIME after this much input, once a session", |f, text| for_a_time(&mut f.deaf_after_in, text)),
    ("ping-every", "ping clients this often", |f, text| time(&mut f.ping_every, text)),
    ("duplicate", "send every Nth output twice", |f, text| number(&mut f.duplicate, text)),
    ("reorder", "send every Nth output after the next one", |f, text| number(&mut f.reorder, text)),
    ("swallow", "lose the Nth output of a session's first connection", |f, text| number(&mut f.swallow, text)),
    ("swallow-in", "lose the Nth client message of a session's first connection", |f, text| number(&mut f.swallow_in, text)),
    ("expire-url", "a session's URL is good for one connection only", |f, text| switch(&mut f.expire_url, text)),
    ("refuse-resume", "refuse to resume sessions", |f, text| switch(&mut f.refuse_resume, text)),
    ("silent-end", "end sessions without a Closed status", |f, text| switch(&mut f.silent_end, text)),
    ("no-status", "send no Opening, Opened or Stream status", |f, text| switch(&mut f.no_status, text)),
    ("old-agent", "the oldest agents: 1.01, all early messages dropped, ports connect anew", |f, text| switch(&mut f.old_agent, text)),
    ("newest-agent", "the newest published agents: 1.01, nothing is sent again", |f, text| switch(&mut f.newest_agent, text)),
];

impl Faults {
    /// Sets one fault, as `--fault NAME[=VALUE]` does.
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

fn after(slot: &mut Option<After>, text: &str) -> Result<(), &'static str> {
    let wrong = tr!("expected AMOUNT[:TIMES], such as 5, 64K or 5:1");
    optional(slot, text, |text| text.parse().map_err(|()| wrong))
}

fn for_a_time(slot: &mut Option<ForATime>, text: &str) -> Result<(), &'static str> {
    let wrong = tr!("expected AMOUNT:TIME, such as 64K:50s");
    optional(slot, text, |text| {
        let (amount, time) = text.split_once(':').ok_or(wrong)?;
        Ok(ForATime {
            amount: amount.parse().map_err(|()| wrong)?,
            time: duration(time).ok_or(wrong)?,
        })
    })
}

fn api_error(list: &mut Vec<ApiFault>, text: &str) -> Result<(), &'static str> {
    list.push(text.parse().map_err(|()| tr!("expected CODE[:COUNT]"))?);
    Ok(())
}

/// An error that API calls fail with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiFault {
    /// The code.
    pub code: String,
    /// The number of calls that fail; all when `None`.
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

/// The moment of a connection's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct After {
    /// The amount that passes first; each connection counts from the start.
    pub amount: Amount,
    /// In how many connections of a session; in all when `None`.
    pub times: Option<u32>,
}

/// The moment and the length of a fault that passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForATime {
    /// The amount that passes first.
    pub amount: Amount,
    /// The time that it lasts.
    pub time: Duration,
}

/// An amount of traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// Messages: Output to the client, all kinds from the client.
    Messages(u64),
    /// Bytes of their payload.
    Bytes(u64),
}

impl FromStr for After {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (amount, times) = match text.split_once(':') {
            Some((amount, times)) => (amount, Some(times.parse().map_err(drop)?)),
            None => (text, None),
        };
        Ok(Self {
            amount: amount.parse()?,
            times,
        })
    }
}

impl FromStr for Amount {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text.bytes().all(|b| b.is_ascii_digit()) {
            return text.parse().map(Self::Messages).map_err(drop);
        }
        size::parse(text).map(Self::Bytes).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_or_refused() {
        for text in ["64K:3", "64KiB:3", "65536B:3"] {
            assert_eq!(
                text.parse(),
                Ok(After {
                    amount: Amount::Bytes(65536),
                    times: Some(3)
                })
            );
        }
        for bad in ["", "x", "1:", "1:x", "-1", "99999999999999999MiB"] {
            assert_eq!(bad.parse::<After>(), Err(()), "{bad}");
        }
        let mut faults = Faults::default();
        faults.set("stall-after", "64KiB:50s").unwrap();
        let stall = ForATime {
            amount: Amount::Bytes(65536),
            time: Duration::from_secs(50),
        };
        assert_eq!(faults.stall_after, Some(stall));
        for bad in ["", "1", "1:", ":1s", "1:1"] {
            assert!(faults.set("stall-after", bad).is_err(), "{bad}");
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
