//! Finds instances, of ECS and managed ones, by id, name, address, tag or status.

use super::describe_instances::{self, DescribeInstances};
use super::describe_managed::{self, DescribeManagedInstances};
pub use super::instance::ListedInstance;
use crate::error::{ApiError, Error, Result};
use crate::openapi::client::Client;
use crate::openapi::pages;
use crate::openapi::params::TagFilter;
use crate::pattern;
use std::time::Duration;

/// A query for instances: those that match every field that is set. The default matches all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Their ids; any when empty.
    pub ids: Vec<String>,
    /// Their name.
    pub name: Option<NameFilter>,
    /// One of their addresses. Instances that have it as their private address come before those that
    /// have it as a public one, and these before those that have it as their elastic one: if there is
    /// any, the later ones are not asked for.
    pub address: Option<String>,
    /// Their tags; without a value, whatever it is.
    pub tags: Vec<TagFilter>,
    /// Their status.
    pub status: Option<String>,
}

/// A name to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameFilter {
    /// Exactly this, which is a name of an instance, or else the host name of a managed one.
    Exact(String),
    /// Names that match this pattern, in which `*` is any characters.
    Like(String),
}

impl Query {
    /// The instance with this id.
    #[must_use]
    pub fn id(id: impl Into<String>) -> Self {
        Self {
            ids: vec![id.into()],
            ..Self::default()
        }
    }

    /// The instances with exactly this name.
    #[must_use]
    pub fn name(name: impl Into<String>) -> Self {
        Self {
            name: Some(NameFilter::Exact(name.into())),
            ..Self::default()
        }
    }

    /// The instances with this address.
    #[must_use]
    pub fn address(address: impl Into<String>) -> Self {
        Self {
            address: Some(address.into()),
            ..Self::default()
        }
    }

    /// The instances with this tag.
    #[must_use]
    pub fn tag(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            tags: vec![(key.into(), Some(value.into()))],
            ..Self::default()
        }
    }

    /// True if an instance fits. The service's own filters are wider than what they are given: names may have
    /// patterns in them, and some filters have no effect by themselves.
    fn fits(&self, instance: &ListedInstance, kind: Option<Address>) -> bool {
        let has_tag = |(key, value): &TagFilter| {
            let own = instance.tags.get(key);
            own.is_some_and(|own| value.as_ref().is_none_or(|value| own == value))
        };
        let name = instance.name.as_deref();
        let host_name = instance.host_name.as_deref();
        let host_name = host_name.filter(|_| instance.is_managed());
        let named = match &self.name {
            None => true,
            Some(NameFilter::Exact(wanted)) => [name, host_name].contains(&Some(wanted)),
            Some(NameFilter::Like(wanted)) => [name, host_name]
                .into_iter()
                .flatten()
                .any(|name| pattern::matches(name, wanted)),
        };
        let status = instance.status.as_ref();
        (self.ids.is_empty() || self.ids.contains(&instance.id))
            && named
            && kind.is_none_or(|kind| kind.is_of(instance, self.address.as_deref()))
            && self.tags.iter().all(has_tag)
            && self
                .status
                .as_ref()
                .is_none_or(|wanted| status == Some(wanted))
    }

    /// The ids of one kind, or `None` if there can be no instance of that kind.
    fn ids_of(&self, managed: bool) -> Option<Vec<String>> {
        let of_kind = self
            .ids
            .iter()
            .filter(|id| id.starts_with("mi-") == managed);
        let ids: Vec<String> = of_kind.cloned().collect();
        (!ids.is_empty() || self.ids.is_empty()).then_some(ids)
    }
}

/// The kinds of addresses, in the order in which they are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Address {
    Private,
    Public,
    Elastic,
}

impl Address {
    const ALL: [Self; 3] = [Self::Private, Self::Public, Self::Elastic];

    fn is_of(self, instance: &ListedInstance, address: Option<&str>) -> bool {
        let own = match self {
            Self::Private => &instance.private_ips,
            Self::Public => &instance.public_ips,
            Self::Elastic => instance.elastic_ip.as_slice(),
        };
        own.iter().any(|own| Some(own.as_str()) == address)
    }
}

/// The result of a search.
#[derive(Debug)]
pub struct FoundInstances {
    /// The instances, those of ECS first, in the service's order.
    pub instances: Vec<ListedInstance>,
    /// The refusal, if the service refused to list managed instances: some regions have none, and some
    /// identities may not see them.
    pub unseen: Option<Error>,
}

