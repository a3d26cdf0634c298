//! OAuth: credentials for the tokens that `aliyun configure` has got in the browser.

use super::file::{LoginFile, reached};
use super::journal::Journal;
use super::stored;
use super::tokens::Tokens;
use crate::config::credentials::Credentials;
use crate::config::profile::{Profile, quoted};
use crate::config::source::StoredLogin;
use crate::error::{Error, Result};
use crate::openapi::sts::TemporaryCredentials;
use crate::providers::http::{HttpAnswer, problem, send};
use crate::providers::world::{Occasion, World};
use reqwest::RequestBuilder;
use secrecy::{ExposeSecret as _, SecretString};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio_util::task::TaskTracker;
use url::Url;
use url::form_urlencoded::Serializer;

/// An access token with less time than this is renewed, as the SDKs do.
const SOON: Duration = Duration::from_secs(20 * 60);

/// The site of the user's account.
#[derive(Clone, Copy)]
struct Site {
    base: &'static str,
    /// The client id that aliyun-cli has there.
    client_id: &'static str,
    /// The option of `aliyun configure` for this site.
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

/// Renewals that must not be interrupted.
static UNFINISHED: LazyLock<TaskTracker> = LazyLock::new(TaskTracker::new);

/// Waits until every new refresh token is in the configuration file. Call it before the process ends.
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
    stored::or_ask(world, login, occasion, |profile, file| async move {
        let site = site(&profile)?;
        let asked = ask(world, site, profile, file).await;
        asked.map_err(|error| with_remedy(error, site, &login.profile))
    })
    .await
}

/// The error, with the command that repeats the login.
fn with_remedy(error: Error, site: Site, profile: &str) -> Error {
    match error {
        Error::Credentials { problem, remedy } if remedy.is_empty() => Error::Credentials {
            problem,
            remedy: tr!(
                "run `aliyun configure --mode OAuth{flag} --profile {profile}`",
                flag = site.flag,
                profile = quoted(profile)
            ),
        },
        other => other,
    }
}

/// Exchanges an access token, renewed if necessary, for credentials.
async fn ask(
    world: &World,
    site: Site,
    profile: Profile,
    file: Result<Arc<LoginFile>>,
) -> Result<Credentials> {
    let token = match access_token(world, &profile)? {
        Access::Token(token) => token,
        Access::Renew(refresh) => {
            // The server's answer must reach the file, even if the caller gives up waiting or the run ends.
            let (world, file, name) = (world.clone(), file?, profile.name().to_owned());
            let task =
                async move { use_up(&world, site, &file, &name, refresh.expose_secret()).await };
            let done = UNFINISHED.spawn(task).await;
            done.map_err(|error| problem(&error.to_string()))??
        }
    };
    let url = base(world, site)?.join("v1/exchange");
    let url = url.map_err(|error| problem(&error.to_string()))?;
    let request = post(world, &url)?
        .bearer_auth(token.expose_secret())
        .header("content-type", "application/json");
    let answer = exchange(world, &url, request, token.expose_secret()).await?;
    let credentials = answer.json::<TemporaryCredentials>()?;
    let credentials = credentials.credentials(world.clock.now());
    credentials.map_err(|lacks| problem(&lacks))
}

/// The way to get an access token.
enum Access {
    /// The profile's token is still valid.
    Token(SecretString),
    /// The profile's token expires soon: this refresh token is exchanged for a new one.
    Renew(SecretString),
}

fn access_token(world: &World, profile: &Profile) -> Result<Access> {
    let expires = stored::time(profile, "oauth_access_token_expire")?;
    let left = expires
        .map(|then| world.clock.until(then))
        .unwrap_or_default();
    let stored = profile.text("oauth_access_token")?;
    let access = stored.filter(|_| !left.is_zero());
    match (access, profile.text("oauth_refresh_token")?) {
        (Some(access), refresh) if left > SOON || refresh.is_none() => {
            Ok(Access::Token(access.into()))
        }
        (_, Some(refresh)) => {
            let end = stored::time(profile, "oauth_refresh_token_expire")?;
            match end.filter(|then| *then <= world.clock.now()) {
                Some(end) => Err(problem(&tr!("its login expired at {end}", end))),
                None => Ok(Access::Renew(refresh.into())),
            }
        }
        (_, None) if stored.is_none() => {
            let field = "oauth_access_token";
            Err(problem(&tr!("{field} is missing", field)))
        }
        (_, None) => Err(problem(tr!("its login has expired"))),
    }
}

/// Exchanges the refresh token, which can be used once, for new tokens, and stores them.
async fn use_up(
    world: &World,
    site: Site,
    file: &LoginFile,
    profile: &str,
    refresh: &str,
) -> Result<SecretString> {
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
    let was_sent = file.was_sent(refresh);
    let mut journal = file.begin(profile, refresh, world.clock.now())?;
    let answer = match exchange(world, &url, request, refresh).await {
        Ok(answer) => answer,
        Err(error) => {
            // Where no connection was made, nothing was sent.
            if !was_sent && matches!(error, Error::Connect { .. }) {
                let _ = journal.remove();
            }
            return Err(error);
        }
    };
    reached("answered");
    if answer.status.is_client_error() {
        return Err(refused(&answer, journal, was_sent));
    }
    // Before anything else: the token that was sent is used up.
    let kept = journal.write(answer.body());
    reached("in the journal");
    if let Err(error) = kept {
        tracing::debug!(%error, "the journal can't be written");
    }
    let tokens: Tokens = answer.json()?;
    let lacks = || answer.bad(tr!("lacks access_token"));
    if !tokens.are_there() {
        return Err(lacks());
    }
    file.save_login(journal, &tokens)?;
    tokens.access_token.ok_or_else(lacks)
}

/// The error for the server's refusal. The journal is then removed, unless the token was sent before.
fn refused(answer: &HttpAnswer, journal: Journal, was_sent: bool) -> Error {
    let error = answer.success().err();
    let error = error.unwrap_or_else(|| answer.bad(tr!("is a refusal")));
    match error {
        Error::Credentials { problem, remedy } if was_sent => Error::Credentials {
            problem: tr!(
                "{problem}; an earlier run sent the same refresh token and got no answer, which may have used it up",
                problem
            ),
            remedy,
        },
        other => {
            // A journal that stayed would look like that of a run that got no answer.
            let _ = journal.remove();
            other
        }
    }
}

fn post(world: &World, url: &Url) -> Result<RequestBuilder> {
    world.network.check(url)?;
    Ok(world.network.http_client()?.post(url.clone()))
}

/// Sends a request that holds this token.
async fn exchange(
    world: &World,
    url: &Url,
    request: RequestBuilder,
    token: &str,
) -> Result<HttpAnswer> {
    let request = request.header("accept", "application/json");
    send(&world.network, url, request, &[token], world.limit).await
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
        Some(site) => Err(problem(&tr!(
            "oauth_site_type is {site:?}, not CN or INTL",
            site
        ))),
    }
}
