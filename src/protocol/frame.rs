//! The message that client and gateway exchange: one WebSocket binary frame each.
//!
//! Layout, all integers little-endian (read off the official agent's and browser client's sources,
//! `aliyun/aliyun_assist_client` and `aliyun/cloud-assistant-starter`):
//!
//! ```text
//! type u32 | version 4 ASCII | n u8, channelId n | m u8, instanceId m | timestamp u64 (ms since 1970)
//! | inputSeq u32 | outputSeq u32 | payload length u16 | encoding u8 | reserved u8 | payload ..
//! ```
//!
//! Version 1.01 reads the two sequence numbers as one i64 and the last four header bytes as one u32
//! length. Both readings agree on every payload under 64 KiB, so one codec serves both.

use bytes::{BufMut, Bytes, BytesMut};
use std::fmt;

/// Bytes of a header whose ids are empty.
const MIN_HEADER: usize = 30;

/// The largest payload axt puts into one Input message, in bytes (what the official client sends).
pub const MAX_INPUT: usize = 2048;

/// The type of a message: the header's first field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Client to gateway: bytes typed. Empty means heartbeat.
    Input,
    /// Gateway to client: bytes from the terminal or the TCP target.
    Output,
    /// Client to gateway: rows and columns, see [`resize_payload`].
    Resize,
    /// Client to gateway: the client ends the session.
    Close,
    /// Reserved by the service; nobody is known to send it.
    Open,
    /// Gateway to client: see [`super::status`].
    Status,
    /// Both ways: the header's sequence numbers are the message.
    Sync,
    /// Both ways: the handshake of an encrypted session.
    KeyExchange,
    /// A type this version of axt does not know.
    Unknown(u32),
}

impl Kind {
    fn from_wire(n: u32) -> Self {
        match n {
            0 => Self::Input,
            1 => Self::Output,
            2 => Self::Resize,
            3 => Self::Close,
            4 => Self::Open,
            5 => Self::Status,
            6 => Self::Sync,
            7 => Self::KeyExchange,
            n => Self::Unknown(n),
        }
    }

    fn to_wire(self) -> u32 {
        match self {
            Self::Input => 0,
            Self::Output => 1,
            Self::Resize => 2,
            Self::Close => 3,
            Self::Open => 4,
            Self::Status => 5,
            Self::Sync => 6,
            Self::KeyExchange => 7,
            Self::Unknown(n) => n,
        }
    }
}

/// The protocol version a header names, as its four ASCII bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub [u8; 4]);

impl Version {
    /// Old agents: no usable sequence numbers, and nothing can be resumed.
    pub const V1_01: Self = Self(*b"1.01");
    /// Sequence numbers, Sync, resume. What axt sends.
    pub const V1_02: Self = Self(*b"1.02");
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

/// One message. `Debug` shows the payload's length, never its bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    /// The type of the message.
    pub kind: Kind,
    /// The sender's protocol version.
    pub version: Version,
    /// Names the channel between gateway and agent; at most 255 bytes, empty until learnt.
    pub channel_id: Bytes,
    /// At most 255 bytes; axt sends it empty.
    pub instance_id: Bytes,
    /// Milliseconds since 1970; 0 is invalid.
    pub timestamp: u64,
    /// Client messages sent, or (from the agent) taken.
    pub input_seq: u32,
    /// Output messages taken, or (from the agent) sent.
    pub output_seq: u32,
    /// Everything behind the header.
    pub payload: Bytes,
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} v{:?} in={} out={} payload={}B",
            self.kind,
            self.version,
            self.input_seq,
            self.output_seq,
            self.payload.len()
        )
    }
}

/// The reason why bytes are not a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The frame ends inside its header, or an id's length points past the end.
    #[error(
        "{}",
        tr!(
            "the frame of {len} bytes ends inside its header ({need} bytes)",
            len = .len, need = .need
        )
    )]
    Truncated {
        /// Bytes received.
        len: usize,
        /// Bytes the header needs, as far as it could be read.
        need: usize,
    },
    /// The timestamp is 0, which the service defines as invalid.
    #[error("{}", tr!("the frame's timestamp is 0"))]
    ZeroTimestamp,
}

/// A decoded message, with the value of its length field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// The message. Its payload is what follows the header, whatever the length field says.
    pub frame: Frame,
    /// The length field; some senders write it wrongly, so it decides nothing.
    pub claimed_len: u16,
}

