//! Settings: flag or `AXT_*`, then `ALIBABA_CLOUD_*`, then the profile, then the default; each with its source.

use super::env::Env;
use super::files::{self, ProfileFile};
use super::profile::Profile;
use super::source::{self, CredentialSource, environment};
pub(crate) use super::sourced::{Source, Sourced};
use super::sourced::{first, variable};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::str::FromStr;

/// The options of the command line; the parser has merged `AXT_*` into them already.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flags {
    /// `--profile NAME`. It also makes the profile win over a key pair in the environment.
    pub(crate) profile: Option<Sourced<String>>,
    /// `--region ID`.
    pub(crate) region: Option<Sourced<String>>,
    /// `--endpoint URL`.
    pub(crate) endpoint: Option<Sourced<String>>,
    /// `--connection-type internet|intranet`.
    pub(crate) connection_type: Option<Sourced<ConnectionType>>,
    /// `--config-file FILE`.
    pub(crate) config_file: Option<Sourced<PathBuf>>,
}

/// The network over which the service is reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConnectionType {
    /// The public hosts.
    #[default]
    Internet,
    /// The hosts inside a VPC.
    Intranet,
}

impl ConnectionType {
    /// The word as `StartTerminalSession` takes it.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Internet => "Internet",
            Self::Intranet => "Intranet",
        }
    }
}

impl FromStr for ConnectionType {
    type Err = String;

    /// Reads axt's own words and those of aliyun-cli's `endpoint_type`, in any case.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "internet" | "public" => Ok(Self::Internet),
            "intranet" | "vpc" => Ok(Self::Intranet),
            _ => Err(tr!("it is internet or intranet").to_owned()),
        }
    }
}

/// The algorithm that signs RPC calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Signature {
    /// HMAC-SHA1 over all parameters, which every region takes.
    #[default]
    V1,
    /// ACS3-HMAC-SHA256 in the headers, as the newest SDKs sign.
    V3,
}

impl FromStr for Signature {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "v1" => Ok(Self::V1),
            "v3" => Ok(Self::V3),
            _ => Err(tr!("it is v1 or v3").to_owned()),
        }
    }
}

/// The settings of one run.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The first file that profiles are looked for in; `None` if the home directory is not known or
    /// such files are switched off.
    pub(crate) config_file: Option<Sourced<PathBuf>>,
    /// The name of a profile that somebody asked for; the file's current one otherwise.
    pub(crate) profile_name: Option<Sourced<String>>,
    /// The profile, if there is one.
    pub(crate) profile: Option<Profile>,
    /// The reason why an existing configuration file was ignored: nothing was needed from it.
    pub(crate) ignored: Option<String>,
    /// The region.
    pub(crate) region: Option<Sourced<String>>,
    /// The base URL for the API of every product, as it was written.
    pub(crate) endpoint: Option<Sourced<String>>,
    /// The network over which API and sessions are reached.
    pub(crate) connection_type: Sourced<ConnectionType>,
}

