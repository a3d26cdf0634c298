//! The actions of ECS (version 2014-05-26) that look at sessions, instances, agents and the account.

use super::client::{Action, Client};
use super::ecs::Done;
use super::lenient;
use crate::error::{ApiError, Result};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::time::Duration;

const VERSION: &str = "2014-05-26";

/// The most records that one call answers with.
const LARGEST_PAGE: usize = 100;

/// Session records of the last four weeks, one page: `DescribeTerminalSessions`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeTerminalSessions {
    /// Only this instance's.
    pub instance_id: Option<String>,
    /// Only this session.
    pub session_id: Option<String>,
    /// The previous page's [`TerminalSessions::next_token`].
    pub next_token: Option<String>,
    /// Records to answer with, from 1 to 100.
    pub max_results: usize,
}

/// A page of session records.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TerminalSessions {
    /// What asks for the next page; `None` on the last one.
    #[serde(default, deserialize_with = "lenient::text")]
    pub next_token: Option<String>,
    /// The records.
    #[serde(default, deserialize_with = "lenient::list")]
    pub sessions: Vec<SessionRecord>,
}

/// The record of a session, with the fields of the API page; what it lacks is `None`. Times are as
/// the service wrote them, such as `2024-01-19T09:15:46Z`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SessionRecord {
    /// The session's id.
    #[serde(deserialize_with = "lenient::text")]
    pub session_id: Option<String>,
    /// When it was created.
    #[serde(deserialize_with = "lenient::text")]
    pub creation_time: Option<String>,
    /// The user on the instance.
    #[serde(deserialize_with = "lenient::text")]
    pub username: Option<String>,
    /// The client's address.
    #[serde(rename = "ClientIP", deserialize_with = "lenient::text")]
    pub client_ip: Option<String>,
    /// `Account`, `RAMUser` or `AssumedRoleUser`.
    #[serde(deserialize_with = "lenient::text")]
    pub identity_type: Option<String>,
    /// Who called the API.
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
#[serde(rename_all = "PascalCase", default)]
pub struct ConnectionRecord {
    /// The instance.
    #[serde(deserialize_with = "lenient::text")]
    pub instance_id: Option<String>,
    /// `Connecting`, `Connected`, `Disconnected`, `Terminating`, `Terminated` or `Failed`.
    #[serde(deserialize_with = "lenient::text")]
    pub status: Option<String>,
    /// When it began.
    #[serde(deserialize_with = "lenient::text")]
    pub start_time: Option<String>,
    /// When it ended.
    #[serde(deserialize_with = "lenient::text")]
    pub end_time: Option<String>,
    /// Why it was closed, as one of the codes of `hints::closed_reason`.
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
    type Reply = TerminalSessions;
}

/// All session records that `query` asks for, or the first `most` of them, newest first as far as
/// their times tell. Each page may take `limit`.
///
/// # Errors
/// As [`Client::call`]; [`ApiError::UNEXPECTED`] if the service repeats a page's token, which would
/// go on for ever.
pub async fn all_sessions(
    client: &Client,
    mut query: DescribeTerminalSessions,
    most: Option<usize>,
    limit: Duration,
) -> Result<Vec<SessionRecord>> {
    let most = most.unwrap_or(usize::MAX);
    let mut records = vec![];
    let mut seen = HashSet::new();
    while records.len() < most {
        query.max_results = LARGEST_PAGE.min(most - records.len());
        let page = client.call(&query, limit).await?;
        records.extend(page.sessions);
        let Some(token) = page.next_token else { break };
        if !seen.insert(token.clone()) {
            let message = "the answer points to a page that was there already";
            return Err(ApiError::unexpected(DescribeTerminalSessions::NAME, 200, message).into());
        }
        query.next_token = Some(token);
    }
    records.truncate(most);
    // All are written alike, so that their text sorts as their times do; equal ones stay in place.
    records.sort_by(|one, other| other.creation_time.cmp(&one.creation_time));
    Ok(records)
}

/// The instances with these ids: `DescribeInstances`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DescribeInstances {
    /// Their ids, 100 at most.
    #[serde(rename = "InstanceIds")]
    pub instance_ids: Vec<String>,
}

/// The instances that were found.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Instances {
    /// Those that exist in the region and that the caller may see.
    #[serde(default, deserialize_with = "lenient::list")]
    pub instances: Vec<InstanceRecord>,
}

