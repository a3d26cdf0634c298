//! The client's side of a key exchange, without any IO: randomness and KMS's answer come in.

use super::cipher::{BLOCK, Cipher, KEY};
use super::fault::{ExchangeFailure, Fault};
use super::message::{
    AgentHello, ClientHello, EcdheAnswer, EcdheKey, Empty, ExchangeAction, KmsKey, Refusal, Suite,
    read,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use p256::elliptic_curve::sec1::ToSec1Point as _;
use p256::{PublicKey, SecretKey};
use std::fmt;
use zeroize::Zeroizing;

/// Bytes of an uncompressed point of P-256.
const POINT: usize = 65;

/// A key pair for one exchange. The private half is zeroized on drop.
pub struct KeyPair(SecretKey);

impl KeyPair {
    /// The pair with these random bytes as its private key; `None` for the one value in four thousand
    /// million that is not valid: draw again.
    #[must_use]
    pub fn from_random(bytes: &[u8; KEY]) -> Option<Self> {
        SecretKey::from_slice(bytes).ok().map(Self)
    }

    /// The public key as the exchange carries it.
    #[must_use]
    pub fn public(&self) -> String {
        STANDARD.encode(self.0.public_key().to_sec1_point(false).as_bytes())
    }

    /// The key that this pair and the peer's public key result in.
    ///
    /// # Errors
    /// A [`Fault`] called `name` when `public` is not Base64 of an uncompressed point on the curve.
    pub fn agree(&self, public: &str, name: &'static str) -> Result<Zeroizing<[u8; KEY]>, Fault> {
        let fault = |what: &str| Fault::new(name, what);
        let bytes = STANDARD
            .decode(public)
            .map_err(|_| fault("the public key is not Base64"))?;
        if bytes.len() != POINT {
            let what = format!("the public key has {} bytes and not {POINT}", bytes.len());
            return Err(fault(&what));
        }
        let public = PublicKey::from_sec1_bytes(&bytes)
            .map_err(|_| fault("the public key is not a point on P-256"))?;
        let secret = self.0.diffie_hellman(&public);
        let mut key = Zeroizing::new([0; KEY]);
        key.copy_from_slice(secret.raw_secret_bytes());
        Ok(key)
    }
}

/// The source of the key.
pub enum KeySource {
    /// Both ends agree on it (Mode Auto).
    Ecdhe(KeyPair),
    /// KMS made it (Mode Kms).
    Kms {
        /// The data key.
        key: Zeroizing<[u8; KEY]>,
        /// The key as KMS encrypted it.
        ciphertext: String,
    },
}

/// The client's side of the exchange.
pub struct Exchange {
    iv: [u8; BLOCK],
    source: KeySource,
    /// True if the client's key was sent.
    key_sent: bool,
}

/// The next step after a message of the agent.
#[derive(Debug)]
pub enum Step {
    /// Send this.
    Send(Bytes),
    /// Both sides have the key.
    Done(Cipher),
}

impl Exchange {
    /// An exchange that begins with [`Exchange::hello`]; `iv` must be random.
    #[must_use]
    pub fn new(iv: [u8; BLOCK], source: KeySource) -> Self {
        let key_sent = false;
        Self {
            iv,
            source,
            key_sent,
        }
    }

    /// The first message.
    #[must_use]
    pub fn hello(&self) -> Bytes {
        let suite = match self.source {
            KeySource::Ecdhe(_) => Suite::Ecdhe,
            KeySource::Kms { .. } => Suite::Kms,
        };
        ExchangeAction::ClientHello.message(&ClientHello {
            cipher_suite: suite.name().into(),
            encrypt_iv: STANDARD.encode(self.iv),
        })
    }

    /// Takes a message of the agent.
    ///
    /// # Errors
    /// [`ExchangeFailure`]: the exchange is over, and so is the session.
    pub fn receive(&mut self, message: &[u8]) -> Result<Step, ExchangeFailure> {
        let (action, json) = ExchangeAction::split(message)?;
        match (action, self.key_sent) {
            (ExchangeAction::Error, _) => Err(refused(json)),
            (ExchangeAction::AgentHello, false) => Ok(Step::Send(self.answer(json)?)),
            (ExchangeAction::AgentKeyExchange, true) => Ok(Step::Done(self.finish(json)?)),
            (action, sent) => {
                let wanted = if sent {
                    ExchangeAction::AgentKeyExchange
                } else {
                    ExchangeAction::AgentHello
                };
                let what = format!("expected {wanted:?} and got {action:?}");
                Err(Fault::new("WrongActionTypeError", what).into())
            }
        }
    }

    fn answer(&mut self, json: &[u8]) -> Result<Bytes, Fault> {
        let hello: AgentHello = read(json, "AgentHelloParseError")?;
        if hello.client_certificate {
            let what = "the agent asks for a signed key, which axt does not support";
            return Err(Fault::new("ClientCertificateError", what));
        }
        self.key_sent = true;
        let action = ExchangeAction::ClientKeyExchange;
        Ok(match &self.source {
            KeySource::Ecdhe(pair) => action.message(&EcdheKey {
                client_pub: pair.public(),
                signature: String::new(),
            }),
            KeySource::Kms { ciphertext, .. } => action.message(&KmsKey {
                kms_cipher_text_key: ciphertext.clone(),
            }),
        })
    }

    fn finish(&self, json: &[u8]) -> Result<Cipher, Fault> {
        let name = "AgentKeyExchangeParseError";
        match &self.source {
            KeySource::Kms { key, .. } => {
                let Empty {} = read(json, name)?;
                Ok(Cipher::new(key, self.iv))
            }
            KeySource::Ecdhe(pair) => {
                let answer: EcdheAnswer = read(json, name)?;
                let key = pair.agree(&answer.agent_pub, "AgentPublicKeyDecodeError")?;
                Ok(Cipher::new(&key, self.iv))
            }
        }
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Exchange(key sent: {})", self.key_sent)
    }
}

/// The agent's reason for giving up.
pub(super) fn refused(json: &[u8]) -> ExchangeFailure {
    match read::<Refusal>(json, "ErrorParseError") {
        Ok(Refusal { code, message }) => ExchangeFailure::Refused { code, message },
        Err(fault) => fault.into(),
    }
}