impl Settings {
    /// Resolves every setting.
    ///
    /// # Errors
    /// [`Error::Config`] if the configuration file is needed and can't be used: a profile or the file
    /// itself was asked for, or the environment lacks a key pair or the region. [`Error::Usage`] for
    /// an environment variable that makes no sense.
    pub(crate) fn resolve(flags: &Flags, env: Env<'_>) -> Result<Self> {
        let given = flags.config_file.clone();
        let files = given.map_or_else(|| files::files(env), |path| vec![ProfileFile::given(path)]);
        let profile_name = flags.profile.clone().or_else(|| variable(env, "PROFILE"));
        let credentials_in_env = environment::source(env).is_ok_and(|source| source.is_some());
        let region = flags
            .region
            .clone()
            .or_else(|| variable(env, "REGION_ID"))
            .or_else(|| bare_region(env));

        let needed = profile_name.is_some() || !credentials_in_env || region.is_none();
        let explicit = files.iter().any(|file| file.path.source != Source::Default);
        let (profile, ignored) = match files::profile(&files, profile_name.as_ref()) {
            Ok(profile) => (profile, None),
            Err(error) if needed || explicit => return Err(error),
            Err(error) => (None, Some(error.to_string())),
        };
        let profile_text = |field| {
            profile
                .as_ref()
                .map_or(Ok(None), |p| from_profile(p, field))
        };

        let region = region.map_or_else(|| profile_text("region_id"), |region| Ok(Some(region)))?;
        let endpoint = flags
            .endpoint
            .clone()
            .or_else(|| first(env, ["ALIBABA_CLOUD_ENDPOINT".into()]));
        let endpoint = endpoint.map_or_else(|| profile_text("endpoint"), |url| Ok(Some(url)))?;
        let connection_type = match flags.connection_type.clone() {
            Some(given) => given,
            None => match variable(env, "ENDPOINT_TYPE") {
                Some(text) => connection(&text)?,
                None => profile_text("endpoint_type")?
                    .as_ref()
                    .map_or(Ok(unset()), connection)?,
            },
        };
        Ok(Self {
            config_file: files.into_iter().next().map(|file| file.path),
            profile_name,
            profile,
            ignored,
            region,
            endpoint,
            connection_type,
        })
    }

    /// The region.
    ///
    /// # Errors
    /// [`Error::NoRegion`] if none was given anywhere.
    pub(crate) fn region(&self) -> Result<&str> {
        self.region
            .as_ref()
            .map(|region| region.value.as_str())
            .ok_or(Error::NoRegion)
    }

    /// The source of credentials that is configured.
    ///
    /// # Errors
    /// [`Error::Credentials`] if there is none, or it is incomplete.
    pub(crate) fn credential_source(&self, env: Env<'_>) -> Result<CredentialSource> {
        let looked = match &self.config_file {
            Some(file) => file.value.display().to_string(),
            None => tr!("a configuration file (switched off, or the home directory is not known)")
                .into(),
        };
        source::find(
            self.profile.as_ref(),
            self.profile_was_asked_for(),
            &looked,
            env,
        )
    }

    /// True if the profile was named on the command line, by `AXT_PROFILE` or in axt's own file.
    #[must_use]
    pub(crate) fn profile_was_asked_for(&self) -> bool {
        let source = self.profile_name.as_ref().map(|name| &name.source);
        source.is_some_and(|source| match source {
            Source::Flag(_) | Source::File(..) => true,
            Source::Env(name) => name.starts_with("AXT_"),
            Source::Profile(_) | Source::Default => false,
        })
    }
}

/// `REGION_ID` and `REGION` may mean anything; they count only beside the bare key pair.
fn bare_region(env: Env<'_>) -> Option<Sourced<String>> {
    let keys = environment::key_pair(env).ok().flatten()?;
    if keys.source != "ACCESS_KEY_ID" {
        return None;
    }
    first(env, ["REGION_ID".into(), "REGION".into()])
}

fn from_profile(profile: &Profile, field: &str) -> Result<Option<Sourced<String>>> {
    let source = || Source::Profile(profile.name().to_owned());
    let text = profile.text(field)?;
    Ok(text.map(|text| Sourced {
        value: text.to_owned(),
        source: source(),
    }))
}

fn connection(text: &Sourced<String>) -> Result<Sourced<ConnectionType>> {
    let value = text.value.parse().map_err(|error| {
        Error::Usage(tr!(
            "the endpoint type {value:?} from {source}: {error}",
            value = text.value,
            source = text.source,
            error
        ))
    })?;
    Ok(Sourced {
        value,
        source: text.source.clone(),
    })
}

fn unset() -> Sourced<ConnectionType> {
    Sourced {
        value: ConnectionType::default(),
        source: Source::Default,
    }
}

#[cfg(test)]
mod tests;
