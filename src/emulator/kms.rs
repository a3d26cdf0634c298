//! KMS as far as encrypted sessions need it: data keys, made and decrypted under one master key.
//!
//! Any KeyId names a key here. The master key is random in each run, and so lost with it. What the
//! instance's role does for the real agent, the agent here does by asking directly.

use crate::protocol::crypto::{BLOCK, Cipher, KEY};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::fmt;
use zeroize::Zeroizing;

/// Bytes of the tag by which a ciphertext is known to be KMS's own.
const TAG: usize = 32;

/// A stand-in for KMS.
pub struct Kms {
    master: Zeroizing<[u8; KEY]>,
}

impl Default for Kms {
    /// With a master key of its own.
    fn default() -> Self {
        let mut master = Zeroizing::new([0; KEY]);
        fill(&mut *master);
        Self { master }
    }
}

impl fmt::Debug for Kms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kms(redacted)")
    }
}

impl Kms {
    /// A new data key, and its ciphertext.
    #[must_use]
    pub fn generate(&self) -> (Zeroizing<[u8; KEY]>, String) {
        let mut key = Zeroizing::new([0; KEY]);
        fill(&mut *key);
        let mut iv = [0; BLOCK];
        fill(&mut iv);
        let mut blob = iv.to_vec();
        blob.extend_from_slice(&Cipher::new(&self.master, iv).seal(&*key));
        let tag = self.mac(&blob).finalize().into_bytes();
        blob.extend_from_slice(&tag);
        (key, STANDARD.encode(blob))
    }

    /// The data key of a ciphertext; `None` if it is none of this KMS's.
    #[must_use]
    pub fn decrypt(&self, ciphertext: &str) -> Option<Zeroizing<[u8; KEY]>> {
        let blob = STANDARD.decode(ciphertext).ok()?;
        let (blob, tag) = blob.split_last_chunk::<TAG>()?;
        self.mac(blob).verify_slice(tag).ok()?;
        let (iv, sealed) = blob.split_first_chunk()?;
        let plain = Cipher::new(&self.master, *iv).unseal(sealed).ok()?;
        let mut key = Zeroizing::new([0; KEY]);
        key.copy_from_slice(plain.get(..KEY)?);
        Some(key)
    }

    fn mac(&self, blob: &[u8]) -> Hmac<Sha256> {
        let mac = Hmac::<Sha256>::new_from_slice(&*self.master);
        mac.expect("HMAC takes keys of any length")
            .chain_update(blob)
    }
}

fn fill(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("a system that runs the emulator has random numbers");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_ciphertexts_are_decrypted() {
        let kms = Kms::default();
        let (key, blob) = kms.generate();
        assert_eq!(kms.decrypt(&blob).unwrap(), key);
        assert!(Kms::default().decrypt(&blob).is_none());
        let mut bytes = STANDARD.decode(&blob).unwrap();
        for at in 0..bytes.len() {
            bytes[at] ^= 1;
            assert!(kms.decrypt(&STANDARD.encode(&bytes)).is_none(), "{at}");
            bytes[at] ^= 1;
        }
        for text in ["", "?", "AAAA"] {
            assert!(kms.decrypt(text).is_none(), "{text}");
        }
        assert_eq!(format!("{kms:?}"), "Kms(redacted)");
    }
}
