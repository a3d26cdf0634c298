//! `axt share status` and `axt share stop`: asks every holder of this user.

use crate::cli::{ShareStatus, ShareStop};
use crate::commands::common::report;
use crate::commands::common::sharing::{answer, connect_to_holder, greeted};
use crate::commands::common::table::table;
use crate::exit::Exit;
use crate::json;
use crate::share::{Answer, HolderFiles, HolderRequest, HolderStatus, all};
use crate::terminal;
use crate::ui::Ui;
use anyhow::anyhow;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use std::time::Duration;

/// How long a holder may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// A holder that answers.
struct Found {
    pid: u32,
    version: String,
    /// Its report; `None` from a holder of another version.
    status: Option<HolderStatus>,
    place: HolderFiles,
}

/// Runs `axt share status`.
pub(super) async fn list(args: &ShareStatus, ui: &Ui) -> anyhow::Result<Exit> {
    let found = find().await?;
    let text = if args.json {
        let rows: Vec<_> = found.iter().map(json_of).collect();
        json::document(json!({"holders": rows}))?
    } else {
        let header = [
            "INSTANCE", "USER", "REGION", "SESSIONS", "COMMANDS", "LEFT", "PID",
        ];
        let rows: Vec<_> = found.iter().map(row).collect();
        table(header, &rows, terminal::stdout_is_terminal())
    };
    ui.data(&text)?;
    Ok(Exit::Ok)
}

/// Runs `axt share stop`.
pub(super) async fn stop(args: &ShareStop, ui: &Ui) -> anyhow::Result<Exit> {
    let (mut rows, mut values, mut all_end) = (Vec::new(), Vec::new(), true);
    for found in find().await? {
        let instance = found.status.as_ref().map(|status| status.instance.as_str());
        if args.instance.is_some() && args.instance.as_deref() != instance {
            continue;
        }
        let ended = end(&found).await;
        if let Err(why) = &ended {
            let what = tr!("the process {pid}: {why}", pid = found.pid, why);
            report::failure(ui, &anyhow!(what), args.json);
        }
        all_end &= ended.is_ok();
        let mut value = json_of(&found);
        value["ended"] = ended.is_ok().into();
        values.push(value);
        let what = if ended.is_ok() { "ended" } else { "failed" };
        let instance = instance.unwrap_or_default().to_owned();
        rows.push([instance, found.pid.to_string(), what.into()]);
    }
    let text = match args.json {
        true => json::document(json!({"holders": values}))?,
        false => {
            let header = ["INSTANCE", "PID", "RESULT"];
            table(header, &rows, terminal::stdout_is_terminal())
        }
    };
    ui.data(&text)?;
    Ok(if all_end {
        Exit::Ok
    } else {
        Exit::Unsuccessful
    })
}

/// Asks a holder to end; one of another version is sent a signal.
async fn end(found: &Found) -> Result<(), String> {
    if found.status.is_none() {
        let pid = i32::try_from(found.pid).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or(tr!("it reports no process id"))?;
        return kill_process(pid, Signal::TERM).map_err(|error| error.to_string());
    }
    let conn = connect_to_holder(&found.place)
        .await
        .map_err(|error| error.to_string())?;
    let Some(mut conn) = conn else { return Ok(()) };
    greeted(&mut conn, ANSWER_LIMIT).await?;
    match answer(
        &mut conn,
        &HolderRequest::End { at_once: true },
        ANSWER_LIMIT,
    )
    .await?
    {
        Answer::Ending => Ok(()),
        _ => Err(tr!("it does not answer as a holder does").into()),
    }
}

/// All holders that answer.
async fn find() -> anyhow::Result<Vec<Found>> {
    let mut found = Vec::new();
    for place in all(&|name| std::env::var_os(name))? {
        match look(place).await {
            Ok(one) => found.extend(one),
            Err(why) => tracing::info!(why, "a holder is not listed"),
        }
    }
    Ok(found)
}

async fn look(place: HolderFiles) -> Result<Option<Found>, String> {
    let conn = connect_to_holder(&place)
        .await
        .map_err(|error| error.to_string())?;
    let Some(mut conn) = conn else {
        return Ok(None);
    };
    let (version, pid) = greeted(&mut conn, ANSWER_LIMIT).await?;
    let status = match version == env!("CARGO_PKG_VERSION") {
        false => None,
        true => match answer(&mut conn, &HolderRequest::Status, ANSWER_LIMIT).await? {
            Answer::Status(status) => Some(status),
            _ => return Err(tr!("it does not answer as a holder does").into()),
        },
    };
    Ok(Some(Found {
        pid,
        version,
        status,
        place,
    }))
}

fn row(found: &Found) -> [String; 7] {
    let pid = found.pid.to_string();
    let Some(status) = &found.status else {
        let version = format!("axt {}", found.version);
        let none = String::new;
        return [version, none(), none(), none(), none(), none(), pid];
    };
    let left = status.left.map(|left| format!("{}s", left.as_secs()));
    [
        status.instance.clone(),
        status.user.clone().unwrap_or_default(),
        status.region.clone().unwrap_or_default(),
        status.sessions.to_string(),
        status.commands.to_string(),
        left.unwrap_or_default(),
        pid,
    ]
}

fn json_of(found: &Found) -> serde_json::Value {
    let status = found.status.as_ref();
    json!({
        "pid": found.pid,
        "version": found.version,
        "instance": status.map(|status| &status.instance),
        "user": status.map(|status| &status.user),
        "region": status.map(|status| &status.region),
        "sessions": status.map(|status| status.sessions),
        "broken": status.map(|status| status.broken),
        "commands": status.map(|status| status.commands),
        "secondsLeft": status.map(|status| status.left.map(|left| left.as_secs())),
    })
}
