//! The agent's side of an encrypted session: its part of the key exchange, and the cipher.
//!
//! The steps and the names of errors are those of the real agent. That one accepts a point that is not
//! on the curve and fails later with a wrong IV; here both are errors at once.

use super::failure::SessionFailure;
use crate::emulator::state::kms::Kms;
use crate::protocol::crypto::{
    AgentHello, BLOCK, Cipher, ClientHello, EcdheAnswer, EcdheKey, Empty, ExchangeAction, Fault,
    KEY, KeyPair, KmsKey, Refusal, Suite, read,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use zeroize::Zeroizing;

/// The state of a session's encryption.
pub(super) enum EncryptionState {
    /// The session is not encrypted.
    Off,
    /// The client's hello is due.
    Hello,
    /// The client's key is due.
    Key {
        /// The way to agree on a key.
        suite: Suite,
        /// The IV of every message.
        iv: [u8; BLOCK],
    },
    /// Both sides have the key.
    On(Cipher),
}

/// The reply to a message of the key exchange.
pub(super) struct ExchangeReply {
    /// The message to send, if there is one.
    pub message: Option<Bytes>,
    /// The failure that ends the session, if it does not continue.
    pub outcome: Result<(), SessionFailure>,
}

impl EncryptionState {
    /// Takes a message of the key exchange.
    pub(super) fn receive(&mut self, message: &[u8], kms: &Kms) -> ExchangeReply {
        if matches!(self, Self::Off) {
            return ExchangeReply {
                message: None,
                outcome: Err(failed("key exchange is not enabled")),
            };
        }
        match self.step(message, kms) {
            Ok(message) => ExchangeReply {
                message: Some(message),
                outcome: Ok(()),
            },
            Err(fault) => refusal(&fault),
        }
    }

    /// True if the session's program may start.
    pub(super) fn is_done(&self) -> bool {
        matches!(self, Self::Off | Self::On(_))
    }

    /// Decrypts an Input's payload; an empty one stays empty.
    ///
    /// # Errors
    /// The reply, if the Input came too early or is not encrypted.
    pub(super) fn unseal(&self, payload: &Bytes) -> Result<Bytes, ExchangeReply> {
        let unsealed = match self {
            Self::On(cipher) if !payload.is_empty() => cipher.unseal(payload),
            Self::Hello | Self::Key { .. } if !payload.is_empty() => Err(Fault::new(
                "RecvDataMessageBeforeKeyExchange",
                "Input came before there was a key",
            )),
            _ => Ok(payload.clone()),
        };
        unsealed.map_err(|fault| refusal(&fault))
    }

    /// Encrypts an Output's payload.
    pub(super) fn seal(&self, payload: Bytes) -> Bytes {
        match self {
            Self::On(cipher) => cipher.seal(&payload),
            _ => payload,
        }
    }

    fn step(&mut self, message: &[u8], kms: &Kms) -> Result<Bytes, Fault> {
        let (action, json) = ExchangeAction::split(message)?;
        let wanted = match self {
            Self::Off | Self::On(_) => {
                let what = format!("{action:?} after the exchange was done");
                return Err(Fault::new("InvalidKeyExchangeStateError", what));
            }
            Self::Hello => ExchangeAction::ClientHello,
            Self::Key { .. } => ExchangeAction::ClientKeyExchange,
        };
        if action != wanted {
            let what = format!("expected {wanted:?} and got {action:?}");
            return Err(Fault::new("WrongActionTypeError", what));
        }
        let (next, answer) = match *self {
            Self::Key { suite, iv } => client_key(json, suite, iv, kms)?,
            _ => client_hello(json)?,
        };
        *self = next;
        Ok(answer)
    }
}

/// The failure of a key exchange.
pub(super) fn failed(what: &str) -> SessionFailure {
    SessionFailure::new("KeyExchangeFailed", what)
}

fn refusal(fault: &Fault) -> ExchangeReply {
    let message = fault.to_string();
    let outcome = Err(failed(&message));
    let code = format!("KeyExchangeError.{}", fault.name());
    ExchangeReply {
        message: Some(ExchangeAction::Error.message(&Refusal { code, message })),
        outcome,
    }
}

fn client_hello(json: &[u8]) -> Result<(EncryptionState, Bytes), Fault> {
    let hello: ClientHello = read(json, "ClientHelloParseError")?;
    let iv = STANDARD.decode(&hello.encrypt_iv).ok();
    let iv = iv.and_then(|iv| iv.try_into().ok());
    let iv = iv.ok_or_else(|| Fault::new("IVDecodeError", "the IV is not 16 bytes in Base64"))?;
    let suite = Suite::named(&hello.cipher_suite)
        .ok_or_else(|| Fault::new("UnknownCipherSuiteError", "there is no such cipher suite"))?;
    let answer = ExchangeAction::AgentHello.message(&AgentHello {
        client_certificate: false,
    });
    Ok((EncryptionState::Key { suite, iv }, answer))
}

fn client_key(
    json: &[u8],
    suite: Suite,
    iv: [u8; BLOCK],
    kms: &Kms,
) -> Result<(EncryptionState, Bytes), Fault> {
    let name = "ClientKeyExchangeParseError";
    let action = ExchangeAction::AgentKeyExchange;
    let (key, answer) = match suite {
        Suite::Kms => {
            let sent: KmsKey = read(json, name)?;
            let key = kms.decrypt(&sent.kms_cipher_text_key);
            let key = key.ok_or_else(|| Fault::new("KMSDecryptError", "KMS decrypt failed"))?;
            (key, action.message(&Empty {}))
        }
        Suite::Ecdhe => {
            let sent: EcdheKey = read(json, name)?;
            let pair = key_pair()?;
            let key = pair.agree(&sent.client_pub, "ClientPublicKeyDecodeError")?;
            let agent_pub = pair.public();
            (key, action.message(&EcdheAnswer { agent_pub }))
        }
    };
    Ok((EncryptionState::On(Cipher::new(&key, iv)), answer))
}

fn key_pair() -> Result<KeyPair, Fault> {
    let mut bytes = Zeroizing::new([0; KEY]);
    loop {
        getrandom::fill(&mut *bytes)
            .map_err(|_| Fault::new("AgentKeyGenerateError", "there are no random numbers"))?;
        if let Some(pair) = KeyPair::from_random(&bytes) {
            return Ok(pair);
        }
    }
}
