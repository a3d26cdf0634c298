//! The instances an emulator has, and what the API tells of them.

use super::Shared;
use super::api::{Params, given, instance_ids, object, region};
use super::clock::{api_time, before};
use super::reply::Refusal;
use crate::error::Error;
use serde_json::{Map, Value, json};
use std::str::FromStr;
use std::time::Duration;

/// An agent too old for sessions: the minimum for Linux is 2.2.3.256.
const OLD_VERSION: &str = "2.2.3.100";
/// Its like on Windows, where the minimum is 2.1.3.256.
const OLD_WINDOWS_VERSION: &str = "2.1.3.100";
/// How long ago an agent that is not online was heard of last.
const SILENCE: Duration = Duration::from_secs(26 * 3600);

/// An instance with something to tell. It is read from `ID[:WORD]…`, the words being a state
/// (`running`, `stopped`, `missing`, `no-agent`, `offline`, `old`), a system (`linux`, `windows`,
/// `freebsd`) and the agent's version (`version=2.2.3.300`), in any order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Its id.
    pub id: String,
    /// What a connection to it meets.
    pub state: InstanceState,
    /// Its operating system.
    pub os: Os,
    /// Its agent's version, which changes nothing but what the API tells; one that fits its state
    /// when `None`.
    pub agent_version: Option<String>,
}

/// What a connection to an instance meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstanceState {
    /// A running agent.
    Running,
    /// The API does not know it (`InvalidInstance.NotFound`).
    Missing,
    /// It is stopped.
    NotRunning,
    /// It runs without an agent.
    AgentMissing,
    /// It runs, its agent does not.
    AgentNotOnline,
    /// Its agent is too old for sessions.
    AgentNeedUpgrade,
}

/// The operating system of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Os {
    /// Linux.
    #[default]
    Linux,
    /// Windows.
    Windows,
    /// FreeBSD.
    FreeBsd,
}

impl Instance {
    /// A Linux instance in a state.
    #[must_use]
    pub fn new(id: impl Into<String>, state: InstanceState) -> Self {
        Self {
            id: id.into(),
            state,
            os: Os::default(),
            agent_version: None,
        }
    }

    /// The version its agent says it has.
    fn version(&self) -> &str {
        match (&self.agent_version, self.state, self.os) {
            (Some(version), ..) => version,
            (None, InstanceState::AgentMissing, _) => "",
            (None, InstanceState::AgentNeedUpgrade, Os::Windows) => OLD_WINDOWS_VERSION,
            (None, InstanceState::AgentNeedUpgrade, _) => OLD_VERSION,
            (None, _, Os::Windows) => "2.1.3.857",
            (None, ..) => "2.2.3.857",
        }
    }
}

impl FromStr for Instance {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut words = text.split(':');
        let mut instance = Self::new(words.next().unwrap_or_default(), InstanceState::Running);
        if !instance.id.starts_with("i-") && !instance.id.starts_with("mi-") {
            let what = format!("{text:?}: an instance id begins with i- or mi-");
            return Err(Error::Usage(what));
        }
        for word in words {
            match word {
                "running" => instance.state = InstanceState::Running,
                "stopped" => instance.state = InstanceState::NotRunning,
                "missing" => instance.state = InstanceState::Missing,
                "no-agent" => instance.state = InstanceState::AgentMissing,
                "offline" => instance.state = InstanceState::AgentNotOnline,
                "old" => instance.state = InstanceState::AgentNeedUpgrade,
                "linux" => instance.os = Os::Linux,
                "windows" => instance.os = Os::Windows,
                "freebsd" => instance.os = Os::FreeBsd,
                _ => match word.strip_prefix("version=") {
                    Some(version) => instance.agent_version = Some(version.to_owned()),
                    None => {
                        return Err(Error::Usage(format!(
                            "{text:?}: no word {word:?}; there are running, stopped, missing, no-agent, offline, old, linux, windows, freebsd, version=V"
                        )));
                    }
                },
            }
        }
        Ok(instance)
    }
}

impl InstanceState {
    /// The `ClosedReason` that the DescribeTerminalSessions page has for it.
    #[must_use]
    pub fn closed_reason(self) -> Option<&'static str> {
        match self {
            Self::Running => None,
            Self::Missing => Some("InstanceNotExists"),
            Self::NotRunning => Some("InstanceNotRunning"),
            Self::AgentMissing | Self::AgentNotOnline => Some("AgentNotOnline"),
            Self::AgentNeedUpgrade => Some("AgentNeedUpgrade"),
        }
    }
}

