//! The reasons for refusing a key exchange, or a message after it.

/// A mistake of the peer, with the name that agents use in `KeyExchangeError.<Name>`, or a similar
/// name for a mistake that only a client can find.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("KeyExchangeError.{name}: {what}")]
pub struct Fault {
    name: &'static str,
    what: String,
}

impl Fault {
    /// A payload that is not encrypted with the agreed key.
    pub const NOT_ENCRYPTED: &str = "NotEncrypted";

    /// The fault called `name`, with more about it.
    #[must_use]
    pub fn new(name: &'static str, what: impl Into<String>) -> Self {
        let what = what.into();
        Self { name, what }
    }

    /// Its name, without `KeyExchangeError.`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }
}

/// The reason why an exchange failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExchangeFailure {
    /// The agent broke the rules.
    Broken(Fault),
    /// The agent gave up: its code, and more about it.
    Refused {
        /// `KeyExchangeError.` and a name.
        code: String,
        /// More about it, from the agent.
        message: String,
    },
}

impl From<Fault> for ExchangeFailure {
    fn from(fault: Fault) -> Self {
        Self::Broken(fault)
    }
}
