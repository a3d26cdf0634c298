//! What the emulator remembers: sessions with their connections, client tokens, nonces.

use super::agent::spec::SessionSpec;
use super::clock::later;
use super::gateway::channel::Link;
use super::random::random_text;
use crate::openapi::signature::same;
use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A session, from its API call on.
#[derive(Clone)]
pub struct Session {
    /// What was asked for; `spec.session_id` names the session.
    pub spec: SessionSpec,
    /// Its region.
    pub region: String,
    /// What opens its WebSocket.
    pub token: String,
    /// When it was started.
    pub created: Timestamp,
    /// Until when its URL is good; for ever when `None`.
    pub url_expires: Option<Timestamp>,
    /// Whether EndTerminalSession has ended it.
    pub ended: bool,
    /// The address of the last client that connected.
    pub client_ip: Option<String>,
    /// Its connections so far.
    pub connections: Vec<Connection>,
    /// The way to its agent.
    pub link: Arc<Link>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Session({} of {})",
            self.spec.session_id, self.spec.instance_id
        )
    }
}

impl Session {
    /// Whether the session counts towards its region's limit: not ended, and either open or with a
    /// URL that still opens it. (Inferred from "created and active" of the StartTerminalSession page.)
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

/// One connection of a session, as DescribeTerminalSessions tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// When it began.
    pub start: Timestamp,
    /// When it ended.
    pub end: Option<Timestamp>,
    /// `Connecting`, `Connected`, `Disconnected`, `Terminated` or `Failed`.
    pub status: &'static str,
    /// `ClosedReason`, once closed.
    pub closed_reason: Option<&'static str>,
    /// `FailedDetail`: the reason the client was told. (The field is in the SDK only; its content is inferred.)
    pub detail: Option<String>,
}

/// How many sessions there are and were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
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
struct State {
    sessions: BTreeMap<String, Session>,
    tokens: HashMap<String, Idempotent>,
    nonces: HashMap<String, Timestamp>,
    pages: HashMap<String, (String, Place)>,
}

/// A session's place in a list: when it was created, and its id.
pub(crate) type Place = (Timestamp, String);

struct Idempotent {
    params: BTreeMap<String, String>,
    session_id: String,
}

/// What a client token has been used for.
pub enum TokenUse {
    /// Nothing yet.
    Fresh,
    /// The same call: this is its session.
    Same(Box<Session>),
    /// Another call.
    Changed,
}

/// Why a WebSocket is not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// No such session, or it has been ended.
    Unknown,
    /// The token is not the session's.
    Token,
    /// The URL is too old.
    Expired,
}

/// The memory; its lock is never held across an await.
#[derive(Default)]
pub struct Store {
    state: Mutex<State>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({:?})", self.counts())
    }
}

impl Store {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves whole records behind: each change is one assignment or insertion.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a nonce until `until`; `false` when it was noted before.
    pub fn use_nonce(&self, nonce: &str, now: Timestamp, until: Timestamp) -> bool {
        let mut state = self.lock();
        state.nonces.retain(|_, until| *until > now);
        state.nonces.insert(nonce.to_owned(), until).is_none()
    }

    /// What `token` has been used for; `params` are the call's own parameters.
    pub fn client_token(&self, token: &str, params: &BTreeMap<String, String>) -> TokenUse {
        let state = self.lock();
        let Some(used) = state.tokens.get(token) else {
            return TokenUse::Fresh;
        };
        match state.sessions.get(&used.session_id) {
            Some(session) if used.params == *params => TokenUse::Same(Box::new(session.clone())),
            _ => TokenUse::Changed,
        }
    }

    /// Active sessions of a region.
    pub fn active(&self, region: &str, now: Timestamp) -> u64 {
        let state = self.lock();
        state
            .sessions
            .values()
            .filter(|session| session.region == region && session.is_active(now))
            .count() as u64
    }

    /// Adds a session.
    pub fn create(
        &self,
        spec: SessionSpec,
        region: &str,
        token: String,
        now: Timestamp,
        validity: Option<Duration>,
    ) -> Session {
        let session = Session {
            region: region.to_owned(),
            token,
            created: now,
            url_expires: validity.map(|validity| later(now, validity)),
            ended: false,
            client_ip: None,
            connections: Vec::new(),
            link: Arc::default(),
            spec,
        };
        self.lock()
            .sessions
            .insert(session.spec.session_id.clone(), session.clone());
        session
    }

    /// Remembers that `token` with `params` made `session_id`.
    pub fn keep_client_token(
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

    /// A token for what follows `place` in the answer to `query`.
    pub(crate) fn keep_page(&self, query: String, place: Place) -> String {
        let token = random_text();
        self.lock().pages.insert(token.clone(), (query, place));
        token
    }

    /// The place that `token` stands for, if it was given for `query`.
    pub(crate) fn page(&self, token: &str, query: &str) -> Option<Place> {
        let state = self.lock();
        let (known, place) = state.pages.get(token)?;
        (known == query).then(|| place.clone())
    }

    /// Marks a session ended and gives it; `None` when there is none of that id.
    pub fn end(&self, session_id: &str) -> Option<Session> {
        let mut state = self.lock();
        let session = state.sessions.get_mut(session_id)?;
        session.ended = true;
        Some(session.clone())
    }

    /// The session that a WebSocket request may open.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn admit(
        &self,
        session_id: &str,
        token: &str,
        header_token: Option<&str>,
        now: Timestamp,
    ) -> Result<Session, Denied> {
        let state = self.lock();
        let session = state
            .sessions
            .get(session_id)
            .filter(|session| !session.ended)
            .ok_or(Denied::Unknown)?;
        // Both are compared whatever the first comparison says.
        let header = header_token.is_none_or(|header| same(header, &session.token));
        if !(same(token, &session.token) & header) {
            return Err(Denied::Token);
        }
        if session.url_expires.is_some_and(|expires| now > expires) {
            return Err(Denied::Expired);
        }
        Ok(session.clone())
    }

    /// Notes a new connection of a session unless its instance has `limit` of them already: which of
    /// the session's it is, from 0.
    pub fn connect(
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
        session.connections.push(Connection {
            start: now,
            end: None,
            status: "Connecting",
            closed_reason: None,
            detail: None,
        });
        Some(session.connections.len() - 1)
    }

    /// Changes a connection's record.
    pub fn update(&self, session_id: &str, nth: usize, change: impl FnOnce(&mut Connection)) {
        let mut state = self.lock();
        let session = state.sessions.get_mut(session_id);
        if let Some(connection) = session.and_then(|session| session.connections.get_mut(nth)) {
            change(connection);
        }
    }

    /// All sessions, by id.
    pub fn sessions(&self) -> Vec<Session> {
        self.lock().sessions.values().cloned().collect()
    }

    /// How many there are and were.
    pub fn counts(&self) -> Counts {
        let state = self.lock();
        let count = |select: &dyn Fn(&Session) -> bool| {
            state.sessions.values().filter(|s| select(s)).count() as u64
        };
        Counts {
            created: state.sessions.len() as u64,
            connections: state
                .sessions
                .values()
                .map(|session| session.connections.len() as u64)
                .sum(),
            connected: count(&Session::is_connected),
            ended: count(&|session| session.ended),
            leaked: count(&|session| !session.ended),
            agents: count(&|session| session.link.is_open()),
        }
    }
}
