//! Finds what the bootstrap says, behind its mark, in the stream of the command's output.

/// What the far end's bootstrap says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// `?`: send the script.
    Ready,
    /// `+`: send a chunk of standard input.
    Wants,
    /// `=N;`: the command ended with this status.
    Status(u8),
    /// `!NAME;`: this program is not there.
    Missing(String),
}

/// The longest thing said behind a mark, in bytes.
const LONGEST: usize = 32;

/// Searches a stream for a mark, however the stream is cut.
#[derive(Debug)]
pub struct Scanner {
    mark: Vec<u8>,
    /// The end of what has come, if it may be the beginning of a mark.
    held: Vec<u8>,
}

impl Scanner {
    /// Searches for `mark`, which must not be empty.
    #[must_use]
    pub fn new(mark: &[u8]) -> Self {
        Self {
            mark: mark.to_vec(),
            held: Vec::new(),
        }
    }

    /// Takes the next bytes of the stream. What belongs to no mark goes to `data` at once, save for
    /// an end that may still become one; what is said goes to `said`. After [`Said::Ready`],
    /// [`Said::Status`] or [`Said::Missing`] the search is over, and what follows is returned.
    pub fn feed(
        &mut self,
        bytes: &[u8],
        mut data: impl FnMut(&[u8]),
        mut said: impl FnMut(Said),
    ) -> Vec<u8> {
        let joined;
        let mut rest = bytes;
        if !self.held.is_empty() {
            self.held.extend_from_slice(bytes);
            joined = std::mem::take(&mut self.held);
            rest = &joined;
        }
        while let Some(at) = self.find(rest) {
            let (before, from) = rest.split_at(at);
            data(before);
            match self.read(from) {
                Reading::Unfinished => {
                    self.held = from.to_vec();
                    return Vec::new();
                }
                Reading::NoMark => {
                    let (first, after) = from.split_at(1);
                    data(first);
                    rest = after;
                }
                Reading::Said(what, len) => {
                    rest = from.get(len..).unwrap_or_default();
                    let more = what == Said::Wants;
                    said(what);
                    if !more {
                        return rest.to_vec();
                    }
                }
            }
        }
        data(rest);
        Vec::new()
    }

    /// Gives out what is still held, at the end of the stream.
    pub fn rest(&mut self, mut data: impl FnMut(&[u8])) {
        data(&std::mem::take(&mut self.held));
    }

    /// Where a mark begins, or may begin if the stream goes on right.
    fn find(&self, bytes: &[u8]) -> Option<usize> {
        let first = *self.mark.first()?;
        let mut from = 0;
        while let Some(at) = bytes.get(from..)?.iter().position(|b| *b == first) {
            let candidate = bytes.get(from + at..)?;
            let len = candidate.len().min(self.mark.len());
            if candidate.get(..len) == self.mark.get(..len) {
                return Some(from + at);
            }
            from += at + 1;
        }
        None
    }

    /// Reads what begins like a mark.
    fn read(&self, bytes: &[u8]) -> Reading {
        let Some(text) = bytes.get(self.mark.len()..).filter(|text| !text.is_empty()) else {
            return Reading::Unfinished;
        };
        let len = self.mark.len();
        match text {
            [b'?', ..] => Reading::Said(Said::Ready, len + 1),
            [b'+', ..] => Reading::Said(Said::Wants, len + 1),
            [kind @ (b'=' | b'!'), word @ ..] => match word.iter().position(|b| *b == b';') {
                Some(end) => {
                    let word = word.get(..end).unwrap_or_default();
                    let said = said(*kind, &String::from_utf8_lossy(word));
                    said.map_or(Reading::NoMark, |said| Reading::Said(said, len + end + 2))
                }
                None if word.len() > LONGEST => Reading::NoMark,
                None => Reading::Unfinished,
            },
            _ => Reading::NoMark,
        }
    }
}

enum Reading {
    Unfinished,
    NoMark,
    Said(Said, usize),
}

fn said(kind: u8, word: &str) -> Option<Said> {
    match kind {
        b'=' => word.parse().ok().map(Said::Status),
        _ => Some(Said::Missing(word.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Data and sayings of a stream that arrives in pieces.
    fn scan(pieces: &[&[u8]]) -> (Vec<u8>, Vec<Said>) {
        let mut scanner = Scanner::new(b"\x1eM4RK");
        let (mut data, mut said) = (Vec::new(), Vec::new());
        for piece in pieces {
            scanner.feed(
                piece,
                |bytes| data.extend_from_slice(bytes),
                |what| said.push(what),
            );
        }
        scanner.rest(|bytes| data.extend_from_slice(bytes));
        (data, said)
    }

    #[test]
    fn the_mark_and_what_it_says_are_taken_out() {
        let (data, said) = scan(&[b"a\x1eM4RK+b\n\x1eM4RK=42;"]);
        assert_eq!(data, b"ab\n");
        assert_eq!(said, [Said::Wants, Said::Status(42)]);
        let missing = Said::Missing("stty".into());
        assert_eq!(scan(&[b"\x1eM4RK!stty;"]), (vec![], vec![missing]));
    }

    #[test]
    fn what_only_looks_like_a_mark_is_data() {
        for stream in [
            &b"\x1eM4R"[..],
            b"\x1e\x1eM4",
            b"\x1eM4RK=999;",
            b"\x1eM4RKx",
            b"\x1eM4RK=",
        ] {
            assert_eq!(scan(&[stream]), (stream.to_vec(), vec![]), "{stream:?}");
        }
        let endless = [b"\x1eM4RK=".as_slice(), &[b'1'; 100]].concat();
        assert_eq!(scan(&[&endless]).0, endless);
    }

    #[test]
    fn a_line_is_not_held_back() {
        let mut scanner = Scanner::new(b"\x1eM4RK");
        let mut data = Vec::new();
        scanner.feed(b"line\n", |bytes| data.extend_from_slice(bytes), |_| {});
        assert_eq!(data, b"line\n");
    }

    proptest! {
        #[test]
        fn how_the_stream_is_cut_does_not_matter(
            parts in proptest::collection::vec(prop_oneof![
                Just(b"\x1eM4RK+".to_vec()), Just(b"\x1eM4".to_vec()), Just(b"\x1e".to_vec()),
                proptest::collection::vec(any::<u8>(), 0..6),
            ], 0..12),
            cuts in proptest::collection::vec(1usize..9, 1..30),
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
            prop_assert_eq!(scan(&pieces), whole);
        }
    }
}
