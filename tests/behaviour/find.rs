//! Finding instances by each of their traits, against the emulator's filters, pages and limits.

use crate::support::axt::{HANG, client};
use axt::emulator::{Emulator, Instance, Options};
use axt::error::Error;
use axt::openapi::client::Client;
use axt::openapi::ecs::agents::agents;
use axt::openapi::ecs::describe::region_ids;
use axt::openapi::ecs::instances::{FoundInstances, NameFilter, Query, find};
use std::time::Duration;

fn emulator(instances: &[&str]) -> Emulator {
    let mut options = Options::default();
    let instances = instances.iter().map(|text| text.parse().unwrap());
    options.instances = instances.collect();
    Emulator::on_loopback(options).unwrap()
}

/// So many instances, `i-0000` and so on, named `web-0000` and so on.
fn many(count: usize) -> Vec<Instance> {
    let text = |n: usize| format!("i-{n:04}:name=web-{n:04}:ip=10.{}.{}.1", n / 256, n % 256);
    (0..count).map(|n| text(n).parse().unwrap()).collect()
}

async fn found(client: &Client, query: Query) -> FoundInstances {
    find(client, &query, None, HANG).await.unwrap()
}

async fn ids(client: &Client, query: Query) -> String {
    let found = found(client, query).await.instances;
    let ids: Vec<_> = found.iter().map(|found| found.id.as_str()).collect();
    ids.join(" ")
}

fn like(pattern: &str) -> Query {
    Query {
        name: Some(NameFilter::Like(pattern.into())),
        ..Query::default()
    }
}

#[tokio::test]
async fn each_trait_finds_what_has_it_and_nothing_else() {
    let emulator = emulator(&[
        "i-1:name=web-1:ip=10.0.0.1:tag=env=prod:tag=team=a",
        "i-2:name=web-2:ip=10.0.0.2:public=10.0.0.1:stopped:tag=env=test",
        "i-3:name=Web-1:ip=10.0.0.3:elastic=47.1.1.1:tag=env=prod",
        "i-4:name=web-1:region=cn-beijing:ip=10.0.0.1",
        "i-5:missing:name=web-1",
        "i-6:name=数据库 主:public=47.1.1.2:tag=env",
        "mi-1:name=office:host=desk-7:ip=192.168.0.7:public=47.1.1.1:tag=env=prod",
        "mi-2:name=web-1:offline",
    ]);
    let client = client(&emulator);
    let tag = |key: &str, value: Option<&str>| Query {
        tags: vec![(key.into(), value.map(Into::into))],
        ..Query::default()
    };
    let status = |status: &str| Query {
        status: Some(status.into()),
        ..Query::default()
    };
    for (query, expected) in [
        (Query::default(), "i-1 i-2 i-3 i-6 mi-1 mi-2"),
        (Query::id("i-2"), "i-2"),
        (Query::id("mi-1"), "mi-1"),
        (Query::id("i-4"), ""),
        (Query::id("i-5"), ""),
        (Query::id("i-undeclared"), "i-undeclared"),
        (Query::name("web-1"), "i-1 mi-2"),
        (Query::name("web-*"), ""),
        (Query::name("web"), ""),
        (Query::name("数据库 主"), "i-6"),
        (Query::name("office"), "mi-1"),
        (Query::name("desk-7"), "mi-1"),
        (like("web-*"), "i-1 i-2 mi-2"),
        (like("*"), "i-1 i-2 i-3 i-6 mi-1 mi-2"),
        (like("desk-*"), "mi-1"),
        // A private address comes before the same public one, a public one before an elastic one.
        (Query::address("10.0.0.1"), "i-1"),
        (Query::address("47.1.1.2"), "i-6"),
        (Query::address("47.1.1.1"), "mi-1"),
        (Query::address("192.168.0.7"), "mi-1"),
        (Query::address("10.9.9.9"), ""),
        (Query::tag("env", "prod"), "i-1 i-3 mi-1"),
        (Query::tag("env", ""), "i-6"),
        (tag("env", None), "i-1 i-2 i-3 i-6 mi-1"),
        (status("Stopped"), "i-2"),
        (status("Disconnected"), "mi-2"),
    ] {
        let text = format!("{query:?}");
        assert_eq!(ids(&client, query).await, expected, "{text}");
    }
    let both = Query {
        tags: Query::tag("env", "prod").tags,
        name: Some(NameFilter::Like("web*".into())),
        ..Query::default()
    };
    assert_eq!(ids(&client, both).await, "i-1");
}

