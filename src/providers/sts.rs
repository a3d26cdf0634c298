//! Calls of STS: which host is asked, and in whose name.

use super::world::World;
use crate::config::credentials::Credentials;
use crate::config::settings::ConnectionType;
use crate::config::source::Sts;
use crate::error::Result;
use crate::openapi::client::{Action, Client};
use crate::openapi::endpoint::{self, Product};
use crate::openapi::sts::GetCallerIdentity;
use std::sync::Arc;
use url::Url;

/// STS where no region is configured for it.
const GLOBAL: &str = "sts.aliyuncs.com";

/// Makes one call in the name of `credentials`.
pub(super) async fn call<A: Action>(
    world: &World,
    sts: &Sts,
    credentials: &Credentials,
    action: &A,
) -> Result<A::Reply> {
    let base = base(world, sts)?;
    world.network.check(&base)?;
    let keys = Arc::new(credentials.clone());
    let client = Client::new(world.network.clone(), base, "", keys)?;
    client.call(action, world.limit).await
}

/// Account and identity that credentials belong to. The sessions of one role are one identity.
pub(super) async fn identity(world: &World, credentials: &Credentials) -> Result<String> {
    let caller = call(world, &Sts::default(), credentials, &GetCallerIdentity).await?;
    let account = caller.account_id.unwrap_or_default();
    let arn = caller.arn.unwrap_or_default();
    let role = arn.split_once(":assumed-role/").map(|(_, name)| {
        let (role, _session) = name.split_once('/').unwrap_or((name, ""));
        format!("role/{role}")
    });
    Ok(format!("{account} {}", role.unwrap_or(arn)))
}

/// The STS to ask. What is configured for STS wins over `--endpoint`, which counts on loopback only.
fn base(world: &World, sts: &Sts) -> Result<Url> {
    if let Some(given) = &sts.endpoint {
        return endpoint::parse(given.trim_end_matches('/'));
    }
    if let Some(url) = &world.loopback {
        return Ok(url.clone());
    }
    let vpc = sts.vpc || world.vpc;
    let region = sts.region.as_deref();
    let network = match vpc {
        true => ConnectionType::Intranet,
        false => ConnectionType::Internet,
    };
    // Only a region has a host inside the VPC.
    let region = region.or(world.region.as_deref().filter(|_| vpc));
    match region {
        Some(region) => endpoint::base(Product::Sts, region, network, None),
        None => endpoint::parse(GLOBAL),
    }
}
