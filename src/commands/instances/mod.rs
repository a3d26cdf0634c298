//! `axt instances`: lists instances, for people, programs, Ansible and ClusterShell.

mod filter;
mod inventory;

use super::common::context::Context;
use super::common::report;
use super::common::table::{columns, fitted, table};
use super::common::target::lookup::{REGIONS_AT_ONCE, regions};
use crate::cli::{self, Global};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::json;
use crate::names::cache::NameCache;
use crate::openapi::client::Client;
use crate::openapi::ecs::agents::{Agent, agents};
use crate::openapi::ecs::instances::{ListedInstance, find};
use crate::openapi::endpoint::Product;
use crate::ui::Ui;
use filter::InstanceFilter;
use futures_util::StreamExt as _;
use futures_util::stream;
use serde_json::{Value, json};
use std::time::Duration;

/// The time limit for a connection.
const CONNECT: Duration = Duration::from_secs(15);
/// The time limit for a call with all its attempts: longer than the service may ask to wait.
const CALL: Duration = Duration::from_secs(180);

/// The instances of a region, and what could not be read there.
struct Listed {
    instances: Vec<ListedInstance>,
    /// Instances of both kinds could be looked at.
    is_whole: bool,
    unknown: Vec<(&'static str, Error)>,
}

/// Runs `axt instances`.
pub(crate) async fn run(
    global: &Global,
    args: cli::InstancesArgs,
    ui: &Ui,
) -> anyhow::Result<Exit> {
    let context = Context::new(global, CONNECT)?;
    let regions = match global.all_regions {
        true => regions(&context, CALL).await?,
        false => vec![context.client(Product::Ecs)?.region().to_owned()],
    };
    let wants_agents = !args.inventory && args.groups.is_none();
    let filter = InstanceFilter::read(&args.filters);
    let lists = regions.iter().map(|region| {
        let client = context.client_in(Product::Ecs, region);
        list(client, &filter, wants_agents)
    });
    let lists: Vec<_> = lists.collect();
    let lists = stream::iter(lists).buffered(REGIONS_AT_ONCE);
    let lists: Vec<Result<Listed>> = lists.collect().await;

    let account = context.account()?;
    let (mut instances, mut exit) = (vec![], Exit::Ok);
    for (region, list) in regions.iter().zip(lists) {
        match list {
            Ok(list) => {
                for (what, error) in &list.unknown {
                    let subject = tr!("{what}: {why}", what = region, why = what);
                    report::failure_of(ui, &subject, error, args.json);
                }
                let is_all = list.is_whole && args.filters.is_empty();
                let names = NameCache::new(context.cache.as_deref(), &account, region);
                names.learn(&list.instances, is_all);
                instances.extend(list.instances);
            }
            Err(error) if global.all_regions => {
                report::failure_of(ui, region, &error, args.json);
                exit = Exit::Unsuccessful;
            }
            Err(error) => return Err(error.into()),
        }
    }
    instances.sort_by(|one, other| (&one.name, &one.id).cmp(&(&other.name, &other.id)));
    ui.data(&shown(&args, &instances)?)?;
    if instances.is_empty() && exit == Exit::Ok {
        ui.say(&nothing(&args, &regions));
    }
    Ok(exit)
}

/// The instances of the client's region that fit.
async fn list(
    client: Result<Client>,
    filter: &InstanceFilter,
    wants_agents: bool,
) -> Result<Listed> {
    let client = client?;
    let found = find(&client, &filter.query(), None, CALL).await?;
    let mut instances = found.instances;
    instances.retain(|instance| filter.fits(instance));
    let unseen = found.unseen.map(|error| (tr!("managed instances"), error));
    let is_whole = unseen.is_none();
    let mut unknown: Vec<_> = unseen.into_iter().collect();
    let of_ecs = instances.iter().filter(|instance| !instance.is_managed());
    let ids: Vec<String> = of_ecs.map(|instance| instance.id.clone()).collect();
    if wants_agents {
        match agents(&client, &ids, CALL).await {
            Ok(mut agents) => {
                for instance in &mut instances {
                    let none = || Agent::none_of(&instance.id);
                    let agent = agents.remove(&instance.id);
                    let agent = instance.agent.take().or(agent).unwrap_or_else(none);
                    instance.agent = Some(agent);
                }
            }
            Err(error) => unknown.push((tr!("agents"), error)),
        }
    }
    Ok(Listed {
        instances,
        is_whole,
        unknown,
    })
}

/// The text that the arguments ask for.
fn shown(args: &cli::InstancesArgs, instances: &[ListedInstance]) -> anyhow::Result<String> {
    if let Some(upcall) = &args.groups {
        return Ok(inventory::upcall(instances, upcall)?);
    }
    Ok(match &args.host {
        _ if args.json => {
            let instances: Vec<Value> = instances.iter().map(record).collect();
            json::document(json!({"instances": instances}))?
        }
        Some(host) => json::text(&inventory::variables(instances, host, &ssh()))?,
        None if args.inventory => json::text(&inventory::list(instances, &ssh()))?,
        None => listing(instances, columns()),
    })
}

/// The program that acts as ssh: axt by another name, beside this one if it is there.
fn ssh() -> String {
    let name = format!("axt-ssh{}", std::env::consts::EXE_SUFFIX);
    let beside = std::env::current_exe().map(|axt| axt.with_file_name(&name));
    let beside = beside.ok().filter(|path| path.exists());
    beside.map_or(name, |path| path.to_string_lossy().into_owned())
}

fn nothing(args: &cli::InstancesArgs, regions: &[String]) -> String {
    let place = match regions {
        [region] => region.clone(),
        regions => tr!("any of {regions} regions", regions = regions.len()),
    };
    match args.filters.is_empty() {
        true => tr!(
            "there are no instances in {place} that this identity may see",
            place
        ),
        false => tr!(
            "no instance in {place} fits {filters}",
            place,
            filters = args.filters.join(" ")
        ),
    }
}

fn listing(instances: &[ListedInstance], columns: Option<usize>) -> String {
    let header = [
        "ID", "NAME", "STATUS", "PRIVATE", "PUBLIC", "OS", "AGENT", "REGION", "TAGS",
    ];
    let rows: Vec<_> = instances.iter().map(row).collect();
    match columns {
        Some(columns) => fitted(header, &rows, &["ID"], columns),
        None => table(header, &rows, false),
    }
}

fn row(instance: &ListedInstance) -> [String; 9] {
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    let public = instance.public_ips.iter().chain(&instance.elastic_ip);
    let public: Vec<&str> = public.map(String::as_str).collect();
    let tags = instance.tags.iter();
    let tags: Vec<String> = tags
        .map(|(key, value)| match value.as_str() {
            "" => key.clone(),
            value => format!("{key}={value}"),
        })
        .collect();
    [
        instance.id.clone(),
        text(&instance.name),
        text(&instance.status),
        instance.private_ips.join(","),
        public.join(","),
        text(&instance.os_type),
        instance
            .agent
            .as_ref()
            .map(agent_word)
            .unwrap_or_default()
            .into(),
        instance.region.clone(),
        tags.join(","),
    ]
}

/// The state of an agent in a word or two; empty where it is not known.
fn agent_word(agent: &Agent) -> &'static str {
    match (agent.online, agent.is_new_enough()) {
        (Some(true), Some(true)) => "ok",
        (Some(true), Some(false)) => "too old",
        (Some(true), None) => "online",
        (Some(false), _) if agent.version.is_none() => "none",
        (Some(false), _) => "offline",
        (None, _) => "",
    }
}

fn record(instance: &ListedInstance) -> Value {
    let agent = instance.agent.as_ref().map(|agent| {
        json!({
            "online": agent.online,
            "version": agent.version,
            "newEnough": agent.is_new_enough(),
            "lastHeartbeat": agent.last_heartbeat_time,
        })
    });
    json!({
        "id": instance.id,
        "name": instance.name,
        "hostName": instance.host_name,
        "status": instance.status,
        "managed": instance.is_managed(),
        "region": instance.region,
        "zone": instance.zone,
        "vpc": instance.vpc,
        "osType": instance.os_type,
        "osName": instance.os_name,
        "privateIps": instance.private_ips,
        "publicIps": instance.public_ips,
        "elasticIp": instance.elastic_ip,
        "tags": instance.tags,
        "agent": agent,
    })
}
