//! The actions of KMS (version 2016-01-20) that encrypted sessions need.

use super::client::Action;
use crate::error::{ApiError, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Bytes of a data key of KeySpec `AES_256`.
const DATA_KEY: usize = 32;

/// Makes a data key of 256 bits: `GenerateDataKey`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GenerateDataKey {
    key_id: String,
    key_spec: &'static str,
}

impl GenerateDataKey {
    /// Under the KMS key `key_id`: an id, an alias, or an ARN.
    pub(crate) fn under(key_id: impl Into<String>) -> Self {
        Self {
            key_id: key_id.into(),
            key_spec: "AES_256",
        }
    }
}

/// A data key. Debug shows neither form of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DataKey {
    /// The key, encrypted: what the agent is given.
    pub(crate) ciphertext_blob: SecretString,
    /// The key itself, in Base64.
    plaintext: SecretString,
}

impl DataKey {
    /// The key's bytes.
    ///
    /// # Errors
    /// [`crate::error::Error::Api`] when they are not [`DATA_KEY`] bytes in Base64; they are not repeated.
    pub(crate) fn bytes(&self) -> Result<Zeroizing<[u8; DATA_KEY]>> {
        let decoded = STANDARD.decode(self.plaintext.expose_secret());
        let decoded = Zeroizing::new(decoded.unwrap_or_default());
        let mut key = Zeroizing::new([0; DATA_KEY]);
        if decoded.len() != key.len() {
            let message = tr!("the data key is not 32 bytes in Base64");
            return Err(ApiError::unexpected(GenerateDataKey::NAME, 200, message).into());
        }
        key.copy_from_slice(&decoded);
        Ok(key)
    }
}

impl Action for GenerateDataKey {
    const NAME: &'static str = "GenerateDataKey";
    const VERSION: &'static str = "2016-01-20";
    // Each call makes another key, which costs nothing when it is not used.
    const IDEMPOTENT: bool = true;
    const REGIONAL: bool = false;
    type Reply = DataKey;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openapi::client::params;

    fn reply(plaintext: &str) -> DataKey {
        let json = format!(
            r#"{{"RequestId":"r","KeyId":"k","KeyVersionId":"v","CiphertextBlob":"blob","Plaintext":"{plaintext}"}}"#
        );
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn the_call_names_key_and_length() {
        let call = GenerateDataKey::under("alias/axt");
        let wanted = [("KeyId", "alias/axt"), ("KeySpec", "AES_256")];
        let wanted = wanted.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(params(&call, "cn-beijing"), wanted);
    }

    #[test]
    fn a_key_of_another_length_is_refused_and_none_is_shown() {
        let key = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
        assert_eq!(reply(key).bytes().unwrap()[..], [7; DATA_KEY]);
        assert!(!format!("{:?}", reply(key)).contains("BwcH"));
        for wrong in ["", "BwcHBwcHBwcHBwcHBwcHBw==", "no Base64!"] {
            let error = reply(wrong).bytes().unwrap_err().to_string();
            assert!(error.contains("not 32 bytes"), "{error}");
        }
    }
}
