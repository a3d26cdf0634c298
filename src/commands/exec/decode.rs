//! Base64 as it arrives: pieces of any size, line ends, padding in the middle where one piece of
//! the far end's encoder ended.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A decoder that keeps what is not yet a whole group of four characters.
#[derive(Debug, Default)]
pub(super) struct Base64 {
    group: Vec<u8>,
}

impl Base64 {
    /// Decodes the next piece and appends the clear bytes. Anything that is not base64 is passed
    /// over: it can only be noise on the terminal.
    pub(super) fn decode(&mut self, text: &[u8], clear: &mut Vec<u8>) {
        let wanted = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=');
        let text: Vec<u8> = text.iter().copied().filter(wanted).collect();
        self.group.extend(text);
        let whole = self.group.len() / 4 * 4;
        let rest = self.group.split_off(whole);
        let text = std::mem::replace(&mut self.group, rest);
        let mut from = text.as_slice();
        while !from.is_empty() {
            // Padding can only stand in the last group of a piece.
            let padded = from.chunks(4).position(|group| group.contains(&b'='));
            let len = padded.map_or(from.len(), |groups| (groups + 1) * 4);
            let (piece, more) = from.split_at(len.min(from.len()));
            if STANDARD.decode_vec(piece, clear).is_err() {
                tracing::debug!(bytes = piece.len(), "not base64");
            }
            from = more;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pieces_of_pieces_decode(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..90), 0..8),
            cut in 1usize..70,
        ) {
            let lines: Vec<String> = pieces.iter().map(|piece| {
                let text = STANDARD.encode(piece);
                let lines: Vec<_> = text.as_bytes().chunks(76).map(|l| String::from_utf8_lossy(l).into_owned() + "\n").collect();
                lines.concat()
            }).collect();
            let (mut base64, mut clear) = (Base64::default(), Vec::new());
            for text in lines.concat().as_bytes().chunks(cut) {
                base64.decode(text, &mut clear);
            }
            prop_assert_eq!(clear, pieces.concat());
        }

        #[test]
        fn noise_is_passed_over(noise in proptest::collection::vec(any::<u8>(), 0..200)) {
            Base64::default().decode(&noise, &mut Vec::new());
        }
    }
}
