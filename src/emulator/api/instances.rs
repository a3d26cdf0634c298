//! The calls about instances and their agents.

use super::codes::refuse;
use super::params::{Params, given, instance_ids, region};
use super::reply::ApiResult;
use crate::emulator::clock::{api_time, before};
use crate::emulator::instance::{Instance, InstanceState};
use crate::emulator::shared::Shared;
use serde_json::{Value, json};
use std::time::Duration;

/// How old the last heartbeat of an offline agent is.
const SILENCE: Duration = Duration::from_secs(26 * 3600);

/// DescribeInstances: the instances of `InstanceIds`, a JSON array, or else those of the options.
pub(crate) fn describe_instances(shared: &Shared, params: &Params) -> ApiResult {
    let region = region(params)?;
    let instances = match given(params, "InstanceIds") {
        None => shared.options.instances.clone(),
        Some(text) => {
            let ids: Vec<String> =
                serde_json::from_str(text).map_err(|_| refuse("InvalidInstanceIds.Malformed"))?;
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
    Ok(json!({
        "TotalCount": list.len(), "PageNumber": 1, "PageSize": list.len(), "NextToken": "",
        "Instances": {"Instance": list},
    }))
}

/// DescribeCloudAssistantStatus of `InstanceId.N`. The answer leaves out an instance without an agent
/// (inferred) and one that doesn't exist.
pub(crate) fn describe_cloud_assistant_status(shared: &Shared, params: &Params) -> ApiResult {
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
            // With a version from the options, clients must decide by the version.
            if instance.agent_version.is_none() {
                let supports = instance.state != InstanceState::AgentNeedUpgrade;
                answer["SupportSessionManager"] = supports.into();
            }
            answer
        })
        .collect();
    Ok(json!({
        "TotalCount": list.len(), "PageNumber": 1, "PageSize": 10, "NextToken": "",
        "InstanceCloudAssistantStatusSet": {"InstanceCloudAssistantStatus": list},
    }))
}

/// InstallCloudAssistant. The agent would be installed at the instance's next start, which the
/// emulator doesn't have: nothing changes.
pub(crate) fn install_cloud_assistant(shared: &Shared, params: &Params) -> ApiResult {
    region(params)?;
    let ids = instance_ids(params)?;
    let missing = |instance: &Instance| instance.state == InstanceState::Missing;
    if known(shared, &ids).iter().any(missing) {
        return Err(refuse("InvalidInstance.NotFound"));
    }
    Ok(json!({}))
}

fn known(shared: &Shared, ids: &[impl AsRef<str>]) -> Vec<Instance> {
    let ids = ids.iter().map(AsRef::as_ref);
    ids.map(|id| shared.options.instance(id)).collect()
}
