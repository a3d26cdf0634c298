//! Text out of bytes that come in pieces, cut anywhere.

use std::str::from_utf8;

/// Turns UTF-8 that comes in pieces into text. A character that is cut waits for its rest; what can't be part
/// of a character becomes U+FFFD, as terminals show it.
#[derive(Debug, Default)]
pub(super) struct Text {
    /// The beginning of a character; at most three bytes.
    begun: Vec<u8>,
}

impl Text {
    /// The text that these bytes complete.
    pub(super) fn push(&mut self, bytes: &[u8]) -> String {
        let mut all = std::mem::take(&mut self.begun);
        all.extend_from_slice(bytes);
        let mut text = String::with_capacity(all.len());
        let mut chunks = all.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            text.push_str(chunk.valid());
            let rest = chunk.invalid();
            if chunks.peek().is_none() && is_begun(rest) {
                self.begun = rest.to_vec();
            } else if !rest.is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
        text
    }

    /// The text that is left when nothing follows.
    pub(super) fn end(&mut self) -> &'static str {
        let is_cut = !std::mem::take(&mut self.begun).is_empty();
        if is_cut { "\u{fffd}" } else { "" }
    }
}

/// True if more bytes could make this a character.
fn is_begun(bytes: &[u8]) -> bool {
    from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PIECES: &[&[u8]] = &[
        b"a",
        "é".as_bytes(),
        "你".as_bytes(),
        "🦀".as_bytes(),
        b"\xf0\x9f",
        b"\xe4\xbd",
        b"\x80",
        b"\xff",
        b"\xc0\xaf",
        b"\x1b[1m",
    ];

    #[test]
    fn a_cut_character_waits_and_a_broken_one_does_not() {
        let mut text = Text::default();
        assert_eq!(text.push(b"a\xe4\xbd"), "a");
        assert_eq!(text.push(b"\xa0b"), "\u{4f60}b");
        assert_eq!(text.push(b"\xe4x\xf0\x9f\xa6"), "\u{fffd}x");
        assert_eq!(text.end(), "\u{fffd}");
        assert_eq!((text.push(b"y"), text.end()), ("y".into(), ""));
    }

    proptest! {
        /// However the bytes are cut, the text is that of the whole.
        #[test]
        fn cuts_change_nothing(
            pieces in proptest::collection::vec(prop::sample::select(PIECES), 0..20),
            noise in proptest::collection::vec(any::<u8>(), 0..20),
            cuts in proptest::collection::vec(1_usize..5, 1..40),
        ) {
            let whole = [pieces.concat(), noise].concat();
            let (mut text, mut got, mut rest) = (Text::default(), String::new(), whole.as_slice());
            for cut in cuts.iter().cycle() {
                let (now, later) = rest.split_at(rest.len().min(*cut));
                got.push_str(&text.push(now));
                rest = later;
                if rest.is_empty() {
                    break;
                }
            }
            got.push_str(text.end());
            prop_assert_eq!(got, String::from_utf8_lossy(&whole));
        }
    }
}