/// What axt wants to know of an instance.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct InstanceRecord {
    /// Its id.
    #[serde(deserialize_with = "lenient::text")]
    pub instance_id: Option<String>,
    /// `Pending`, `Running`, `Starting`, `Stopping` or `Stopped`.
    #[serde(deserialize_with = "lenient::text")]
    pub status: Option<String>,
    /// `linux` or `windows`.
    #[serde(rename = "OSType", deserialize_with = "lenient::text")]
    pub os_type: Option<String>,
}

impl Action for DescribeInstances {
    const NAME: &'static str = "DescribeInstances";
    const VERSION: &'static str = VERSION;
    const IDEMPOTENT: bool = true;
    type Reply = Instances;
}

/// How the agent of an instance is: `DescribeCloudAssistantStatus`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DescribeCloudAssistantStatus {
    /// The instance.
    #[serde(rename = "InstanceId.1")]
    pub instance_id: String,
}

/// The agents that were found.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Agents {
    /// At most one for each instance that was asked for.
    #[serde(
        rename = "InstanceCloudAssistantStatusSet",
        default,
        deserialize_with = "lenient::list"
    )]
    pub agents: Vec<Agent>,
}

/// A Cloud Assistant agent.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Agent {
    /// `Linux`, `Windows` or `FreeBSD`.
    #[serde(rename = "OSType", deserialize_with = "lenient::text")]
    pub os_type: Option<String>,
    /// Whether it is online.
    #[serde(rename = "CloudAssistantStatus", deserialize_with = "lenient::truth")]
    pub online: Option<bool>,
    /// Its version, such as `2.2.3.256`.
    #[serde(rename = "CloudAssistantVersion", deserialize_with = "lenient::text")]
    pub version: Option<String>,
    /// Whether it knows sessions.
    #[serde(deserialize_with = "lenient::truth")]
    pub support_session_manager: Option<bool>,
    /// When its last heartbeat arrived.
    #[serde(deserialize_with = "lenient::text")]
    pub last_heartbeat_time: Option<String>,
}

/// Whether a port session's agent of this version keeps input that comes before its connection to
/// the target is there; `None` where that is not known.
///
/// What is known comes from the code that `aliyun/aliyun_assist_client` publishes by build, the last
/// number of a version, in `agent/session/port/port.go`: build 578 (pull request 47) drops such
/// input, build 1065 (pull request 53) waits up to 10 seconds for the connection. In between there
/// is no build of which it is certain.
#[must_use]
pub fn queues_early_input(version: &str) -> Option<bool> {
    let parts: Vec<u32> = version
        .trim()
        .split('.')
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()?;
    match parts[..] {
        [1..=2, _, _, build] if build >= 1065 => Some(true),
        [1..=2, _, _, build] if build <= 578 => Some(false),
        _ => None,
    }
}

impl Action for DescribeCloudAssistantStatus {
    const NAME: &'static str = "DescribeCloudAssistantStatus";
    const VERSION: &'static str = VERSION;
    const IDEMPOTENT: bool = true;
    type Reply = Agents;
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
    type Reply = Done;
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

impl Action for DescribeRegions {
    const NAME: &'static str = "DescribeRegions";
    const REGIONAL: bool = false;
    const VERSION: &'static str = VERSION;
    const IDEMPOTENT: bool = true;
    type Reply = Regions;
}

/// Whether Session Manager is on in this account: `DescribeUserBusinessBehavior` with the key that
/// the official client asks for.
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

#[cfg(test)]
mod tests {
    use super::queues_early_input;

    #[test]
    fn early_input_is_kept_by_builds_of_which_it_is_known() {
        for (version, queues) in [
            ("2.2.3.1065", Some(true)),
            ("2.1.3.1065", Some(true)),
            ("2.2.4.1200", Some(true)),
            ("2.2.3.578", Some(false)),
            ("2.2.3.256", Some(false)),
            ("2.2.3.631", None),
            ("2.2.3.1064", None),
            ("3.0.0.1", None),
            ("2.2.3", None),
            ("2.2.3.99999999999", None),
            ("2.2.3.x", None),
            ("", None),
        ] {
            assert_eq!(queues_early_input(version), queues, "{version}");
        }
    }
}
