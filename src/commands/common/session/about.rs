//! The two lines of `~s` about a session: its identity and its state.

use crate::commands::common::table::cut;
use crate::protocol::channel::Condition;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;
use unicode_width::UnicodeWidthStr as _;

/// The columns of a line, without the prefix of axt's messages.
const COLUMNS: usize = 75;

/// The identity of a session.
#[derive(Debug, Clone)]
pub(crate) struct About {
    /// The instance, or the pod.
    pub(crate) place: String,
    /// The session's id, where it is known.
    pub(crate) session: Option<String>,
    /// The time when it was started.
    pub(crate) started: Timestamp,
}

impl About {
    /// A session that was just started.
    pub(crate) fn new(place: &str, session: Option<&str>) -> Self {
        Self {
            place: place.to_owned(),
            session: session.map(str::to_owned),
            started: Timestamp::now(),
        }
    }

    /// The two lines.
    #[must_use]
    pub(crate) fn lines(&self, condition: &Condition, now: Timestamp) -> String {
        let seconds = (now.as_second() - self.started.as_second()).max(0);
        let whole = if seconds < 3600 {
            seconds
        } else {
            seconds - seconds % 60
        };
        let age = SignedDuration::from_secs(whole);
        let since = tr!(
            "since {time} ({age:#})",
            time = self.started.strftime("%H:%M:%SZ"),
            age
        );
        let session = self.session.as_ref().map(|id| tr!("session {id}", id));
        let place = Some(self.place.clone()).filter(|place| !place.is_empty());
        let names: Vec<String> = place.into_iter().chain(session).collect();
        // The time stays, whatever the names are.
        let mut names = names.join(tr!(", "));
        cut(&mut names, COLUMNS.saturating_sub(since.width() + 2));
        let first = match names.is_empty() {
            true => since,
            false => [names, since].join(tr!(", ")),
        };
        let mut second = describe(condition);
        cut(&mut second, COLUMNS);
        format!("{first}\n{second}")
    }
}

/// The line of the session's state.
fn describe(condition: &Condition) -> String {
    let link = match (condition.up, condition.round_trip) {
        (false, _) => tr!("connection lost").to_owned(),
        (true, None) => tr!("connected").to_owned(),
        (true, Some(time)) => tr!("round trip {time}", time = short(time)),
    };
    let (sent, received) = (size(condition.sent), size(condition.received));
    let resumes = match condition.resumes {
        None => tr!("can't be resumed").to_owned(),
        Some(1) => tr!("1 resume").to_owned(),
        Some(count) => tr!("{count} resumes", count),
    };
    // A terminal's bytes go as they are: only commands without one are compressed.
    let mut text = tr!(
        "{link}, {sent} out, {received} in, uncompressed, {resumes}",
        link,
        sent,
        received,
        resumes
    );
    if condition.encrypted {
        text += tr!(", encrypted");
    }
    text
}

/// A time of a network in a few characters.
fn short(time: Duration) -> String {
    match time.as_millis() {
        0 => "<1ms".to_owned(),
        ms @ 1..1000 => format!("{ms}ms"),
        _ => format!("{:.1}s", time.as_secs_f64()),
    }
}

/// A number of bytes in a few characters, as sizes are written for axt.
fn size(bytes: u64) -> String {
    let (mut tenths, mut unit) = (bytes.saturating_mul(10), "B");
    for larger in ["K", "M", "G", "T"] {
        if tenths < 10_240 {
            break;
        }
        (tenths, unit) = (tenths / 1024, larger);
    }
    match (unit, tenths) {
        (unit, tenths) if unit == "B" || tenths >= 100 => format!("{}{unit}", tenths / 10),
        (unit, tenths) => format!("{}.{}{unit}", tenths / 10, tenths % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(place: &str, session: Option<&str>) -> About {
        About {
            started: "2024-01-19T09:15:46Z".parse().unwrap(),
            ..About::new(place, session)
        }
    }

    fn condition() -> Condition {
        Condition {
            up: true,
            encrypted: false,
            round_trip: Some(Duration::from_micros(23_900)),
            sent: 1023,
            received: 3_565_158,
            resumes: Some(0),
        }
    }

    fn now() -> Timestamp {
        "2024-01-19T11:20:51Z".parse().unwrap()
    }

    #[test]
    fn two_lines_name_the_session_and_its_state() {
        let session = about("i-bp1i7gg30r52z2em4xyz", Some("s-hz023od0x9abcd"));
        insta::assert_snapshot!(session.lines(&condition(), now()), @r"
        i-bp1i7gg30r52z2em4xyz, session s-hz023od0x9abcd, since 09:15:46Z (2h 5m)
        round trip 23ms, 1023B out, 3.3M in, uncompressed, 0 resumes
        ");
        let pod = Condition {
            round_trip: None,
            resumes: None,
            ..condition()
        };
        insta::assert_snapshot!(about("pod-1", None).lines(&pod, now()), @r"
        pod-1, since 09:15:46Z (2h 5m)
        connected, 1023B out, 3.3M in, uncompressed, can't be resumed
        ");
    }

    #[test]
    fn no_line_is_wider_than_a_terminal() {
        let worst = Condition {
            up: true,
            encrypted: true,
            round_trip: Some(Duration::from_millis(99_999)),
            sent: u64::MAX,
            received: u64::MAX,
            resumes: Some(4_000_000),
        };
        for place in ["你".repeat(60), "i".repeat(200), String::new()] {
            let text = about(&place, Some("s")).lines(&worst, now());
            let lines: Vec<&str> = text.lines().collect();
            assert_eq!(lines.len(), 2);
            assert!(lines.iter().all(|line| line.width() <= COLUMNS), "{text}");
            assert!(text.contains("since 09:15:46Z (2h 5m)"), "{text}");
        }
    }

    #[test]
    fn sizes_are_short() {
        for (bytes, text) in [
            (0, "0B"),
            (1023, "1023B"),
            (1024, "1.0K"),
            (10_239, "9.9K"),
            (10_240, "10K"),
            (1_048_575, "1023K"),
            (1_048_576, "1.0M"),
            (5 << 40, "5.0T"),
        ] {
            assert_eq!(size(bytes), text, "{bytes}");
        }
    }
}
