//! The key pair that the environment holds.

use super::credentials::Credentials;
use super::env::{Env, PREFIXES, set};
use crate::error::{Error, Result};

/// The environment's key pair and the token of the same spelling.
///
/// # Errors
/// [`Error::Credentials`] if half a pair is set.
pub fn from_env(env: Env<'_>) -> Result<Option<Credentials>> {
    // The bare names come last: they may belong to something else, so half a pair means nothing.
    for prefix in PREFIXES.into_iter().chain([""]) {
        let names = ["ACCESS_KEY_ID", "ACCESS_KEY_SECRET", "SECURITY_TOKEN"]
            .map(|suffix| format!("{prefix}{suffix}"));
        match names.each_ref().map(|name| set(env, name)) {
            [Some(id), Some(secret), token] => {
                let [source, ..] = names;
                return complete(id, secret, token, source).map(Some);
            }
            [Some(_), None, _] if !prefix.is_empty() => return Err(half(&names[0], &names[1])),
            [None, Some(_), _] if !prefix.is_empty() => return Err(half(&names[1], &names[0])),
            _ => {}
        }
    }
    Ok(None)
}

pub(super) fn complete(
    id: String,
    secret: String,
    token: Option<String>,
    source: String,
) -> Result<Credentials> {
    // Such a pair would be refused with a code that says nothing about the reason.
    if id.starts_with("STS.") && token.is_none() {
        return Err(Error::Credentials(format!(
            "those of {source} are temporary (STS) and lack their security token"
        )));
    }
    Ok(Credentials {
        access_key_id: id,
        access_key_secret: secret.into(),
        security_token: token.map(Into::into),
        source,
    })
}

fn half(present: &str, absent: &str) -> Error {
    Error::Credentials(format!("{present} is set and {absent} is not"))
}
