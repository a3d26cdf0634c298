//! A role's credentials, asked of STS with other credentials.

use super::sts;
use super::world::{Occasion, World};
use crate::config::credentials::Credentials;
use crate::config::source::Role;
use crate::error::Result;
use crate::openapi::sts::AssumeRole;

/// Assumes the role.
pub(super) async fn obtain(
    world: &World,
    occasion: Occasion,
    keys: &Credentials,
    role: &Role,
) -> Result<Credentials> {
    let action = AssumeRole {
        role_arn: role.arn.clone(),
        session_name: role.session_name.clone(),
        seconds: role.seconds,
        policy: role.policy.clone(),
        external_id: role.external_id.clone(),
    };
    sts::assumed(world, occasion, &role.sts, keys, &action).await
}
