//! Cuts terminal output on UTF-8 boundaries exactly as the real agent does, including its bugs.
//!
//! The real agent (`processStdoutData` of `aliyun/aliyun_assist_client`) decodes character by
//! character. A byte that does not decode waits for the next read if fewer than four bytes are left,
//! and passes as one byte otherwise. The agent takes the decoder's U+FFFD for the sign of such a byte,
//! so a literal U+FFFD is treated the same: one of its three bytes passes and two are lost.

use bytes::Bytes;

/// The most bytes that wait for the next read.
const MAX_PENDING: usize = 3;

const REPLACEMENT: &str = "\u{FFFD}";

/// The bytes that wait for the next read; they are lost if there is none.
#[derive(Default)]
pub(super) struct Chunker {
    pending: Vec<u8>,
}

impl Chunker {
    /// The bytes to send after `read`: perhaps none, at most 3 more than `read`.
    pub(super) fn push(&mut self, read: &[u8]) -> Bytes {
        let mut bytes = std::mem::take(&mut self.pending);
        bytes.extend_from_slice(read);
        let mut out = Vec::with_capacity(bytes.len());
        let mut rest = bytes.as_slice();
        while let Some(&first) = rest.first() {
            let (good, odd) = rest.split_at(plain_prefix(rest));
            out.extend_from_slice(good);
            rest = odd;
            if !good.is_empty() {
                continue;
            }
            if odd.len() <= MAX_PENDING {
                break;
            }
            let skip = if odd.starts_with(REPLACEMENT.as_bytes()) {
                REPLACEMENT.len()
            } else {
                1
            };
            out.push(first);
            rest = odd.get(skip..).unwrap_or_default();
        }
        self.pending = rest.to_vec();
        out.into()
    }
}

/// The number of bytes at the start that are whole characters other than U+FFFD.
fn plain_prefix(bytes: &[u8]) -> usize {
    let valid = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => bytes
            .get(..error.valid_up_to())
            .and_then(|valid| std::str::from_utf8(valid).ok())
            .unwrap_or_default(),
    };
    valid.find(REPLACEMENT).unwrap_or(valid.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Everything that is sent for these reads, and what still waits.
    fn run<'a>(reads: impl IntoIterator<Item = &'a [u8]>) -> (Vec<u8>, Vec<u8>) {
        let mut chunker = Chunker::default();
        let out = reads.into_iter().flat_map(|read| chunker.push(read));
        (out.collect(), chunker.pending)
    }

    #[test]
    fn a_character_cut_by_a_read_waits_for_its_rest() {
        let mut chunker = Chunker::default();
        assert_eq!(chunker.push(b"ab\xe4\xbd"), "ab");
        assert_eq!(chunker.push(b"\xa0c"), "\u{4f60}c");
    }

    #[test]
    fn an_invalid_byte_near_the_end_waits_with_all_behind_it() {
        let mut chunker = Chunker::default();
        assert_eq!(chunker.push(b"abc\xffde"), "abc");
        assert_eq!(chunker.push(b"f"), &b"\xffdef"[..]);
    }

    #[test]
    fn an_invalid_byte_elsewhere_passes() {
        assert_eq!(
            run([&b"\xff\xc3abc\x80defg"[..]]),
            (b"\xff\xc3abc\x80defg".to_vec(), vec![])
        );
    }

    #[test]
    fn the_replacement_character_loses_two_bytes() {
        assert_eq!(
            run([&b"a\xef\xbf\xbdbc"[..]]),
            (b"a\xefbc".to_vec(), vec![])
        );
        // At the end it waits, because it looks like an incomplete character.
        assert_eq!(
            run([&b"a\xef\xbf\xbd"[..]]),
            (b"a".to_vec(), b"\xef\xbf\xbd".to_vec())
        );
    }

    fn pieces() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let piece = prop_oneof![
            Just(b"\xff".to_vec()),
            Just(b"\xe4\xbd".to_vec()),
            "[a-z\u{e9}\u{4f60}\u{1f600}]{0,6}".prop_map(String::into_bytes),
            proptest::collection::vec(any::<u8>(), 0..8),
        ];
        proptest::collection::vec(piece, 0..40)
    }

    proptest! {
        #[test]
        fn only_documented_bytes_are_lost(reads in pieces()) {
            let input: Vec<u8> = reads.concat();
            // A U+FFFD can also arise across pieces; those inputs belong to the next property.
            prop_assume!(!contains_replacement(&input));
            let (mut out, left) = run(reads.iter().map(Vec::as_slice));
            prop_assert!(left.len() <= MAX_PENDING);
            out.extend(left);
            prop_assert_eq!(out, input);
        }

        #[test]
        fn a_replacement_character_is_the_only_thing_that_shrinks(
            reads in proptest::collection::vec(".{0,5}\u{FFFD}?.{0,5}", 0..20),
        ) {
            let input = reads.concat();
            let (mut out, left) = run(reads.iter().map(String::as_bytes));
            out.extend(left);
            let lost = 2 * input.matches(REPLACEMENT).count();
            // One that still waits has lost nothing yet.
            prop_assert!(out.len() == input.len() - lost || out.len() == input.len() - lost + 2);
        }

        #[test]
        fn valid_text_goes_out_in_valid_chunks(text in "[a\u{e9}\u{4f60}\u{1f600}]{0,60}", size in 1usize..9) {
            let mut chunker = Chunker::default();
            let mut out = String::new();
            for read in text.as_bytes().chunks(size) {
                let chunk = chunker.push(read);
                out.push_str(std::str::from_utf8(&chunk).expect("a chunk is whole characters"));
            }
            prop_assert_eq!(out, text);
        }
    }

    fn contains_replacement(bytes: &[u8]) -> bool {
        bytes
            .windows(3)
            .any(|three| three == REPLACEMENT.as_bytes())
    }
}
