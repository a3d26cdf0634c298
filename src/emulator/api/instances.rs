//! The calls about instances and their agents.
//!
//! Inferred: the order of a list (as declared), that names and tags are compared exactly and `*` in a
//! name stands for any characters, that a list of agents has no managed instances, and the error codes
//! for lists that are too long.

use super::codes::refuse;
use super::paging::{CutPage, PageRules, page};
use super::params::{Params, given, instance_ids, numbered, region, tags};
use super::reply::{ApiResult, ErrorReply};
use crate::emulator::fleet::instance::{Instance, InstanceState};
use crate::emulator::state::Shared;
use crate::emulator::state::clock::{api_time, before};
use crate::pattern;
use serde_json::{Value, json};
use std::time::Duration;

/// The age of the last heartbeat of an offline agent.
const SILENCE: Duration = Duration::from_secs(26 * 3600);
/// The most ids or addresses in one filter.
const LONGEST_FILTER: usize = 100;
/// The most managed instances that a call may name.
const MOST_MANAGED: usize = 50;

/// DescribeInstances: the instances that fit every filter.
pub(crate) fn describe_instances(shared: &Shared, params: &Params) -> ApiResult {
    const RULES: PageRules = PageRules {
        results: (10, 100),
        clamps: true,
        page_size: 100,
    };
    let region = region(params)?;
    let filter = EcsFilter::read(params)?;
    let ids = json_list(params, "InstanceIds")?;
    let instances = shared.fleet.choose(region, ids.as_deref());
    let instances = instances.iter().enumerate();
    let found = instances.filter(|(_, i)| !i.is_managed() && filter.fits(i));
    let page = page(&shared.fleet.pages, params, &RULES, found)?;
    let records = page.items.iter().map(|instance| record(instance, region));
    let mut answer = page.place;
    answer["Instances"] = json!({"Instance": records.collect::<Vec<_>>()});
    Ok(answer)
}

/// The filters of DescribeInstances, apart from the ids.
struct EcsFilter {
    name: Option<String>,
    status: Option<String>,
    vpc: Option<String>,
    private_ips: Option<Vec<String>>,
    public_ips: Option<Vec<String>>,
    elastic_ips: Option<Vec<String>>,
    tags: Vec<(String, Option<String>)>,
}

impl EcsFilter {
    fn read(params: &Params) -> Result<Self, ErrorReply> {
        let text = |name: &str| given(params, name).map(str::to_owned);
        // The page says that these two take effect with this network type.
        let is_vpc = given(params, "InstanceNetworkType") == Some("vpc");
        let in_vpc = |name: &str| json_list(params, name).map(|list| list.filter(|_| is_vpc));
        Ok(Self {
            name: text("InstanceName"),
            status: text("Status"),
            vpc: text("VpcId"),
            private_ips: in_vpc("PrivateIpAddresses")?,
            public_ips: json_list(params, "PublicIpAddresses")?,
            elastic_ips: in_vpc("EipAddresses")?,
            tags: tags(params)?,
        })
    }

    fn fits(&self, instance: &Instance) -> bool {
        let is = |wanted: &Option<String>, value: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| value == Some(wanted))
        };
        let among = |wanted: &Option<Vec<String>>, values: &[String]| match wanted {
            Some(wanted) => values.iter().any(|value| wanted.contains(value)),
            None => true,
        };
        let name = self.name.as_deref();
        name.is_none_or(|name| pattern::matches(instance.shown_name(), name))
            && is(&self.status, Some(instance.shown_status()))
            && is(&self.vpc, instance.vpc.as_deref())
            && among(&self.private_ips, &instance.private_ips)
            && among(&self.public_ips, &instance.public_ips)
            && among(&self.elastic_ips, instance.elastic_ip.as_slice())
            && has_tags(instance, &self.tags)
    }
}

fn has_tags(instance: &Instance, wanted: &[(String, Option<String>)]) -> bool {
    wanted.iter().all(|(key, value)| {
        let mut own = instance.tags.iter().filter(|(own, _)| own == key);
        own.any(|(_, own)| value.as_ref().is_none_or(|value| own == value))
    })
}

/// A filter that is one parameter with a JSON list in it.
fn json_list(params: &Params, name: &str) -> Result<Option<Vec<String>>, ErrorReply> {
    let Some(text) = given(params, name) else {
        return Ok(None);
    };
    let malformed = format!("Invalid{name}.Malformed");
    let list: Vec<String> = serde_json::from_str(text).map_err(|_| refuse(&malformed))?;
    if list.is_empty() || list.len() > LONGEST_FILTER {
        return Err(refuse(&malformed));
    }
    Ok(Some(list))
}

fn record(instance: &Instance, region: &str) -> Value {
    let os_name = instance.os_name.as_deref().unwrap_or_default();
    json!({
        "InstanceId": instance.id,
        "InstanceName": instance.shown_name(),
        "HostName": instance.host_name.as_deref().unwrap_or_default(),
        "RegionId": region,
        "ZoneId": instance.zone.as_deref().unwrap_or_default(),
        "Status": instance.shown_status(),
        "OSType": instance.os.name().to_ascii_lowercase(),
        "OSName": os_name,
        "OSNameEn": os_name,
        "InstanceNetworkType": "vpc",
        "VpcAttributes": {
            "VpcId": instance.vpc.as_deref().unwrap_or_default(),
            "PrivateIpAddress": {"IpAddress": instance.private_ips},
        },
        "PublicIpAddress": {"IpAddress": instance.public_ips},
        "EipAddress": {"IpAddress": instance.elastic_ip.as_deref().unwrap_or_default()},
        "InnerIpAddress": {"IpAddress": []},
        "Tags": {"Tag": tag_records(instance)},
    })
}