impl Frame {
    /// A message of `kind` with empty ids and no sequence numbers.
    #[must_use]
    pub fn new(kind: Kind, version: Version, timestamp: u64, payload: Bytes) -> Self {
        Self {
            kind,
            version,
            channel_id: Bytes::new(),
            instance_id: Bytes::new(),
            timestamp,
            input_seq: 0,
            output_seq: 0,
            payload,
        }
    }

    /// Length of the encoded message in bytes, header and payload.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        MIN_HEADER + id_len(&self.channel_id) + id_len(&self.instance_id) + self.payload.len()
    }

    /// The message as the payload of one binary WebSocket frame. Ids are cut at 255 bytes; the
    /// length field saturates at 65535 (receivers take all that follows the header).
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(self.encoded_len());
        out.put_u32_le(self.kind.to_wire());
        out.put_slice(&self.version.0);
        put_id(&mut out, &self.channel_id);
        put_id(&mut out, &self.instance_id);
        out.put_u64_le(self.timestamp);
        out.put_u32_le(self.input_seq);
        out.put_u32_le(self.output_seq);
        out.put_u16_le(u16::try_from(self.payload.len()).unwrap_or(u16::MAX));
        out.put_u8(0); // encoding
        out.put_u8(0); // reserved
        out.put_slice(&self.payload);
        out.freeze()
    }

    /// Reads one message; ids and payload share `bytes`' memory.
    ///
    /// # Errors
    /// [`FrameError`] when the header is not whole or the timestamp is 0. Never panics.
    pub fn decode(bytes: &Bytes) -> Result<Decoded, FrameError> {
        let mut r = FieldReader { bytes, at: 0 };
        let kind = Kind::from_wire(u32::from_le_bytes(r.array()?));
        let version = Version(r.array()?);
        let channel_id = r.id()?;
        let instance_id = r.id()?;
        let timestamp = u64::from_le_bytes(r.array()?);
        let input_seq = u32::from_le_bytes(r.array()?);
        let output_seq = u32::from_le_bytes(r.array()?);
        let claimed_len = u16::from_le_bytes(r.array()?);
        let [_encoding, _reserved] = r.array()?;
        if timestamp == 0 {
            return Err(FrameError::ZeroTimestamp);
        }
        let frame = Self {
            kind,
            version,
            channel_id,
            instance_id,
            timestamp,
            input_seq,
            output_seq,
            payload: bytes.slice(r.at..),
        };
        Ok(Decoded { frame, claimed_len })
    }
}

/// The payload of a Resize message: rows, then columns, i16 each. Sizes past 32767 are cut.
#[must_use]
pub fn resize_payload(rows: u16, cols: u16) -> Bytes {
    let clamp = |n: u16| n.min(i16::MAX.unsigned_abs()).to_le_bytes();
    let ([r0, r1], [c0, c1]) = (clamp(rows), clamp(cols));
    Bytes::copy_from_slice(&[r0, r1, c0, c1])
}

/// Rows and columns of a Resize payload; `None` unless it is four bytes of two positive numbers.
#[must_use]
pub fn parse_resize(payload: &[u8]) -> Option<(u16, u16)> {
    let &[r0, r1, c0, c1] = payload else {
        return None;
    };
    let positive = |b| u16::try_from(i16::from_le_bytes(b)).ok().filter(|n| *n > 0);
    Some((positive([r0, r1])?, positive([c0, c1])?))
}

fn id_len(id: &Bytes) -> usize {
    id.len().min(usize::from(u8::MAX))
}

fn put_id(out: &mut BytesMut, id: &Bytes) {
    let len = id_len(id);
    out.put_u8(u8::try_from(len).unwrap_or(u8::MAX));
    out.put_slice(id.get(..len).unwrap_or_default());
}

/// A cursor that answers "truncated" instead of panicking.
struct FieldReader<'a> {
    bytes: &'a Bytes,
    at: usize,
}

