//! Credentials, and the interface of their providers.

use crate::error::Result;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use secrecy::SecretString;

/// The keys that sign a request. Debug shows neither secret nor token.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The AccessKey id; `STS.…` for temporary credentials.
    pub access_key_id: String,
    /// The AccessKey secret.
    pub access_key_secret: SecretString,
    /// The token that comes with temporary credentials.
    pub security_token: Option<SecretString>,
    /// The time when they expire, where that is known.
    pub expires: Option<Timestamp>,
    /// Their source: `ALIBABA_CLOUD_ACCESS_KEY_ID`, a file's profile.
    pub source: String,
}

/// Provides credentials, and renews those that expire.
pub trait CredentialsProvider: Send + Sync {
    /// The credentials to sign the next request with. Called for every attempt of a call, so a
    /// provider of temporary ones keeps them and renews them in time.
    ///
    /// # Errors
    /// [`Error::Credentials`](crate::error::Error::Credentials) if there are none, or if they have expired and
    /// can't be renewed.
    fn credentials(&self) -> BoxFuture<'_, Result<Credentials>>;

    /// Reports that the service refuses these credentials. Returns whether the next ones may be different.
    fn are_refused(&self, _credentials: &Credentials) -> bool {
        false
    }
}

/// Credentials that never change are their own provider.
impl CredentialsProvider for Credentials {
    fn credentials(&self) -> BoxFuture<'_, Result<Credentials>> {
        Box::pin(std::future::ready(Ok(self.clone())))
    }
}
