//! OAuth: credentials for the tokens that `aliyun configure` has got in the browser.

use super::file::LoginFile;
use super::journal::Entry;
use super::stored;
use crate::config::credentials::Credentials;
use crate::config::profile::Profile;
use crate::config::source::StoredLogin;
use crate::error::{Error, Result};
use crate::openapi::signature::sha256_hex;
use crate::openapi::sts::TemporaryCredentials;
use crate::providers::http::{Answer, problem, send};
use crate::providers::world::{Occasion, World};
use reqwest::RequestBuilder;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::Map;
use std::sync::LazyLock;
use std::time::Duration;
use tokio_util::task::TaskTracker;
use url::Url;
use url::form_urlencoded::Serializer;

/// An access token with less time than this is renewed, as the SDKs do.
const SOON: Duration = Duration::from_secs(20 * 60);

/// How long an access token holds whose server doesn't say, in seconds.
const USUAL: i64 = 3600;

/// The site that the user has an account of.
#[derive(Clone, Copy)]
struct Site {
    base: &'static str,
    /// The client id that aliyun-cli has there.
    client_id: &'static str,
    /// What `aliyun configure` has to be told.
    flag: &'static str,
}

const CHINA: Site = Site {
    base: "https://oauth.aliyun.com",
    client_id: "4038181954557748008",
    flag: "",
};

const INTERNATIONAL: Site = Site {
    base: "https://oauth.alibabacloud.com",
    client_id: "4103531455503354461",
    flag: " --oauth-site-type INTL",
};

/// What the server gives for a refresh token.
#[derive(Deserialize)]
struct Tokens {
    access_token: SecretString,
    refresh_token: Option<SecretString>,
    expires_in: Option<i64>,
}

/// Renewals that must not be broken off.
static UNFINISHED: LazyLock<TaskTracker> = LazyLock::new(TaskTracker::new);

/// Waits until no refresh token is between a server and the configuration file: to be called before
/// the process ends.
pub(crate) async fn finish() {
    UNFINISHED.close();
    UNFINISHED.wait().await;
}

/// Takes the credentials that the profile holds, or asks for new ones.
pub(crate) async fn obtain(
    world: &World,
    login: &StoredLogin,
    occasion: Occasion,
) -> Result<Credentials> {
    let profile = login.profile()?;
    if let Some(credentials) = stored::read(&profile, world, occasion)? {
        return Ok(credentials);
    }
    let site = site(&profile)?;
    let obtained = renew(world, site, login, occasion).await;
    obtained.map_err(|error| match error {
        Error::Credentials { problem, remedy } if remedy.is_empty() => Error::Credentials {
            problem,
            remedy: format!(
                "run `aliyun configure --mode OAuth{} --profile {}`",
                site.flag, login.profile
            ),
        },
        other => other,
    })
}

async fn renew(
    world: &World,
    site: Site,
    login: &StoredLogin,
    occasion: Occasion,
) -> Result<Credentials> {
    let mut file = LoginFile::lock(&login.path).await?;
    // Another process may have renewed it while this one waited.
    let profile = file.profile(&login.profile)?;
    if let Some(credentials) = stored::read(&profile, world, occasion)? {
        return Ok(credentials);
    }
    let token = match access_token(world, &profile)? {
        Access::Token(token) => token,
        Access::Renew(refresh) => {
            // Once the server has been asked, its answer must reach the file: whoever waits for the
            // credentials may give up, and the run may end.
            let (world, name) = (world.clone(), login.profile.clone());
            let task = async move {
                let token = use_up(&world, site, &file, &name, refresh.expose_secret()).await;
                (file, token)
            };
            let done = UNFINISHED.spawn(task).await;
            let (same_file, token) = done.map_err(|error| problem(&error.to_string()))?;
            file = same_file;
            token?
        }
    };
    let url = base(world, site)?.join("v1/exchange");
    let url = url.map_err(|error| problem(&error.to_string()))?;
    let request = post(world, &url)?
        .bearer_auth(token.expose_secret())
        .header("content-type", "application/json");
    let answer = ask(world, &url, request).await?;
    let credentials = answer.json::<TemporaryCredentials>()?;
    let credentials = credentials.credentials(world.clock.now());
    let credentials = credentials.map_err(|lacks| problem(&lacks))?;
    stored::keep(&file, &login.profile, &credentials);
    Ok(credentials)
}

