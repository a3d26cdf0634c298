//! The source that a profile describes, by its mode.

use super::super::env::{Env, either, set};
use super::super::profile::{NoProfile, Profile, quoted};
use super::environment::{credentials_uri, forbidden, instance_role, keys, same_account};
use super::mode::{CredentialSource, Mode, StoredLogin};
use super::role::{Role, Sts, session_name};
use crate::error::{Error, Result};

/// The source that a profile describes. A field that it leaves out is taken from the environment
/// where aliyun-cli does so.
///
/// # Errors
/// [`Error::Credentials`] if the profile lacks something or is of a mode that axt can't use.
pub(super) fn source(profile: &Profile, env: Env<'_>) -> Result<CredentialSource> {
    chained(profile, env, &mut Vec::new())
}

/// The source of this profile, which the profiles `seen` build on.
fn chained(profile: &Profile, env: Env<'_>, seen: &mut Vec<String>) -> Result<CredentialSource> {
    let mode = profile.mode()?;
    let fields = Fields { profile, mode, env };
    let mode = match mode {
        "AK" => fields.keys(None)?,
        "StsToken" => fields.keys(Some(fields.required("sts_token")?))?,
        "RamRoleArn" => {
            let keys = fields.keys(profile.text("sts_token")?.map(Into::into))?;
            fields.role_for(fields.named(keys))?
        }
        "EcsRamRole" => fields.instance_role(profile.text("ram_role_name")?)?,
        "RamRoleArnWithRoleName" => {
            let instance = fields.instance_role(Some(&fields.required("ram_role_name")?))?;
            fields.role_for(fields.named(instance))?
        }
        "ChainableRamRoleArn" => fields.role_for(fields.next(seen)?)?,
        "OIDC" => fields.oidc()?,
        "External" => {
            forbidden(env).map_err(|problem| fields.problem(&problem))?;
            Mode::External {
                command: fields.required("process_command")?,
                profile: profile.name().to_owned(),
            }
        }
        "CredentialsURI" => {
            let uri = profile.text("credentials_uri")?.map(str::to_owned);
            let uri = uri.or_else(|| set(env, "ALIBABA_CLOUD_CREDENTIALS_URI"));
            let uri = uri.ok_or_else(|| fields.missing("credentials_uri"))?;
            let url = credentials_uri(&uri, env);
            Mode::Uri(url.map_err(|problem| {
                fields.problem(&tr!(
                    "{what}: {why}",
                    what = "credentials_uri",
                    why = problem
                ))
            })?)
        }
        "CloudSSO" => Mode::CloudSso(fields.login()),
        "OAuth" => Mode::OAuth(fields.login()),
        other => return Err(fields.unusable(other)),
    };
    Ok(fields.named(mode))
}

/// A profile's fields, read for one mode.
struct Fields<'a> {
    profile: &'a Profile,
    mode: &'a str,
    env: Env<'a>,
}

