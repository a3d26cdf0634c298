//! Instances as Ansible's inventory and as ClusterShell's groups.

use crate::error::{Error, Result};
use crate::openapi::ecs::instances::ListedInstance;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that Ansible's `--list` asks for. `ssh` is the program in ssh's place.
pub(super) fn list(instances: &[ListedInstance], ssh: &str) -> Value {
    let names = host_names(instances);
    let mut groups = BTreeMap::<String, Vec<&str>>::new();
    let mut variables = Map::new();
    for (instance, name) in instances.iter().zip(&names) {
        variables.insert(name.clone(), host(instance, ssh));
        for group in groups_of(instance) {
            groups.entry(group).or_default().push(name);
        }
    }
    let mut all = Map::new();
    all.insert("_meta".into(), json!({"hostvars": variables}));
    for (group, hosts) in groups {
        all.insert(group, json!({"hosts": hosts}));
    }
    all.into()
}

/// The answer to Ansible's `--host`: the variables of one host, or none for an unknown host.
pub(super) fn variables(instances: &[ListedInstance], name: &str, ssh: &str) -> Value {
    let names = host_names(instances);
    let mut named = instances.iter().zip(names);
    let found = named.find(|(_, own)| own == name);
    found.map_or_else(|| json!({}), |(instance, _)| host(instance, ssh))
}

/// The answer to an upcall of ClusterShell's, a line for each group or node. Nodes are ids with their
/// region: those are taken for nothing else, and need no look-up.
///
/// # Errors
/// [`Error::Usage`] for an unknown upcall.
pub(super) fn upcall(instances: &[ListedInstance], upcall: &str) -> Result<String> {
    let (what, subject) = upcall.split_once(':').unwrap_or((upcall, ""));
    let mut lines = BTreeSet::new();
    for instance in instances {
        let node = address(instance);
        match what {
            "all" if subject.is_empty() => {
                lines.insert(node);
            }
            "list" if subject.is_empty() => lines.extend(groups_of(instance)),
            "map" if groups_of(instance).contains(subject) => {
                lines.insert(node);
            }
            "reverse" if subject == node || subject == instance.id => {
                lines.extend(groups_of(instance));
            }
            _ => {}
        }
    }
    let known = match what {
        "list" | "all" => subject.is_empty(),
        "map" | "reverse" => !subject.is_empty(),
        _ => false,
    };
    if !known {
        let what = tr!(
            "{upcall:?} is not one of list, all, map:GROUP and reverse:NODE",
            upcall
        );
        return Err(Error::Usage(what));
    }
    Ok(lines.into_iter().map(|line| line + "\n").collect())
}

/// A target that names the instance without a look-up: its id with its region.
fn address(instance: &ListedInstance) -> String {
    format!("{}.{}", instance.id, instance.region)
}

/// The instances' names for Ansible: a name that only one of them has and that Ansible takes for
/// nothing else, or else the id with the region.
fn host_names(instances: &[ListedInstance]) -> Vec<String> {
    let mut uses = BTreeMap::<&str, usize>::new();
    for name in instances.iter().filter_map(|i| i.name.as_deref()) {
        *uses.entry(name).or_default() += 1;
    }
    let fits = |name: &&str| {
        let plain = |c: char| c.is_alphanumeric() || "._-".contains(c);
        let letter = |c: char| c.is_alphabetic();
        uses.get(name) == Some(&1) && name.starts_with(letter) && name.chars().all(plain)
    };
    let name = |i: &ListedInstance| i.name.as_deref().filter(fits).map(str::to_owned);
    instances
        .iter()
        .map(|instance| name(instance).unwrap_or_else(|| address(instance)))
        .collect()
}

fn host(instance: &ListedInstance, ssh: &str) -> Value {
    json!({
        "ansible_host": address(instance),
        "ansible_ssh_executable": ssh,
        "ansible_ssh_transfer_method": "piped",
        "ansible_pipelining": true,
        "axt_id": instance.id,
        "axt_name": instance.name,
        "axt_host_name": instance.host_name,
        "axt_status": instance.status,
        "axt_region": instance.region,
        "axt_zone": instance.zone,
        "axt_vpc": instance.vpc,
        "axt_os": instance.os_name,
        "axt_private_ips": instance.private_ips,
        "axt_public_ips": instance.public_ips,
        "axt_elastic_ip": instance.elastic_ip,
        "axt_tags": instance.tags,
    })
}

