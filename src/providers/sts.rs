//! Calls of STS: the choice of the host, and calls with given credentials.

use super::cache;
use super::http::problem;
use super::world::{Occasion, World};
use crate::config::credentials::Credentials;
use crate::config::settings::ConnectionType;
use crate::config::source::{CredentialSource, Mode, Role, Sts};
use crate::error::Result;
use crate::openapi::client::{Action, Client};
use crate::openapi::endpoint::{self, Product};
use crate::openapi::params;
use crate::openapi::sts::{AssumeRole, AssumedRole, GetCallerIdentity};
use secrecy::ExposeSecret as _;
use std::sync::Arc;
use url::Url;

/// The host of STS if no region is configured for it.
const GLOBAL: &str = "sts.aliyuncs.com";

/// The request for the credentials of this role.
pub(super) fn request(role: &Role) -> AssumeRole {
    AssumeRole {
        role_arn: role.arn.clone(),
        session_name: role.session_name.clone(),
        seconds: role.seconds,
        policy: role.policy.clone(),
        external_id: role.external_id.clone(),
    }
}

/// Credentials of a role: those kept from an earlier run, or those that the action gives.
pub(super) async fn assumed<A: Action<Reply = AssumedRole>>(
    world: &World,
    occasion: Occasion,
    sts: &Sts,
    caller: &Credentials,
    action: &A,
) -> Result<Credentials> {
    let base = base(world, sts)?;
    let params = params::of(action);
    let mut parts = vec![
        A::NAME,
        base.as_str(),
        &caller.access_key_id,
        caller.access_key_secret.expose_secret(),
    ];
    parts.extend(
        params
            .iter()
            .flat_map(|(name, value)| [name.as_str(), value]),
    );
    let ask = async {
        let reply = call(world, sts, caller, action).await?;
        let credentials = reply.credentials.credentials(world.clock.now());
        credentials.map_err(|lacks| problem(&lacks))
    };
    cache::through(world, occasion, &parts, ask).await
}

/// Makes one call in the name of `credentials`.
async fn call<A: Action>(
    world: &World,
    sts: &Sts,
    credentials: &Credentials,
    action: &A,
) -> Result<A::Reply> {
    let base = base(world, sts)?;
    world.network.check(&base)?;
    let keys = Arc::new(credentials.clone());
    let client = Client::new(world.network.clone(), base, "", keys)?;
    let client = client.with_signature(world.signature);
    client.call(action, world.limit).await
}

/// Account and identity that credentials belong to. The sessions of one role are one identity.
pub(super) async fn identity(
    world: &World,
    source: &CredentialSource,
    credentials: &Credentials,
) -> Result<String> {
    let sts = sts_of(world, source);
    let caller = call(world, sts, credentials, &GetCallerIdentity).await?;
    let account = caller.account_id.unwrap_or_default();
    let arn = caller.arn.unwrap_or_default();
    let role = arn.split_once(":assumed-role/").map(|(_, name)| {
        let (role, _session) = name.split_once('/').unwrap_or((name, ""));
        format!("role/{role}")
    });
    Ok(format!("{account} {}", role.unwrap_or(arn)))
}

/// The base URL of the STS that knows this source's credentials.
///
/// # Errors
/// [`Error::Usage`](crate::error::Error::Usage) for an endpoint that can't be one.
pub(crate) fn endpoint_of(world: &World, source: &CredentialSource) -> Result<Url> {
    base(world, sts_of(world, source))
}

/// The STS of a source: a role may have its own.
fn sts_of<'a>(world: &'a World, source: &'a CredentialSource) -> &'a Sts {
    match &source.mode {
        Mode::AssumeRole { role, .. } | Mode::Oidc { role, .. } => &role.sts,
        _ => &world.sts,
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Network, NetworkOptions};
    use crate::providers::world::Clock;
    use std::time::Duration;

    #[test]
    fn which_sts_is_asked() {
        let world = |loopback: &str, region: &str, vpc| World {
            network: Network::new(NetworkOptions::default()),
            loopback: Url::parse(loopback).ok(),
            region: Some(region.to_owned()).filter(|region| !region.is_empty()),
            vpc,
            sts: Sts::default(),
            limit: Duration::ZERO,
            cache: None,
            clock: Clock::system(),
            signature: crate::config::settings::Signature::V1,
        };
        let sts = |endpoint: &str, region: &str, vpc| Sts {
            endpoint: Some(endpoint.to_owned()).filter(|text| !text.is_empty()),
            region: Some(region.to_owned()).filter(|text| !text.is_empty()),
            vpc,
        };
        let here = "http://127.0.0.1:1/";
        for (world, sts, url) in [
            (
                world("", "", false),
                sts("", "", false),
                "https://sts.aliyuncs.com/",
            ),
            // A region of its own is no reason to leave the global one.
            (
                world("", "cn-x", false),
                sts("", "", false),
                "https://sts.aliyuncs.com/",
            ),
            (
                world("", "cn-x", true),
                sts("", "", false),
                "https://sts-vpc.cn-x.aliyuncs.com/",
            ),
            (
                world("", "cn-x", false),
                sts("", "", true),
                "https://sts-vpc.cn-x.aliyuncs.com/",
            ),
            (
                world("", "cn-x", false),
                sts("", "cn-y", false),
                "https://sts.cn-y.aliyuncs.com/",
            ),
            (
                world("", "", true),
                sts("", "cn-y", false),
                "https://sts-vpc.cn-y.aliyuncs.com/",
            ),
            (
                world("", "", true),
                sts("", "", false),
                "https://sts.aliyuncs.com/",
            ),
            (world(here, "cn-x", true), sts("", "cn-y", true), here),
            (
                world(here, "cn-x", true),
                sts("sts.corp/", "cn-y", true),
                "https://sts.corp/",
            ),
        ] {
            assert_eq!(base(&world, &sts).expect("a URL").as_str(), url);
        }
        let plain = sts("http://sts.corp", "", false);
        assert!(base(&world("", "", false), &plain).is_err());
    }
}
