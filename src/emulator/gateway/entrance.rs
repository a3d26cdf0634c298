//! Lets clients in: checks a WebSocket request, runs its relay, and records how it ended.
//!
//! Documented: the URL's two parameters, its validity, the token header, the limit of connected
//! sessions, Frozen before a restart, `channelId` to resume. Inferred: the HTTP statuses (401 for a
//! missing token, 403 for a wrong one, an unknown session or an expired URL, 404 for an unknown
//! channel), that a session whose agent has ended can be opened again while its URL is good, that
//! the URL's validity holds for resuming too, and the Aborted text of a full instance. The token
//! header may be missing or empty: the official browser client (`cloud-assistant-starter`) can't send
//! one, and the official command-line client sends an empty one.

use super::channel::{AgentChannel, Order, end_agent};
use super::event::End;
use super::inject::{ConnectionFaults, Cut};
use super::rate_limit::RateLimit;
use super::relay::Relay;
use super::socket::{self, Refused, Socket};
use crate::emulator::agent;
use crate::emulator::state::Shared;
use crate::emulator::state::store::{Denied, StoredSession};
use crate::protocol::frame::{Frame, Kind};
use crate::protocol::status::Status;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, Response, StatusCode};
use bytes::Bytes;
use futures_util::SinkExt as _;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

/// Answers a request for `/session`.
pub(crate) async fn upgrade(
    State(shared): State<Arc<Shared>>,
    request: Request<Body>,
) -> Response<Body> {
    socket::answer(&shared.tasks, request, |request| {
        let entrance = admit(&shared, request)?;
        Ok(|socket| entrance.enter(socket))
    })
}

fn admit(shared: &Arc<Shared>, request: &Request<Body>) -> Result<Entrance, Refused> {
    let query: HashMap<String, String> =
        url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
    let (Some(id), Some(token)) = (query.get("sessionId"), query.get("token")) else {
        return Err((StatusCode::UNAUTHORIZED, "sessionId or token is missing"));
    };
    // A browser can't send the header and the official client sends it empty: the URL's token is
    // enough for them.
    let header_token = request
        .headers()
        .get("x-acs-session-token")
        .filter(|value| !value.is_empty())
        .map(|value| value.to_str().unwrap_or_default());
    let session = shared
        .store
        .admit(id, token, header_token, shared.clock.now())
        .map_err(|denied| match denied {
            Denied::Unknown => (StatusCode::FORBIDDEN, "there is no such session"),
            Denied::Token => (StatusCode::FORBIDDEN, "the token is not the session's"),
            Denied::Expired => (StatusCode::FORBIDDEN, "the URL has expired"),
        })?;
    let channel_id = query.get("channelId").filter(|id| !id.is_empty()).cloned();
    if channel_id.is_some() && shared.options.faults.expire_url {
        return Err((StatusCode::FORBIDDEN, "the URL has expired"));
    }
    if channel_id.is_some() && shared.options.faults.refuse_resume {
        return Err((StatusCode::FORBIDDEN, "the session can't be resumed"));
    }
    if channel_id
        .as_ref()
        .is_some_and(|id| !session.link.has(id.as_bytes()))
    {
        return Err((StatusCode::NOT_FOUND, "there is no such channel"));
    }
    Ok(Entrance {
        shared: shared.clone(),
        session,
        channel_id,
    })
}

/// A client with a valid URL.
struct Entrance {
    shared: Arc<Shared>,
    session: StoredSession,
    channel_id: Option<String>,
}

impl Entrance {
    async fn enter(self, socket: Socket) {
        let (store, limit) = (&self.shared.store, self.shared.options.limits.per_instance);
        let peer = socket.get_ref().tcp().peer_addr();
        // The system doesn't know it any more if the client is gone.
        let ip = peer.map_or_else(|_| String::new(), |peer| peer.ip().to_string());
        let Some(nth) = store.connect(
            &self.session.spec.session_id,
            &ip,
            self.shared.clock.now(),
            limit,
        ) else {
            return self
                .turn_away(socket, Status::Aborted("ConnectionCountExceedLimit".into()))
                .await;
        };
        let (region, id) = (&self.session.region, &self.session.spec.instance_id);
        let instance = self.shared.fleet.get(region, id);
        if let Some(reason) = instance.state.closed_reason() {
            self.record(nth, "Failed", reason, reason);
            return self.turn_away(socket, Status::Aborted(reason.into())).await;
        }
        match self.channel().await {
            Some((channel, orders)) => self.relay(nth, socket, channel, orders).await,
            None => {
                self.record(nth, "Failed", "ClientClosed", "SessionIdDuplicate");
                self.turn_away(socket, Status::Closed("SessionIdDuplicate".into()))
                    .await;
            }
        }
    }