impl FieldReader<'_> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], FrameError> {
        let got = self
            .bytes
            .get(self.at..)
            .and_then(|rest| rest.first_chunk());
        let array = *got.ok_or_else(|| self.truncated(N))?;
        self.at += N;
        Ok(array)
    }

    fn id(&mut self) -> Result<Bytes, FrameError> {
        let [len] = self.array()?;
        let end = self.at + usize::from(len);
        if end > self.bytes.len() {
            return Err(self.truncated(usize::from(len)));
        }
        let id = self.bytes.slice(self.at..end);
        self.at = end;
        Ok(id)
    }

    fn truncated(&self, more: usize) -> FrameError {
        FrameError::Truncated {
            len: self.bytes.len(),
            need: self.at + more,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_frame() -> impl Strategy<Value = Frame> {
        let bytes = |max| proptest::collection::vec(any::<u8>(), 0..max).prop_map(Bytes::from);
        let ids = (bytes(256), bytes(256));
        let seqs = (any::<u32>(), any::<u32>());
        (
            any::<u32>(),
            any::<[u8; 4]>(),
            ids,
            1u64..,
            seqs,
            bytes(3000),
        )
            .prop_map(
                |(kind, version, (channel_id, instance_id), timestamp, seqs, payload)| Frame {
                    kind: Kind::from_wire(kind % 10),
                    version: Version(version),
                    channel_id,
                    instance_id,
                    timestamp,
                    input_seq: seqs.0,
                    output_seq: seqs.1,
                    payload,
                },
            )
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(frame in any_frame()) {
            let bytes = frame.encode();
            prop_assert_eq!(bytes.len(), frame.encoded_len());
            let decoded = Frame::decode(&bytes).unwrap();
            prop_assert_eq!(usize::from(decoded.claimed_len), frame.payload.len());
            prop_assert_eq!(decoded.frame, frame);
        }

        #[test]
        fn any_bytes_decode_or_say_why(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let bytes = Bytes::from(bytes);
            if let Ok(Decoded { frame, claimed_len }) = Frame::decode(&bytes) {
                // What was read writes itself back, save for the length field and its neighbours.
                let again = frame.encode();
                let tail = again.len() - frame.payload.len();
                prop_assert_eq!(&again[..tail - 4], &bytes[..tail - 4]);
                prop_assert_eq!(&bytes[tail - 4..tail - 2], claimed_len.to_le_bytes());
                prop_assert_eq!(&again[tail..], &bytes[tail..]);
            }
        }

        #[test]
        fn a_cut_header_is_truncated(frame in any_frame(), cut in 0usize..30) {
            let bytes = frame.encode();
            let header = bytes.len() - frame.payload.len();
            let cut = bytes.slice(..cut.min(header - 1));
            let is_truncated = matches!(Frame::decode(&cut), Err(FrameError::Truncated { .. }));
            prop_assert!(is_truncated);
        }
    }

    #[test]
    fn the_layout_is_the_documented_one() {
        let mut frame = Frame::new(Kind::Input, Version::V1_02, 0x0102_0304, Bytes::from("hi"));
        frame.channel_id = Bytes::from("c-1");
        frame.input_seq = 7;
        frame.output_seq = 9;
        let expected =
            b"\0\0\0\x001.02\x03c-1\0\x04\x03\x02\x01\0\0\0\0\x07\0\0\0\x09\0\0\0\x02\0\0\0hi";
        assert_eq!(frame.encode(), &expected[..]);
    }

    #[test]
    fn a_lying_length_decides_nothing() {
        let mut bytes = Frame::new(Kind::Output, Version::V1_01, 1, Bytes::from("abc"))
            .encode()
            .to_vec();
        bytes[26] = 200;
        let decoded = Frame::decode(&Bytes::from(bytes)).unwrap();
        assert_eq!(decoded.frame.payload, "abc");
        assert_eq!(decoded.claimed_len, 200);
    }

    #[test]
    fn a_zero_timestamp_is_refused() {
        let bytes = Frame::new(Kind::Output, Version::V1_01, 0, Bytes::new()).encode();
        assert_eq!(Frame::decode(&bytes), Err(FrameError::ZeroTimestamp));
    }

    #[test]
    fn sizes_travel_as_rows_then_columns() {
        assert_eq!(resize_payload(24, 80), &[24, 0, 80, 0][..]);
        assert_eq!(parse_resize(&resize_payload(50, 200)), Some((50, 200)));
        assert_eq!(parse_resize(&resize_payload(u16::MAX, 1)), Some((32767, 1)));
        assert_eq!(parse_resize(&[0, 0, 80, 0]), None);
        assert_eq!(parse_resize(b"{}"), None);
    }

    #[test]
    fn debug_never_shows_the_payload() {
        let frame = Frame::new(Kind::Input, Version::V1_02, 1, Bytes::from("secret"));
        assert_eq!(format!("{frame:?}"), "Input v1.02 in=0 out=0 payload=6B");
    }
}
