//! The filters of `axt instances`: what the service is asked for, and what is listed of its answer.

use crate::openapi::ecs::check_instance_id;
use crate::openapi::ecs::instances::{ListedInstance, NameFilter, Query};
use crate::pattern;
use std::net::IpAddr;

/// The statuses, as the service writes them.
const STATUSES: [&str; 7] = [
    "Pending",
    "Starting",
    "Running",
    "Stopping",
    "Stopped",
    "Connected",
    "Disconnected",
];

/// The filter of the list: an instance must match one value of each kind of option that was given.
#[derive(Debug, Default)]
pub(super) struct InstanceFilter {
    ids: Vec<String>,
    names: Vec<String>,
    addresses: Vec<String>,
    tags: Vec<(String, Option<String>)>,
    statuses: Vec<&'static str>,
}

impl InstanceFilter {
    /// Reads what was typed; every text means something.
    pub(super) fn read(texts: &[String]) -> Self {
        let mut filter = Self::default();
        for text in texts {
            let status = STATUSES
                .into_iter()
                .find(|status| status.eq_ignore_ascii_case(text));
            if let Some(tag) = text.strip_prefix("tag:") {
                let (key, value) = match tag.split_once('=') {
                    Some((key, value)) => (key, Some(value.to_owned())),
                    None => (tag, None),
                };
                filter.tags.push((key.to_owned(), value));
            } else if let Some(name) = text.strip_prefix("name:") {
                filter.names.push(name.to_owned());
            } else if let Some(status) = status {
                filter.statuses.push(status);
            } else if check_instance_id(text).is_ok() {
                filter.ids.push(text.clone());
            } else if let Ok(address) = text.parse::<IpAddr>() {
                filter.addresses.push(address.to_string());
            } else {
                filter.names.push(text.clone());
            }
        }
        filter
    }

    /// The query to send to the service: it covers everything that [`Self::fits`], and is as narrow as the
    /// service allows.
    pub(super) fn query(&self) -> Query {
        let mut query = Query::default();
        if self.names.is_empty() && self.addresses.is_empty() {
            query.ids.clone_from(&self.ids);
        }
        if let ([name], true) = (
            self.names.as_slice(),
            self.ids.is_empty() && self.addresses.is_empty(),
        ) {
            query.name = Some(NameFilter::Like(name.clone()));
        }
        if let [status] = self.statuses.as_slice() {
            query.status = Some((*status).to_owned());
        }
        let once = |key: &str| self.tags.iter().filter(|(other, _)| other == key).count() == 1;
        let tags = self.tags.iter().filter(|(key, _)| once(key));
        query.tags = tags.cloned().collect();
        query
    }

    /// True if an instance is listed.
    pub(super) fn fits(&self, instance: &ListedInstance) -> bool {
        let names = [&instance.name, &instance.host_name];
        let is_named = |wanted: &String| {
            let mut names = names.into_iter().flatten();
            names.any(|name| pattern::matches(name, wanted))
        };
        let mut addresses = instance.addresses();
        let any_which = self.ids.is_empty() && self.names.is_empty() && self.addresses.is_empty();
        let which = any_which
            || self.ids.contains(&instance.id)
            || self.names.iter().any(is_named)
            || addresses.any(|address| self.addresses.contains(address));
        let status = instance.status.as_deref().unwrap_or_default();
        let tagged = |key: &str| {
            let own = instance.tags.get(key);
            let mut wanted = self.tags.iter().filter(|(wanted, _)| wanted == key);
            wanted.any(|(_, value)| match value {
                Some(_) => value.as_ref() == own,
                None => own.is_some(),
            })
        };
        which
            && (self.statuses.is_empty() || self.statuses.contains(&status))
            && self.tags.iter().all(|(key, _)| tagged(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(texts: &str) -> InstanceFilter {
        let texts: Vec<String> = texts.split(' ').map(str::to_owned).collect();
        InstanceFilter::read(&texts)
    }

    fn instance(id: &str, name: &str) -> ListedInstance {
        ListedInstance {
            name: Some(name.into()),
            status: Some("Running".into()),
            private_ips: vec!["10.0.0.1".into()],
            tags: [("env".to_owned(), "prod".to_owned())].into(),
            ..ListedInstance::new(id, "cn-hangzhou")
        }
    }

    #[test]
    fn any_of_a_kind_and_all_kinds_have_to_fit() {
        let web = instance("i-1", "web-1");
        for (texts, fits) in [
            ("i-1", true),
            ("i-2", false),
            ("i-2 web-1", true),
            ("web-*", true),
            ("Web-1", false),
            ("db-* web-?", true),
            ("10.0.0.1", true),
            ("10.0.0.2 web-1", true),
            ("running", true),
            ("STOPPED", false),
            ("name:running", false),
            ("stopped running", true),
            ("web-1 stopped", false),
            ("tag:env", true),
            ("tag:env=prod", true),
            ("tag:env=test", false),
            ("tag:env=test tag:env=prod", true),
            ("tag:env=prod tag:team=a", false),
            ("tag:env=", false),
        ] {
            assert_eq!(filter(texts).fits(&web), fits, "{texts}");
        }
        assert!(InstanceFilter::read(&[]).fits(&web));
    }

    #[test]
    fn the_service_is_asked_for_no_more_than_it_can_tell_apart() {
        let query = filter("web-* running tag:a=b tag:a=c tag:d").query();
        assert_eq!(query.name, Some(NameFilter::Like("web-*".into())));
        assert_eq!(query.status.as_deref(), Some("Running"));
        assert_eq!(query.tags, [("d".to_owned(), None)]);
        assert_eq!(filter("i-1 web").query(), Query::default());
        assert_eq!(filter("i-1 mi-2").query().ids, ["i-1", "mi-2"]);
        assert_eq!(filter("10.0.0.1").query(), Query::default());
    }
}
