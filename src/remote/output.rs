//! One of a command's streams as it arrives: numbered lines in, exact bytes out.

use super::codec::{CHUNK, Data, LINE};
use super::finder::Finder;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut as _, BytesMut};
use flate2::bufread::GzDecoder;
use std::io::Read as _;

/// The description of a damaged stream.
pub(super) type Damage = &'static str;

/// The receiving end of a stream.
#[derive(Debug)]
pub(super) struct Receiver {
    /// The number of the last line.
    last: usize,
    /// The chunk that is coming.
    chunk: Option<Chunk>,
    sentinel: Finder,
    /// All that comes now is from the command's children.
    complete: bool,
    ended: bool,
}

#[derive(Debug)]
struct Chunk {
    compressed: bool,
    /// Lines still to come.
    lines: usize,
    /// The received bytes of a compressed block.
    bytes: Vec<u8>,
}

impl Receiver {
    /// Nothing has come. `sentinel` is what the runner writes where the command has ended.
    pub(super) fn new(sentinel: &str) -> Self {
        Self {
            last: 0,
            chunk: None,
            sentinel: Finder::new(format!("{sentinel}\n").into_bytes()),
            complete: false,
            ended: false,
        }
    }

    /// Takes a line; its bytes go to `out` as soon as they are known to be right.
    ///
    /// # Errors
    /// The damage of the line. The bytes that went to `out` before are a correct beginning.
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
            return Err(tr!("a line for an unknown chunk"));
        }
        let whole = STANDARD
            .decode(data.text)
            .map_err(|_| tr!("a line is not base64"))?;
        if data.lines > 1 && whole.len() != LINE / 4 * 3 {
            return Err(tr!("a line ends too early"));
        }
        if chunk.compressed {
            chunk.bytes.extend(whole);
        } else {
            self.deliver(&whole, out);
        }
        if data.lines > 1 {
            chunk.lines -= 1;
            self.chunk = Some(chunk);
        } else if chunk.compressed {
            self.deliver(&decompress(&chunk.bytes)?, out);
        }
        Ok(())
    }

    /// Takes the last line. After a release, it may come anywhere.
    ///
    /// # Errors
    /// The part that is missing before it.
    pub(super) fn end(
        &mut self,
        number: usize,
        released: bool,
        out: &mut BytesMut,
    ) -> Result<(), Damage> {
        if !released {
            self.number(number)?;
            if self.chunk.is_some() || !self.complete {
                return Err(tr!("a stream was cut"));
            }
        }
        self.ended = true;
        self.sentinel.rest(out);
        Ok(())
    }

    /// True if the last line has come.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// True if all that the command itself has written has come.
    pub(super) fn is_complete(&self) -> bool {
        self.ended || self.complete
    }

    fn deliver(&mut self, bytes: &[u8], out: &mut BytesMut) {
        if self.complete {
            out.put_slice(bytes);
        } else if let Some(late) = self.sentinel.feed(bytes, out) {
            self.complete = true;
            out.put_slice(&late);
        }
    }

    fn number(&mut self, number: usize) -> Result<(), Damage> {
        if self.ended || number <= self.last {
            return Err(tr!("a line came twice"));
        }
        if number != self.last + 1 {
            return Err(tr!("a line is missing"));
        }
        self.last = number;
        Ok(())
    }
}

/// Decompresses what gzip made of at most [`CHUNK`] bytes.
fn decompress(bytes: &[u8]) -> Result<Vec<u8>, Damage> {
    let limit = u64::try_from(CHUNK).unwrap_or(u64::MAX) + 1;
    let mut clear = Vec::new();
    let mut decoder = GzDecoder::new(bytes);
    let read = decoder.by_ref().take(limit).read_to_end(&mut clear);
    match read {
        // Nothing may follow: not a second member either.
        Ok(len) if len <= CHUNK && decoder.into_inner().is_empty() => Ok(clear),
        _ => Err(tr!("a chunk can't be decompressed")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
