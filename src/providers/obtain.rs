//! Obtaining credentials from a source, whatever its mode.

use super::login::{cloud_sso, oauth};
use super::world::{Occasion, World};
use super::{assume_role, external, instance_role, oidc, uri};
use crate::config::credentials::Credentials;
use crate::config::source::{CredentialSource, Mode};
use crate::error::Result;
use futures_util::future::BoxFuture;

/// Credentials of the source, as new as it has them.
pub(super) fn obtain<'a>(
    world: &'a World,
    source: &'a CredentialSource,
    occasion: Occasion,
) -> BoxFuture<'a, Result<Credentials>> {
    Box::pin(async move {
        let obtained = match &source.mode {
            Mode::Keys(keys) => Ok(keys.clone()),
            Mode::AssumeRole { from, role } => {
                // An error of `from` names `from`, not this source.
                let keys = obtain(world, from, occasion).await?;
                assume_role::obtain(world, occasion, &keys, role).await
            }
            Mode::InstanceRole(role) => instance_role::obtain(world, role).await,
            Mode::Oidc {
                provider_arn,
                token_file,
                role,
            } => oidc::obtain(world, occasion, provider_arn, token_file, role).await,
            Mode::External { command, profile } => {
                external::obtain(world, command, profile, occasion).await
            }
            Mode::Uri(url) => uri::obtain(world, url).await,
            Mode::CloudSso(login) => cloud_sso::obtain(world, login, occasion).await,
            Mode::OAuth(login) => oauth::obtain(world, login, occasion).await,
        };
        let mut credentials = obtained.map_err(|error| source.failed(&error))?;
        if credentials.source.is_empty() {
            credentials.source.clone_from(&source.name);
        }
        Ok(credentials)
    })
}