/// Finds the instances that `query` describes in the client's region, or the first `most` of each
/// kind; if there is none, the managed ones whose host name is the query's name. Each call may take `limit`.
///
/// # Errors
/// As [`Client::call`]; [`crate::error::ApiError::UNEXPECTED`] if a list has no end.
pub async fn find(
    client: &Client,
    query: &Query,
    most: Option<usize>,
    limit: Duration,
) -> Result<FoundInstances> {
    let mut found = find_by_name(client, query, most, limit).await?;
    if found.instances.is_empty() && found.unseen.is_none() {
        found.instances = find_by_host_name(client, query, limit).await?;
    }
    Ok(found)
}

/// Finds the instances that `query` describes, by everything but a host name. A name takes two calls, made
/// at the same time.
///
/// # Errors
/// As [`find`].
pub(crate) async fn find_by_name(
    client: &Client,
    query: &Query,
    most: Option<usize>,
    limit: Duration,
) -> Result<FoundInstances> {
    let search = OneSearch {
        client,
        query,
        most,
        limit,
    };
    let kinds = match query.address {
        Some(_) => Address::ALL.map(Some).to_vec(),
        None => vec![None],
    };
    let name = match &query.name {
        Some(NameFilter::Exact(name)) => Some(name.clone()),
        _ => None,
    };
    let mut first = kinds.first().copied();
    let (ecs, managed) = tokio::join!(
        search.ecs(first.take().flatten()),
        search.managed(name.clone())
    );
    let (mut ecs, mut unseen) = (Some(ecs?), None);
    let managed = match managed {
        Err(error) if is_refusal(&error) && query.ids_of(false).is_some() => {
            unseen = Some(error);
            vec![]
        }
        managed => managed?,
    };
    let mut instances = vec![];
    for kind in kinds {
        let of_ecs = match ecs.take() {
            Some(first) => first,
            None => search.ecs(kind).await?,
        };
        instances.extend(of_ecs);
        instances.extend(managed.iter().filter(|i| query.fits(i, kind)).cloned());
        if !instances.is_empty() {
            break;
        }
    }
    Ok(FoundInstances { instances, unseen })
}

/// Finds the managed instances whose host name is exactly the query's name. No parameter of
/// DescribeManagedInstances is a host name (its request in the SDKs), so all managed instances are listed.
///
/// # Errors
/// As [`find`].
pub(crate) async fn find_by_host_name(
    client: &Client,
    query: &Query,
    limit: Duration,
) -> Result<Vec<ListedInstance>> {
    if !matches!(query.name, Some(NameFilter::Exact(_))) {
        return Ok(vec![]);
    }
    let search = OneSearch {
        client,
        query,
        most: None,
        limit,
    };
    search.managed(None).await
}

/// A query on its way.
struct OneSearch<'a> {
    client: &'a Client,
    query: &'a Query,
    most: Option<usize>,
    limit: Duration,
}

impl OneSearch<'_> {
    /// The instances of ECS, which have the address as one of this kind.
    async fn ecs(&self, kind: Option<Address>) -> Result<Vec<ListedInstance>> {
        let Some(ids) = self.query.ids_of(false) else {
            return Ok(vec![]);
        };
        let address = |of: Address| {
            let address = self.query.address.clone().filter(|_| kind == Some(of));
            address.map(|address| [address])
        };
        let base = DescribeInstances {
            instance_name: self.query.name.as_ref().map(|name| match name {
                NameFilter::Exact(name) | NameFilter::Like(name) => name.clone(),
            }),
            status: self.query.status.clone(),
            private_ip_addresses: address(Address::Private),
            public_ip_addresses: address(Address::Public),
            eip_addresses: address(Address::Elastic),
            instance_network_type: kind.map(|_| "vpc"),
            tags: self.query.tags.clone(),
            ..DescribeInstances::default()
        };
        let take = |record: describe_instances::EcsRecord| {
            let instance = record.instance(self.client.region())?;
            Ok(Some(instance).filter(|instance| self.query.fits(instance, kind)))
        };
        let mut found = vec![];
        for ids in chunks(ids, describe_instances::MOST_IDS) {
            let query = DescribeInstances {
                instance_ids: Some(ids).filter(|ids| !ids.is_empty()),
                ..base.clone()
            };
            found.extend(pages::all(self.client, query, self.most, take, self.limit).await?);
        }
        Ok(found)
    }

    /// The managed instances; those of this name, if one is given.
    async fn managed(&self, name: Option<String>) -> Result<Vec<ListedInstance>> {
        let Some(ids) = self.query.ids_of(true) else {
            return Ok(vec![]);
        };
        let base = DescribeManagedInstances {
            instance_name: name,
            instance_ip: self.query.address.clone(),
            tags: self.query.tags.clone(),
            ..DescribeManagedInstances::default()
        };
        let take = |record: describe_managed::ManagedRecord| {
            let instance = record.instance(self.client.region())?;
            Ok(Some(instance).filter(|instance| self.query.fits(instance, None)))
        };
        let mut found = vec![];
        for ids in chunks(ids, describe_managed::MOST_IDS) {
            let query = DescribeManagedInstances {
                instance_ids: ids,
                ..base.clone()
            };
            found.extend(pages::all(self.client, query, self.most, take, self.limit).await?);
        }
        Ok(found)
    }
}

