//! One source of credentials, and the modes in which sources give them.

use super::super::credentials::Credentials;
use super::super::profile::Profile;
use super::role::Role;
use crate::error::{Error, Result};
use std::path::PathBuf;
use url::Url;

/// A source of credentials.
pub(crate) struct CredentialSource {
    /// The name in messages: `profile prod (OAuth, /home/a/.aliyun/config.json)`. It is the same
    /// in every language, as digests are made of it.
    pub(crate) name: String,
    /// The advice for a source that gives no credentials.
    pub(crate) remedy: String,
    /// The mode in which it gives credentials.
    pub(crate) mode: Mode,
}

/// A way to obtain credentials: the modes of aliyun-cli's profiles.
pub(crate) enum Mode {
    /// They are in the profile or the environment: AK and StsToken.
    Keys(Credentials),
    /// STS gives those of a role: RamRoleArn, RamRoleArnWithRoleName, ChainableRamRoleArn.
    AssumeRole {
        /// The source of the credentials that assume the role.
        from: Box<CredentialSource>,
        /// The role.
        role: Role,
    },
    /// The metadata service of the instance that axt runs on: EcsRamRole.
    InstanceRole(InstanceRole),
    /// STS gives those of a role for the token of an OIDC provider.
    Oidc {
        /// The provider's name: `acs:ram::<account>:oidc-provider/<name>`.
        provider_arn: String,
        /// The file with the token; it is read at each renewal, as its owner replaces it.
        token_file: PathBuf,
        /// The role.
        role: Role,
    },
    /// A program prints them.
    External {
        /// The command line, split as a POSIX shell does but not run by one.
        command: String,
        /// The profile, so that the program can't ask axt for the same one.
        profile: String,
    },
    /// An HTTP server gives them.
    Uri(Url),
    /// CloudSSO gives them for the login that `aliyun configure` has made.
    CloudSso(StoredLogin),
    /// Alibaba Cloud's OAuth server gives them for the login that `aliyun configure` has made.
    OAuth(StoredLogin),
}

/// The profile that stores a login, which changes from run to run.
pub(crate) struct StoredLogin {
    /// The configuration file.
    pub(crate) path: PathBuf,
    /// The profile there.
    pub(crate) profile: String,
}

impl StoredLogin {
    /// The profile as it is now.
    ///
    /// # Errors
    /// As [`Profile::load`]; also if it is no longer there.
    pub(crate) fn profile(&self) -> Result<Profile> {
        Ok(Profile::load(&self.path, Some(&self.profile))?)
    }
}

/// The RAM role of the instance that axt runs on.
pub(crate) struct InstanceRole {
    /// The role's name; the metadata service is asked for it where it is not given.
    pub(crate) name: Option<String>,
    /// Another address than the service's own, on loopback: for tests.
    pub(crate) endpoint: Option<Url>,
    /// True if the first version of the protocol, without a token, is allowed.
    pub(crate) version_1: bool,
    /// Nothing else is configured: whether this is an instance at all is not known.
    pub(crate) is_a_guess: bool,
}

impl CredentialSource {
    /// True if nothing is configured and this source is a guess.
    pub(crate) fn is_a_guess(&self) -> bool {
        matches!(&self.mode, Mode::InstanceRole(role) if role.is_a_guess)
    }

    /// A text that tells its account from others without a call. It is for digests only: a command line or
    /// a URL may hold secrets.
    pub(crate) fn account(&self) -> String {
        match &self.mode {
            Mode::Keys(keys) => keys.access_key_id.clone(),
            Mode::AssumeRole { role, .. } | Mode::Oidc { role, .. } => role.arn.clone(),
            Mode::InstanceRole(role) => format!("instance role {:?}", role.name),
            Mode::External { command, .. } => format!("{} {command}", self.name),
            Mode::Uri(url) => url.to_string(),
            Mode::CloudSso(login) | Mode::OAuth(login) => {
                let path = std::path::absolute(&login.path);
                let path = path.unwrap_or_else(|_| login.path.clone());
                format!("{} {}", path.display(), login.profile)
            }
        }
    }

    /// The error for credentials that can't be had from this source.
    pub(crate) fn failed(&self, error: &Error) -> Error {
        let (problem, remedy) = match error {
            Error::Credentials { problem, remedy } => (problem.clone(), Some(remedy.clone())),
            Error::Connect { .. } | Error::Timeout { .. } | Error::Lost(_) => {
                let remedy = tr!(
                    "check that this machine reaches it: network, DNS, HTTPS_PROXY and NO_PROXY, firewalls"
                );
                (error.to_string(), Some(remedy.to_owned()))
            }
            other => (other.to_string(), other.hint()),
        };
        let remedy = remedy.filter(|remedy| !remedy.is_empty());
        Error::Credentials {
            problem: tr!("{what}: {why}", what = self.name, why = problem),
            remedy: remedy.unwrap_or_else(|| self.remedy.clone()),
        }
    }
}
