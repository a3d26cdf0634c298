//! The action `DescribeManagedInstances`: one page of the machines outside of ECS that have an agent.

use super::VERSION;
use super::agents::Agent;
use super::describe_instances::{Tag, without_repeats};
use super::instance::ListedInstance;
use crate::error::{ApiError, Result};
use crate::openapi::client::Action;
use crate::openapi::lenient;
use crate::openapi::pages::{Page, Paged};
use crate::openapi::params::{self, TagFilter};
use serde::{Deserialize, Serialize};

/// The most ids that one call may name.
pub(super) const MOST_IDS: usize = 50;

/// Managed instances: `DescribeManagedInstances`. What is not given leaves nothing out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DescribeManagedInstances {
    #[serde(flatten, serialize_with = "params::instance_ids")]
    pub(super) instance_ids: Vec<String>,
    pub(super) instance_name: Option<String>,
    /// The address of either kind.
    pub(super) instance_ip: Option<String>,
    #[serde(flatten, serialize_with = "params::tags")]
    pub(super) tags: Vec<TagFilter>,
    pub(super) max_results: usize,
    pub(super) next_token: Option<String>,
}

impl Action for DescribeManagedInstances {
    const NAME: &'static str = "DescribeManagedInstances";
    const VERSION: &'static str = VERSION;
    const IDEMPOTENT: bool = true;
    type Reply = Page<ManagedRecord>;
}

impl Paged for DescribeManagedInstances {
    type Item = ManagedRecord;
    const LARGEST: usize = 50;

    // What a filter lets through that has no effect must not cost a call for every few instances.
    fn set_page(&mut self, token: Option<String>, _: usize) {
        self.next_token = token;
        self.max_results = Self::LARGEST;
    }
}

/// The fields that axt reads of an instance in DescribeManagedInstances.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ManagedRecord {
    #[serde(deserialize_with = "lenient::text")]
    instance_id: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    instance_name: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    hostname: Option<String>,
    #[serde(deserialize_with = "lenient::truth")]
    connected: Option<bool>,
    #[serde(deserialize_with = "lenient::text")]
    agent_version: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    os_type: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    os_version: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    intranet_ip: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    internet_ip: Option<String>,
    #[serde(deserialize_with = "lenient::list")]
    tags: Vec<Tag>,
}

impl ManagedRecord {
    /// The instance, in `region`.
    ///
    /// # Errors
    /// [`ApiError::UNEXPECTED`] for a record without an id.
    pub(super) fn instance(self, region: &str) -> Result<ListedInstance> {
        let Some(id) = self.instance_id else {
            let what = tr!("the answer has an instance without an id");
            return Err(ApiError::unexpected(DescribeManagedInstances::NAME, 200, what).into());
        };
        let status = self.connected.map(|connected| match connected {
            true => "Connected".to_owned(),
            false => "Disconnected".to_owned(),
        });
        let agent = Agent {
            instance_id: Some(id.clone()),
            os_type: self.os_type.clone(),
            online: self.connected,
            version: self.agent_version,
            ..Agent::default()
        };
        Ok(ListedInstance {
            name: self.instance_name,
            host_name: self.hostname,
            status,
            os_type: self.os_type.map(|os| os.to_ascii_lowercase()),
            os_name: self.os_version,
            private_ips: without_repeats(self.intranet_ip.into_iter()),
            public_ips: without_repeats(self.internet_ip.into_iter()),
            tags: self.tags.into_iter().filter_map(Tag::pair).collect(),
            agent: Some(agent),
            ..ListedInstance::new(id, region)
        })
    }
}
