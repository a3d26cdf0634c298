//! The actions of STS (version 2015-04-01): roles to assume, and who is calling.

use super::client::{Action, Style};
use super::lenient;
use crate::config::credentials::Credentials;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize, Serializer};

const VERSION: &str = "2015-04-01";

/// The identity of the credentials: `GetCallerIdentity`. Every identity may call it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct GetCallerIdentity;

/// The caller.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct CallerIdentity {
    /// The account's id.
    #[serde(deserialize_with = "lenient::text")]
    pub(crate) account_id: Option<String>,
    /// The identity's full name, such as `acs:ram::123456:user/alice`.
    #[serde(deserialize_with = "lenient::text")]
    pub(crate) arn: Option<String>,
    /// `Account`, `RAMUser` or `AssumedRoleUser`.
    #[serde(deserialize_with = "lenient::text")]
    pub(crate) identity_type: Option<String>,
}

impl Action for GetCallerIdentity {
    const NAME: &'static str = "GetCallerIdentity";
    const VERSION: &'static str = VERSION;
    const IDEMPOTENT: bool = true;
    const REGIONAL: bool = false;
    type Reply = CallerIdentity;
}

/// Credentials of a role that the caller may assume: `AssumeRole`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AssumeRole {
    /// The role: `acs:ram::<account>:role/<name>`.
    pub(crate) role_arn: String,
    /// The name of this use of it.
    #[serde(rename = "RoleSessionName")]
    pub(crate) session_name: String,
    /// The time that the credentials are to hold, in seconds.
    #[serde(rename = "DurationSeconds")]
    pub(crate) seconds: Option<u64>,
    /// A policy that narrows what the role may do.
    pub(crate) policy: Option<String>,
    /// The external id that the role's trust policy may require.
    pub(crate) external_id: Option<String>,
}

/// Credentials of a role for the token of an OIDC provider: `AssumeRoleWithOIDC`. Nobody signs it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AssumeRoleWithOidc {
    /// The provider: `acs:ram::<account>:oidc-provider/<name>`.
    #[serde(rename = "OIDCProviderArn")]
    pub(crate) provider_arn: String,
    /// The provider's token.
    #[serde(rename = "OIDCToken", serialize_with = "exposed")]
    pub(crate) token: SecretString,
    /// The role, for which this action takes no external id.
    #[serde(flatten)]
    pub(crate) role: AssumeRole,
}

/// The answer of both.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct AssumedRole {
    /// The role's credentials.
    pub(crate) credentials: TemporaryCredentials,
}

/// Temporary credentials as STS and services like it write them; they may be incomplete.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct TemporaryCredentials {
    #[serde(alias = "accessKeyId")]
    access_key_id: Option<String>,
    #[serde(alias = "accessKeySecret")]
    access_key_secret: Option<SecretString>,
    #[serde(alias = "securityToken")]
    security_token: Option<SecretString>,
    #[serde(alias = "expiration")]
    expiration: Option<String>,
}

impl TemporaryCredentials {
    /// The credentials, of no named source yet.
    ///
    /// # Errors
    /// The message names the missing field, or says that the credentials have expired by `now`.
    pub(crate) fn credentials(self, now: Timestamp) -> Result<Credentials, String> {
        let lacks = |what: &str| tr!("the answer lacks {what}", what);
        let is_given = |secret: &SecretString| !secret.expose_secret().is_empty();
        let id = self.access_key_id.filter(|id| !id.is_empty());
        let secret = self.access_key_secret.filter(is_given);
        let token = self.security_token.filter(is_given);
        let expiration = self.expiration.filter(|text| !text.is_empty());
        Ok(Credentials {
            access_key_id: id.ok_or_else(|| lacks("AccessKeyId"))?,
            access_key_secret: secret.ok_or_else(|| lacks("AccessKeySecret"))?,
            security_token: Some(token.ok_or_else(|| lacks("SecurityToken"))?),
            expires: expiration.map(|text| in_future(&text, now)).transpose()?,
            source: String::new(),
        })
    }
}

/// Reads an expiration, which must not have passed.
pub(crate) fn in_future(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let time: Timestamp = text
        .parse()
        .map_err(|_| tr!("the expiration is not a time such as 2026-01-02T03:04:05Z"))?;
    if time <= now {
        return Err(tr!("the credentials have expired already, at {time}", time));
    }
    Ok(time)
}

impl Action for AssumeRole {
    const NAME: &'static str = "AssumeRole";
    const VERSION: &'static str = VERSION;
    const IDEMPOTENT: bool = true;
    const REGIONAL: bool = false;
    type Reply = AssumedRole;
}

impl Action for AssumeRoleWithOidc {
    const NAME: &'static str = "AssumeRoleWithOIDC";
    const VERSION: &'static str = VERSION;
    const IDEMPOTENT: bool = true;
    const REGIONAL: bool = false;
    const STYLE: Style = Style::Unsigned;
    type Reply = AssumedRole;
}

fn exposed<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}
