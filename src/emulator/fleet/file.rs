//! Reads instances from a file with what DescribeInstances or DescribeManagedInstances answered.

use super::instance::{Instance, InstanceState, Os};
use crate::error::{Error, Result};
use crate::openapi::lenient;
use crate::openapi::region;
use serde::Deserialize;
use serde_json::Value;

/// A record of DescribeInstances or of DescribeManagedInstances. `Agent` is the emulator's own.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct FileRecord {
    #[serde(deserialize_with = "lenient::text")]
    instance_id: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    instance_name: Option<String>,
    #[serde(alias = "Hostname", deserialize_with = "lenient::text")]
    host_name: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    status: Option<String>,
    #[serde(
        rename = "OSType",
        alias = "OsType",
        deserialize_with = "lenient::text"
    )]
    os_type: Option<String>,
    #[serde(
        rename = "OSNameEn",
        alias = "OsVersion",
        deserialize_with = "lenient::text"
    )]
    os_name_en: Option<String>,
    #[serde(rename = "OSName", deserialize_with = "lenient::text")]
    os_name: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    region_id: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    zone_id: Option<String>,
    vpc_attributes: Vpc,
    #[serde(deserialize_with = "lenient::list")]
    public_ip_address: Vec<String>,
    eip_address: Eip,
    #[serde(deserialize_with = "lenient::list")]
    tags: Vec<FileTag>,
    #[serde(deserialize_with = "lenient::text")]
    intranet_ip: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    internet_ip: Option<String>,
    #[serde(deserialize_with = "lenient::truth")]
    connected: Option<bool>,
    #[serde(deserialize_with = "lenient::text")]
    agent_version: Option<String>,
    /// `offline`, `missing` or `old`, where the agent is not as it should be.
    #[serde(deserialize_with = "lenient::text")]
    agent: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Vpc {
    #[serde(deserialize_with = "lenient::text")]
    vpc_id: Option<String>,
    #[serde(deserialize_with = "lenient::list")]
    private_ip_address: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Eip {
    #[serde(deserialize_with = "lenient::text")]
    ip_address: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct FileTag {
    #[serde(deserialize_with = "lenient::text")]
    tag_key: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    tag_value: Option<String>,
}

impl Instance {
    /// The instances of a JSON text: an answer of DescribeInstances or DescribeManagedInstances, a list
    /// of their records, or a list of such answers. Fields that the emulator does not use are left out;
    /// one more, `Agent`, may say `offline`, `missing` or `old`.
    ///
    /// # Errors
    /// [`Error::Usage`] naming the record, and what is wrong with it.
    pub fn list_from_json(text: &str) -> Result<Vec<Self>> {
        let value = serde_json::from_str(text)
            .map_err(|error| Error::Usage(tr!("the instances are not JSON: {error}", error)))?;
        let mut records = vec![];
        collect(value, &mut records);
        let read = records.into_iter().enumerate().map(|(n, record)| {
            let read = serde_json::from_value(record).map_err(|error| error.to_string());
            let read = read.and_then(|record: FileRecord| record.instance());
            read.map_err(|what| Error::Usage(tr!("instance {n}: {what}", n = n + 1, what)))
        });
        read.collect()
    }
}

/// The records in an answer, or in a list.
fn collect(value: Value, records: &mut Vec<Value>) {
    match value {
        Value::Array(items) => items.into_iter().for_each(|item| collect(item, records)),
        Value::Object(mut members) => match members.remove("Instances") {
            Some(Value::Object(mut list)) => match list.remove("Instance") {
                Some(list) => collect(list, records),
                None => records.push(Value::Object(list)),
            },
            Some(list) => collect(list, records),
            None => records.push(Value::Object(members)),
        },
        other => records.push(other),
    }
}

impl FileRecord {
    fn instance(self) -> Result<Instance, String> {
        let id = self.instance_id.ok_or(tr!("it has no InstanceId"))?;
        if !id.starts_with("i-") && !id.starts_with("mi-") {
            return Err(tr!("{id:?}: an instance id begins with i- or mi-", id));
        }
        if let Some(region) = self.region_id.as_deref().filter(|id| !region::is_known(id)) {
            return Err(tr!("{region:?} is not a region id", region));
        }
        let os = self.os_type.as_deref().unwrap_or("linux");
        let os = match os.to_ascii_lowercase().as_str() {
            "linux" => Os::Linux,
            "windows" => Os::Windows,
            "freebsd" => Os::FreeBsd,
            _ => return Err(tr!("{os:?} is not an OSType", os)),
        };
        let stopped = self
            .status
            .as_deref()
            .is_some_and(|status| status != "Running");
        let state = match self.agent.as_deref() {
            _ if stopped => InstanceState::NotRunning,
            Some("missing") => InstanceState::AgentMissing,
            Some("offline") => InstanceState::AgentNotOnline,
            Some("old") => InstanceState::AgentNeedUpgrade,
            Some(other) => {
                return Err(tr!(
                    "{other:?} is not an Agent state: offline, missing or old",
                    other
                ));
            }
            None if self.connected == Some(false) => InstanceState::AgentNotOnline,
            None => InstanceState::Running,
        };
        let tags = self.tags.into_iter().map(|tag| {
            let key = tag.tag_key.ok_or(tr!("a tag has no TagKey"))?;
            Ok((key, tag.tag_value.unwrap_or_default()))
        });
        let vpc = self.vpc_attributes;
        let private_ips = vpc.private_ip_address.into_iter().chain(self.intranet_ip);
        let public_ips = self.public_ip_address.into_iter().chain(self.internet_ip);
        Ok(Instance {
            status: self.status,
            os,
            os_name: self.os_name_en.or(self.os_name),
            agent_version: self.agent_version,
            name: self.instance_name,
            host_name: self.host_name,
            region: self.region_id,
            zone: self.zone_id,
            vpc: vpc.vpc_id,
            private_ips: private_ips.collect(),
            public_ips: public_ips.collect(),
            elastic_ip: self.eip_address.ip_address,
            tags: tags.collect::<Result<_, String>>()?,
            ..Instance::new(id, state)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_and_lists_of_records_are_read() {
        let ecs = r#"{"InstanceId":"i-1","InstanceName":"web-1","Status":"Stopped","OSType":"windows",
            "RegionId":"cn-beijing","VpcAttributes":{"VpcId":"vpc-1","PrivateIpAddress":{"IpAddress":["10.0.0.1"]}},
            "PublicIpAddress":{"IpAddress":[]},"EipAddress":{"IpAddress":"47.1.1.1"},"NetworkInterfaces":{},
            "Tags":{"Tag":[{"TagKey":"env","TagValue":"prod"}]}}"#;
        let managed = r#"{"InstanceId":"mi-1","Hostname":"office","Connected":"false","IntranetIp":"10.9.9.9",
            "Tags":[{"TagKey":"bare"}]}"#;
        for text in [
            format!(r#"{{"Instances":{{"Instance":[{ecs}]}},"TotalCount":1}}"#),
            format!("[{ecs}]"),
            format!(r#"[{{"Instances":{{"Instance":[]}}}},{{"Instances":[{ecs}]}}]"#),
        ] {
            let instances = Instance::list_from_json(&text).unwrap();
            let [web] = instances.as_slice() else {
                panic!("{instances:?}");
            };
            assert_eq!(web.state, InstanceState::NotRunning);
            assert_eq!(web.private_ips, ["10.0.0.1"]);
            assert_eq!(web.elastic_ip.as_deref(), Some("47.1.1.1"));
            assert_eq!(web.tags, [("env".to_owned(), "prod".to_owned())]);
        }
        let office = Instance::list_from_json(&format!(r#"{{"Instances":[{managed}]}}"#)).unwrap();
        assert_eq!(office[0].state, InstanceState::AgentNotOnline);
        assert_eq!(office[0].host_name.as_deref(), Some("office"));
    }

    #[test]
    fn a_record_that_is_wrong_is_named() {
        for (text, what) in [
            ("", "the instances are not JSON"),
            ("[7]", "instance 1: "),
            (
                r#"[{"InstanceId":"i-1"},{}]"#,
                "instance 2: it has no InstanceId",
            ),
            (r#"[{"InstanceId":"x-1"}]"#, "instance 1: \"x-1\""),
            (
                r#"[{"InstanceId":"i-1","RegionId":"x"}]"#,
                "is not a region id",
            ),
            (
                r#"[{"InstanceId":"i-1","OSType":"BeOS"}]"#,
                "is not an OSType",
            ),
            (
                r#"[{"InstanceId":"i-1","Agent":"gone"}]"#,
                "is not an Agent",
            ),
            (
                r#"[{"InstanceId":"i-1","Tags":[{}]}]"#,
                "a tag has no TagKey",
            ),
        ] {
            let error = Instance::list_from_json(text).unwrap_err().to_string();
            assert!(error.contains(what), "{text}: {error}");
        }
    }
}
