//! The data keys of KMS, which encrypted sessions need.
//!
//! Any KeyId names a key here. A ciphertext is random text that stands for its data key, and the keys
//! are lost when the emulator ends. The real agent asks KMS with its instance's role; the agent here
//! looks into this table.

use crate::emulator::random::random_text;
use crate::protocol::crypto::KEY;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use zeroize::Zeroizing;

/// A stand-in for KMS.
#[derive(Default)]
pub(crate) struct Kms(Mutex<HashMap<String, Zeroizing<[u8; KEY]>>>);

impl Kms {
    /// A new data key, and its ciphertext.
    pub(crate) fn generate(&self) -> (Zeroizing<[u8; KEY]>, String) {
        let mut key = Zeroizing::new([0; KEY]);
        getrandom::fill(&mut *key)
            .expect("the system gave random numbers when the emulator started");
        let ciphertext = STANDARD.encode(random_text());
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.insert(ciphertext.clone(), key.clone());
        (key, ciphertext)
    }

    /// The data key of a ciphertext; `None` if it is none of this KMS's.
    pub(crate) fn decrypt(&self, ciphertext: &str) -> Option<Zeroizing<[u8; KEY]>> {
        let keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.get(ciphertext).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_ciphertexts_are_decrypted() {
        let kms = Kms::default();
        let (key, ciphertext) = kms.generate();
        assert_eq!(kms.decrypt(&ciphertext).unwrap(), key);
        assert!(Kms::default().decrypt(&ciphertext).is_none());
        assert!(kms.decrypt("AAAA").is_none());
    }
}
