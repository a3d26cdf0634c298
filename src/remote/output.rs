//! One of a command's streams as it arrives: numbered lines in, exact bytes out.

use super::codec::{CHUNK, Data, LINE};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut as _, BytesMut};
use flate2::bufread::GzDecoder;
use std::io::Read as _;

/// What is wrong with a stream.
pub(super) type Damage = &'static str;

/// The receiving end of a stream.
#[derive(Debug)]
pub(super) struct Receiver {
    /// The number of the last line.
    last: usize,
    /// The chunk that is coming.
    chunk: Option<Chunk>,
    sentinel: Sentinel,
    ended: bool,
}

#[derive(Debug)]
struct Chunk {
    compressed: bool,
    /// Lines still to come.
    lines: usize,
    /// What has come of it, if it is compressed.
    bytes: Vec<u8>,
}

impl Receiver {
    /// Nothing has come. `sentinel` is what the runner writes where the command has ended.
    pub(super) fn new(sentinel: &str) -> Self {
        Self {
            last: 0,
            chunk: None,
            sentinel: Sentinel::new(format!("{sentinel}\n").into_bytes()),
            ended: false,
        }
    }

    /// Takes a line; its bytes go to `out` as soon as they are known to be right.
    ///
    /// # Errors
    /// What is wrong with it. What went to `out` before is a correct beginning.
    pub(super) fn data(&mut self, data: &Data<'_>, out: &mut BytesMut) -> Result<(), Damage> {
        self.number(data.number)?;
        let mut chunk = match self.chunk.take() {
            None => Chunk {
                compressed: data.compressed,
                lines: data.lines,
                bytes: Vec::new(),
            },
            Some(chunk) => chunk,
        };
        if chunk.compressed != data.compressed || chunk.lines != data.lines {
            return Err("a line belongs to no chunk");
        }
        let whole = STANDARD
            .decode(data.text)
            .map_err(|_| "a line is not base64")?;
        if data.lines > 1 && whole.len() != LINE / 4 * 3 {
            return Err("a line ends too early");
        }
        if chunk.compressed {
            chunk.bytes.extend(whole);
        } else {
            self.sentinel.feed(&whole, out);
        }
        if data.lines > 1 {
            chunk.lines -= 1;
            self.chunk = Some(chunk);
        } else if chunk.compressed {
            self.sentinel.feed(&decompress(&chunk.bytes)?, out);
        }
        Ok(())
    }

    /// Takes the last line. After a release, it may come anywhere.
    ///
    /// # Errors
    /// What is missing before it.
    pub(super) fn end(
        &mut self,
        number: usize,
        released: bool,
        out: &mut BytesMut,
    ) -> Result<(), Damage> {
        if !released {
            self.number(number)?;
            if self.chunk.is_some() || !self.sentinel.seen {
                return Err("a stream was cut");
            }
        }
        self.ended = true;
        self.sentinel.rest(out);
        Ok(())
    }

    /// Whether the last line has come.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Whether all that the command itself has written has come.
    pub(super) fn is_complete(&self) -> bool {
        self.ended || self.sentinel.seen
    }

    fn number(&mut self, number: usize) -> Result<(), Damage> {
        if self.ended || number <= self.last {
            return Err("a line came twice");
        }
        if number != self.last + 1 {
            return Err("a line is missing");
        }
        self.last = number;
        Ok(())
    }
}

/// What gzip made of at most [`CHUNK`] bytes.
fn decompress(bytes: &[u8]) -> Result<Vec<u8>, Damage> {
    let limit = u64::try_from(CHUNK).unwrap_or(u64::MAX) + 1;
    let mut clear = Vec::new();
    let mut decoder = GzDecoder::new(bytes);
    let read = decoder.by_ref().take(limit).read_to_end(&mut clear);
    match read {
        // Nothing may follow: not a second member either.
        Ok(len) if len <= CHUNK && decoder.into_inner().is_empty() => Ok(clear),
        _ => Err("a chunk can't be decompressed"),
    }
}

