//! Finds a secret in a stream, however the stream is cut.

use bytes::{BufMut as _, BytesMut};

/// Searches for one occurrence.
#[derive(Debug)]
pub(super) struct Finder {
    wanted: Vec<u8>,
    /// The end of what has come, as far as it may be the beginning of what is wanted.
    held: Vec<u8>,
}

impl Finder {
    /// Searches for `wanted`, which must not be empty.
    pub(super) fn new(wanted: Vec<u8>) -> Self {
        let held = Vec::new();
        Self { wanted, held }
    }

    /// Takes the next bytes. The bytes before the occurrence go to `out`; once it is there, what
    /// follows is returned, and the search is over.
    pub(super) fn feed(&mut self, bytes: &[u8], out: &mut BytesMut) -> Option<Vec<u8>> {
        let mut joined = std::mem::take(&mut self.held);
        joined.extend_from_slice(bytes);
        if let Some(at) = memchr::memmem::find(&joined, &self.wanted) {
            let rest = joined.split_off(at);
            out.put_slice(&joined);
            return Some(rest.get(self.wanted.len()..).unwrap_or_default().to_vec());
        }
        let longest = (self.wanted.len() - 1).min(joined.len());
        let held = (0..=longest).rev().find(|len| {
            let end = joined.get(joined.len() - len..).unwrap_or_default();
            self.wanted.starts_with(end)
        });
        self.held = joined.split_off(joined.len() - held.unwrap_or(0));
        out.put_slice(&joined);
        None
    }

    /// Nothing more will come: what was held back is no occurrence.
    pub(super) fn rest(&mut self, out: &mut BytesMut) {
        out.put_slice(&std::mem::take(&mut self.held));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WANTED: &[u8] = b"\x1eab\x1eac\n";

    /// The bytes that go to the output, and whether the search was successful.
    fn feed(pieces: &[&[u8]]) -> (Vec<u8>, bool) {
        let mut finder = Finder::new(WANTED.to_vec());
        let (mut out, mut found) = (BytesMut::new(), false);
        for piece in pieces {
            if found {
                out.put_slice(piece);
            } else if let Some(rest) = finder.feed(piece, &mut out) {
                found = true;
                out.put_slice(&rest);
            }
        }
        finder.rest(&mut out);
        (out.to_vec(), found)
    }

    #[test]
    fn an_unfinished_line_is_not_held_back() {
        let mut out = BytesMut::new();
        Finder::new(WANTED.to_vec()).feed(b"Password: ", &mut out);
        assert_eq!(out, "Password: ");
    }

    proptest! {
        #[test]
        fn it_is_found_however_the_stream_is_cut(
            before in "[abc\u{1e}]{0,12}", after in "[abc\u{1e}\n]{0,12}", there: bool, cut in 1usize..9,
        ) {
            let wanted: &[u8] = if there { WANTED } else { b"" };
            let stream = [before.as_bytes(), wanted, after.as_bytes()].concat();
            let pieces: Vec<&[u8]> = stream.chunks(cut).collect();
            let (out, found) = feed(&pieces);
            prop_assert_eq!((&out, found), (&feed(&[&stream]).0, feed(&[&stream]).1));
            if there {
                prop_assert!(found);
                prop_assert_eq!(out.len(), before.len() + after.len());
            }
        }
    }
}
