//! The sources that the environment describes, in order: key pair, OIDC, instance role, URI.

use super::super::credentials::Credentials;
use super::super::env::{Env, PREFIXES, either, first_set, is_on, set, spellings};
use super::mode::{CredentialSource, InstanceRole, Mode};
use super::role::{Role, account_of, may_carry};
use crate::error::{Error, Result};
use std::path::PathBuf;
use url::Url;

/// The source that the environment chooses, if it chooses one.
///
/// # Errors
/// [`Error::Credentials`] if a variable is missing or invalid.
pub(in crate::config) fn source(env: Env<'_>) -> Result<Option<CredentialSource>> {
    if let Some(keys) = key_pair(env)? {
        return with_role(keys, env).map(Some);
    }
    if let Some(oidc) = oidc(env)? {
        return Ok(Some(oidc));
    }
    const METADATA: &str = "ALIBABA_CLOUD_ECS_METADATA";
    if let Some(name) = set(env, METADATA) {
        let role = instance_role(env, Some(name))?;
        return Ok(Some(named(METADATA, Mode::InstanceRole(role))));
    }
    const URI: &str = "ALIBABA_CLOUD_CREDENTIALS_URI";
    let Some(uri) = set(env, URI) else {
        return Ok(None);
    };
    let url = credentials_uri(&uri, env).map_err(|problem| bad(URI, &problem))?;
    Ok(Some(named(URI, Mode::Uri(url))))
}

/// The environment's key pair and its token.
///
/// # Errors
/// [`Error::Credentials`] if one of the two is missing.
pub(in crate::config) fn key_pair(env: Env<'_>) -> Result<Option<Credentials>> {
    // The bare names come last: they may belong to something else, so half a pair means nothing.
    for prefix in PREFIXES.into_iter().chain([""]) {
        let names =
            ["ACCESS_KEY_ID", "ACCESS_KEY_SECRET"].map(|suffix| format!("{prefix}{suffix}"));
        match names.each_ref().map(|name| set(env, name)) {
            [Some(id), Some(secret)] => {
                let token = token(env, prefix, &id);
                let [source, _] = names;
                return keys(id, secret, token, source).map(Some);
            }
            [Some(_), None] if !prefix.is_empty() => return Err(half(&names[0], &names[1])),
            [None, Some(_)] if !prefix.is_empty() => return Err(half(&names[1], &names[0])),
            _ => {}
        }
    }
    Ok(None)
}

/// The token for the pair with this prefix. aliyun takes one of any spelling. Here one of another spelling is
/// for temporary keys only, which are of no use without: beside a user's own keys it belongs to something else.
fn token(env: Env<'_>, prefix: &str, id: &str) -> Option<String> {
    const SUFFIX: &str = "SECURITY_TOKEN";
    let others = spellings(SUFFIX).chain([SUFFIX.to_owned()]);
    let others = others.filter(|_| is_temporary(id));
    let names = [format!("{prefix}{SUFFIX}")].into_iter().chain(others);
    first_set(env, names).map(|(_, token)| token)
}

/// True if STS has given these keys.
fn is_temporary(id: &str) -> bool {
    id.starts_with("STS.")
}

/// Credentials that don't change.
pub(super) fn keys(
    id: String,
    secret: String,
    token: Option<String>,
    source: String,
) -> Result<Credentials> {
    // Such a pair would be refused with a code that says nothing about the reason.
    if is_temporary(&id) && token.is_none() {
        let problem = tr!("the AccessKey is temporary (STS), and its security token is missing");
        return Err(bad(&source, problem));
    }
    Ok(Credentials {
        access_key_id: id,
        access_key_secret: secret.into(),
        security_token: token.map(Into::into),
        expires: None,
        source,
    })
}

/// The instance's role, with what the environment says about the metadata service.
pub(super) fn instance_role(env: Env<'_>, name: Option<String>) -> Result<InstanceRole> {
    const DISABLED: &str = "ALIBABA_CLOUD_ECS_METADATA_DISABLED";
    if is_on(env, DISABLED) {
        let remedy = tr!(
            "unset {disabled}, or choose another source of credentials",
            disabled = DISABLED
        );
        let problem = tr!(
            "{disabled} forbids using the instance's metadata service",
            disabled = DISABLED
        );
        return Err(Error::Credentials { problem, remedy });
    }
    const ENDPOINT: &str = "ALIBABA_CLOUD_ECS_METADATA_SERVICE_ENDPOINT";
    let endpoint = match set(env, ENDPOINT) {
        None => None,
        Some(text) => {
            let url = Url::parse(&text).ok();
            let url = url.filter(|url| url.scheme() == "http" && may_carry(url));
            let problem =
                tr!("only http to a loopback address is allowed, such as http://127.0.0.1:80");
            Some(url.ok_or_else(|| bad(ENDPOINT, problem))?)
        }
    };
    Ok(InstanceRole {
        name,
        endpoint,
        version_1: !is_on(env, "ALIBABA_CLOUD_IMDSV1_DISABLED"),
        is_a_guess: false,
    })
}