impl Os {
    /// As DescribeCloudAssistantStatus writes it; DescribeInstances uses lower case.
    fn name(self) -> &'static str {
        match self {
            Self::Linux => "Linux",
            Self::Windows => "Windows",
            Self::FreeBsd => "FreeBSD",
        }
    }
}

/// DescribeInstances: those of `InstanceIds`, a JSON array; without it, those that were declared.
pub(super) fn describe_instances(
    shared: &Shared,
    params: &Params,
) -> Result<Map<String, Value>, Refusal> {
    let region = region(params)?;
    let instances = match given(params, "InstanceIds") {
        None => shared.options.instances.clone(),
        Some(text) => {
            let ids: Vec<String> = serde_json::from_str(text).map_err(|_| {
                let message = "The specified parameter InstanceIds is not valid.";
                Refusal::new(400, "InvalidInstanceIds.Malformed", message)
            })?;
            known(shared, &ids)
        }
    };
    let known = instances
        .iter()
        .filter(|instance| instance.state != InstanceState::Missing);
    let list: Vec<Value> = known
        .map(|instance| {
            let stopped = instance.state == InstanceState::NotRunning;
            json!({
                "InstanceId": instance.id,
                "InstanceName": instance.id,
                "RegionId": region,
                "Status": if stopped { "Stopped" } else { "Running" },
                "OSType": instance.os.name().to_ascii_lowercase(),
            })
        })
        .collect();
    Ok(object(json!({
        "TotalCount": list.len(), "PageNumber": 1, "PageSize": list.len(), "NextToken": "",
        "Instances": {"Instance": list},
    })))
}

/// DescribeCloudAssistantStatus of `InstanceId.N`. An instance without an agent is left out of the
/// answer (inferred), as one that doesn't exist is.
pub(super) fn describe_cloud_assistant_status(
    shared: &Shared,
    params: &Params,
) -> Result<Map<String, Value>, Refusal> {
    region(params)?;
    let ids = instance_ids(params)?;
    let now = shared.clock.now();
    let answers = known(shared, &ids).into_iter().filter(|instance| {
        !matches!(
            instance.state,
            InstanceState::Missing | InstanceState::AgentMissing
        )
    });
    let list: Vec<Value> = answers
        .map(|instance| {
            let online = !matches!(
                instance.state,
                InstanceState::NotRunning | InstanceState::AgentNotOnline
            );
            let heard = if online { now } else { before(now, SILENCE) };
            let mut answer = json!({
                "InstanceId": instance.id,
                "OSType": instance.os.name(),
                "CloudAssistantStatus": online.to_string(),
                "CloudAssistantVersion": instance.version(),
                "LastHeartbeatTime": api_time(heard),
                "InvocationCount": 0,
                "ActiveTaskCount": 0,
            });
            // Of a version that was made up, clients have to think what they will.
            if instance.agent_version.is_none() {
                let supports = instance.state != InstanceState::AgentNeedUpgrade;
                answer["SupportSessionManager"] = supports.into();
            }
            answer
        })
        .collect();
    Ok(object(json!({
        "TotalCount": list.len(), "PageNumber": 1, "PageSize": 10, "NextToken": "",
        "InstanceCloudAssistantStatusSet": {"InstanceCloudAssistantStatus": list},
    })))
}

/// InstallCloudAssistant: it takes effect with the next start of the instance, which an emulator
/// doesn't have, so that nothing changes.
pub(super) fn install_cloud_assistant(
    shared: &Shared,
    params: &Params,
) -> Result<Map<String, Value>, Refusal> {
    region(params)?;
    let ids = instance_ids(params)?;
    let missing = |instance: &Instance| instance.state == InstanceState::Missing;
    if known(shared, &ids).iter().any(missing) {
        return Err(super::codes::refuse("InvalidInstance.NotFound"));
    }
    Ok(Map::new())
}

fn known(shared: &Shared, ids: &[impl AsRef<str>]) -> Vec<Instance> {
    let ids = ids.iter().map(AsRef::as_ref);
    ids.map(|id| shared.options.instance(id)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_are_read_or_refused() {
        let windows: Instance = "i-1:windows:old".parse().unwrap();
        assert_eq!(windows.state, InstanceState::AgentNeedUpgrade);
        assert_eq!(windows.version(), OLD_WINDOWS_VERSION);
        let own: Instance = "mi-1:version=2.2.3.300".parse().unwrap();
        assert_eq!(
            (own.state, own.version()),
            (InstanceState::Running, "2.2.3.300")
        );
        for bad in ["", "x-1", "i-1:", "i-1:asleep"] {
            assert!(bad.parse::<Instance>().is_err(), "{bad}");
        }
    }
}
