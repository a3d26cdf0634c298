//! End-to-end encryption of a session (EncryptionOptions): a key exchange with the agent, then every
//! Input and Output encrypted.
//!
//! The scheme is the agent's (`aliyun/aliyun_assist_client`, `agent/session/shell/shell.go`). It
//! keeps what is typed and shown from the gateway and its records. It authenticates nobody and
//! nothing: a gateway that takes part in the exchange instead of passing it on is not noticed, nor
//! is a message that was altered; and as all messages of a session begin with one IV, equal
//! beginnings of messages look equal.

mod cipher;
mod exchange;
mod fault;
mod message;

pub use cipher::{BLOCK, Cipher, KEY};
pub use exchange::{Exchange, KeyPair, KeySource, Step};
pub use fault::{ExchangeFailure, Fault};
pub use message::{
    AgentHello, ClientHello, EcdheAnswer, EcdheKey, Empty, ExchangeAction, KmsKey, Refusal, Suite,
    read,
};

use bytes::Bytes;
use std::time::{Duration, Instant};

/// The time limit for the exchange: the agent waits as long, and then ends the session.
pub const LIMIT: Duration = Duration::from_secs(20);

/// The encryption of a session's payloads.
#[derive(Debug)]
pub enum Privacy {
    /// They are not encrypted.
    Plain,
    /// Nothing is sent until there is a key.
    Exchanging {
        /// The exchange.
        exchange: Exchange,
        /// The message of it that is to be sent.
        due: Option<Bytes>,
        /// The time when it must be done; `None` before there is a connection.
        until: Option<Instant>,
    },
    /// Encrypted.
    Encrypted(Cipher),
}

impl Privacy {
    /// Encrypted, once `exchange` is done.
    #[must_use]
    pub fn after(exchange: Exchange) -> Self {
        Self::Exchanging {
            exchange,
            due: None,
            until: None,
        }
    }

    /// Begins the exchange on a new connection, unless it has begun.
    pub fn connected(&mut self, now: Instant) {
        if let Self::Exchanging {
            exchange,
            due,
            until: until @ None,
        } = self
        {
            *due = Some(exchange.hello());
            *until = Some(now + LIMIT);
        }
    }

    /// True if payloads may be sent.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !matches!(self, Self::Exchanging { .. })
    }

    /// True if an exchange has begun and is not done: it can't be taken up on another connection.
    #[must_use]
    pub fn is_underway(&self) -> bool {
        self.deadline().is_some()
    }

    /// The time when the exchange has taken too long.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Exchanging { until, .. } => *until,
            Self::Plain | Self::Encrypted(_) => None,
        }
    }

    /// True if [`Privacy::poll`] has something.
    #[must_use]
    pub fn wants_send(&self) -> bool {
        matches!(self, Self::Exchanging { due: Some(_), .. })
    }

    /// The message of the exchange that is to be sent now.
    pub fn poll(&mut self) -> Option<Bytes> {
        match self {
            Self::Exchanging { due, .. } => due.take(),
            Self::Plain | Self::Encrypted(_) => None,
        }
    }

    /// Takes the agent's message of an exchange. Returns whether the exchange is done.
    ///
    /// # Errors
    /// [`ExchangeFailure`], also for a message that nobody waits for. In a session without encryption it has no
    /// effect.
    pub fn receive(&mut self, message: &[u8]) -> Result<bool, ExchangeFailure> {
        match self {
            Self::Plain => Ok(false),
            Self::Encrypted(_) => match ExchangeAction::split(message)? {
                (ExchangeAction::Error, json) => Err(exchange::refused(json)),
                (action, _) => {
                    let what = format!("{action:?} after the exchange was done");
                    Err(Fault::new("InvalidKeyExchangeStateError", what).into())
                }
            },
            Self::Exchanging { exchange, due, .. } => match exchange.receive(message)? {
                Step::Send(message) => {
                    *due = Some(message);
                    Ok(false)
                }
                Step::Done(cipher) => {
                    *self = Self::Encrypted(cipher);
                    Ok(true)
                }
            },
        }
    }

    /// Encrypts an Input's payload; an empty one stays empty.
    #[must_use]
    pub fn seal(&self, plain: Bytes) -> Bytes {
        match self {
            Self::Encrypted(cipher) if !plain.is_empty() => cipher.seal(&plain),
            _ => plain,
        }
    }

    /// Decrypts an Output's payload; an empty one stays empty.
    ///
    /// # Errors
    /// [`Fault`] for anything that is not encrypted with the agreed key.
    pub fn unseal(&self, payload: Bytes) -> Result<Bytes, Fault> {
        match self {
            _ if payload.is_empty() => Ok(payload),
            Self::Plain => Ok(payload),
            Self::Encrypted(cipher) => cipher.unseal(&payload),
            Self::Exchanging { .. } => Err(Fault::new(
                "AgentOutputBeforeKeyExchange",
                "output came before there was a key",
            )),
        }
    }
}

#[cfg(test)]
mod tests;
