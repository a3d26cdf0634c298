//! The messages of a key exchange: an action byte, then JSON.

use super::fault::Fault;
use bytes::{BufMut as _, Bytes, BytesMut};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The type of a message of the exchange: its first byte (`aliyun_assist_client`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExchangeAction {
    /// 0, from the client: [`ClientHello`].
    ClientHello,
    /// 1, from the agent: [`AgentHello`].
    AgentHello,
    /// 2, from the client: [`EcdheKey`] or [`KmsKey`].
    ClientKeyExchange,
    /// 3, from the agent: [`EcdheAnswer`] or an empty object.
    AgentKeyExchange,
    /// 11, from the agent: [`Refusal`].
    Error,
    /// Anything else.
    Unknown(u8),
}

/// The way in which the key is agreed on, with the names of `cipherSuite`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suite {
    /// Diffie-Hellman on P-256; the shared x-coordinate is the key.
    Ecdhe,
    /// A data key of KMS, which both ends may decrypt.
    Kms,
}

/// The client's first message.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientHello {
    /// [`Suite::name`].
    pub cipher_suite: String,
    /// Base64 of the 16 bytes every message begins with.
    #[serde(rename = "encryptIV")]
    pub encrypt_iv: String,
}

/// The agent's answer to the client's first message.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AgentHello {
    /// True if the client is to sign its key; no agent is known to ask for it.
    pub client_certificate: bool,
}

/// The client's public key.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EcdheKey {
    /// Base64 of the uncompressed point, 65 bytes.
    pub client_pub: String,
    /// Empty.
    #[serde(default)]
    pub signature: String,
}

/// The data key, as KMS encrypted it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KmsKey {
    /// GenerateDataKey's CiphertextBlob.
    #[serde(rename = "kmsCipherTextKey")]
    pub kms_cipher_text_key: String,
}

/// The agent's public key.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EcdheAnswer {
    /// Base64 of the uncompressed point, 65 bytes.
    pub agent_pub: String,
}

/// An object whose fields are ignored.
#[derive(Debug, Serialize, Deserialize)]
pub struct Empty {}

/// The agent's reason for giving up.
#[derive(Debug, Serialize, Deserialize)]
pub struct Refusal {
    /// `KeyExchangeError.` and a name.
    pub code: String,
    /// More about it.
    #[serde(default)]
    pub message: String,
}

impl ExchangeAction {
    fn byte(self) -> u8 {
        match self {
            Self::ClientHello => 0,
            Self::AgentHello => 1,
            Self::ClientKeyExchange => 2,
            Self::AgentKeyExchange => 3,
            Self::Error => 11,
            Self::Unknown(byte) => byte,
        }
    }

    fn of(byte: u8) -> Self {
        match byte {
            0 => Self::ClientHello,
            1 => Self::AgentHello,
            2 => Self::ClientKeyExchange,
            3 => Self::AgentKeyExchange,
            11 => Self::Error,
            byte => Self::Unknown(byte),
        }
    }

    /// Splits a message into its type and its JSON.
    ///
    /// # Errors
    /// [`Fault`] for an empty message.
    pub fn split(message: &[u8]) -> Result<(Self, &[u8]), Fault> {
        let (first, json) = message
            .split_first()
            .ok_or_else(|| Fault::new("ActionTypeParseError", "an empty message"))?;
        Ok((Self::of(*first), json))
    }

    /// Puts a message together.
    #[must_use]
    pub fn message(self, body: &impl Serialize) -> Bytes {
        let json = serde_json::to_vec(body).expect("plain structs of text are valid JSON");
        let mut message = BytesMut::with_capacity(1 + json.len());
        message.put_u8(self.byte());
        message.put_slice(&json);
        message.freeze()
    }
}

impl Suite {
    /// Its name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ecdhe => "AXT_ECDHE_WITH_AES_256_CBC",
            Self::Kms => "AXT_KMS_WITH_AES_256_CBC",
        }
    }

    /// The suite of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Ecdhe, Self::Kms]
            .into_iter()
            .find(|suite| suite.name() == name)
    }
}

/// Reads a message's JSON; what doesn't fit is a fault called `name`.
///
/// # Errors
/// [`Fault`]; nothing of the JSON is repeated in it.
pub fn read<T: DeserializeOwned>(json: &[u8], name: &'static str) -> Result<T, Fault> {
    // serde_json's own message would quote the peer's text.
    serde_json::from_slice(json).map_err(|error| {
        let what = if error.is_eof() {
            "the message is cut off"
        } else {
            "the message is not the JSON it should be"
        };
        Fault::new(name, what)
    })
}
