//! Checks, by API calls, what may prevent a session: for `axt doctor`, and for a connect that failed.

use super::finding::{Finding, Fix, Verdict, is_denial};
use crate::error::Result;
use crate::openapi::client::Client;
use crate::openapi::ecs::agents::{self, Agent};
use crate::openapi::ecs::describe::{DescribeUserBusinessBehavior, region_ids};
use crate::openapi::ecs::instances::{Query, find};
use crate::openapi::sts::GetCallerIdentity;
use std::time::Duration;

/// Makes calls. If RAM denies one, the result is the finding that `at` can't be checked.
async fn look<T>(calls: impl Future<Output = Result<T>>, at: &str) -> Result<Result<T, Finding>> {
    match calls.await {
        Ok(reply) => Ok(Ok(reply)),
        Err(error) if is_denial(&error) => Ok(Err(Finding::new(
            Verdict::Warn,
            tr!("can't check {at}", at),
            error.hint(),
        ))),
        Err(error) => Err(error),
    }
}

/// Checks the identity of the credentials. `client` is a client of STS.
pub(crate) async fn identity(client: &Client, limit: Duration) -> Result<Finding> {
    let caller = match look(client.call(&GetCallerIdentity, limit), tr!("the identity")).await? {
        Ok(caller) => caller,
        Err(finding) => return Ok(finding),
    };
    let kind = caller
        .identity_type
        .unwrap_or_else(|| tr!("identity").into());
    let name = caller.arn.or(caller.account_id).unwrap_or_default();
    Ok(Finding::ok(format!("{kind} {name}")))
}

/// Checks that the region exists.
pub(crate) async fn region(client: &Client, limit: Duration) -> Result<Finding> {
    let all = match look(region_ids(client, limit), tr!("the regions")).await? {
        Ok(all) => all,
        Err(finding) => return Ok(finding),
    };
    let id = client.region();
    if all.iter().any(|region| region == id) {
        return Ok(Finding::ok(tr!("{id} exists", id)));
    }
    let area = id.split('-').next().unwrap_or_default();
    let alike = all.iter().map(String::as_str);
    let alike: Vec<&str> = alike.filter(|other| other.starts_with(area)).collect();
    Ok(Finding::fail(
        tr!("there is no region {id} for this account", id),
        match alike.as_slice() {
            [] => tr!("give another --region").to_owned(),
            alike => tr!("give another --region: {alike}", alike = alike.join(", ")),
        },
    ))
}

/// Checks that Session Manager is switched on.
pub(crate) async fn session_manager(client: &Client, limit: Duration) -> Result<Finding> {
    let at = tr!("whether Session Manager is on");
    let query = DescribeUserBusinessBehavior::default();
    Ok(match look(client.call(&query, limit), at).await? {
        Ok(choice) if choice.status_value.as_deref() == Some("disabled") => Finding::fail(
            tr!("Session Manager is off for this account"),
            tr!("switch it on in the ECS console: Cloud Assistant, Session Manager settings"),
        ),
        Ok(_) => Finding::ok(tr!("on for this account")),
        Err(finding) => finding,
    })
}

/// Checks the instance, then its agent: installed, online, new enough. A check whose result follows from an
/// earlier failure is skipped.
pub(crate) async fn instance_and_agent(
    client: &Client,
    id: &str,
    limit: Duration,
) -> Result<[Finding; 4]> {
    let (there, agent) = tokio::join!(instance(client, id, limit), agent(client, id, limit));
    let there = there?;
    let unknown = || Finding::skip(tr!("agent state unknown"));
    let [installed, online, version] =
        agent.unwrap_or_else(|error| [Finding::of(&error), unknown(), unknown()]);
    Ok(match there.verdict {
        // An agent is never online on an instance that isn't running.
        Verdict::Fail if installed.verdict == Verdict::Ok => {
            let online = Finding::skip(tr!("the instance is not Running"));
            [there, installed, online, version]
        }
        Verdict::Fail => [there, unknown(), unknown(), unknown()],
        _ => [there, installed, online, version],
    })
}

