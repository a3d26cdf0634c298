//! The closing status of a web shell: a Kubernetes `Status` object at the end of the output.
//!
//! SAE passes on what a pod's exec answers: bytes of the terminal, and when the program is over one
//! compact JSON object, `{"metadata":{},"status":"Success"}` or one with `"Failure"` and the exit
//! code among `details.causes` (the Kubernetes API's `metav1.Status`; `devsapp/saectl` knows its
//! first bytes). Nothing marks where it begins, so it is told by its beginning, its form, and by
//! being the last: whatever comes after it makes it output.

use crate::error::Error;
use crate::protocol::channel::Ending;
use serde::Deserialize;

/// The beginning of the object; the status itself and a quotation mark follow.
const START: &[u8] = br#"{"metadata":{},"status":""#;

/// The statuses that end a session, as they follow [`START`].
const STATUSES: [&[u8]; 2] = [br#"Success""#, br#"Failure""#];

/// The longest object that is waited for, in bytes. A failed command is in its `message`.
const LONGEST: usize = 8 * 1024;

/// Bytes that are held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeldBack {
    /// Nothing.
    Nothing,
    /// Bytes that an object could begin with, too few to be sure of one.
    Start,
    /// The beginning of an object.
    Part,
    /// A whole object. If nothing follows, it is the closing one.
    Whole,
}

/// Finds the closing status in a stream, however that is cut.
#[derive(Debug, Default)]
pub(super) struct StatusScanner {
    /// The end of what has come, as far as it may be the object; begins where the object would.
    bytes: Vec<u8>,
    /// The object's length, once it is whole. Nothing is in `bytes` behind it.
    whole: bool,
}

impl StatusScanner {
    /// Takes the next bytes of the stream; those that can't be the closing status go to `output`.
    pub(super) fn feed(&mut self, bytes: &[u8], mut output: impl FnMut(&[u8])) {
        if bytes.is_empty() {
            return;
        }
        if std::mem::take(&mut self.whole) {
            // Something follows, so this one was not the last.
            output(&std::mem::take(&mut self.bytes));
        }
        let joined;
        let mut rest = bytes;
        if !self.bytes.is_empty() {
            self.bytes.extend_from_slice(bytes);
            joined = std::mem::take(&mut self.bytes);
            rest = &joined;
        }
        while let Some(at) = find(rest) {
            let (before, from) = rest.split_at(at);
            output(before);
            rest = match read(from) {
                Reading::Unfinished => {
                    self.bytes = from.to_vec();
                    return;
                }
                Reading::Whole(len) if len == from.len() => {
                    self.bytes = from.to_vec();
                    self.whole = true;
                    return;
                }
                Reading::Whole(len) | Reading::Other(len) => {
                    let (object, after) = from.split_at(len);
                    output(object);
                    after
                }
            };
        }
        output(rest);
    }

    /// The bytes that are held back now.
    #[must_use]
    pub(super) fn held(&self) -> HeldBack {
        match self.bytes.len() {
            0 => HeldBack::Nothing,
            _ if self.whole => HeldBack::Whole,
            len if len < START.len() => HeldBack::Start,
            _ => HeldBack::Part,
        }
    }

    /// Gives out what is held as the output it is, because no more comes for now.
    #[must_use]
    pub(super) fn release(&mut self) -> Vec<u8> {
        self.whole = false;
        std::mem::take(&mut self.bytes)
    }

    /// At the end of the stream: how the session ended, if it said so. What is held after a `None`
    /// is output, see [`Self::release`].
    #[must_use]
    pub(super) fn end(&mut self) -> Option<Ending> {
        if !std::mem::take(&mut self.whole) {
            return None;
        }
        let status = serde_json::from_slice(&std::mem::take(&mut self.bytes));
        // It was read once already, when it became whole.
        status.ok().map(KubernetesStatus::ending)
    }
}

/// The fields of a `metav1.Status` that tell how a program ended.
#[derive(Deserialize)]
struct KubernetesStatus {
    status: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    details: Option<Details>,
}

#[derive(Deserialize)]
struct Details {
    #[serde(default)]
    causes: Vec<StatusCause>,
}

#[derive(Deserialize)]
struct StatusCause {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    message: String,
}