/// How to come to an access token.
enum Access {
    /// The profile's own holds.
    Token(SecretString),
    /// It expires soon: this refresh token gives another one.
    Renew(SecretString),
}

fn access_token(world: &World, profile: &Profile) -> Result<Access> {
    let expires = stored::time(profile, "oauth_access_token_expire")?;
    let left = expires
        .map(|then| world.clock.until(then))
        .unwrap_or_default();
    let access = profile.text("oauth_access_token")?;
    let access = access.filter(|_| !left.is_zero());
    match (access, profile.text("oauth_refresh_token")?) {
        (Some(access), refresh) if left > SOON || refresh.is_none() => {
            Ok(Access::Token(access.into()))
        }
        (_, Some(refresh)) => {
            let end = stored::time(profile, "oauth_refresh_token_expire")?;
            match end.filter(|then| *then <= world.clock.now()) {
                Some(end) => Err(problem(&format!("its login expired at {end}"))),
                None => Ok(Access::Renew(refresh.into())),
            }
        }
        (_, None) => Err(problem("its login has expired")),
    }
}

/// Gives the refresh token, which is good for one use, for new tokens, and keeps those.
async fn use_up(
    world: &World,
    site: Site,
    file: &LoginFile,
    profile: &str,
    refresh: &str,
) -> Result<SecretString> {
    let journal = file.prepare()?;
    let url = base(world, site)?.join("v1/token");
    let url = url.map_err(|error| problem(&error.to_string()))?;
    let form = Serializer::new(String::new())
        .append_pair("grant_type", "refresh_token")
        .append_pair("refresh_token", refresh)
        .append_pair("client_id", site.client_id)
        .finish();
    let request = post(world, &url)?
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form);
    let tokens: Tokens = ask(world, &url, request).await?.json()?;
    let expires = world.clock.now().as_second() + tokens.expires_in.unwrap_or(USUAL);
    let next = tokens.refresh_token.as_ref();
    let next = next.map_or(refresh, |token| token.expose_secret());
    let entry = Entry {
        profile: profile.to_owned(),
        used: sha256_hex(refresh.as_bytes()),
        fields: Map::from_iter([
            ("oauth_refresh_token".into(), next.into()),
            (
                "oauth_access_token".into(),
                tokens.access_token.expose_secret().into(),
            ),
            ("oauth_access_token_expire".into(), expires.into()),
        ]),
    };
    file.save_login(journal, &entry)?;
    Ok(tokens.access_token)
}

fn post(world: &World, url: &Url) -> Result<RequestBuilder> {
    world.network.check(url)?;
    Ok(world.network.http_client()?.post(url.clone()))
}

async fn ask(world: &World, url: &Url, request: RequestBuilder) -> Result<Answer> {
    let request = request.header("accept", "application/json");
    send(&world.network, url, request, world.limit).await
}

fn base(world: &World, site: Site) -> Result<Url> {
    match &world.loopback {
        Some(url) => Ok(url.clone()),
        None => Url::parse(site.base).map_err(|error| problem(&error.to_string())),
    }
}

fn site(profile: &Profile) -> Result<Site> {
    match profile.text("oauth_site_type")? {
        None => Ok(CHINA),
        Some(site) if site.eq_ignore_ascii_case("CN") => Ok(CHINA),
        Some(site) if site.eq_ignore_ascii_case("INTL") => Ok(INTERNATIONAL),
        Some(site) => Err(problem(&format!(
            "oauth_site_type is {site:?}, not CN or INTL"
        ))),
    }
}