/// DescribeManagedInstances: the machines outside of ECS, `mi-…`.
pub(crate) fn describe_managed_instances(shared: &Shared, params: &Params) -> ApiResult {
    const RULES: PageRules = PageRules {
        results: (1, 50),
        clamps: false,
        page_size: 50,
    };
    let region = region(params)?;
    let tags = tags(params)?;
    let ids = numbered(params, "InstanceId");
    if ids.len() > MOST_MANAGED {
        return Err(refuse("InstanceIds.ExceedLimit"));
    }
    let ids = Some(ids.as_slice()).filter(|ids| !ids.is_empty());
    let instances = shared.fleet.choose(region, ids);
    let is = |name: &str, value: &str| given(params, name).is_none_or(|wanted| wanted == value);
    let found = instances.iter().enumerate().filter(|(_, instance)| {
        let mut addresses = instance.private_ips.iter().chain(&instance.public_ips);
        let address = given(params, "InstanceIp");
        instance.is_managed()
            && is("InstanceName", instance.shown_name())
            && is("OsType", instance.os.name())
            && is("Connected", &instance.is_online().to_string())
            && address.is_none_or(|wanted| addresses.any(|address| address == wanted))
            && has_tags(instance, &tags)
    });
    let page = page(&shared.fleet.pages, params, &RULES, found)?;
    let build = shared.agent_options.generation.build();
    let mut answer = page.place;
    answer["Instances"] = page
        .items
        .iter()
        .map(|i| managed_record(i, build))
        .collect();
    Ok(answer)
}

fn managed_record(instance: &Instance, build: u32) -> Value {
    let first = |addresses: &[String]| addresses.first().cloned().unwrap_or_default();
    json!({
        "InstanceId": instance.id,
        "InstanceName": instance.shown_name(),
        "Hostname": instance.host_name.as_deref().unwrap_or_default(),
        "Connected": instance.is_online(),
        "AgentVersion": instance.version(build),
        "OsType": instance.os.name(),
        "OsVersion": instance.os_name.as_deref().unwrap_or_default(),
        "IntranetIp": first(&instance.private_ips),
        "InternetIp": first(&instance.public_ips),
        "Tags": tag_records(instance),
    })
}

fn tag_records(instance: &Instance) -> Value {
    let record = |(key, value): &(String, String)| json!({"TagKey": key, "TagValue": value});
    instance.tags.iter().map(record).collect()
}

/// DescribeCloudAssistantStatus of `InstanceId.N`, or of all instances page by page. The answer leaves
/// out an instance without an agent (inferred) and one that doesn't exist.
pub(crate) fn describe_cloud_assistant_status(shared: &Shared, params: &Params) -> ApiResult {
    const RULES: PageRules = PageRules {
        results: (1, 50),
        clamps: false,
        page_size: 50,
    };
    let region = region(params)?;
    let ids = numbered(params, "InstanceId");
    if ids.len() > LONGEST_FILTER {
        return Err(refuse("InstanceIds.ExceedLimit"));
    }
    let ids = Some(ids.as_slice()).filter(|ids| !ids.is_empty());
    let instances = shared.fleet.choose(region, ids);
    let has_agent = |instance: &Instance| {
        let os = given(params, "OSType");
        instance.state != InstanceState::AgentMissing
            && os.is_none_or(|os| os == instance.os.name())
    };
    let found = instances
        .iter()
        .enumerate()
        .filter(|(_, instance)| has_agent(instance) && (ids.is_some() || !instance.is_managed()));
    let page = if ids.is_some() {
        CutPage::whole(found.map(|(_, instance)| instance))
    } else {
        page(&shared.fleet.pages, params, &RULES, found)?
    };
    let known = (shared.clock.now(), shared.agent_options.generation.build());
    let list: Vec<Value> = page.items.iter().map(|i| agent_record(i, known)).collect();
    let mut answer = page.place;
    answer["InstanceCloudAssistantStatusSet"] = json!({"InstanceCloudAssistantStatus": list});
    Ok(answer)
}

fn agent_record(instance: &Instance, (now, build): (jiff::Timestamp, u32)) -> Value {
    let online = instance.is_online();
    let heard = if online { now } else { before(now, SILENCE) };
    let mut answer = json!({
        "InstanceId": instance.id,
        "OSType": instance.os.name(),
        "CloudAssistantStatus": online.to_string(),
        "CloudAssistantVersion": instance.version(build),
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
}

/// InstallCloudAssistant. The agent would be installed at the instance's next start, which the
/// emulator doesn't have: nothing changes.
pub(crate) fn install_cloud_assistant(shared: &Shared, params: &Params) -> ApiResult {
    let region = region(params)?;
    let ids = instance_ids(params)?;
    let missing = |id: &String| shared.fleet.get(region, id).state == InstanceState::Missing;
    if ids.iter().any(missing) {
        return Err(refuse("InvalidInstance.NotFound"));
    }
    Ok(json!({}))
}
