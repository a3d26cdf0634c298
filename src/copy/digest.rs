//! Digests of a file's content: SHA-256, or what cksum computes where the instance has nothing better.

use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// The digests that the instance can compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Digests {
    /// SHA-256.
    Sha256,
    /// The CRC of POSIX's cksum.
    Cksum,
}

impl Digests {
    /// Reads what the instance says it uses.
    #[must_use]
    pub(crate) fn of_tool(tool: &str) -> Self {
        match tool {
            "cksum" => Self::Cksum,
            _ => Self::Sha256,
        }
    }

    /// Their name, for the user.
    #[must_use]
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA-256",
            Self::Cksum => "cksum",
        }
    }
}

/// Computes a digest bit by bit.
#[derive(Clone)]
pub(crate) enum Hasher {
    Sha256(Sha256),
    Cksum { crc: u32, length: u64 },
}

impl Hasher {
    /// A digest of no bytes yet.
    #[must_use]
    pub(crate) fn new(digests: Digests) -> Self {
        match digests {
            Digests::Sha256 => Self::Sha256(Sha256::new()),
            Digests::Cksum => Self::Cksum { crc: 0, length: 0 },
        }
    }

    /// Adds bytes.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Cksum { crc, length } => {
                *crc = bytes.iter().fold(*crc, |crc, byte| with_byte(crc, *byte));
                *length += bytes.len() as u64;
            }
        }
    }

    /// The digest of all that was added, as the instance's tools write it.
    #[must_use]
    pub(crate) fn finish(self) -> String {
        match self {
            Self::Sha256(hasher) => {
                let mut text = String::new();
                for byte in hasher.finalize() {
                    let _ = write!(text, "{byte:02x}");
                }
                text
            }
            Self::Cksum {
                mut crc,
                mut length,
            } => {
                // POSIX: the length follows, the lowest byte first, without leading zeros.
                while length > 0 {
                    crc = with_byte(crc, (length & 0xff) as u8);
                    length >>= 8;
                }
                (!crc).to_string()
            }
        }
    }
}

/// The CRC of cksum, 0x04c11db7 from the highest bit on, after one more byte.
fn with_byte(crc: u32, byte: u8) -> u32 {
    const TABLE: [u32; 256] = table();
    let index = (crc >> 24) as u8 ^ byte;
    crc << 8 ^ TABLE[index as usize]
}

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = (index as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            crc = match crc >> 31 {
                1 => crc << 1 ^ 0x04c1_1db7,
                _ => crc << 1,
            };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(digests: Digests, pieces: &[&[u8]]) -> String {
        let mut hasher = Hasher::new(digests);
        pieces.iter().for_each(|piece| hasher.update(piece));
        hasher.finish()
    }

    #[test]
    fn digests_are_those_of_the_tools() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest(Digests::Sha256, &[]), empty);
        assert_eq!(digest(Digests::Sha256, &[b"a", b"bc"]), abc);
        // What `cksum` says of the same.
        assert_eq!(digest(Digests::Cksum, &[]), "4294967295");
        assert_eq!(digest(Digests::Cksum, &[b"a", b"bc"]), "1219131554");
    }
}
