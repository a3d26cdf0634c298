//! The action of STS (version 2015-04-01) that tells who is calling.

use super::client::Action;
use super::lenient;
use serde::Deserialize;

/// Who the credentials belong to: `GetCallerIdentity`. Everybody may ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetCallerIdentity;

/// The caller.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CallerIdentity {
    /// The account's id.
    #[serde(deserialize_with = "lenient::text")]
    pub account_id: Option<String>,
    /// The identity's full name, such as `acs:ram::123456:user/alice`.
    #[serde(deserialize_with = "lenient::text")]
    pub arn: Option<String>,
    /// `Account`, `RAMUser` or `AssumedRoleUser`.
    #[serde(deserialize_with = "lenient::text")]
    pub identity_type: Option<String>,
}

impl Action for GetCallerIdentity {
    const NAME: &'static str = "GetCallerIdentity";
    const VERSION: &'static str = "2015-04-01";
    const IDEMPOTENT: bool = true;
    type Reply = CallerIdentity;

    fn params(&self, _region: &str) -> Vec<(String, String)> {
        vec![]
    }
}
