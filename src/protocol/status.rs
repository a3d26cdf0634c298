//! The payload of a Status message: a state byte, then text or a number.

use bytes::Bytes;

/// A Status message, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// 0: the gateway has the connection, nothing more.
    Initial,
    /// 1: the agent is being asked.
    Opening,
    /// 2: could not connect; final. The text says why.
    Aborted(String),
    /// 3: the session is open.
    Opened,
    /// 4: the session is about to end.
    Closing,
    /// 5: ended; final. The text is the reason's code, perhaps with `: ` and more behind it.
    Closed(String),
    /// 6: the program has ended; final.
    Exited(String),
    /// 7: the bandwidth limit of the session in bit/s; 0 says nothing.
    Stream(u32),
    /// 8: the gateway is about to restart: reconnect and resume.
    Frozen,
    /// A state this version of axt does not know, or an empty payload.
    Unknown(Option<u8>),
}

impl Status {
    /// Reads a Status payload. Total: what is not understood is [`Status::Unknown`]; text that is
    /// not UTF-8 is shown with replacement characters.
    #[must_use]
    pub fn decode(payload: &[u8]) -> Self {
        let Some((&state, rest)) = payload.split_first() else {
            return Self::Unknown(None);
        };
        let text = || String::from_utf8_lossy(rest).into_owned();
        match state {
            0 => Self::Initial,
            1 => Self::Opening,
            2 => Self::Aborted(text()),
            3 => Self::Opened,
            4 => Self::Closing,
            5 => Self::Closed(text()),
            6 => Self::Exited(text()),
            7 => Self::Stream(big_endian(rest)),
            8 => Self::Frozen,
            n => Self::Unknown(Some(n)),
        }
    }

    /// The payload that says this.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let (state, rest) = match self {
            Self::Initial => (0, Vec::new()),
            Self::Opening => (1, Vec::new()),
            Self::Aborted(text) => (2, text.clone().into_bytes()),
            Self::Opened => (3, Vec::new()),
            Self::Closing => (4, Vec::new()),
            Self::Closed(text) => (5, text.clone().into_bytes()),
            Self::Exited(text) => (6, text.clone().into_bytes()),
            Self::Stream(bits) => (7, bits.to_be_bytes().to_vec()),
            Self::Frozen => (8, Vec::new()),
            Self::Unknown(None) => return Bytes::new(),
            Self::Unknown(Some(n)) => (*n, Vec::new()),
        };
        let mut payload = vec![state];
        payload.extend(rest);
        payload.into()
    }
}

/// 1 to 4 bytes as a number; any other count is 0, which callers ignore.
fn big_endian(bytes: &[u8]) -> u32 {
    if bytes.len() > 4 {
        return 0;
    }
    bytes.iter().fold(0, |n, b| n << 8 | u32::from(*b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_stream_limit_has_one_to_four_bytes() {
        for (payload, bits) in [
            (&b"\x07\xc8"[..], 200),
            (b"\x07\x03\x0d\x40", 200_000),
            (b"\x07\x00\x03\x0d\x40", 200_000),
            (b"\x07", 0),
            (b"\x071234567", 0),
        ] {
            assert_eq!(Status::decode(payload), Status::Stream(bits));
        }
    }

    #[test]
    fn final_states_carry_their_reason() {
        let status = Status::decode(b"\x05Exit");
        assert_eq!(status, Status::Closed("Exit".into()));
        assert_eq!(Status::decode(b""), Status::Unknown(None));
        assert_eq!(Status::decode(b"\x63x"), Status::Unknown(Some(0x63)));
    }

    proptest! {
        #[test]
        fn any_payload_is_read_and_known_ones_write_themselves_back(
            payload in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let status = Status::decode(&payload);
            prop_assert_eq!(Status::decode(&status.encode()), status);
        }
    }
}
