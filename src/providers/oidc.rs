//! A role's credentials, asked of STS with the token of an OIDC provider.

use super::http::problem;
use super::sts;
use super::world::{Occasion, World};
use crate::config::credentials::Credentials;
use crate::config::profile::beginning;
use crate::config::source::Role;
use crate::error::Result;
use crate::openapi::sts::{AssumeRole, AssumeRoleWithOidc};
use secrecy::SecretString;
use std::fmt::Display;
use std::path::Path;

/// The longest token file that is read, in bytes.
const LONGEST: u64 = 64 * 1024;

/// Assumes the role with the token that the file holds now.
pub(super) async fn obtain(
    world: &World,
    occasion: Occasion,
    provider_arn: &str,
    token_file: &Path,
    role: &Role,
) -> Result<Credentials> {
    let token = read(token_file).map_err(|what| {
        problem(&tr!(
            "the OIDC token file {token_file}: {what}",
            token_file = token_file.display(),
            what
        ))
    })?;
    let action = AssumeRoleWithOidc {
        provider_arn: provider_arn.to_owned(),
        token: token.clone(),
        role: AssumeRole {
            external_id: None,
            ..sts::request(role)
        },
    };
    // The call is not signed. The token is among the credentials so that it is removed from errors.
    let nobody = Credentials {
        access_key_id: String::new(),
        access_key_secret: SecretString::default(),
        security_token: Some(token),
        expires: None,
        source: String::new(),
    };
    sts::assumed(world, occasion, &role.sts, &nobody, &action).await
}

fn read(path: &Path) -> Result<SecretString, String> {
    let unreadable = |error: &dyn Display| tr!("it can't be read: {error}", error);
    let bytes = beginning(path, LONGEST).map_err(|error| unreadable(&error))?;
    let text = std::str::from_utf8(&bytes).map_err(|error| unreadable(&error))?;
    if text.len() as u64 > LONGEST {
        return Err(tr!("it is longer than 64 KiB").into());
    }
    match text.trim() {
        "" => Err(tr!("it is empty").into()),
        token => Ok(token.to_owned().into()),
    }
}
