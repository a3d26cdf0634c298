//! Role credentials kept between runs, so that a loop of many short runs asks STS once.

use super::lock::Lock;
use super::world::{Occasion, World};
use crate::config::credentials::Credentials;
use crate::error::Result;
use crate::kept;
use crate::openapi::signature::sha256_hex;
use crate::openapi::sts::TemporaryCredentials;
use secrecy::ExposeSecret as _;
use serde_json::json;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;
use zeroize::Zeroizing;

/// Files older than this are removed: no role's credentials are valid longer.
const LONGEST: Duration = Duration::from_secs(12 * 60 * 60);

/// The credentials for `parts`: cached ones, or those that `ask` obtains. Without a cache, `ask` is always
/// used.
pub(super) async fn through(
    world: &World,
    occasion: Occasion,
    parts: &[&str],
    ask: impl Future<Output = Result<Credentials>>,
) -> Result<Credentials> {
    let Some(folder) = &world.cache else {
        return ask.await;
    };
    let path = folder.join(name(parts));
    if let Some(kept) = read(&path, world, occasion) {
        return Ok(kept);
    }
    let _once = match lock(folder, &path).await {
        Ok(lock) => lock,
        Err(error) => {
            tracing::debug!(%error, "role credentials are not kept");
            return ask.await;
        }
    };
    if let Some(kept) = read(&path, world, occasion) {
        return Ok(kept);
    }
    let credentials = ask.await?;
    if let Err(error) = write(&path, &credentials) {
        tracing::debug!(%error, "role credentials are not kept");
    }
    Ok(credentials)
}

/// The name of a cache file: a digest of `parts`, which reveals none of them.
fn name(parts: &[&str]) -> String {
    let mut text = Zeroizing::new(String::new());
    for part in parts {
        // With their lengths, so that no two lists of parts are one text.
        text.push_str(&format!("{}:{part}", part.len()));
    }
    sha256_hex(text.as_bytes())
}

fn read(path: &Path, world: &World, occasion: Occasion) -> Option<Credentials> {
    let text = Zeroizing::new(fs::read_to_string(path).ok()?);
    let kept: TemporaryCredentials = serde_json::from_str(&text).ok()?;
    let credentials = kept.credentials(world.clock.now()).ok()?;
    let left = world.clock.until(credentials.expires?);
    (left > occasion.least()).then_some(credentials)
}

async fn lock(folder: &Path, path: &Path) -> io::Result<Lock> {
    kept::make_folder_of(path)?;
    kept::remove_old(folder, LONGEST)?;
    Lock::wait(&path.with_extension("lock")).await
}

fn write(path: &Path, credentials: &Credentials) -> io::Result<()> {
    let token = credentials.security_token.as_ref();
    let content = Zeroizing::new(
        json!({
            "accessKeyId": credentials.access_key_id,
            "accessKeySecret": credentials.access_key_secret.expose_secret(),
            "securityToken": token.map(|token| token.expose_secret()),
            "expiration": credentials.expires.map(|time| time.to_string()),
        })
        .to_string(),
    );
    kept::write(path, content.as_bytes())
}
