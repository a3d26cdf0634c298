//! CloudSSO: credentials for the access token that `aliyun configure` has got in the browser.

use super::stored;
use crate::config::credentials::Credentials;
use crate::config::profile::Profile;
use crate::config::source::StoredLogin;
use crate::error::Result;
use crate::openapi::sts::TemporaryCredentials;
use crate::providers::http::{problem, send};
use crate::providers::world::{Occasion, World};
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::json;
use url::Url;

/// aliyun-cli records an expiry that is this much earlier than the real one.
const EARLY: SignedDuration = SignedDuration::from_secs(5);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CloudSsoAnswer {
    cloud_credential: TemporaryCredentials,
}

/// Takes the credentials that the profile holds, or asks CloudSSO for new ones.
pub(crate) async fn obtain(
    world: &World,
    login: &StoredLogin,
    occasion: Occasion,
) -> Result<Credentials> {
    // It does not matter if the file can't be changed: the access token can be used again.
    let ask = |profile, _| async move { ask(world, &profile).await };
    stored::or_ask(world, login, occasion, ask).await
}

async fn ask(world: &World, profile: &Profile) -> Result<Credentials> {
    let required = |field: &str| -> Result<&str> {
        let text = profile.text(field)?;
        text.ok_or_else(|| problem(&tr!("{field} is missing", field)))
    };
    let token = required("access_token")?;
    let expires = stored::time(profile, "cloud_sso_access_token_expire")?;
    if let Some(expires) = expires.filter(|then| *then <= world.clock.now()) {
        return Err(problem(&tr!("its login expired at {expires}", expires)));
    }
    let url = sign_in(required("cloud_sso_sign_in_url")?)?;
    let body = json!({
        "AccountId": required("cloud_sso_account_id")?,
        "AccessConfigurationId": required("cloud_sso_access_config")?,
    });
    world.network.check(&url)?;
    let request = world.network.http_client()?.post(url.clone());
    let request = request
        .bearer_auth(token)
        .header("accept", "application/json")
        .header("content-type", "application/json")
        .body(body.to_string());
    let answer = send(&world.network, &url, request, &[token], world.limit).await?;
    let credentials = answer.json::<CloudSsoAnswer>()?.cloud_credential;
    let credentials = credentials.credentials(world.clock.now());
    let mut credentials = credentials.map_err(|lacks| problem(&lacks))?;
    credentials.expires = credentials.expires.map(|then| then - EARLY);
    Ok(credentials)
}

/// The URL for requesting the credentials, on the host of the sign-in page.
fn sign_in(text: &str) -> Result<Url> {
    let url = Url::parse(text).ok().filter(|url| url.has_host());
    let mut url = url.ok_or_else(|| problem(tr!("cloud_sso_sign_in_url is not a URL")))?;
    url.set_path("/cloud-credentials");
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}
