//! The cipher of an encrypted session: AES-256-CBC with PKCS#7 padding, each message on its own.

use super::fault::Fault;
use aes::Aes256;
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::consts::U16;
use aes::cipher::{
    BlockCipherDecrypt, BlockCipherEncrypt, BlockModeDecrypt as _, BlockModeEncrypt as _,
    BlockSizeUser, InnerIvInit as _, KeyInit as _,
};
use bytes::Bytes;
use std::fmt;

/// Bytes of a key.
pub const KEY: usize = 32;
/// Bytes of an initialisation vector, and of the cipher's blocks.
pub const BLOCK: usize = 16;

/// A session's key, ready to be used in both directions. Its schedule is zeroized on drop.
pub struct Cipher {
    // Boxed, so that moving a cipher leaves no copy of the key behind.
    aes: Box<Aes256>,
    iv: [u8; BLOCK],
}

impl Cipher {
    /// A cipher that begins every message with the same `iv`, as the agent does.
    #[must_use]
    pub fn new(key: &[u8; KEY], iv: [u8; BLOCK]) -> Self {
        let aes = Box::new(Aes256::new(key.into()));
        Self { aes, iv }
    }

    /// One message's payload, encrypted: 1 to 16 bytes longer.
    #[must_use]
    pub fn seal(&self, plain: &[u8]) -> Bytes {
        seal(&*self.aes, &self.iv, plain)
    }

    /// One message's payload, decrypted.
    ///
    /// # Errors
    /// [`Fault`] for a length that is 0 or not a multiple of 16, or a wrong padding: the peer used another key
    /// or none.
    pub fn unseal(&self, sealed: &[u8]) -> Result<Bytes, Fault> {
        unseal(&*self.aes, &self.iv, sealed)
    }
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cipher(redacted)")
    }
}

fn seal<C>(cipher: &C, iv: &[u8; BLOCK], plain: &[u8]) -> Bytes
where
    C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>,
{
    let mode = cbc::Encryptor::inner_iv_init(cipher, iv.into());
    mode.encrypt_padded_vec::<Pkcs7>(plain).into()
}

fn unseal<C>(cipher: &C, iv: &[u8; BLOCK], sealed: &[u8]) -> Result<Bytes, Fault>
where
    C: BlockCipherDecrypt + BlockSizeUser<BlockSize = U16>,
{
    let not_sealed = |what: String| Fault::new(Fault::NOT_ENCRYPTED, what);
    if sealed.is_empty() || !sealed.len().is_multiple_of(BLOCK) {
        let what = format!(
            "a payload of {} bytes is not a whole number of cipher blocks",
            sealed.len()
        );
        return Err(not_sealed(what));
    }
    let mode = cbc::Decryptor::inner_iv_init(cipher, iv.into());
    let plain = mode.decrypt_padded_vec::<Pkcs7>(sealed);
    plain
        .map(Into::into)
        .map_err(|_| not_sealed("a payload's padding is wrong".into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aes::Aes128;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    /// The official agent's own vector (`aliyun_assist_client`, `aesutil_test.go`), of a short key.
    #[test]
    fn the_agents_vector() {
        let word = b"1234567890123456";
        let aes = Aes128::new(word.into());
        let sealed = seal(&aes, word, b"hello world");
        assert_eq!(STANDARD.encode(&sealed), "bAx40eFUVf/hIxbaV8/GaQ==");
        assert_eq!(unseal(&aes, word, &sealed).unwrap(), "hello world");
    }

    #[test]
    fn what_was_not_encrypted_is_refused() {
        let cipher = Cipher::new(&[7; KEY], [9; BLOCK]);
        for plain in [&b"$ "[..], b"", b"seventeen letters", b"sixteen letters."] {
            let fault = cipher.unseal(plain).unwrap_err();
            assert_eq!(fault.name(), Fault::NOT_ENCRYPTED);
        }
        let sealed = cipher.seal(b"text");
        let other = Cipher::new(&[8; KEY], [9; BLOCK]);
        assert!(other.unseal(&sealed).is_err());
    }

    #[test]
    fn debug_shows_no_key() {
        let cipher = Cipher::new(&[7; KEY], [9; BLOCK]);
        assert_eq!(format!("{cipher:?}"), "Cipher(redacted)");
    }
}
