//! The RAM role of the instance that axt runs on, asked of the metadata service.

use super::http::{HttpAnswer, problem, send_to_metadata};
use super::uri::Coded;
use super::world::World;
use crate::config::credentials::Credentials;
use crate::config::source::InstanceRole;
use crate::error::{Error, Result};
use reqwest::{Client, RequestBuilder, StatusCode};
use std::time::Duration;
use url::Url;

/// The metadata service; it has this address in every network of Alibaba Cloud.
const SERVICE: &str = "http://100.100.100.200";

/// The time limit for connecting, and for the answer to a request.
const STEP: Duration = Duration::from_secs(1);

/// The time limit for everything where this may be no instance at all.
const GUESS: Duration = Duration::from_secs(1);

/// The header with the token of the protocol's second version.
const TOKEN: &str = "x-aliyun-ecs-metadata-token";

/// Asks the metadata service.
pub(super) async fn obtain(world: &World, role: &InstanceRole) -> Result<Credentials> {
    let service = Service::new(world, role)?;
    if !role.is_a_guess {
        let asked = service.credentials(role.name.as_deref()).await;
        return asked.map(|(keys, _)| keys).map_err(elsewhere);
    }
    let asked = tokio::time::timeout(GUESS, service.credentials(None)).await;
    let not_here = |why: &str| problem(&tr!("no RAM role of an instance ({why})", why));
    match asked {
        Ok(Ok((mut credentials, role))) => {
            credentials.source = tr!("the RAM role {role} of this instance", role);
            Ok(credentials)
        }
        Ok(Err(Error::Credentials { problem, .. })) => Err(not_here(&problem)),
        Ok(Err(_)) | Err(_) => Err(not_here(tr!(
            "the metadata service doesn't answer within 1 s"
        ))),
    }
}

/// The error, with advice that fits where the metadata service can't be reached.
fn elsewhere(error: Error) -> Error {
    match error {
        Error::Connect { .. } | Error::Timeout { .. } | Error::Lost(_) => Error::Credentials {
            problem: error.to_string(),
            remedy: tr!(
                "a RAM role of an instance can be used on that instance only: name a profile of another mode with --profile"
            )
            .into(),
        },
        other => other,
    }
}

/// The metadata service, ready to be asked.
struct Service<'a> {
    world: &'a World,
    client: Client,
    base: Url,
    version_1: bool,
}

impl<'a> Service<'a> {
    fn new(world: &'a World, role: &InstanceRole) -> Result<Self> {
        let base = match &role.endpoint {
            Some(url) => url.clone(),
            None => Url::parse(SERVICE).map_err(|error| problem(&error.to_string()))?,
        };
        Ok(Self {
            world,
            client: world.network.metadata_client(STEP)?,
            base,
            version_1: role.version_1,
        })
    }

    /// The credentials of the role, and its name.
    async fn credentials(&self, name: Option<&str>) -> Result<(Credentials, String)> {
        let token = self.token().await?;
        let roles = "latest/meta-data/ram/security-credentials/";
        let found = match name {
            Some(name) => name.to_owned(),
            None => {
                let answer = self.get(roles, token.as_deref()).await?;
                if answer.status == StatusCode::NOT_FOUND {
                    return Err(Error::Credentials {
                        problem: tr!("the instance has no RAM role").into(),
                        remedy: tr!("attach a RAM role to the instance, or choose another source")
                            .into(),
                    });
                }
                answer.success()?;
                let text = answer.text()?;
                text.lines().next().unwrap_or_default().trim().to_owned()
            }
        };
        let fits = |c: char| c.is_ascii_alphanumeric() || ".@-_".contains(c);
        if found.is_empty() || !found.chars().all(fits) {
            return Err(problem(&tr!(
                "{found:?} is not the name of a RAM role",
                found
            )));
        }
        let answer = self
            .get(&format!("{roles}{found}"), token.as_deref())
            .await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Err(problem(&tr!(
                "the instance doesn't have the RAM role {found}",
                found
            )));
        }
        Ok((answer.json::<Coded>()?.credentials(self.world)?, found))
    }

    /// The token of the protocol's second version; `None` where the first one is to be used.
    async fn token(&self) -> Result<Option<String>> {
        let url = self.url("latest/api/token")?;
        let request = self
            .client
            .put(url.clone())
            .header("x-aliyun-ecs-metadata-token-ttl-seconds", "21600");
        let answered = self.send(&url, request, None).await;
        let token = answered.and_then(|answer| {
            answer.success()?;
            let token = answer.text()?.to_owned();
            Ok(Some(token).filter(|token| !token.is_empty()))
        });
        match token {
            Err(error) if self.version_1 => {
                tracing::debug!(%error, "no metadata token: asking without one");
                Ok(None)
            }
            other => other,
        }
    }

    async fn get(&self, path: &str, token: Option<&str>) -> Result<HttpAnswer> {
        let url = self.url(path)?;
        let mut request = self.client.get(url.clone());
        if let Some(token) = token {
            request = request.header(TOKEN, token);
        }
        self.send(&url, request, token).await
    }

    async fn send(
        &self,
        url: &Url,
        request: RequestBuilder,
        token: Option<&str>,
    ) -> Result<HttpAnswer> {
        let secrets = token.as_slice();
        send_to_metadata(&self.world.network, url, request, secrets, 2 * STEP).await
    }

    fn url(&self, path: &str) -> Result<Url> {
        let url = self.base.join(path);
        url.map_err(|error| problem(&tr!("the metadata service's URL: {error}", error)))
    }
}