impl KubernetesStatus {
    fn ending(self) -> Ending {
        if self.status == "Success" {
            return Ending::Normal;
        }
        let causes = self.details.iter().flat_map(|details| &details.causes);
        let code = causes
            .filter(|cause| cause.reason == "ExitCode")
            .find_map(|cause| cause.message.parse().ok());
        match code {
            Some(code) => Ending::Status(code),
            None => Ending::Failed(Error::Ended {
                code: self.reason,
                detail: self.message,
            }),
        }
    }
}

/// The place where an object begins, or may begin if the rest of it follows.
fn find(bytes: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = bytes.get(from..)?.iter().position(|b| *b == b'{') {
        let candidate = bytes.get(from + at..)?;
        if may_begin(candidate) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

/// True if `bytes` and the beginning of a status agree as far as both go.
fn may_begin(bytes: &[u8]) -> bool {
    let agree = |a: &[u8], b: &[u8]| a.iter().zip(b).all(|(a, b)| a == b);
    let status = bytes.get(START.len()..).unwrap_or_default();
    agree(bytes, START) && STATUSES.iter().any(|known| agree(status, known))
}

enum Reading {
    /// The bytes may be the beginning of the object.
    Unfinished,
    /// The bytes are an object of this length.
    Whole(usize),
    /// The bytes up to this length are something else.
    Other(usize),
}

/// Reads what begins as an object does.
fn read(bytes: &[u8]) -> Reading {
    match object_len(bytes) {
        Some(len) => {
            let object = bytes.get(..len).unwrap_or_default();
            match serde_json::from_slice::<KubernetesStatus>(object) {
                Ok(_) => Reading::Whole(len),
                Err(_) => Reading::Other(1),
            }
        }
        None if bytes.len() > LONGEST => Reading::Other(1),
        None => Reading::Unfinished,
    }
}

/// The length of the JSON object at the beginning, as its braces tell it; `None` while one is open.
fn object_len(bytes: &[u8]) -> Option<usize> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for (at, byte) in bytes.iter().take(LONGEST).enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' => depth += 1,
            b'}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SUCCESS: &str = r#"{"metadata":{},"status":"Success"}"#;
    const FAILURE: &str = r#"{"metadata":{},"status":"Failure","message":"command terminated with non-zero exit code: exit \"7\" }","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"7"}]}}"#;

    /// The output of a stream that arrives in pieces and then ends, and how it ended.
    fn scan(pieces: &[&[u8]]) -> (Vec<u8>, String) {
        let mut scanner = StatusScanner::default();
        let mut output = Vec::new();
        for piece in pieces {
            scanner.feed(piece, |bytes| output.extend_from_slice(bytes));
        }
        let ending = scanner.end().map_or("none".into(), |ending| match ending {
            Ending::Normal => "Success".to_owned(),
            Ending::Status(status) => status.to_string(),
            Ending::Failed(error) => error.to_string(),
        });
        output.extend(scanner.release());
        (output, ending)
    }

    #[test]
    fn a_status_is_found_wherever_it_is_cut_and_whatever_it_is_glued_to() {
        for (object, ending) in [(SUCCESS, "Success"), (FAILURE, "7")] {
            let stream = format!("exit\r\n{object}");
            for cut in 0..=stream.len() {
                let (first, second) = stream.as_bytes().split_at(cut);
                let found = scan(&[first, second]);
                assert_eq!(found, (b"exit\r\n".to_vec(), ending.into()), "{cut}");
            }
            let bytes: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
            assert_eq!(scan(&bytes), (b"exit\r\n".to_vec(), ending.into()));
        }
    }

    #[test]
    fn what_is_followed_by_more_is_output() {
        for more in ["\n", "$ ", "}", "x"] {
            let stream = format!("$ {SUCCESS}{more}");
            let (output, ending) = scan(&[stream.as_bytes()]);
            assert_eq!((output, ending.as_str()), (stream.clone().into(), "none"));
            let (output, ending) = scan(&[format!("$ {SUCCESS}").as_bytes(), more.as_bytes()]);
            assert_eq!((output, ending.as_str()), (stream.into(), "none"));
        }
        let (output, ending) = scan(&[format!("{SUCCESS}{FAILURE}").as_bytes()]);
        assert_eq!((output, ending.as_str()), (SUCCESS.into(), "7"));
    }

    #[test]
    fn what_only_looks_like_a_status_is_output() {
        for stream in [
            r#"{"metadata":{},"status":"Succ"#,
            r#"{"metadata":{},"status":"Success""#,
            r#"{"metadata":{},"status":"Successful"}"#,
            r#"{"metadata":{},"status":"Success",}"#,
            r#"{"metadata":{},"status":"Failure","details":7}"#,
            r#"{"metadata": {}, "status": "Success"}"#,
            r#"{"metadata":{"name":"x"},"status":"Success"}"#,
        ] {
            let found = scan(&[stream.as_bytes()]);
            assert_eq!(found, (stream.into(), "none".into()), "{stream}");
            let found = scan(&[format!("{stream}{SUCCESS}").as_bytes()]);
            if object_len(stream.as_bytes()).is_some() {
                assert_eq!(found, (stream.into(), "Success".into()), "{stream}");
            }
        }
    }

    #[test]
    fn a_failure_without_an_exit_code_is_told_in_its_own_words() {
        let gone = r#"{"metadata":{},"status":"Failure","message":"container not found","reason":"InternalError","code":500}"#;
        let (_, ending) = scan(&[gone.as_bytes()]);
        assert_eq!(
            ending,
            "the session ended: InternalError: container not found"
        );
        for code in ["256", "-1", "", "many"] {
            let object = FAILURE.replace(r#""7"}"#, &format!(r#""{code}"}}"#));
            let (_, ending) = scan(&[object.as_bytes()]);
            assert!(ending.contains("NonZeroExitCode"), "{code}: {ending}");
        }
    }

    #[test]
    fn output_is_held_no_longer_than_it_may_become_a_status() {
        let mut scanner = StatusScanner::default();
        let mut feed = |bytes: &[u8]| {
            let mut output = Vec::new();
            scanner.feed(bytes, |bytes| output.extend_from_slice(bytes));
            (output, scanner.held())
        };
        assert_eq!(feed(b"a{"), (b"a".to_vec(), HeldBack::Start));
        assert_eq!(feed(b"b"), (b"{b".to_vec(), HeldBack::Nothing));
        assert_eq!(feed(b"{{"), (b"{".to_vec(), HeldBack::Start));
        assert_eq!(feed(&SUCCESS.as_bytes()[1..30]), (vec![], HeldBack::Part));
        assert_eq!(feed(&SUCCESS.as_bytes()[30..]), (vec![], HeldBack::Whole));
        let endless = [&SUCCESS.as_bytes()[..33], &[b','; LONGEST]].concat();
        let (output, held) = feed(&endless);
        assert_eq!(output, [SUCCESS.as_bytes(), &endless].concat());
        assert_eq!(held, HeldBack::Nothing);
    }

    proptest! {
        #[test]
        fn how_the_stream_is_cut_does_not_matter(
            parts in proptest::collection::vec(prop_oneof![
                Just(SUCCESS.as_bytes().to_vec()), Just(FAILURE.as_bytes().to_vec()),
                Just(SUCCESS.as_bytes()[..20].to_vec()), Just(FAILURE.as_bytes()[..60].to_vec()),
                proptest::collection::vec(any::<u8>(), 0..6),
            ], 0..8),
            cuts in proptest::collection::vec(1usize..40, 1..30),
        ) {
            let stream = parts.concat();
            let whole = scan(&[&stream]);
            let (mut pieces, mut rest) = (Vec::new(), &stream[..]);
            for cut in cuts.iter().cycle() {
                if rest.is_empty() { break; }
                let (piece, more) = rest.split_at((*cut).min(rest.len()));
                pieces.push(piece);
                rest = more;
            }
            prop_assert_eq!(&scan(&pieces), &whole);
            // Nothing is lost but a status at the very end.
            let lost = &stream[whole.0.len()..];
            prop_assert!(stream.starts_with(&whole.0));
            prop_assert!(lost.is_empty() || lost == SUCCESS.as_bytes() || lost == FAILURE.as_bytes());
        }
    }
}
