//! Finds the source of the credentials: the first that is configured, and never another in its place.

use super::super::env::{Env, is_on};
use super::super::profile::Profile;
use super::environment::{self, instance_role};
use super::mode::{CredentialSource, Mode};
use super::profile;
use crate::error::{Error, Result};

/// Finds the source: a profile that was asked for with `--profile` or `AXT_PROFILE`; else what the
/// environment chooses; else the profile that the settings chose; else the role of the instance
/// that axt may run on. `looked` says where a profile was looked for.
///
/// # Errors
/// [`Error::Credentials`] if what was chosen is incomplete or can't be used.
pub(crate) fn find(
    profile: Option<&Profile>,
    was_asked_for: bool,
    looked: &str,
    env: Env<'_>,
) -> Result<CredentialSource> {
    if !was_asked_for && let Some(source) = environment::source(env)? {
        return Ok(source);
    }
    match profile {
        Some(profile) => profile::source(profile, env),
        None => guess(looked, env),
    }
}

/// The role of the instance, where nothing is configured.
fn guess(looked: &str, env: Env<'_>) -> Result<CredentialSource> {
    let nothing = tr!(
        "none in the environment, and no profile in {looked}",
        looked
    );
    if is_on(env, "ALIBABA_CLOUD_ECS_METADATA_DISABLED") {
        return Err(Error::Credentials {
            problem: nothing,
            remedy: remedy().into(),
        });
    }
    let mut role = instance_role(env, None)?;
    role.is_a_guess = true;
    Ok(CredentialSource {
        name: nothing,
        remedy: remedy().into(),
        mode: Mode::InstanceRole(role),
    })
}

/// The advice for a user who has configured no credentials.
fn remedy() -> &'static str {
    tr!(
        "set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, or run `aliyun configure`"
    )
}
