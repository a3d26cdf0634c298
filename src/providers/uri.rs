//! Credentials that an HTTP server gives: the mode CredentialsURI.

use super::http::{problem, send};
use super::world::World;
use crate::config::credentials::Credentials;
use crate::error::Result;
use crate::openapi::sts::TemporaryCredentials;
use serde::Deserialize;
use std::time::Duration;
use url::Url;

/// The time limit for the server.
const LIMIT: Duration = Duration::from_secs(15);

/// The answer of such a server, and of the instance's metadata service.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Coded {
    code: Option<String>,
    #[serde(flatten)]
    credentials: TemporaryCredentials,
}

impl Coded {
    /// The credentials, if the answer means success.
    pub(super) fn credentials(self, world: &World) -> Result<Credentials> {
        if self.code.as_deref() != Some("Success") {
            return Err(problem(tr!("the answer's Code is not Success")));
        }
        let credentials = self.credentials.credentials(world.clock.now());
        credentials.map_err(|lacks| problem(&lacks))
    }
}

/// Asks the server.
pub(super) async fn obtain(world: &World, url: &Url) -> Result<Credentials> {
    world.network.check(url)?;
    let request = world.network.http_client()?.get(url.clone());
    // Where the server is needs no secret, but what is asked of it may hold one.
    let values: Vec<_> = url.query_pairs().map(|(_, value)| value).collect();
    let parts = url
        .query()
        .into_iter()
        .chain(url.path_segments().into_iter().flatten());
    let secrets: Vec<&str> = parts.chain(values.iter().map(AsRef::as_ref)).collect();
    let answer = send(&world.network, url, request, &secrets, LIMIT).await?;
    answer.json::<Coded>()?.credentials(world)
}