#[tokio::test]
async fn what_the_service_tells_of_an_instance_is_kept() {
    let emulator = emulator(&[
        "i-1:name=web-1:host=h1:ip=10.0.0.1:public=47.0.0.1:elastic=47.0.0.2:zone=cn-hangzhou-h:vpc=vpc-1:tag=k=v",
        "mi-1:windows:host=desk:old",
        "i-2:no-agent:status=Stopped",
    ]);
    let client = client(&emulator);
    let found = found(&client, Query::default()).await;
    assert!(found.unseen.is_none());
    let [web, bare, desk] = found.instances.as_slice() else {
        panic!("{found:?}");
    };
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    assert_eq!(text(&web.name), "web-1");
    assert_eq!(text(&web.host_name), "h1");
    assert_eq!(text(&web.status), "Running");
    assert_eq!(
        (text(&web.zone), text(&web.vpc)),
        ("cn-hangzhou-h".into(), "vpc-1".into())
    );
    assert_eq!(web.region, "cn-hangzhou");
    assert_eq!(text(&web.os_type), "linux");
    assert_eq!(
        (web.private_ips.clone(), web.public_ips.clone()),
        (vec!["10.0.0.1".into()], vec!["47.0.0.1".into()])
    );
    assert_eq!(text(&web.elastic_ip), "47.0.0.2");
    assert_eq!(web.tags["k"], "v");
    assert!(web.is_up() && !web.is_managed() && web.agent.is_none());
    assert!(!bare.is_up());
    assert!(desk.is_managed() && desk.is_up());
    assert_eq!(desk.agent.as_ref().unwrap().is_new_enough(), Some(false));

    let ids = ["i-1".to_owned(), "i-2".to_owned()];
    let agents = agents(&client, &ids, HANG).await.unwrap();
    assert_eq!(agents["i-1"].online, Some(true));
    assert!(!agents.contains_key("i-2"));
}

#[tokio::test]
async fn a_name_takes_two_calls_however_many_instances_there_are() {
    let emulator = emulator(&[]);
    emulator.set_instances(many(10_000));
    let client = client(&emulator);
    assert_eq!(ids(&client, Query::name("web-9999")).await, "i-9999");
    let calls = ["DescribeInstances", "DescribeManagedInstances"];
    assert_eq!(calls.map(|action| emulator.calls(action)), [1, 1]);

    let all = found(&client, Query::default()).await.instances;
    assert_eq!(all.len(), 10_000);
    assert!(all.is_sorted_by(|one, other| one.id < other.id));
    assert_eq!(emulator.calls("DescribeInstances"), 101);

    // A name moves, and another instance takes it.
    emulator.set_instances(vec!["i-new:name=web-9999".parse().unwrap()]);
    assert_eq!(ids(&client, Query::name("web-9999")).await, "i-new");

    let of_all: Vec<String> = all.into_iter().map(|instance| instance.id).collect();
    emulator.set_instances(many(10_000));
    let agents = agents(&client, &of_all, HANG).await.unwrap();
    assert_eq!(
        (agents.len(), emulator.calls("DescribeCloudAssistantStatus")),
        (10_000, 200)
    );
}

#[tokio::test]
async fn no_more_are_asked_for_than_are_wanted() {
    let emulator = emulator(&[]);
    emulator.set_instances(many(1000));
    let client = client(&emulator);
    let some = find(&client, &like("web-*"), Some(150), HANG)
        .await
        .unwrap();
    assert_eq!(some.instances.len(), 150);
    assert_eq!(emulator.calls("DescribeInstances"), 2);
}

#[tokio::test]
async fn a_list_goes_on_after_the_service_asked_for_a_pause() {
    let mut options = Options::default();
    options
        .faults
        .set("api-error", "Throttling.User:3")
        .unwrap();
    options.instances = many(300);
    let emulator = Emulator::on_loopback(options).unwrap();
    let all = found(&client(&emulator), Query::default()).await;
    assert_eq!((all.instances.len(), all.unseen.is_none()), (300, true));
}

#[tokio::test]
async fn managed_instances_that_may_not_be_seen_are_told_of() {
    let mut options = Options::default();
    options.deny("DescribeManagedInstances").unwrap();
    options.instances = vec!["i-1:name=web".parse().unwrap()];
    let emulator = Emulator::on_loopback(options).unwrap();
    let client = client(&emulator);
    let web = found(&client, Query::name("web")).await;
    assert_eq!(web.instances.len(), 1);
    assert!(matches!(web.unseen, Some(Error::Api(error)) if error.code == "Forbidden.RAM"));
    let only_managed = find(&client, &Query::id("mi-1"), None, HANG).await;
    assert!(matches!(only_managed, Err(Error::Api(error)) if error.code == "Forbidden.RAM"));
}

#[tokio::test]
async fn regions_are_told() {
    let emulator = emulator(&[]);
    let client = client(&emulator);
    let regions = region_ids(&client, Duration::from_secs(5)).await.unwrap();
    assert!(regions.contains(&"cn-hangzhou".to_owned()) && regions.len() > 20);
}