/// The ids in pieces that one call may name; one empty piece when there are none.
fn chunks(ids: Vec<String>, most: usize) -> Vec<Vec<String>> {
    match ids.is_empty() {
        true => vec![vec![]],
        false => ids.chunks(most).map(<[String]>::to_vec).collect(),
    }
}

/// True if the service refused the call as such, and not for a passing reason.
pub(crate) fn is_refusal(error: &Error) -> bool {
    matches!(error, Error::Api(error) if (400..500).contains(&error.status)
        && !error.is_throttling()
        && error.code != ApiError::UNEXPECTED)
}

/// The instances that an answer of this body tells of: read as a page of ECS's, and of managed ones.
///
/// # Errors
/// The fault that makes the answer no page of instances.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn told(
    body: &[u8],
    keys: &crate::config::credentials::Credentials,
) -> [Result<Vec<ListedInstance>>; 2] {
    use crate::config::credentials::Credentials;
    use crate::openapi::client::{Action as _, reply::HttpReply};

    fn page<T: serde::de::DeserializeOwned>(body: &[u8], keys: &Credentials) -> Result<Vec<T>> {
        let (action, status) = (DescribeInstances::NAME, 200);
        let reply = HttpReply {
            action,
            status,
            body,
        };
        Ok(reply.read::<pages::Page<T>>(keys, "")?.items)
    }
    let ecs = page::<describe_instances::EcsRecord>(body, keys);
    let ecs = ecs.and_then(|page| page.into_iter().map(|i| i.instance("cn-beijing")).collect());
    let managed = page::<describe_managed::ManagedRecord>(body, keys);
    let managed =
        managed.and_then(|page| page.into_iter().map(|i| i.instance("cn-beijing")).collect());
    [ecs, managed]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::credentials::Credentials;
    use crate::printable::is_invisible;
    use proptest::prelude::*;

    fn keys() -> Credentials {
        Credentials {
            access_key_id: "LTAI5tTestKeyId1".into(),
            access_key_secret: "hush-hush-secret".into(),
            security_token: None,
            expires: None,
            source: "a test".into(),
        }
    }

    /// JSON that looks like a page, with any text and any kind of value in any place.
    fn pages() -> impl Strategy<Value = String> {
        let value = prop_oneof![
            any::<String>().prop_map(|text| serde_json::json!(text).to_string()),
            Just(r#""i-1""#.to_owned()),
            Just("null".to_owned()),
            Just("[{}]".to_owned()),
            Just("7".to_owned()),
        ];
        let key = prop_oneof![
            Just("InstanceId"),
            Just("InstanceName"),
            Just("Tags"),
            Just("VpcAttributes"),
            Just("Connected"),
            Just("PublicIpAddress"),
        ];
        let record = prop::collection::vec((key, value), 0..5).prop_map(|fields| {
            let fields = fields.iter().map(|(key, value)| format!("{key:?}:{value}"));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
        });
        let records = prop::collection::vec(record, 0..4).prop_map(|all| all.join(","));
        let in_list = records
            .clone()
            .prop_map(|all| format!(r#"{{"Instances":{{"ListedInstance":[{all}]}}}}"#));
        let plain = records.prop_map(|all| format!(r#"{{"Instances":[{all}],"NextToken":""}}"#));
        prop_oneof![in_list, plain]
    }

    proptest! {
        #[test]
        fn any_page_is_instances_with_ids_or_an_error_of_a_line(body in pages()) {
            for told in told(body.as_bytes(), &keys()) {
                match told {
                    Ok(instances) => prop_assert!(instances.iter().all(|i| i.region == "cn-beijing")),
                    Err(error) => prop_assert!(!error.to_string().contains(is_invisible)),
                }
            }
        }
    }
}