/// A URI that credentials may be asked of.
pub(super) fn credentials_uri(text: &str, env: Env<'_>) -> Result<Url, String> {
    forbidden(env)?;
    // The text is not repeated: it may hold a password.
    let url = Url::parse(text).map_err(|error| tr!("it is not a URL: {error}", error))?;
    if !may_carry(&url) {
        return Err(
            tr!("it must be https, or http to a loopback address such as 127.0.0.1").into(),
        );
    }
    Ok(url)
}

/// Checks that sources outside of axt are not switched off.
pub(super) fn forbidden(env: Env<'_>) -> Result<(), String> {
    const SWITCH: &str = "ALIBABA_CLOUD_DISABLE_EXTERNAL_PROCESS";
    if is_on(env, SWITCH) {
        return Err(tr!("{switch} forbids this mode", switch = SWITCH));
    }
    Ok(())
}

/// Checks that provider and role belong to one account, as STS demands.
pub(super) fn same_account(provider_arn: &str, role: &Role) -> Result<(), String> {
    let Some(account) = account_of(provider_arn, "oidc-provider") else {
        return Err(tr!(
            "{provider_arn:?} is not acs:ram::<account>:oidc-provider/<name>",
            provider_arn
        ));
    };
    if account_of(&role.arn, "role") != Some(account) {
        return Err(tr!("the OIDC provider and the role are of different accounts").into());
    }
    Ok(())
}

/// The key pair, or the role that it is to assume: a role that goes with an OIDC token is not its.
fn with_role(keys: Credentials, env: Env<'_>) -> Result<CredentialSource> {
    let name = keys.source.clone();
    let oidc = either(env, "OIDC_PROVIDER_ARN").or_else(|| either(env, "OIDC_TOKEN_FILE"));
    let from = named(&name, Mode::Keys(keys));
    let Some(role) = Role::from_env(env).filter(|_| oidc.is_none()) else {
        return Ok(from);
    };
    role.check().map_err(|(what, problem)| {
        bad(
            "ALIBABA_CLOUD_ROLE_ARN",
            &tr!("{what}: {why}", what, why = problem),
        )
    })?;
    let from = Box::new(from);
    let name = format!("ALIBABA_CLOUD_ROLE_ARN with {name}");
    Ok(named(&name, Mode::AssumeRole { from, role }))
}

fn oidc(env: Env<'_>) -> Result<Option<CredentialSource>> {
    const PROVIDER: &str = "ALIBABA_CLOUD_OIDC_PROVIDER_ARN";
    const TOKEN: &str = "ALIBABA_CLOUD_OIDC_TOKEN_FILE";
    let given = (
        either(env, "OIDC_PROVIDER_ARN"),
        either(env, "OIDC_TOKEN_FILE"),
        Role::from_env(env),
    );
    let (provider_arn, token_file, role) = match given {
        (Some(provider), Some(file), Some(role)) => (provider, file, role),
        // A role alone says nothing: it may go with a profile.
        (None, None, _) => return Ok(None),
        (None, Some(_), _) => return Err(half(TOKEN, PROVIDER)),
        (Some(_), None, _) => return Err(half(PROVIDER, TOKEN)),
        (Some(_), Some(_), None) => return Err(half(PROVIDER, "ALIBABA_CLOUD_ROLE_ARN")),
    };
    role.check()
        .map_err(|(what, problem)| tr!("{what}: {why}", what, why = problem))
        .and_then(|()| same_account(&provider_arn, &role))
        .map_err(|problem| bad(PROVIDER, &problem))?;
    let token_file = PathBuf::from(token_file);
    let mode = Mode::Oidc {
        provider_arn,
        token_file,
        role,
    };
    Ok(Some(named(PROVIDER, mode)))
}

fn named(variable: &str, mode: Mode) -> CredentialSource {
    CredentialSource {
        name: variable.to_owned(),
        remedy: remedy(variable),
        mode,
    }
}

fn remedy(variable: &str) -> String {
    tr!(
        "correct or unset {variable}, or name a profile with --profile",
        variable
    )
}

fn bad(variable: &str, problem: &str) -> Error {
    Error::Credentials {
        problem: tr!("{what}: {why}", what = variable, why = problem),
        remedy: remedy(variable),
    }
}

fn half(present: &str, absent: &str) -> Error {
    Error::Credentials {
        problem: tr!("{present} is set and {absent} is not", present, absent),
        remedy: tr!("set {absent} too, or unset {present}", absent, present),
    }
}
