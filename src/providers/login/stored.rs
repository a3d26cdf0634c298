//! The credentials that a login's profile holds between runs.

use super::file::LoginFile;
use crate::config::credentials::Credentials;
use crate::config::profile::Profile;
use crate::config::source::StoredLogin;
use crate::error::Result;
use crate::providers::world::{Occasion, World};
use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value};
use std::sync::Arc;

/// The credentials that the profile holds, or those that `ask` gives, which are then kept there for the
/// next run. `ask` gets the profile and its file, or why the file can't be changed.
pub(super) async fn or_ask<F>(
    world: &World,
    login: &StoredLogin,
    occasion: Occasion,
    ask: impl FnOnce(Profile, Result<Arc<LoginFile>>) -> F,
) -> Result<Credentials>
where
    F: Future<Output = Result<Credentials>>,
{
    let profile = login.profile()?;
    if let Some(credentials) = read(&profile, world, occasion)? {
        return Ok(credentials);
    }
    let file = match LoginFile::lock(&login.path).await {
        Ok(file) => Arc::new(file),
        Err(error) => {
            tracing::debug!(%error, "the credentials are not kept for the next run");
            return ask(profile, Err(error)).await;
        }
    };
    // Another process may have asked while this one waited.
    let profile = file.profile(&login.profile)?;
    if let Some(credentials) = read(&profile, world, occasion)? {
        return Ok(credentials);
    }
    let credentials = ask(profile, Ok(Arc::clone(&file))).await?;
    if let Err(error) = file.save(&login.profile, &fields(&credentials)) {
        tracing::debug!(%error, "the credentials are not kept for the next run");
    }
    Ok(credentials)
}

/// The profile's credentials, if they hold long enough.
fn read(profile: &Profile, world: &World, occasion: Occasion) -> Result<Option<Credentials>> {
    let (Some(id), Some(secret), Some(token)) = (
        profile.text("access_key_id")?,
        profile.text("access_key_secret")?,
        profile.text("sts_token")?,
    ) else {
        return Ok(None);
    };
    let Some(expires) = time(profile, "sts_expiration")? else {
        return Ok(None);
    };
    let fresh = world.clock.until(expires) > occasion.least();
    Ok(fresh.then(|| Credentials {
        access_key_id: id.to_owned(),
        access_key_secret: secret.into(),
        security_token: Some(token.into()),
        expires: Some(expires),
        source: String::new(),
    }))
}

/// The fields that hold the credentials.
fn fields(credentials: &Credentials) -> Map<String, Value> {
    let token = credentials.security_token.as_ref();
    let token = token.map_or("", |token| token.expose_secret());
    let expires = credentials.expires.map_or(0, Timestamp::as_second);
    let secret = credentials.access_key_secret.expose_secret();
    Map::from_iter([
        (
            "access_key_id".into(),
            credentials.access_key_id.as_str().into(),
        ),
        ("access_key_secret".into(), secret.into()),
        ("sts_token".into(), token.into()),
        ("sts_expiration".into(), expires.into()),
    ])
}

/// A point in time, which the profile has in seconds since 1970.
pub(super) fn time(profile: &Profile, field: &str) -> Result<Option<Timestamp>> {
    let seconds = profile.number(field)?.filter(|seconds| *seconds != 0);
    let seconds = seconds.and_then(|seconds| i64::try_from(seconds).ok());
    Ok(seconds.and_then(|seconds| Timestamp::from_second(seconds).ok()))
}
