//! `axt sessions`: lists the records of sessions, and ends sessions.

use super::common::context::Context;
use super::common::report;
use super::common::table::{columns, fitted, table};
use super::common::target::resolve;
use crate::cli::{Global, Sessions, SessionsEnd, SessionsList};
use crate::error::Result;
use crate::exit::Exit;
use crate::hints;
use crate::json;
use crate::openapi::client::Client;
use crate::openapi::ecs::EndTerminalSession;
use crate::openapi::ecs::describe::{
    ConnectionRecord, DescribeTerminalSessions, SessionRecord, all_sessions,
};
use crate::openapi::endpoint::Product;
use crate::terminal;
use crate::ui::Ui;
use futures_util::StreamExt as _;
use futures_util::stream;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::time::Duration;

/// The time limit for a connection.
const CONNECT: Duration = Duration::from_secs(15);
/// The time limit for a call with all its attempts.
const CALL: Duration = Duration::from_secs(60);
/// The most calls that are made at the same time.
const AT_ONCE: usize = 8;

/// Runs `axt sessions`.
pub(crate) async fn run(global: &Global, command: Sessions, ui: &Ui) -> anyhow::Result<Exit> {
    let mut context = Context::new(global, CONNECT)?;
    match command {
        Sessions::List(mut args) => {
            if let Some(target) = &args.instance {
                args.instance = Some(resolve::now(&mut context, global, target, CALL).await?);
            }
            list(&context.client(Product::Ecs)?, args, ui).await
        }
        Sessions::End(args) => end(&context.client(Product::Ecs)?, args, ui).await,
    }
}

async fn list(client: &Client, args: SessionsList, ui: &Ui) -> anyhow::Result<Exit> {
    let nothing = nothing(&args, client.region());
    let query = DescribeTerminalSessions {
        instance_id: args.instance,
        session_id: args.session,
        ..DescribeTerminalSessions::default()
    };
    let sessions = all_sessions(client, query, args.limit.map(usize::from), CALL).await?;
    if args.json {
        ui.data(&json::document(json!({"sessions": sessions}))?)?;
    } else {
        ui.data(&listing(&sessions, Timestamp::now(), columns()))?;
    }
    if sessions.is_empty() {
        ui.say(&nothing);
    }
    Ok(Exit::Ok)
}

async fn end(client: &Client, args: SessionsEnd, ui: &Ui) -> anyhow::Result<Exit> {
    let ends = stream::iter(args.ids).map(|session_id| async move {
        let ended = client
            .call(
                &EndTerminalSession {
                    session_id: session_id.clone(),
                },
                CALL,
            )
            .await;
        (session_id, ended.map(drop))
    });
    let results: Vec<(String, Result<()>)> = ends.buffered(AT_ONCE).collect().await;
    for (id, result) in &results {
        if let Err(error) = result {
            report::failure_of(ui, id, error, args.json);
        }
    }
    let text = if args.json {
        let results = results.iter().map(|(id, result)| {
            let error = result.as_ref().err().map(ToString::to_string);
            json!({"sessionId": id, "ended": result.is_ok(), "error": error})
        });
        let results: Vec<_> = results.collect();
        json::document(json!({"sessions": results}))?
    } else {
        let rows = results.iter().map(|(id, result)| {
            let what = if result.is_ok() { "ended" } else { "failed" };
            [id.clone(), what.to_owned()]
        });
        let rows: Vec<_> = rows.collect();
        table(["SESSION", "RESULT"], &rows, terminal::stdout_is_terminal())
    };
    ui.data(&text)?;
    Ok(if results.iter().all(|(_, result)| result.is_ok()) {
        Exit::Ok
    } else {
        Exit::Unsuccessful
    })
}

/// The message where there is nothing to list.
fn nothing(args: &SessionsList, region: &str) -> String {
    let which = args.session.as_ref().map(|id| format!(" {id}"));
    let which = which.unwrap_or_default();
    match &args.instance {
        Some(id) => tr!(
            "no session{which} of {id} in {region} in the last four weeks",
            which,
            id,
            region
        ),
        None => tr!(
            "no session{which} in {region} in the last four weeks",
            which,
            region
        ),
    }
}

/// The records as a table, for a terminal of so many columns or for a program.
fn listing(sessions: &[SessionRecord], now: Timestamp, columns: Option<usize>) -> String {
    let header = [
        "SESSION",
        "INSTANCE",
        "USER",
        "STATE",
        "STARTED",
        "DURATION",
        "CLOSED",
        "CLIENT",
        "PRINCIPAL",
    ];
    let rows = sessions.iter().map(|session| row(session, now));
    match columns {
        Some(columns) => {
            let for_people = sessions.iter().zip(rows).map(|(session, mut row)| {
                let [_, _, _, _, started, _, closed, ..] = &mut row;
                *started = to_the_minute(started);
                *closed = session.connections.last().map(reason).unwrap_or_default();
                row
            });
            let rows: Vec<_> = for_people.collect();
            let whole = ["SESSION", "INSTANCE", "STARTED"];
            fitted(header, &rows, &whole, columns)
        }
        None => table(header, &rows.collect::<Vec<_>>(), false),
    }
}