/// Takes the sentinel out of a stream, however the stream is cut.
#[derive(Debug)]
struct Sentinel {
    wanted: Vec<u8>,
    /// The end of what has come, as far as it may be the beginning of the sentinel.
    held: Vec<u8>,
    seen: bool,
}

impl Sentinel {
    fn new(wanted: Vec<u8>) -> Self {
        Self {
            wanted,
            held: Vec::new(),
            seen: false,
        }
    }

    fn feed(&mut self, bytes: &[u8], out: &mut BytesMut) {
        if self.seen {
            return out.put_slice(bytes);
        }
        let mut joined = std::mem::take(&mut self.held);
        joined.extend_from_slice(bytes);
        if let Some(at) = memchr::memmem::find(&joined, &self.wanted) {
            self.seen = true;
            let (before, rest) = joined.split_at(at);
            out.put_slice(before);
            out.put_slice(rest.get(self.wanted.len()..).unwrap_or_default());
            return;
        }
        let longest = (self.wanted.len() - 1).min(joined.len());
        let held = (0..=longest).rev().find(|len| {
            let end = joined.get(joined.len() - len..).unwrap_or_default();
            self.wanted.starts_with(end)
        });
        self.held = joined.split_off(joined.len() - held.unwrap_or(0));
        out.put_slice(&joined);
    }

    /// Nothing more will come: what was held back is the command's.
    fn rest(&mut self, out: &mut BytesMut) {
        out.put_slice(&std::mem::take(&mut self.held));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn feed(pieces: &[&[u8]]) -> (Vec<u8>, bool) {
        let mut sentinel = Sentinel::new(b"\x1eab\x1eac\n".to_vec());
        let mut out = BytesMut::new();
        for piece in pieces {
            sentinel.feed(piece, &mut out);
        }
        sentinel.rest(&mut out);
        (out.to_vec(), sentinel.seen)
    }

    #[test]
    fn an_unfinished_line_is_not_held_back() {
        let mut sentinel = Sentinel::new(b"\x1eabc\n".to_vec());
        let mut out = BytesMut::new();
        sentinel.feed(b"Password: ", &mut out);
        assert_eq!(out, "Password: ");
    }

    #[test]
    fn more_than_a_chunk_holds_is_not_decompressed() {
        use std::io::Write as _;
        let gzip = |bytes: &[u8]| {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        };
        assert_eq!(decompress(&gzip(b"abc")), Ok(b"abc".to_vec()));
        assert!(decompress(&gzip(&vec![0; CHUNK])).is_ok());
        assert!(decompress(&gzip(&vec![0; CHUNK + 1])).is_err());
        let mut twice = gzip(b"abc");
        twice.extend(gzip(b"def"));
        assert!(decompress(&twice).is_err());
        let whole = gzip(b"some text, and some more text");
        for cut in 0..whole.len() {
            assert!(decompress(&whole[..cut]).is_err(), "{cut}");
        }
    }

    proptest! {
        #[test]
        fn the_sentinel_is_found_however_the_stream_is_cut(
            before in "[abc\u{1e}]{0,12}", after in "[abc\u{1e}\n]{0,12}", there: bool, cut in 1usize..9,
        ) {
            let sentinel: &[u8] = if there { b"\x1eab\x1eac\n" } else { b"" };
            let stream = [before.as_bytes(), sentinel, after.as_bytes()].concat();
            let pieces: Vec<&[u8]> = stream.chunks(cut).collect();
            let (out, seen) = feed(&pieces);
            let (whole, whole_seen) = feed(&[&stream]);
            prop_assert_eq!((&out, seen), (&whole, whole_seen));
            if there {
                prop_assert!(seen);
                prop_assert_eq!(out.len(), before.len() + after.len());
            }
        }
    }
}
