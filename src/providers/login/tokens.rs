//! The tokens that the OAuth server gives for a refresh token, and the fields of a profile that hold them.

use crate::openapi::lenient;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// The validity of an access token for which the server gives none, in seconds.
const USUAL: i64 = 3600;

/// The server's answer to a refresh token. Each field is read whatever the others are: with the new refresh
/// token the login would be lost.
#[derive(Deserialize)]
pub(super) struct Tokens {
    #[serde(default, deserialize_with = "token")]
    pub(super) access_token: Option<SecretString>,
    #[serde(default, deserialize_with = "token")]
    refresh_token: Option<SecretString>,
    #[serde(default, deserialize_with = "seconds")]
    expires_in: Option<i64>,
}

impl Tokens {
    /// True if the answer holds a token at all.
    pub(super) fn are_there(&self) -> bool {
        self.access_token.is_some() || self.refresh_token.is_some()
    }

    /// The fields, if the server was called at the time `asked`, in seconds since 1970. A token that the
    /// server doesn't give stays as it was.
    pub(super) fn fields(&self, asked: i64) -> Map<String, Value> {
        let mut fields = Map::new();
        if let Some(access) = &self.access_token {
            let access = access.expose_secret().into();
            fields.insert("oauth_access_token".into(), access);
            let expires = asked.saturating_add(self.expires_in.unwrap_or(USUAL));
            fields.insert("oauth_access_token_expire".into(), expires.into());
        }
        if let Some(refresh) = &self.refresh_token {
            let refresh = refresh.expose_secret().into();
            fields.insert("oauth_refresh_token".into(), refresh);
        }
        fields
    }
}

/// A text that is not empty; `None` for anything else.
fn token<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretString>, D::Error> {
    let text = match Value::deserialize(deserializer)? {
        Value::String(text) => Some(text),
        _ => None,
    };
    Ok(text.filter(|text| !text.is_empty()).map(Into::into))
}

/// A whole number, or the text of one; `None` for anything else.
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let seconds = lenient::number(value).unwrap_or_default();
    Ok(seconds.and_then(|seconds| i64::try_from(seconds).ok()))
}