fn row(session: &SessionRecord, now: Timestamp) -> [String; 9] {
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    let last = session.connections.last();
    let of_last = |field: fn(&ConnectionRecord) -> &Option<String>| last.map(field).map(text);
    let principal = [text(&session.identity_type), text(&session.principal_id)];
    [
        text(&session.session_id),
        of_last(|connection| &connection.instance_id).unwrap_or_default(),
        text(&session.username),
        of_last(|connection| &connection.status).unwrap_or_default(),
        text(&session.creation_time),
        duration(&session.connections, now).unwrap_or_default(),
        of_last(|connection| &connection.closed_reason).unwrap_or_default(),
        text(&session.client_ip),
        principal.join(" ").trim().to_owned(),
    ]
}

/// A time to the minute: records are four weeks old at most. A text that is no time stays as it is.
fn to_the_minute(time: &str) -> String {
    let parsed: Result<Timestamp, jiff::Error> = time.parse();
    parsed.map_or_else(
        |_| time.to_owned(),
        |time| time.strftime("%m-%d %H:%MZ").to_string(),
    )
}

/// From the first connection's start to the last one's end, or until now.
fn duration(connections: &[ConnectionRecord], now: Timestamp) -> Option<String> {
    let start: Timestamp = connections.first()?.start_time.as_ref()?.parse().ok()?;
    let end = match &connections.last()?.end_time {
        Some(end) => end.parse().ok()?,
        None => now,
    };
    let seconds = end.as_second() - start.as_second();
    Some(format!("{:#}", SignedDuration::from_secs(seconds)))
}

/// The reason why a connection was closed, in words.
fn reason(connection: &ConnectionRecord) -> String {
    let code = connection.closed_reason.as_deref().unwrap_or_default();
    let words = hints::closed_reason(code).unwrap_or(code);
    match &connection.failed_detail {
        Some(detail) if !words.is_empty() => tr!("{what} ({more})", what = words, more = detail),
        _ => words.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The API page's example, a session that is still open, and one with almost no fields.
    fn records() -> Vec<SessionRecord> {
        serde_json::from_value(json!([
            {
                "CreationTime": "2024-01-19T09:15:46Z", "TargetServer": "192.168.0.246", "PortNumber": "22",
                "PrincipalId": "123456xxxx", "Username": "管理员", "ClientIP": "192.168.1.1",
                "IdentityType": "RAMUser", "SessionId": "s-hz023od0x9****",
                "Connections": {"Connection": [{
                    "ClosedReason": "AgentNeedUpgrade", "EndTime": "2024-01-19T09:16:46Z",
                    "Status": "Failed", "StartTime": "2024-01-19T09:16:40Z",
                    "InstanceId": "i-bp1i7gg30r52z2em****",
                }]},
            },
            {
                "SessionId": "s-2", "CreationTime": "2024-01-19T08:00:00Z", "Username": "ecs-assist-user",
                "Connections": [{"Status": "Connected", "StartTime": "2024-01-19T08:00:00Z", "InstanceId": "i-2"}],
            },
            {"SessionId": "s-3\x1b[2J", "Connections": null},
        ]))
        .unwrap()
    }

    #[test]
    fn records_are_shown_as_a_table() {
        let now = "2024-01-19T09:30:01Z".parse().unwrap();
        insta::assert_snapshot!(listing(&records(), now, Some(200)), @r"
        SESSION           INSTANCE                USER             STATE      STARTED       DURATION   CLOSED                                           CLIENT       PRINCIPAL
        s-hz023od0x9****  i-bp1i7gg30r52z2em****  管理员           Failed     01-19 09:15Z  6s         the Cloud Assistant agent is too old: update it  192.168.1.1  RAMUser 123456xxxx
        s-2               i-2                     ecs-assist-user  Connected  01-19 08:00Z  1h 30m 1s  -                                                -            -
        s-3\u{1b}[2J      -                       -                -          -             -          -                                                -            -
        ");
        insta::assert_snapshot!(listing(&records(), now, Some(80)), @r"
        SESSION           INSTANCE                USER           STATE      STARTED
        s-hz023od0x9****  i-bp1i7gg30r52z2em****  管理员         Failed     01-19 09:15Z
        s-2               i-2                     ecs-assist-u…  Connected  01-19 08:00Z
        s-3\u{1b}[2J      -                       -              -          -
        ");
        let piped = listing(&records(), now, None);
        assert!(
            piped.lines().all(|line| line.split('\t').count() == 9),
            "{piped}"
        );
        assert!(!piped.contains('\x1b'));
        // Programs get the service's own word for it.
        assert!(piped.contains("\tAgentNeedUpgrade\t"), "{piped}");
    }

    #[test]
    fn reasons_are_told_in_words() {
        let closed_by = |code: &str, detail: Option<&str>| {
            reason(&ConnectionRecord {
                closed_reason: Some(code.into()),
                failed_detail: detail.map(Into::into),
                ..ConnectionRecord::default()
            })
        };
        assert_eq!(closed_by("ClientClosed", None), "the client ended it");
        assert_eq!(closed_by("Unheard", Some("of")), "Unheard (of)");
        assert_eq!(reason(&ConnectionRecord::default()), "");
    }
}
