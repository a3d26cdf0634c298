//! The lines of a recording, without IO: asciicast v2 and v3 (`docs.asciinema.org/manual/asciicast`).

use super::text::Text;
use serde_json::{Value, json};
use std::time::Duration;

/// A version of the format.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// The format that asciinema 2 writes, and that every player reads.
    #[default]
    V2,
    /// The format that asciinema 3 writes, with the exit status.
    V3,
}

/// The facts that are known when a recording begins.
#[derive(Debug, Clone)]
pub(crate) struct RecordingStart {
    /// Columns of the terminal.
    pub cols: u16,
    /// Its rows.
    pub rows: u16,
    /// Seconds since 1970.
    pub unix_seconds: u64,
    /// The target of the session.
    pub title: String,
    /// The terminal's type, as in `TERM`.
    pub term: Option<String>,
}

/// Makes lines of what happens, each a whole one with its newline. Times count from the recording's start and
/// never go back.
#[derive(Debug)]
pub(crate) struct Encoder {
    format: Format,
    output: Text,
    input: Text,
    /// The time of the last event, in microseconds.
    last: u128,
}

impl Encoder {
    /// An encoder, and the line that begins the recording.
    #[must_use]
    pub(crate) fn new(format: Format, start: &RecordingStart) -> (Self, String) {
        let encoder = Self {
            format,
            output: Text::default(),
            input: Text::default(),
            last: 0,
        };
        (encoder, format!("{}\n", header(format, start)))
    }

    /// Takes bytes that were shown. The mere beginning of a character makes no line yet.
    pub(crate) fn output(&mut self, at: Duration, bytes: &[u8]) -> Option<String> {
        let text = self.output.push(bytes);
        self.event(at, "o", &text)
    }

    /// Takes bytes that were typed.
    pub(crate) fn input(&mut self, at: Duration, bytes: &[u8]) -> Option<String> {
        let text = self.input.push(bytes);
        self.event(at, "i", &text)
    }

    /// The terminal's new size.
    pub(crate) fn resize(&mut self, at: Duration, cols: u16, rows: u16) -> Option<String> {
        self.event(at, "r", &format!("{cols}x{rows}"))
    }

    /// The end, with the status of the program if it is known. Version 2 has no place for it.
    pub(crate) fn end(&mut self, at: Duration, status: Option<u8>) -> Option<String> {
        let (output, input) = (self.output.end(), self.input.end());
        let status = status.filter(|_| self.format == Format::V3);
        let status = status.map(|status| status.to_string()).unwrap_or_default();
        let lines = [("o", output), ("i", input), ("x", &status)];
        let lines = lines.map(|(code, text)| self.event(at, code, text));
        let lines: String = lines.into_iter().flatten().collect();
        Some(lines).filter(|lines| !lines.is_empty())
    }

    /// One event; none if it says nothing.
    fn event(&mut self, at: Duration, code: &str, text: &str) -> Option<String> {
        if text.is_empty() {
            return None;
        }
        let at = at.as_micros().max(self.last);
        let time = match self.format {
            Format::V2 => at,
            // The time since the event before: differences of rounded times, so that no error adds up.
            Format::V3 => at - self.last,
        };
        self.last = at;
        let (seconds, micros) = (time / 1_000_000, time % 1_000_000);
        let text = Value::from(text);
        Some(format!("[{seconds}.{micros:06}, \"{code}\", {text}]\n"))
    }
}

fn header(format: Format, start: &RecordingStart) -> Value {
    let RecordingStart { cols, rows, .. } = start;
    let (seconds, title) = (start.unix_seconds, &start.title);
    match format {
        Format::V2 => {
            let mut header = json!({
                "version": 2, "width": cols, "height": rows, "timestamp": seconds, "title": title,
            });
            if let Some(term) = &start.term {
                header["env"] = json!({"TERM": term});
            }
            header
        }
        Format::V3 => {
            let mut header = json!({
                "version": 3, "term": {"cols": cols, "rows": rows}, "timestamp": seconds, "title": title,
            });
            if let Some(term) = &start.term {
                header["term"]["type"] = json!(term);
            }
            header
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn start() -> RecordingStart {
        RecordingStart {
            cols: 80,
            rows: 24,
            unix_seconds: 1_504_467_315,
            title: "web-1".into(),
            term: Some("xterm-256color".into()),
        }
    }

    fn recorded(format: Format) -> String {
        let (mut encoder, header) = Encoder::new(format, &start());
        let ms = Duration::from_millis;
        let lines = [
            encoder.output(ms(248), b"\x1b[1mHello\x1b[m \"\\\r\n\xe4"),
            encoder.resize(ms(1000), 90, 30),
            encoder.input(ms(1001), b"\x03"),
            encoder.output(ms(1500), b"\xbd"),
            // A clock that goes back.
            encoder.output(ms(1400), b"\xa0\xff"),
            encoder.end(ms(62_000), Some(7)),
        ];
        header + &lines.into_iter().flatten().collect::<String>()
    }

    #[test]
    fn version_2_has_times_since_the_start() {
        insta::assert_snapshot!(recorded(Format::V2), @r#"
        {"env":{"TERM":"xterm-256color"},"height":24,"timestamp":1504467315,"title":"web-1","version":2,"width":80}
        [0.248000, "o", "\u001b[1mHello\u001b[m \"\\\r\n"]
        [1.000000, "r", "90x30"]
        [1.001000, "i", "\u0003"]
        [1.400000, "o", "你�"]
        "#);
    }

    #[test]
    fn version_3_has_intervals_and_the_status() {
        insta::assert_snapshot!(recorded(Format::V3), @r#"
        {"term":{"cols":80,"rows":24,"type":"xterm-256color"},"timestamp":1504467315,"title":"web-1","version":3}
        [0.248000, "o", "\u001b[1mHello\u001b[m \"\\\r\n"]
        [0.752000, "r", "90x30"]
        [0.001000, "i", "\u0003"]
        [0.399000, "o", "你�"]
        [60.600000, "x", "7"]
        "#);
    }

    proptest! {
        /// Whatever is shown, every line is an event by itself, and together they have all of it, at its time.
        #[test]
        fn nothing_is_lost_or_invented(
            pieces in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 0..20), 0_u64..5000), 0..20),
            is_v3 in any::<bool>(),
        ) {
            let format = if is_v3 { Format::V3 } else { Format::V2 };
            let (mut encoder, _) = Encoder::new(format, &start());
            let (mut shown, mut at) = (Vec::new(), Duration::ZERO);
            let mut lines = String::new();
            for (bytes, pause) in &pieces {
                at += Duration::from_micros(*pause);
                lines.extend(encoder.output(at, bytes));
                shown.extend_from_slice(bytes);
            }
            lines.extend(encoder.end(at, Some(0)));
            prop_assert!(lines.is_empty() || lines.ends_with('\n'));
            let (mut text, mut time) = (String::new(), 0.0);
            for line in lines.lines() {
                let (seconds, code, data): (f64, String, String) = serde_json::from_str(line).unwrap();
                time = if is_v3 { time + seconds } else { seconds };
                match code.as_str() {
                    "o" => text += &data,
                    _ => prop_assert_eq!((code.as_str(), data.as_str(), is_v3), ("x", "0", true)),
                }
            }
            prop_assert_eq!(text, String::from_utf8_lossy(&shown));
            let end = at.as_secs_f64();
            prop_assert!(time <= end + 1e-6 && (!is_v3 || time >= end - 1e-6));
        }
    }
}
