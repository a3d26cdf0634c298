//! The actions of ECS that look at sessions, regions and the account, and the one that installs an agent.

use super::{EmptyReply, VERSION};
use crate::error::Result;
use crate::openapi::client::{Action, Client};
use crate::openapi::lenient;
use crate::openapi::pages::{self, Page, Paged};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Session records of the last four weeks, one page: `DescribeTerminalSessions`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeTerminalSessions {
    /// Only this instance's.
    pub instance_id: Option<String>,
    /// Only this session.
    pub session_id: Option<String>,
    /// The previous page's [`Page::next_token`].
    pub next_token: Option<String>,
    /// Records to answer with, from 1 to 100.
    pub max_results: usize,
}

/// The record of a session, with the fields of the API page; what it lacks is `None`. Times are as
/// the service wrote them, such as `2024-01-19T09:15:46Z`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(
    rename_all(deserialize = "PascalCase", serialize = "camelCase"),
    default
)]
pub struct SessionRecord {
    /// The session's id.
    #[serde(deserialize_with = "lenient::text")]
    pub session_id: Option<String>,
    /// The time when it was created.
    #[serde(deserialize_with = "lenient::text")]
    pub creation_time: Option<String>,
    /// The user on the instance.
    #[serde(deserialize_with = "lenient::text")]
    pub username: Option<String>,
    /// The client's address.
    #[serde(
        rename(deserialize = "ClientIP", serialize = "clientIp"),
        deserialize_with = "lenient::text"
    )]
    pub client_ip: Option<String>,
    /// `Account`, `RAMUser` or `AssumedRoleUser`.
    #[serde(deserialize_with = "lenient::text")]
    pub identity_type: Option<String>,
    /// The caller of the API.
    #[serde(deserialize_with = "lenient::text")]
    pub principal_id: Option<String>,
    /// The host in the VPC that was forwarded to.
    #[serde(deserialize_with = "lenient::text")]
    pub target_server: Option<String>,
    /// The port that was forwarded to.
    #[serde(deserialize_with = "lenient::number")]
    pub port_number: Option<u64>,
    /// Its connections.
    #[serde(deserialize_with = "lenient::list")]
    pub connections: Vec<ConnectionRecord>,
}

/// The record of one connection of a session.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(
    rename_all(deserialize = "PascalCase", serialize = "camelCase"),
    default
)]
pub struct ConnectionRecord {
    /// The instance.
    #[serde(deserialize_with = "lenient::text")]
    pub instance_id: Option<String>,
    /// `Connecting`, `Connected`, `Disconnected`, `Terminating`, `Terminated` or `Failed`.
    #[serde(deserialize_with = "lenient::text")]
    pub status: Option<String>,
    /// The time when it began.
    #[serde(deserialize_with = "lenient::text")]
    pub start_time: Option<String>,
    /// The time when it ended.
    #[serde(deserialize_with = "lenient::text")]
    pub end_time: Option<String>,
    /// The reason why it was closed: one of the codes of `hints::closed_reason`.
    #[serde(deserialize_with = "lenient::text")]
    pub closed_reason: Option<String>,
    /// More about a failure. The official SDK has it, the API page doesn't.
    #[serde(deserialize_with = "lenient::text")]
    pub failed_detail: Option<String>,
}

impl Action for DescribeTerminalSessions {
    const NAME: &'static str = "DescribeTerminalSessions";
    const VERSION: &'static str = VERSION;
    const IDEMPOTENT: bool = true;
    type Reply = Page<SessionRecord>;
}

impl Paged for DescribeTerminalSessions {
    type Item = SessionRecord;
    const LARGEST: usize = 100;

    fn set_page(&mut self, token: Option<String>, size: usize) {
        self.next_token = token;
        self.max_results = size;
    }
}

/// All session records that `query` asks for, or the first `most` of them, newest first as far as
/// their times tell. Each page may take `limit`.
///
/// # Errors
/// As [`Client::call`]; [`crate::error::ApiError::UNEXPECTED`] if the pages have no end.
pub async fn all_sessions(
    client: &Client,
    query: DescribeTerminalSessions,
    most: Option<usize>,
    limit: Duration,
) -> Result<Vec<SessionRecord>> {
    let mut records = pages::all(client, query, most, |record| Ok(Some(record)), limit).await?;
    // All are written alike, so that their text sorts as their times do; equal ones stay in place.
    records.sort_by(|one, other| other.creation_time.cmp(&one.creation_time));
    Ok(records)
}

/// Installs the agent: `InstallCloudAssistant`. It takes effect when the instance is restarted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InstallCloudAssistant {
    /// The instance.
    #[serde(rename = "InstanceId.1")]
    pub instance_id: String,
}

impl Action for InstallCloudAssistant {
    const NAME: &'static str = "InstallCloudAssistant";
    const VERSION: &'static str = VERSION;
    const IDEMPOTENT: bool = false;
    type Reply = EmptyReply;
}

/// The regions there are: `DescribeRegions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeRegions {
    accept_language: &'static str,
}

impl Default for DescribeRegions {
    fn default() -> Self {
        Self {
            accept_language: "en-US",
        }
    }
}

/// All regions.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Regions {
    /// In the service's order.
    #[serde(default, deserialize_with = "lenient::list")]
    pub regions: Vec<Region>,
}

/// A region.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Region {
    /// Its id.
    #[serde(deserialize_with = "lenient::text")]
    pub region_id: Option<String>,
}

/// The ids of all regions, in the service's order.
pub async fn region_ids(client: &Client, limit: Duration) -> Result<Vec<String>> {
    let all = client
        .call(&DescribeRegions::default(), limit)
        .await?
        .regions;
    Ok(all
        .into_iter()
        .filter_map(|region| region.region_id)
        .collect())
}

impl Action for DescribeRegions {
    const NAME: &'static str = "DescribeRegions";
    const REGIONAL: bool = false;
    const VERSION: &'static str = VERSION;
    const IDEMPOTENT: bool = true;
    type Reply = Regions;
}

/// `DescribeUserBusinessBehavior`, with the key that the official client asks for: it tells whether Session
/// Manager is on in this account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DescribeUserBusinessBehavior {
    #[serde(rename = "statusKey")]
    status_key: &'static str,
}

impl Default for DescribeUserBusinessBehavior {
    fn default() -> Self {
        Self {
            status_key: "sessionManagerStatus",
        }
    }
}

/// The account's choice.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UserBusinessBehavior {
    /// `disabled`, or anything else for on.
    #[serde(default, deserialize_with = "lenient::text")]
    pub status_value: Option<String>,
}

impl Action for DescribeUserBusinessBehavior {
    const NAME: &'static str = "DescribeUserBusinessBehavior";
    const VERSION: &'static str = VERSION;
    const IDEMPOTENT: bool = true;
    type Reply = UserBusinessBehavior;
}
