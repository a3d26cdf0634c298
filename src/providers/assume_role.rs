//! A role's credentials, asked of STS with other credentials.

use super::sts;
use super::world::{Occasion, World};
use crate::config::credentials::Credentials;
use crate::config::source::Role;
use crate::error::Result;

/// Assumes the role.
pub(super) async fn obtain(
    world: &World,
    occasion: Occasion,
    keys: &Credentials,
    role: &Role,
) -> Result<Credentials> {
    sts::assumed(world, occasion, &role.sts, keys, &sts::request(role)).await
}
