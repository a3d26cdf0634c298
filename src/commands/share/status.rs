//! `axt share status` and `axt share stop`: lists and ends the holders of this user.

use crate::cli::{ShareStatus, ShareStop};
use crate::commands::common::report;
use crate::commands::common::sharing::{answer, connect_to_holder, greeted, invalid, silent};
use crate::commands::common::table::table;
use crate::exit::Exit;
use crate::json;
use crate::share::{Answer, Conn, HolderFiles, HolderRequest, HolderStatus, all};
use crate::terminal;
use crate::ui::Ui;
use anyhow::anyhow;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use std::io;
use std::time::Duration;
use tokio::time::timeout;

/// The time that a holder has to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// The time that a holder that answers has to end.
const END_LIMIT: Duration = Duration::from_secs(12);

/// The time that a holder which does not answer has to end, before it is killed and after that.
const SILENT_LIMIT: Duration = Duration::from_secs(1);

/// A holder.
struct Found {
    pid: u32,
    /// Its version of axt; `None` if it does not answer.
    version: Option<String>,
    /// Its report; `None` unless it answers and is of this version.
    status: Option<HolderStatus>,
    place: HolderFiles,
}

/// Runs `axt share status`.
pub(super) async fn list(args: &ShareStatus, ui: &Ui) -> anyhow::Result<Exit> {
    let (found, is_whole) = find(ui, args.json).await;
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
    if found.is_empty() && is_whole {
        ui.say(tr!("there are no shared sessions"));
    }
    Ok(exit(is_whole))
}

/// Runs `axt share stop`.
pub(super) async fn stop(args: &ShareStop, ui: &Ui) -> anyhow::Result<Exit> {
    let (all, mut is_done) = find(ui, args.json).await;
    let (mut rows, mut values) = (Vec::new(), Vec::new());
    for found in all {
        let instance = found.status.as_ref().map(|status| status.instance.as_str());
        let is_meant = args.instance.is_none() || args.instance.as_deref() == instance;
        // One that does not answer may be that instance's.
        if !is_meant && found.version.is_some() {
            continue;
        }
        let ended = match is_meant {
            true => end(&found).await,
            false => Err(silent()),
        };
        if let Err(why) = &ended {
            let what = tr!("{why} (process {pid})", why, pid = found.pid);
            report::failure(ui, &anyhow!(what), args.json);
        }
        is_done &= ended.is_ok();
        let mut value = json_of(&found);
        value["ended"] = ended.is_ok().into();
        values.push(value);
        let instance = instance.unwrap_or_default().to_owned();
        let result = ended.unwrap_or("failed");
        rows.push([instance, found.pid.to_string(), result.into()]);
    }
    let text = match args.json {
        true => json::document(json!({"holders": values}))?,
        false => {
            let header = ["INSTANCE", "PID", "RESULT"];
            table(header, &rows, terminal::stdout_is_terminal())
        }
    };
    ui.data(&text)?;
    if rows.is_empty() && is_done {
        match &args.instance {
            Some(id) => ui.say(&tr!("there are no shared sessions with {id}", id)),
            None => ui.say(tr!("there are no shared sessions")),
        }
    }
    Ok(exit(is_done))
}

fn exit(is_done: bool) -> Exit {
    match is_done {
        true => Exit::Ok,
        false => Exit::Unsuccessful,
    }
}

/// Ends a holder and waits for that; one that does not answer is killed in the end. Returns which it was.
async fn end(found: &Found) -> Result<&'static str, String> {
    let conn = connect_to_holder(&found.place).await;
    let Some(mut conn) = conn.map_err(|error| error.to_string())? else {
        return Ok("ended");
    };
    let asked = ask_to_end(found, &mut conn).await;
    let limit = match (&asked, &found.version) {
        (Err(_), _) => Duration::ZERO,
        (Ok(()), Some(_)) => END_LIMIT,
        (Ok(()), None) => SILENT_LIMIT,
    };
    if has_ended(&mut conn, limit).await {
        return Ok("ended");
    }
    asked?;
    if found.version.is_none() {
        signal(found.pid, Signal::KILL)?;
        if has_ended(&mut conn, SILENT_LIMIT).await {
            return Ok("killed");
        }
    }
    Err(tr!("the process that holds the session does not end").into())
}

/// Asks a holder to end; one that does not answer, or is of another version, is sent a signal.
async fn ask_to_end(found: &Found, conn: &mut Conn) -> Result<(), String> {
    if found.status.is_none() {
        return signal(found.pid, Signal::TERM);
    }
    greeted(conn, ANSWER_LIMIT).await?;
    match answer(conn, &HolderRequest::End { at_once: true }, ANSWER_LIMIT).await? {
        Answer::Ending => Ok(()),
        _ => Err(invalid()),
    }
}

fn signal(pid: u32, signal: Signal) -> Result<(), String> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or(tr!(
        "the process that holds the session reports no process id"
    ))?;
    kill_process(pid, signal).map_err(|error| error.to_string())
}

/// Waits for the end of a holder: it keeps the connection until then.
async fn has_ended(conn: &mut Conn, limit: Duration) -> bool {
    let end = async { while let Ok(Some(_)) = conn.receive::<Answer>().await {} };
    timeout(limit, end).await.is_ok()
}

/// All holders, and whether every directory could be looked into: what is wrong is reported.
async fn find(ui: &Ui, as_json: bool) -> (Vec<Found>, bool) {
    let (places, unfit) = all(&|name| std::env::var_os(name));
    let is_whole = unfit.is_empty();
    for error in unfit {
        report::failure(ui, &error.into(), as_json);
    }
    let mut found = Vec::new();
    for place in places {
        match look(place).await {
            Ok(one) => found.extend(one),
            Err(error) => tracing::info!(%error, "a holder is not listed"),
        }
    }
    (found, is_whole)
}

/// The holder at a place, if there is one.
async fn look(place: HolderFiles) -> io::Result<Option<Found>> {
    let Some(mut conn) = connect_to_holder(&place).await? else {
        return Ok(None);
    };
    let mut found = Found {
        pid: conn.peer().unwrap_or_default(),
        version: None,
        status: None,
        place,
    };
    let is_ours = match greeted(&mut conn, ANSWER_LIMIT).await {
        Ok((version, pid)) => {
            let is_ours = version == env!("CARGO_PKG_VERSION");
            (found.version, found.pid) = (Some(version), pid);
            is_ours
        }
        Err(_) if has_ended(&mut conn, Duration::ZERO).await => return Ok(None),
        Err(_) => false,
    };
    if is_ours {
        match answer(&mut conn, &HolderRequest::Status, ANSWER_LIMIT).await {
            Ok(Answer::Status(status)) => found.status = Some(status),
            _ => found.version = None,
        }
    }
    Ok(Some(found))
}

fn row(found: &Found) -> [String; 7] {
    let pid = found.pid.to_string();
    let Some(status) = &found.status else {
        let version = found.version.as_ref();
        let what = version.map_or("no answer".into(), |version| format!("axt {version}"));
        let none = String::new;
        return [what, none(), none(), none(), none(), none(), pid];
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
