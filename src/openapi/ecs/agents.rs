//! The Cloud Assistant agents of instances: `DescribeCloudAssistantStatus`.

use super::VERSION;
use crate::error::Result;
use crate::openapi::client::{Action, Client};
use crate::openapi::pages::{self, Page, Paged};
use crate::openapi::{lenient, params};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::time::Duration;

/// The most instances that one call asks for (the official SDK's text; older documents say 100).
const MOST_IDS: usize = 50;
/// The most calls that are made at the same time.
const AT_ONCE: usize = 4;

/// The state of instances' agents: `DescribeCloudAssistantStatus`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeCloudAssistantStatus {
    #[serde(flatten, serialize_with = "params::instance_ids")]
    instance_ids: Vec<String>,
    next_token: Option<String>,
}

/// A Cloud Assistant agent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Agent {
    /// The instance.
    #[serde(deserialize_with = "lenient::text")]
    pub instance_id: Option<String>,
    /// `Linux`, `Windows` or `FreeBSD`.
    #[serde(rename = "OSType", deserialize_with = "lenient::text")]
    pub os_type: Option<String>,
    /// True if it is online.
    #[serde(rename = "CloudAssistantStatus", deserialize_with = "lenient::truth")]
    pub online: Option<bool>,
    /// Its version, such as `2.2.3.256`.
    #[serde(rename = "CloudAssistantVersion", deserialize_with = "lenient::text")]
    pub version: Option<String>,
    /// True if it knows sessions.
    #[serde(deserialize_with = "lenient::truth")]
    pub support_session_manager: Option<bool>,
    /// The time when its last heartbeat arrived.
    #[serde(deserialize_with = "lenient::text")]
    pub last_heartbeat_time: Option<String>,
}

impl Action for DescribeCloudAssistantStatus {
    const NAME: &'static str = "DescribeCloudAssistantStatus";
    const VERSION: &'static str = VERSION;
    const IDEMPOTENT: bool = true;
    type Reply = Page<Agent>;
}

impl Paged for DescribeCloudAssistantStatus {
    type Item = Agent;
    // With ids, the service leaves the size of a page out of account.
    const LARGEST: usize = MOST_IDS;

    fn set_page(&mut self, token: Option<String>, _: usize) {
        self.next_token = token;
    }
}

/// The agents of these instances, by instance; one without an agent is not there. Each call may take
/// `limit`.
///
/// # Errors
/// As [`Client::call`]; `UNEXPECTED` if the answer has no end.
pub async fn agents(
    client: &Client,
    ids: &[String],
    limit: Duration,
) -> Result<HashMap<String, Agent>> {
    let calls: Vec<_> = ids
        .chunks(MOST_IDS)
        .map(|ids| {
            let query = DescribeCloudAssistantStatus {
                instance_ids: ids.to_vec(),
                next_token: None,
            };
            pages::all(client, query, None, |agent| Ok(Some(agent)), limit)
        })
        .collect();
    let found: Vec<Vec<Agent>> = stream::iter(calls).buffered(AT_ONCE).try_collect().await?;
    let by_id = |agent: Agent| Some((agent.instance_id.clone()?, agent));
    Ok(found.into_iter().flatten().filter_map(by_id).collect())
}

/// The agent of one instance, as [`agents`].
pub async fn agent(client: &Client, id: &str, limit: Duration) -> Result<Option<Agent>> {
    let mut found = agents(client, &[id.to_owned()], limit).await?;
    Ok(found.remove(id))
}

impl Agent {
    /// The record of an instance that has no agent.
    #[must_use]
    pub fn none_of(instance_id: &str) -> Self {
        Self {
            instance_id: Some(instance_id.to_owned()),
            online: Some(false),
            ..Self::default()
        }
    }

    /// True if it is new enough for sessions; `None` where that is not known. The service's own word counts
    /// more than the version.
    #[must_use]
    pub fn is_new_enough(&self) -> Option<bool> {
        let version = self.version.as_deref().and_then(numbers);
        let minimum = minimum(self.os_type.as_deref()).and_then(numbers);
        let by_number = version
            .zip(minimum)
            .map(|(version, minimum)| version > minimum);
        self.support_session_manager.or(by_number)
    }

    /// True if a port session's agent keeps input that comes before its connection to the target is there;
    /// `None` where that is not known.
    ///
    /// The source is the code that `aliyun/aliyun_assist_client` publishes by build, the last number of a
    /// version, in `agent/session/port/port.go`: build 578 (pull request 47) drops such input, build 1065
    /// (pull request 53) waits up to 10 seconds for the connection. For the builds in between the answer is
    /// not known.
    #[must_use]
    pub fn queues_early_input(&self) -> Option<bool> {
        match self.build()? {
            1065.. => Some(true),
            ..=578 => Some(false),
            _ => None,
        }
    }

    /// True if a port session's agent is known to end the session when the target has closed its connection.
    /// The same source: build 578 says nothing and connects again, build 1065 ends the session.
    #[must_use]
    pub fn reports_close(&self) -> bool {
        self.build().is_some_and(|build| build >= 1065)
    }

    /// The last number of a version of the known form.
    fn build(&self) -> Option<u32> {
        match numbers(self.version.as_deref()?)?[..] {
            [1..=2, _, _, build] => Some(build),
            _ => None,
        }
    }
}

/// The version that an agent must be newer than (StartTerminalSession page); `None` where the page
/// names none.
pub(crate) fn minimum(os: Option<&str>) -> Option<&'static str> {
    match os?.to_ascii_lowercase().as_str() {
        "linux" => Some("2.2.3.256"),
        "windows" => Some("2.1.3.256"),
        _ => None,
    }
}

/// The numbers of a version: `2.10` is newer than `2.9`.
fn numbers(version: &str) -> Option<Vec<u32>> {
    let parts = version.trim().split('.');
    parts.map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(os: &str, version: &str, supports: Option<bool>) -> Agent {
        Agent {
            os_type: Some(os.into()),
            version: Some(version.into()),
            support_session_manager: supports,
            ..Agent::default()
        }
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        for (os, version, expected) in [
            ("Linux", "2.2.3.256", Some(false)),
            ("linux", "2.2.3.257", Some(true)),
            ("Linux", "2.2.3.1000", Some(true)),
            ("Linux", "2.10.0.1", Some(true)),
            ("Windows", "2.1.3.256", Some(false)),
            ("Windows", "2.1.3.300", Some(true)),
            ("FreeBSD", "1.0.0.1", None),
            ("Linux", "unheard of", None),
        ] {
            let agent = agent(os, version, None);
            assert_eq!(agent.is_new_enough(), expected, "{os} {version}");
        }
        let old = agent("Linux", "2.2.3.100", Some(true));
        assert_eq!(old.is_new_enough(), Some(true));
        let new = agent("FreeBSD", "9.9.9.9", Some(false));
        assert_eq!(new.is_new_enough(), Some(false));
    }

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
            let agent = agent("Linux", version, None);
            assert_eq!(agent.queues_early_input(), queues, "{version}");
            assert_eq!(agent.reports_close(), queues == Some(true), "{version}");
        }
    }
}