impl Fields<'_> {
    fn named(&self, mode: Mode) -> CredentialSource {
        CredentialSource {
            name: self.name(),
            remedy: self.remedy(),
            mode,
        }
    }

    /// It is the same in every language: commands that share a session compare it.
    fn name(&self) -> String {
        let (profile, path) = (self.profile.name(), self.profile.path().display());
        format!("profile {profile} ({}, {path})", self.mode)
    }

    fn remedy(&self) -> String {
        let profile = quoted(self.profile.name());
        match self.profile.is_of_aliyun() {
            true => tr!(
                "run `aliyun configure --mode {mode} --profile {profile}`",
                mode = quoted(self.mode),
                profile
            ),
            false => tr!("correct the file, or name a profile of another with --profile").into(),
        }
    }

    fn problem(&self, problem: &str) -> Error {
        Error::Credentials {
            problem: tr!("{what}: {why}", what = self.name(), why = problem),
            remedy: self.remedy(),
        }
    }

    fn missing(&self, field: &str) -> Error {
        self.problem(&tr!(
            "{field} is missing",
            field = self.profile.spelled(field)
        ))
    }

    fn required(&self, field: &str) -> Result<String> {
        let text = self.profile.text(field)?;
        text.map(str::to_owned).ok_or_else(|| self.missing(field))
    }

    /// A field, or the environment's variable of this suffix.
    fn or_env(&self, field: &str, suffix: &str) -> Result<Option<String>> {
        let text = self.profile.text(field)?.map(str::to_owned);
        Ok(text.or_else(|| either(self.env, suffix)))
    }

    fn keys(&self, token: Option<String>) -> Result<Mode> {
        let id = self.required("access_key_id")?;
        let secret = self.required("access_key_secret")?;
        Ok(Mode::Keys(keys(id, secret, token, self.name())?))
    }

    fn instance_role(&self, name: Option<&str>) -> Result<Mode> {
        let role = instance_role(self.env, name.map(Into::into));
        role.map(Mode::InstanceRole).map_err(|error| match error {
            Error::Credentials { problem, .. } => self.problem(&problem),
            other => other,
        })
    }

    /// The role of this profile, to be assumed with the credentials of `from`.
    fn role_for(&self, from: CredentialSource) -> Result<Mode> {
        let from = Box::new(from);
        let role = self.role()?;
        Ok(Mode::AssumeRole { from, role })
    }

    fn role(&self) -> Result<Role> {
        let profile = self.profile;
        let text = |field| profile.text(field).map(|text| text.map(str::to_owned));
        let env_sts = Sts::from_env(self.env);
        let role = Role {
            arn: self
                .or_env("ram_role_arn", "ROLE_ARN")?
                .ok_or_else(|| self.missing("ram_role_arn"))?,
            session_name: match text("ram_session_name")?.or(text("role_session_name")?) {
                Some(name) => name,
                None => session_name(self.env),
            },
            seconds: profile.number("expired_seconds")?.filter(|n| *n != 0),
            policy: text("policy")?,
            external_id: self.or_env("external_id", "EXTERNAL_ID")?,
            sts: Sts {
                endpoint: env_sts.endpoint.or(text("sts_endpoint")?),
                region: env_sts.region.or(text("sts_region")?),
                vpc: env_sts.vpc || profile.flag("enable_vpc")?,
            },
        };
        role.check()
            .map_err(|(what, problem)| self.problem(&tr!("{what}: {why}", what, why = problem)))?;
        Ok(role)
    }

    /// The source that this profile builds on.
    fn next(&self, seen: &mut Vec<String>) -> Result<CredentialSource> {
        let name = self.required("source_profile")?;
        seen.push(self.profile.name().to_owned());
        if seen.contains(&name) {
            let way = seen.join(" -> ");
            return Err(self.problem(&tr!(
                "source_profile leads in a circle: {way} -> {name}",
                way,
                name
            )));
        }
        let next = Profile::load(self.profile.path(), Some(&name));
        let next = next.map_err(|reason| match reason {
            NoProfile::Missing {
                error: Error::Config { problem, .. },
                ..
            } => self.problem(&tr!(
                "{what}: {why}",
                what = "source_profile",
                why = problem
            )),
            other => other.into(),
        })?;
        chained(&next, self.env, seen)
    }

    fn oidc(&self) -> Result<Mode> {
        let provider_arn = self
            .or_env("oidc_provider_arn", "OIDC_PROVIDER_ARN")?
            .ok_or_else(|| self.missing("oidc_provider_arn"))?;
        let token_file = self
            .or_env("oidc_token_file", "OIDC_TOKEN_FILE")?
            .ok_or_else(|| self.missing("oidc_token_file"))?
            .into();
        let role = self.role()?;
        same_account(&provider_arn, &role).map_err(|problem| self.problem(&problem))?;
        Ok(Mode::Oidc {
            provider_arn,
            token_file,
            role,
        })
    }

    fn login(&self) -> StoredLogin {
        StoredLogin {
            path: self.profile.path().to_owned(),
            profile: self.profile.name().to_owned(),
        }
    }

    /// An error about a mode that axt can't use, with what can be used in its place.
    fn unusable(&self, mode: &str) -> Error {
        let (why, instead) = match mode {
            "RsaKeyPair" => (
                tr!("Alibaba Cloud no longer supports session keys from RSA key pairs"),
                tr!("use a RAM role: `aliyun configure --mode RamRoleArn`"),
            ),
            "BearerToken" => (
                tr!("ECS takes no bearer tokens"),
                tr!("log in with `aliyun configure --mode OAuth` or `--mode CloudSSO`"),
            ),
            "Anonymous" => (
                tr!("it has no credentials, and ECS answers no calls without them"),
                tr!("log in with `aliyun configure --mode OAuth`"),
            ),
            _ => (
                tr!("axt doesn't know this mode"),
                tr!("choose one that is in both `aliyun configure --help` and axt's README"),
            ),
        };
        Error::Credentials {
            problem: tr!("{what}: {why}", what = self.name(), why),
            remedy: instead.to_owned(),
        }
    }
}