    /// A new channel, or the one to resume; `None` if the session has a client already.
    async fn channel(&self) -> Option<(AgentChannel, mpsc::UnboundedReceiver<Order>)> {
        let link = &self.session.link;
        if let Some(id) = &self.channel_id {
            return link.resume(id.as_bytes()).await;
        }
        let id = Bytes::from(uuid::Uuid::new_v4().simple().to_string());
        let orders = link.open(&id)?;
        let limits = &self.shared.options.limits;
        let now = Instant::now();
        let channel = AgentChannel {
            agent: agent::start(
                self.session.spec.clone(),
                &self.shared.agent_options,
                self.shared.kms.clone(),
            ),
            reason: None,
            id,
            reached: 0,
            bucket: RateLimit::new(limits.rate_bytes, limits.burst_bytes, now),
            started: now,
            last_message: now,
            waits_until: None,
            resumable: !self.shared.agent_options.generation.speaks_1_01(),
        };
        Some((channel, orders))
    }

    async fn relay(
        &self,
        nth: usize,
        mut socket: Socket,
        mut channel: AgentChannel,
        orders: mpsc::UnboundedReceiver<Order>,
    ) {
        let id = &self.session.spec.session_id;
        self.shared
            .store
            .update(id, nth, |connection| connection.status = "Connected");
        let faults = ConnectionFaults::new(
            &self.shared.options.faults,
            u32::try_from(nth).unwrap_or(u32::MAX),
        );
        let mut relay = Relay::new(&self.shared, &self.session, &mut channel, faults);
        relay.send_first_statuses(self.channel_id.is_some());
        let end = relay.run(&mut socket, orders).await;
        tracing::debug!(session = id, ?end, "a connection ended");
        let (status, closed_reason, detail) = end.record();
        // The record is written first, so that it is there when a client sees the close.
        self.record(nth, status, closed_reason, detail);
        if end.keeps_agent() && channel.resumable {
            let limits = &self.shared.options.limits;
            let ends = [
                limits.resume_window.map(|window| Instant::now() + window),
                limits.idle.map(|idle| channel.last_message + idle),
                limits.session_length.map(|length| channel.started + length),
            ];
            self.session
                .link
                .park(channel, ends.into_iter().flatten().min());
            self.leave(socket, end).await;
        } else {
            self.session.link.closed();
            tokio::join!(end_agent(channel), self.leave(socket, end));
        }
    }

    fn record(&self, nth: usize, status: &'static str, reason: &'static str, detail: &str) {
        let now = self.shared.clock.now();
        self.shared
            .store
            .update(&self.session.spec.session_id, nth, |connection| {
                connection.end = Some(now);
                connection.status = status;
                connection.closed_reason = Some(reason);
                connection.detail = Some(detail.to_owned());
            });
    }

    async fn turn_away(&self, mut socket: Socket, status: Status) {
        let version = self.shared.agent_options.generation.version();
        let now = self.shared.clock.now().as_millisecond().unsigned_abs();
        let frame = Frame::new(Kind::Status, version, now, status.encode());
        // The client may be gone already.
        let _ = socket.send(Message::Binary(frame.encode())).await;
        socket::close(socket, CloseCode::Normal).await;
    }

    /// Closes the socket in the way that fits the end.
    async fn leave(&self, socket: Socket, end: End) {
        match end {
            End::Cut(Cut::Freeze) | End::Order(Order::Restart) => {
                socket::close(socket, CloseCode::Restart).await
            }
            End::Order(Order::GiveUp) => socket::close(socket, CloseCode::Away).await,
            End::Cut(Cut::BlackHole) => {
                tokio::spawn(async move {
                    // Kept open, unread, for as long as a session can last or until the emulator stops.
                    tokio::time::sleep(Duration::from_secs(3 * 3600)).await;
                    drop(socket);
                });
            }
            End::Cut(Cut::Reset) => {
                if let Err(error) = socket.get_ref().tcp().set_zero_linger() {
                    tracing::warn!(%error, "the connection is closed, not reset");
                }
            }
            End::Cut(Cut::Drop) | End::Lost => {}
            _ if self.shared.options.faults.silent_end => {}
            _ => socket::close(socket, CloseCode::Normal).await,
        }
    }
}
