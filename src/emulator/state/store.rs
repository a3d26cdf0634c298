//! The emulator's memory: sessions and their connections, client tokens, nonces.

use super::clock::later;
use super::identities::Caller;
use crate::emulator::agent::spec::SessionSpec;
use crate::emulator::gateway::channel::AgentLink;
use crate::openapi::signature::same;
use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A session, from the StartTerminalSession that created it.
#[derive(Clone)]
pub(crate) struct StoredSession {
    /// Its parameters; `spec.session_id` is its id.
    pub spec: SessionSpec,
    /// Its region.
    pub region: String,
    /// The caller who started it.
    pub caller: Caller,
    /// The token that opens its WebSocket.
    pub token: String,
    /// The time when it was started.
    pub created: Timestamp,
    /// The time when its URL expires; never when `None`.
    url_expires: Option<Timestamp>,
    /// True if EndTerminalSession has ended it.
    pub ended: bool,
    /// The address of the last client that connected.
    pub client_ip: Option<String>,
    /// Its connections so far.
    pub connections: Vec<StoredConnection>,
    /// Its agent.
    pub link: Arc<AgentLink>,
}

impl StoredSession {
    /// True if the session counts towards its region's limit: not ended, and either open or with a URL that
    /// still opens it. (Inferred from "created and active" of the StartTerminalSession page.)
    fn is_active(&self, now: Timestamp) -> bool {
        let can_open = self.url_expires.is_none_or(|expires| now <= expires);
        !self.ended && (can_open || self.link.is_open())
    }

    fn is_connected(&self) -> bool {
        self.connections
            .iter()
            .any(|connection| connection.end.is_none())
    }
}

/// The properties of a new session.
pub(crate) struct NewSession<'a> {
    pub spec: SessionSpec,
    pub region: &'a str,
    pub caller: &'a Caller,
    /// The token that opens its WebSocket.
    pub token: String,
    pub now: Timestamp,
    /// The time that its URL is good for.
    pub validity: Option<Duration>,
}

/// One connection of a session, as DescribeTerminalSessions reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredConnection {
    /// The time when it began.
    pub start: Timestamp,
    /// The time when it ended.
    pub end: Option<Timestamp>,
    /// `Connecting`, `Connected`, `Disconnected`, `Terminated` or `Failed`.
    pub status: &'static str,
    /// `ClosedReason`, once closed.
    pub closed_reason: Option<&'static str>,
    /// `FailedDetail`: the reason that the client was given. (Only the SDK has the field; its content
    /// is inferred.)
    pub detail: Option<String>,
}

/// Counts of sessions and connections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SessionCounts {
    /// Started through the API.
    pub created: u64,
    /// WebSockets that opened one, resumed ones included.
    pub connections: u64,
    /// Connected now.
    pub connected: u64,
    /// Ended by EndTerminalSession.
    pub ended: u64,
    /// Started and not ended by EndTerminalSession.
    pub leaked: u64,
    /// Agents running now, those waiting for their client included.
    pub agents: u64,
}

#[derive(Default)]
struct Tables {
    sessions: BTreeMap<String, StoredSession>,
    tokens: HashMap<String, Idempotent>,
    nonces: HashMap<String, Timestamp>,
}

/// A session's place in a list: when it was created, and its id.
pub(crate) type SessionPlace = (Timestamp, String);

struct Idempotent {
    params: BTreeMap<String, String>,
    session_id: String,
}

/// An earlier use of a client token.
pub(crate) enum TokenUse {
    /// None.
    Fresh,
    /// The same call, which created this session.
    Same(Box<StoredSession>),
    /// A call with other parameters.
    Changed,
}

/// The reason why a WebSocket request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Denied {
    /// The session does not exist, or has been ended.
    Unknown,
    /// The token is not the session's.
    Token,
    /// The URL has expired.
    Expired,
}

/// The memory. Its lock is never held across an await.
#[derive(Default)]
pub(crate) struct Store {
    state: Mutex<Tables>,
}

impl Store {
    fn lock(&self) -> MutexGuard<'_, Tables> {
        // A panic leaves no record half changed: each change is one assignment or insertion.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a nonce until `until`; `false` if it is kept already.
    pub(crate) fn use_nonce(&self, nonce: &str, now: Timestamp, until: Timestamp) -> bool {
        let mut state = self.lock();
        state.nonces.retain(|_, until| *until > now);
        state.nonces.insert(nonce.to_owned(), until).is_none()
    }