/// The groups of an instance: by region, VPC, status, system and tag.
fn groups_of(instance: &ListedInstance) -> BTreeSet<String> {
    let of = |kind: &str, value: &Option<String>| {
        let value = value.as_deref()?;
        Some(format!(
            "{kind}_{}",
            group_name(&value.to_ascii_lowercase())
        ))
    };
    let tags = instance.tags.iter().map(|(key, value)| {
        let parts = ["tag", &group_name(key), &group_name(value)].map(str::to_owned);
        parts.join("_").trim_end_matches('_').to_owned()
    });
    let region = Some(instance.region.clone());
    [
        of("region", &region),
        of(
            "vpc",
            &instance
                .vpc
                .as_ref()
                .map(|id| id.trim_start_matches("vpc-").to_owned()),
        ),
        of("status", &instance.status),
        of("os", &instance.os_type),
    ]
    .into_iter()
    .flatten()
    .chain(tags)
    .collect()
}

/// A text as a part of a group's name, which has letters, digits and `_`. Other ASCII becomes `_`, as is
/// the custom; the rest its code point, so that 生产 and 测试 stay two groups.
fn group_name(text: &str) -> String {
    let mut name = String::new();
    for c in text.chars() {
        match c {
            c if c.is_ascii_alphanumeric() => name.push(c),
            c if c.is_ascii() => name.push('_'),
            c => name.push_str(&format!("u{:04x}", u32::from(c))),
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instances() -> Vec<ListedInstance> {
        let of = |id: &str, name: &str, tags: &[(&str, &str)]| ListedInstance {
            name: Some(name.into()),
            status: Some("Running".into()),
            vpc: Some("vpc-bp1".into()),
            os_type: Some("linux".into()),
            tags: tags
                .iter()
                .map(|(key, value)| ((*key).into(), (*value).into()))
                .collect(),
            ..ListedInstance::new(id, "cn-beijing")
        };
        vec![
            of("i-1", "web-1", &[("env", "prod"), ("a b", "")]),
            of("i-2", "twin", &[("环境", "生产")]),
            of("i-3", "twin", &[("环境", "测试")]),
            of("i-4", "数据库", &[]),
            of("i-5", "{{ evil }}", &[("x\n", "[y]:")]),
        ]
    }

    #[test]
    fn a_name_stands_for_one_host_and_groups_have_plain_names() {
        let all = list(&instances(), "axt-ssh");
        let hosts = all["_meta"]["hostvars"].as_object().unwrap();
        let names: Vec<&String> = hosts.keys().collect();
        let expected = [
            "i-2.cn-beijing",
            "i-3.cn-beijing",
            "i-5.cn-beijing",
            "web-1",
            "数据库",
        ];
        assert_eq!(names, expected);
        assert_eq!(hosts["web-1"]["ansible_host"], "i-1.cn-beijing");
        let groups: Vec<&String> = all.as_object().unwrap().keys().collect();
        assert_eq!(
            groups,
            [
                "_meta",
                "os_linux",
                "region_cn_beijing",
                "status_running",
                "tag_a_b",
                "tag_env_prod",
                "tag_u73afu5883_u6d4bu8bd5",
                "tag_u73afu5883_u751fu4ea7",
                "tag_x___y",
                "vpc_bp1",
            ]
        );
        assert_eq!(variables(&instances(), "web-1", "x")["axt_id"], "i-1");
        assert_eq!(variables(&instances(), "nobody", "x"), json!({}));
    }

    #[test]
    fn upcalls_are_answered() {
        let ask = |text: &str| upcall(&instances(), text).map_err(|error| error.to_string());
        assert_eq!(ask("map:tag_env_prod"), Ok("i-1.cn-beijing\n".into()));
        assert_eq!(ask("map:nothing"), Ok(String::new()));
        assert_eq!(ask("all").unwrap().lines().count(), 5);
        assert!(ask("list").unwrap().contains("tag_env_prod\n"));
        let groups =
            "os_linux\nregion_cn_beijing\nstatus_running\ntag_a_b\ntag_env_prod\nvpc_bp1\n";
        assert_eq!(ask("reverse:i-1.cn-beijing"), Ok(groups.into()));
        for wrong in ["", "map", "map:", "list:x", "bogus"] {
            assert!(ask(wrong).is_err(), "{wrong}");
        }
    }
}
