//! DescribeTerminalSessions: the records of four weeks, page by page.
//!
//! Inferred: the newest session comes first, a session's age counts from its start, a page token is
//! valid for its own query only, and the last page has an empty `NextToken`.

use super::codes::refuse;
use super::params::{Params, given, region};
use super::reply::{ApiResult, ErrorReply};
use crate::emulator::state::Shared;
use crate::emulator::state::clock::{api_time, before};
use crate::emulator::state::store::{SessionPlace, StoredConnection, StoredSession};
use serde_json::{Value, json};
use std::time::Duration;

/// The time that records are kept (DescribeTerminalSessions page).
const KEPT: Duration = Duration::from_secs(28 * 24 * 3600);

/// Answers the call.
pub(crate) fn describe_terminal_sessions(shared: &Shared, params: &Params) -> ApiResult {
    let region = region(params)?;
    let size = page_size(params)?;
    let (instance, id) = (given(params, "InstanceId"), given(params, "SessionId"));
    let query = format!("{region} {instance:?} {id:?}");
    let after = match given(params, "NextToken") {
        Some(token) => Some(
            shared
                .session_pages
                .place(token, &query)
                .ok_or_else(|| refuse("InvalidParameter.NextToken"))?,
        ),
        None => None,
    };
    let oldest = before(shared.clock.now(), KEPT);
    let mut sessions = shared.store.sessions();
    sessions.retain(|session| {
        session.region == region
            && session.created >= oldest
            && instance.is_none_or(|instance| session.spec.instance_id == instance)
            && id.is_none_or(|id| session.spec.session_id == id)
            && after.as_ref().is_none_or(|after| place(session) < *after)
    });
    sessions.sort_by_cached_key(|session| std::cmp::Reverse(place(session)));
    let page = sessions.get(..size).unwrap_or(&sessions);
    let next = match page.last() {
        Some(last) if sessions.len() > size => shared.session_pages.keep(query, place(last)),
        _ => String::new(),
    };
    let records: Vec<Value> = page.iter().map(record).collect();
    Ok(json!({"NextToken": next, "Sessions": {"Session": records}}))
}

fn page_size(params: &Params) -> Result<usize, ErrorReply> {
    let Some(text) = given(params, "MaxResults") else {
        return Ok(10);
    };
    let size = text.parse().ok().filter(|size| (1..=100).contains(size));
    size.ok_or_else(|| refuse("InvalidParameter.MaxResults"))
}

fn place(session: &StoredSession) -> SessionPlace {
    (session.created, session.spec.session_id.clone())
}

fn record(session: &StoredSession) -> Value {
    let spec = &session.spec;
    let connections = session.connections.iter();
    let connections: Vec<Value> = connections
        .map(|connection| connection_record(&spec.instance_id, connection))
        .collect();
    let mut record = json!({
        "SessionId": spec.session_id,
        "CreationTime": api_time(session.created),
        "Username": spec.username.as_deref().unwrap_or_default(),
        "ClientIP": session.client_ip.as_deref().unwrap_or_default(),
        "TargetServer": spec.target_server.as_deref().unwrap_or_default(),
        "PrincipalId": session.caller.principal_id,
        "IdentityType": session.caller.identity_type,
        "Connections": {"Connection": connections},
    });
    if let Some(port) = spec.port {
        record["PortNumber"] = port.into();
    }
    record
}

fn connection_record(instance_id: &str, connection: &StoredConnection) -> Value {
    let mut record = json!({
        "InstanceId": instance_id,
        "Status": connection.status,
        "StartTime": api_time(connection.start),
    });
    let optional = [
        ("EndTime", connection.end.map(api_time)),
        ("ClosedReason", connection.closed_reason.map(str::to_owned)),
        ("FailedDetail", connection.detail.clone()),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            record[name] = value.into();
        }
    }
    record
}