    /// The earlier use of a client token by a call with `params`.
    pub(crate) fn client_token(&self, token: &str, params: &BTreeMap<String, String>) -> TokenUse {
        let state = self.lock();
        let Some(used) = state.tokens.get(token) else {
            return TokenUse::Fresh;
        };
        match state.sessions.get(&used.session_id) {
            Some(session) if used.params == *params => TokenUse::Same(Box::new(session.clone())),
            _ => TokenUse::Changed,
        }
    }

    /// The number of active sessions in a region.
    pub(crate) fn active(&self, region: &str, now: Timestamp) -> u64 {
        let state = self.lock();
        state
            .sessions
            .values()
            .filter(|session| session.region == region && session.is_active(now))
            .count() as u64
    }

    /// Adds a session.
    pub(crate) fn create(&self, new: NewSession<'_>) -> StoredSession {
        let session = StoredSession {
            region: new.region.to_owned(),
            caller: new.caller.clone(),
            token: new.token,
            created: new.now,
            url_expires: new.validity.map(|validity| later(new.now, validity)),
            ended: false,
            client_ip: None,
            connections: Vec::new(),
            link: Arc::default(),
            spec: new.spec,
        };
        self.lock()
            .sessions
            .insert(session.spec.session_id.clone(), session.clone());
        session
    }

    /// Remembers that `token` with `params` made `session_id`.
    pub(crate) fn keep_client_token(
        &self,
        token: &str,
        params: BTreeMap<String, String>,
        session_id: &str,
    ) {
        let used = Idempotent {
            params,
            session_id: session_id.to_owned(),
        };
        self.lock().tokens.insert(token.to_owned(), used);
    }

    /// Marks a session as ended and returns it.
    pub(crate) fn end(&self, session_id: &str) -> Option<StoredSession> {
        let mut state = self.lock();
        let session = state.sessions.get_mut(session_id)?;
        session.ended = true;
        Some(session.clone())
    }

    /// The session that a WebSocket request may open.
    pub(crate) fn admit(
        &self,
        session_id: &str,
        token: &str,
        header_token: Option<&str>,
        now: Timestamp,
    ) -> Result<StoredSession, Denied> {
        let state = self.lock();
        let session = state
            .sessions
            .get(session_id)
            .filter(|session| !session.ended)
            .ok_or(Denied::Unknown)?;
        // Both are always compared, so that the time taken says nothing.
        let header = header_token.is_none_or(|header| same(header, &session.token));
        if !(same(token, &session.token) & header) {
            return Err(Denied::Token);
        }
        if session.url_expires.is_some_and(|expires| now > expires) {
            return Err(Denied::Expired);
        }
        Ok(session.clone())
    }

    /// Adds a connection to a session and returns its index; `None` if `limit` other sessions are
    /// connected to the instance.
    pub(crate) fn connect(
        &self,
        session_id: &str,
        client_ip: &str,
        now: Timestamp,
        limit: Option<u64>,
    ) -> Option<usize> {
        let mut state = self.lock();
        let instance = state.sessions.get(session_id)?.spec.instance_id.clone();
        let others = state.sessions.values().filter(|other| {
            other.spec.instance_id == instance
                && other.spec.session_id != session_id
                && other.is_connected()
        });
        if limit.is_some_and(|limit| others.count() as u64 >= limit) {
            return None;
        }
        let session = state.sessions.get_mut(session_id)?;
        session.client_ip = Some(client_ip.to_owned());
        session.connections.push(StoredConnection {
            start: now,
            end: None,
            status: "Connecting",
            closed_reason: None,
            detail: None,
        });
        Some(session.connections.len() - 1)
    }

    /// Changes a connection's record.
    pub(crate) fn update(
        &self,
        session_id: &str,
        nth: usize,
        change: impl FnOnce(&mut StoredConnection),
    ) {
        let mut state = self.lock();
        let session = state.sessions.get_mut(session_id);
        if let Some(connection) = session.and_then(|session| session.connections.get_mut(nth)) {
            change(connection);
        }
    }

    /// All sessions, sorted by id.
    pub(crate) fn sessions(&self) -> Vec<StoredSession> {
        self.lock().sessions.values().cloned().collect()
    }

    /// Counts of sessions and connections.
    pub(crate) fn counts(&self) -> SessionCounts {
        let state = self.lock();
        let count = |select: &dyn Fn(&StoredSession) -> bool| {
            state.sessions.values().filter(|s| select(s)).count() as u64
        };
        SessionCounts {
            created: state.sessions.len() as u64,
            connections: state
                .sessions
                .values()
                .map(|session| session.connections.len() as u64)
                .sum(),
            connected: count(&StoredSession::is_connected),
            ended: count(&|session| session.ended),
            leaked: count(&|session| !session.ended),
            agents: count(&|session| session.link.is_open()),
        }
    }
}
