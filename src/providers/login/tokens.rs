//! The tokens that the OAuth server gives for a refresh token, and the fields of a profile that hold them.

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value};

/// How long an access token holds whose server doesn't say, in seconds.
const USUAL: i64 = 3600;

/// The server's answer to a refresh token.
#[derive(Deserialize)]
pub(super) struct Tokens {
    pub(super) access_token: SecretString,
    refresh_token: Option<SecretString>,
    expires_in: Option<i64>,
}

impl Tokens {
    /// The fields, if the server was asked at this time, in seconds since 1970. A refresh token that it
    /// gives none for stays.
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