/// Checks that the instance exists and is running.
async fn instance(client: &Client, id: &str, limit: Duration) -> Result<Finding> {
    if id.starts_with("mi-") {
        let text = tr!("a machine outside ECS: only its agent can be checked");
        return Ok(Finding::skip(text));
    }
    let query = Query::id(id);
    let found = find(client, &query, None, limit);
    let found = match look(found, tr!("the instance")).await? {
        Ok(found) => found.instances,
        Err(finding) => return Ok(finding),
    };
    let Some(instance) = found.first() else {
        return Ok(Finding::fail(
            tr!(
                "there is no instance {id} in {region} that this identity may see",
                id,
                region = client.region()
            ),
            tr!("check its id and --region, and the resources that the RAM policy names"),
        ));
    };
    Ok(match instance.status.as_deref() {
        Some("Running") => Finding::ok(tr!("the instance is Running")),
        Some("Stopped") => Finding::fail(tr!("the instance is Stopped"), tr!("start the instance")),
        Some(status) => Finding::fail(
            tr!("the instance is {status}", status),
            tr!("wait until it is Running"),
        ),
        None => Finding::warn(
            tr!("the API did not give the instance's status"),
            tr!("check it in the ECS console"),
        ),
    })
}

/// Checks the instance's agent: installed, online, new enough.
async fn agent(client: &Client, id: &str, limit: Duration) -> Result<[Finding; 3]> {
    let unknown = || Finding::skip(tr!("agent state unknown"));
    let found = match look(agents::agent(client, id, limit), tr!("the agent")).await? {
        Ok(found) => found,
        Err(finding) => return Ok([finding, unknown(), unknown()]),
    };
    let installed = found.filter(|agent| agent.version.is_some() || agent.online == Some(true));
    Ok(match &installed {
        Some(agent) => [
            Finding::ok(tr!("installed, {agent}", agent = version_of(agent))),
            online(agent),
            new_enough(agent),
        ],
        None => {
            let missing = Finding {
                fix: Some(Fix::InstallAgent),
                ..Finding::fail(
                    tr!("no Cloud Assistant agent is installed"),
                    tr!(
                        "`axt doctor {id} --fix` installs it; restart the instance then",
                        id
                    ),
                )
            };
            [missing, unknown(), unknown()]
        }
    })
}

fn version_of(agent: &Agent) -> String {
    let version = agent
        .version
        .as_deref()
        .unwrap_or(tr!("of unknown version"));
    let os = agent.os_type.as_deref().unwrap_or(tr!("unknown system"));
    tr!("{version} on {os}", version, os)
}

fn online(agent: &Agent) -> Finding {
    let heard = match &agent.last_heartbeat_time {
        Some(time) => tr!("last heartbeat at {time}", time),
        None => tr!("no heartbeat yet").to_owned(),
    };
    match agent.online {
        Some(true) => Finding::ok(tr!("online, {heard}", heard)),
        Some(false) => Finding::fail(
            tr!("the agent is not online ({heard})", heard),
            tr!(
                "check that the instance and its aliyun service are running, and that it reaches Cloud Assistant's servers"
            ),
        ),
        None => Finding::warn(
            tr!(
                "the API did not say whether the agent is online ({heard})",
                heard
            ),
            tr!("check Cloud Assistant in the ECS console"),
        ),
    }
}

fn new_enough(agent: &Agent) -> Finding {
    let version = agent.version.as_deref().unwrap_or_default();
    let needs = agents::minimum(agent.os_type.as_deref()).map_or_else(
        || tr!("a newer one").to_owned(),
        |minimum| tr!("one newer than {minimum}", minimum),
    );
    match agent.is_new_enough() {
        Some(false) => Finding::fail(
            tr!(
                "the agent is {version}, and sessions need {needs}",
                version,
                needs
            ),
            tr!(
                "update the agent: Cloud Assistant in the ECS console, or its upgrade command on the instance"
            ),
        ),
        Some(true) => Finding::ok(tr!("new enough for sessions")),
        None => Finding::warn(
            tr!(
                "the API did not say whether the agent ({agent}) supports sessions",
                agent = version_of(agent)
            ),
            tr!("sessions need {needs}", needs),
        ),
    }
}
