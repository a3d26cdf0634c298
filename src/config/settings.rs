//! Settings: flag or `AXT_*`, then `ALIBABA_CLOUD_*`, then the profile, then the default; each with its source.

use super::env::{Env, first_set, set, spellings};
use super::key_pair::from_env;
use super::profile::Profile;
use crate::error::{Error, Result};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// What the command line says; the parser has merged `AXT_*` into it already.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--profile NAME`. It also makes the profile win over a key pair in the environment.
    pub profile: Option<String>,
    /// `--region ID`.
    pub region: Option<String>,
    /// `--endpoint URL`.
    pub endpoint: Option<String>,
    /// `--connection-type internet|intranet`.
    pub connection_type: Option<ConnectionType>,
    /// `--config-file FILE`.
    pub config_file: Option<PathBuf>,
}

/// The network over which the service is reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
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
    pub fn as_str(self) -> &'static str {
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
            _ => Err(format!("{text:?} is neither internet nor intranet")),
        }
    }
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A flag, such as `--region`.
    Flag(&'static str),
    /// An environment variable.
    Env(String),
    /// A profile of the configuration file.
    Profile(String),
    /// Nothing was said.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => f.write_str(name),
            Self::Env(name) => f.write_str(name),
            Self::Profile(name) => write!(f, "profile {name}"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A value and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// Where it came from.
    pub source: Source,
}

/// The settings of one run.
#[derive(Debug)]
pub struct Settings {
    /// The configuration file; `None` if the home directory is not known or the file is switched off.
    pub config_file: Option<Sourced<PathBuf>>,
    /// The name of a profile that somebody asked for; the file's current one otherwise.
    pub profile_name: Option<Sourced<String>>,
    /// The profile, if there is one.
    pub profile: Option<Profile>,
    /// Why the configuration file was left aside although it exists: nothing was needed from it.
    pub ignored: Option<String>,
    /// The region.
    pub region: Option<Sourced<String>>,
    /// The base URL for the API of every product, as it was written.
    pub endpoint: Option<Sourced<String>>,
    /// The network over which API and sessions are reached.
    pub connection_type: Sourced<ConnectionType>,
}

impl Settings {
    /// Resolves every setting.
    ///
    /// # Errors
    /// [`Error::Config`] if the configuration file is needed and can't be used: a profile or the file
    /// itself was asked for, or the environment lacks a key pair or the region. [`Error::Usage`] for
    /// an environment variable that makes no sense.
    pub fn resolve(flags: &Flags, env: Env<'_>) -> Result<Self> {
        let config_file = config_file(flags, env);
        let profile_name = flag(env, "--profile", "AXT_PROFILE", flags.profile.as_ref())
            .or_else(|| variable(env, "PROFILE"));
        let keys_in_env = from_env(env).is_ok_and(|keys| keys.is_some());
        let region = flag(env, "--region", "AXT_REGION", flags.region.as_ref())
            .or_else(|| variable(env, "REGION_ID"))
            .or_else(|| bare_region(env));

        let needed = profile_name.is_some() || !keys_in_env || region.is_none();
        let explicit = config_file
            .as_ref()
            .is_some_and(|file| file.source != Source::Default);
        let loaded = load(config_file.as_ref(), profile_name.as_ref());
        let (profile, ignored) = match loaded {
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
        let endpoint = flag(env, "--endpoint", "AXT_ENDPOINT", flags.endpoint.as_ref())
            .or_else(|| first(env, ["ALIBABA_CLOUD_ENDPOINT".into()]));
        let endpoint = endpoint.map_or_else(|| profile_text("endpoint"), |url| Ok(Some(url)))?;
        let connection_type = flag(
            env,
            "--connection-type",
            "AXT_CONNECTION_TYPE",
            flags.connection_type.as_ref(),
        );
        let connection_type = match connection_type {
            Some(given) => given,
            None => match variable(env, "ENDPOINT_TYPE") {
                Some(text) => connection(&text)?,
                None => profile_text("endpoint_type")?
                    .as_ref()
                    .map_or(Ok(unset()), connection)?,
            },
        };
        Ok(Self {
            config_file,
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
    pub fn region(&self) -> Result<&str> {
        self.region
            .as_ref()
            .map(|region| region.value.as_str())
            .ok_or(Error::NoRegion)
    }

    /// Whether the profile was named on the command line or by `AXT_PROFILE`.
    #[must_use]
    pub fn profile_was_asked_for(&self) -> bool {
        let source = self.profile_name.as_ref().map(|name| &name.source);
        source.is_some_and(|source| match source {
            Source::Flag(_) => true,
            Source::Env(name) => name.starts_with("AXT_"),
            Source::Profile(_) | Source::Default => false,
        })
    }
}

/// A flag's value; the command line's parser doesn't say whether it found it in `AXT_*`, so the
/// variable is looked at again.
fn flag<T: AsText>(
    env: Env<'_>,
    name: &'static str,
    variable: &str,
    value: Option<&T>,
) -> Option<Sourced<T>> {
    let value = value.cloned()?;
    let from_env = set(env, variable).is_some_and(|text| value.is_written(&text));
    let source = if from_env {
        Source::Env(variable.to_owned())
    } else {
        Source::Flag(name)
    };
    Some(Sourced { value, source })
}

/// A value that can be compared with how it would be written.
trait AsText: Clone {
    fn is_written(&self, text: &str) -> bool;
}

impl AsText for String {
    fn is_written(&self, text: &str) -> bool {
        self == text
    }
}

impl AsText for PathBuf {
    fn is_written(&self, text: &str) -> bool {
        self.as_os_str() == text
    }
}

impl AsText for ConnectionType {
    fn is_written(&self, text: &str) -> bool {
        text.parse() == Ok(*self)
    }
}

fn variable(env: Env<'_>, suffix: &str) -> Option<Sourced<String>> {
    first(env, spellings(suffix))
}

fn first(env: Env<'_>, names: impl IntoIterator<Item = String>) -> Option<Sourced<String>> {
    let (name, value) = first_set(env, names)?;
    Some(Sourced {
        value,
        source: Source::Env(name),
    })
}

/// `REGION_ID` and `REGION` may mean anything; they count only beside the bare key pair.
fn bare_region(env: Env<'_>) -> Option<Sourced<String>> {
    let keys = from_env(env).ok().flatten()?;
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
        Error::Usage(format!("the endpoint type from {}: {error}", text.source))
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

fn config_file(flags: &Flags, env: Env<'_>) -> Option<Sourced<PathBuf>> {
    if let Some(file) = flag(
        env,
        "--config-file",
        "AXT_CONFIG_FILE",
        flags.config_file.as_ref(),
    ) {
        return Some(file);
    }
    // The switches of aliyun-cli and of the SDKs that keep the file out of it.
    let off = set(env, "ALIBABA_CLOUD_CLI_PROFILE_DISABLED")
        .is_some_and(|v| v.eq_ignore_ascii_case("true"))
        || first_set(env, spellings("IGNORE_PROFILE")).is_some_and(|(_, value)| value == "TRUE");
    if off {
        return None;
    }
    if let Some(Sourced { value, source }) = first(env, ["ALIBABA_CLOUD_CONFIG_FILE".into()]) {
        return Some(Sourced {
            value: value.into(),
            source,
        });
    }
    let home = set(env, if cfg!(windows) { "USERPROFILE" } else { "HOME" })?;
    let value = PathBuf::from(home).join(".aliyun").join("config.json");
    Some(Sourced {
        value,
        source: Source::Default,
    })
}

fn load(
    file: Option<&Sourced<PathBuf>>,
    name: Option<&Sourced<String>>,
) -> Result<Option<Profile>> {
    let named = |name: &Sourced<String>| format!("{:?} (from {})", name.value, name.source);
    match (file, name) {
        (Some(file), None) if file.source == Source::Default && is_missing(&file.value) => Ok(None),
        (Some(file), Some(name)) if is_missing(&file.value) => Err(Error::Config {
            path: file.value.clone(),
            problem: format!(
                "there is no such file to read the profile {} from",
                named(name)
            ),
        }),
        (Some(file), name) => Profile::load(&file.value, name.map(|name| name.value.as_str())),
        (None, Some(name)) => Err(Error::Usage(format!(
            "profile {} was asked for, and there is no configuration file: it is switched off, or the home directory is not known",
            named(name)
        ))),
        (None, None) => Ok(None),
    }
}

/// Missing, as opposed to unreadable.
fn is_missing(path: &std::path::Path) -> bool {
    path.try_exists().is_ok_and(|exists| !exists)
}

#[cfg(test)]
mod tests;
