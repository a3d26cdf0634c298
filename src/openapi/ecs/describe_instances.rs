//! The action `DescribeInstances`: one page of ECS instances.

use super::VERSION;
use super::instance::ListedInstance;
use crate::error::{ApiError, Result};
use crate::openapi::client::Action;
use crate::openapi::lenient;
use crate::openapi::pages::{Page, Paged};
use crate::openapi::params::{self, TagFilter};
use serde::{Deserialize, Serialize};

/// The most ids that one call may name.
pub(super) const MOST_IDS: usize = 100;

/// Instances of ECS: `DescribeInstances`. What is not given leaves nothing out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DescribeInstances {
    pub(super) instance_ids: Option<Vec<String>>,
    /// In it, `*` stands for any characters.
    pub(super) instance_name: Option<String>,
    pub(super) status: Option<String>,
    pub(super) private_ip_addresses: Option<[String; 1]>,
    pub(super) public_ip_addresses: Option<[String; 1]>,
    pub(super) eip_addresses: Option<[String; 1]>,
    /// Private and elastic addresses count only together with `vpc`.
    pub(super) instance_network_type: Option<&'static str>,
    #[serde(flatten, serialize_with = "params::tags")]
    pub(super) tags: Vec<TagFilter>,
    pub(super) max_results: usize,
    pub(super) next_token: Option<String>,
}

impl Action for DescribeInstances {
    const NAME: &'static str = "DescribeInstances";
    const VERSION: &'static str = VERSION;
    const IDEMPOTENT: bool = true;
    type Reply = Page<EcsRecord>;
}

impl Paged for DescribeInstances {
    type Item = EcsRecord;
    const LARGEST: usize = 100;

    // What a filter lets through that has no effect must not cost a call for every few instances.
    fn set_page(&mut self, token: Option<String>, _: usize) {
        self.next_token = token;
        self.max_results = Self::LARGEST;
    }
}

/// The fields that axt reads of an instance in DescribeInstances.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct EcsRecord {
    #[serde(deserialize_with = "lenient::text")]
    instance_id: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    instance_name: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    host_name: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    status: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    region_id: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    zone_id: Option<String>,
    #[serde(rename = "OSType", deserialize_with = "lenient::text")]
    os_type: Option<String>,
    #[serde(rename = "OSName", deserialize_with = "lenient::text")]
    os_name: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    os_name_en: Option<String>,
    vpc_attributes: Option<VpcAttributes>,
    #[serde(deserialize_with = "lenient::list")]
    network_interfaces: Vec<NetworkInterface>,
    #[serde(deserialize_with = "lenient::list")]
    inner_ip_address: Vec<String>,
    #[serde(deserialize_with = "lenient::list")]
    public_ip_address: Vec<String>,
    eip_address: Option<EipAddress>,
    #[serde(deserialize_with = "lenient::list")]
    tags: Vec<Tag>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct VpcAttributes {
    #[serde(deserialize_with = "lenient::text")]
    vpc_id: Option<String>,
    #[serde(deserialize_with = "lenient::list")]
    private_ip_address: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct NetworkInterface {
    #[serde(deserialize_with = "lenient::list")]
    private_ip_sets: Vec<PrivateIp>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct PrivateIp {
    #[serde(deserialize_with = "lenient::text")]
    private_ip_address: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct EipAddress {
    #[serde(deserialize_with = "lenient::text")]
    ip_address: Option<String>,
}

/// A tag, as both actions write it.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Tag {
    #[serde(deserialize_with = "lenient::text")]
    pub(super) tag_key: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub(super) tag_value: Option<String>,
}

impl Tag {
    pub(super) fn pair(self) -> Option<(String, String)> {
        Some((self.tag_key?, self.tag_value.unwrap_or_default()))
    }
}

impl EcsRecord {
    /// The instance, in `region` unless the record names another.
    ///
    /// # Errors
    /// [`ApiError::UNEXPECTED`] for a record without an id.
    pub(super) fn instance(self, region: &str) -> Result<ListedInstance> {
        let Some(id) = self.instance_id else {
            let what = tr!("the answer has an instance without an id");
            return Err(ApiError::unexpected(DescribeInstances::NAME, 200, what).into());
        };
        let vpc = self.vpc_attributes.unwrap_or_default();
        let interfaces = self.network_interfaces.into_iter();
        let secondary = interfaces
            .flat_map(|interface| interface.private_ip_sets)
            .filter_map(|address| address.private_ip_address);
        let private_ips = vpc.private_ip_address.into_iter();
        let private_ips = private_ips.chain(self.inner_ip_address).chain(secondary);
        Ok(ListedInstance {
            id,
            name: self.instance_name,
            host_name: self.host_name,
            status: self.status,
            region: self.region_id.unwrap_or_else(|| region.to_owned()),
            zone: self.zone_id,
            vpc: vpc.vpc_id,
            os_type: self.os_type.map(|os| os.to_ascii_lowercase()),
            os_name: self.os_name_en.or(self.os_name),
            private_ips: without_repeats(private_ips),
            public_ips: without_repeats(self.public_ip_address.into_iter()),
            elastic_ip: self.eip_address.and_then(|address| address.ip_address),
            tags: self.tags.into_iter().filter_map(Tag::pair).collect(),
            agent: None,
        })
    }
}

/// The addresses in their order, each once.
pub(super) fn without_repeats(addresses: impl Iterator<Item = String>) -> Vec<String> {
    let mut kept = vec![];
    for address in addresses.filter(|address| !address.is_empty()) {
        if !kept.contains(&address) {
            kept.push(address);
        }
    }
    kept
}
