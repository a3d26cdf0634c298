//! The tokens that the OAuth server gives for a refresh token, and the fields of a profile that hold them.

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The validity of an access token for which the server gives none, in seconds.
const USUAL: i64 = 3600;

/// The server's answer to a refresh token.
#[derive(Deserialize)]
pub(super) struct Tokens {
    pub(super) access_token: SecretString,
    refresh_token: Option<SecretString>,
    expires_in: Option<i64>,
}

impl Tokens {
    /// The fields, if the server was called at the time `asked`, in seconds since 1970. Without a new
    /// refresh token the old one stays.
    pub(super) fn fields(&self, asked: i64) -> Map<String, Value> {
        let expires = asked.saturating_add(self.expires_in.unwrap_or(USUAL));
        let mut fields = Map::from_iter([
            (
                "oauth_access_token".into(),
                self.access_token.expose_secret().into(),
            ),
            ("oauth_access_token_expire".into(), expires.into()),
        ]);
        if let Some(refresh) = &self.refresh_token {
            let refresh = refresh.expose_secret().into();
            fields.insert("oauth_refresh_token".into(), refresh);
        }
        fields
    }
}
