//! The events of `axt forward`: lines on stderr, or with `--json` one object a line on stdout.

use crate::cli::Remote;
use crate::commands::common::report;
use crate::error::Error;
use crate::json;
use crate::ui::Ui;
use serde_json::{Value, json};
use std::io::ErrorKind;
use std::net::SocketAddr;
use tokio_util::sync::CancellationToken;

/// Shows events.
#[derive(Debug, Clone)]
pub(crate) struct Events {
    ui: Ui,
    json: bool,
    /// Cancelled when nobody reads the events any more.
    pub(crate) unread: CancellationToken,
}

/// One accepted connection, as events name it.
#[derive(Debug, Clone)]
pub(crate) struct Accepted {
    /// The number of the connection, from 1.
    pub(crate) connection: u64,
    /// The number of its forward, from 1.
    pub(crate) forward: usize,
    /// The client's address.
    pub(crate) peer: SocketAddr,
}

/// The number of bytes that a connection has carried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Traffic {
    /// From the local client, as far as they were sent.
    pub(crate) sent: u64,
    /// To the local client.
    pub(crate) received: u64,
}

impl Events {
    /// Shows lines, or JSON objects.
    #[must_use]
    pub(crate) fn new(ui: &Ui, json: bool) -> Self {
        Self {
            ui: ui.clone(),
            json,
            unread: CancellationToken::new(),
        }
    }

    /// A socket is listening.
    pub(crate) fn listening(
        &self,
        forward: usize,
        at: SocketAddr,
        remote: Option<&Remote>,
        via: &str,
    ) {
        let target = remote.map_or_else(|| "socks".to_owned(), ToString::to_string);
        let text = match remote {
            Some(remote) if remote.host.is_some() => {
                tr!(
                    "listening on {at} for {remote} through {via}",
                    at,
                    remote,
                    via
                )
            }
            Some(remote) => tr!("listening on {at} for {remote} of {via}", at, remote, via),
            None => tr!("listening on {at} as a SOCKS proxy through {via}", at, via),
        };
        let object = json!({"event": "listening", "forward": forward, "address": at.ip(),
            "port": at.port(), "target": target});
        self.tell(&text, object);
    }

    /// A socket can't be opened, and is left out.
    pub(crate) fn not_listening(&self, error: &Error) {
        report::failure_of(
            &self.ui,
            tr!("a forward could not be opened"),
            error,
            self.json,
        );
    }

    /// Other machines can reach a socket.
    pub(crate) fn exposed(&self, at: SocketAddr) {
        let text = tr!(
            "warning: {at} is not a loopback address: anyone who can reach this machine can use the forward",
            at
        );
        self.tell(&text, json!({"event": "warning", "message": text}));
    }

    /// A socket takes no connections for now.
    pub(crate) fn accept_failed(&self, at: SocketAddr, error: &std::io::Error) {
        let text = tr!(
            "accepting connections on {at} failed, will try again: {error}",
            at,
            error
        );
        self.tell(&text, json!({"event": "warning", "message": text}));
    }

    /// A connection waits for another to end.
    pub(crate) fn waiting(&self, name: &Accepted, limit: usize) {
        let text = tr!(
            "connection {connection} from {peer} waits: {limit} sessions are open, the most that --max-sessions allows",
            connection = name.connection,
            peer = name.peer,
            limit
        );
        self.tell(&text, name.object("waiting", json!({"limit": limit})));
    }

    /// A connection waits until another has ended, as no more files may be open.
    pub(crate) fn waiting_for_files(&self, name: &Accepted, open: usize) {
        let text = tr!(
            "connection {connection} from {peer} waits: {open} connections are open, the most for which the limit of open files is enough (ulimit -n)",
            connection = name.connection,
            peer = name.peer,
            open
        );
        self.tell(&text, name.object("waiting", json!({"limit": open})));
    }

    /// A connection waits, as its session could not be opened for now.
    pub(crate) fn trying_again(&self, name: &Accepted, error: &Error) {
        let text = tr!(
            "connection {connection} from {peer} waits, and tries again: {error}",
            connection = name.connection,
            peer = name.peer,
            error
        );
        self.tell(&text, name.object("warning", json!({"message": text})));
    }

    /// A connection has its session.
    pub(crate) fn opened(&self, name: &Accepted, remote: &Remote, session: Option<&str>) {
        let text = tr!(
            "opened {connection} from {peer} to {remote}",
            connection = name.connection,
            peer = name.peer,
            remote
        );
        let more = json!({"target": remote.to_string(), "session": session});
        self.tell(&text, name.object("opened", more));
    }

    /// The remote side is silent since a client's input has ended.
    pub(crate) fn no_answer_yet(&self, name: &Accepted) {
        let text = tr!(
            "connection {connection}: the remote side can't be told that the input has ended; waiting for its answer",
            connection = name.connection
        );
        self.tell(&text, name.object("warning", json!({"message": text})));
    }

    /// A connection is over; `error` is why it ended early.
    pub(crate) fn closed(&self, name: &Accepted, traffic: Traffic, error: Option<&Error>) {
        let Traffic { sent, received } = traffic;
        let text = tr!(
            "closed {connection}: {sent} bytes sent, {received} received",
            connection = name.connection,
            sent,
            received
        );
        let more = json!({"sent": sent, "received": received,
            "error": error.map(ToString::to_string), "hint": error.and_then(Error::hint)});
        match error {
            Some(error) if !self.json => report::failure_of(&self.ui, &text, error, false),
            _ => self.tell(&text, name.object("closed", more)),
        }
    }

    /// A client of `-D` was refused, or gave up, before it had a connection.
    pub(crate) fn refused(&self, name: &Accepted, why: &str) {
        let text = tr!(
            "closed {connection} from {peer}: {why}",
            connection = name.connection,
            peer = name.peer,
            why
        );
        let more = json!({"sent": 0, "received": 0, "error": why, "hint": null});
        self.tell(&text, name.object("closed", more));
    }

    /// No session can be kept in reserve for now.
    pub(crate) fn reserve_failed(&self, remote: &Remote, error: &Error) {
        let text = tr!(
            "no session can be kept in reserve for {remote}: {error}",
            remote,
            error
        );
        self.tell(&text, json!({"event": "warning", "message": text}));
    }

    /// No session is kept in reserve until a connection has shown what the agent can.
    pub(crate) fn no_reserve_yet(&self) {
        let text = tr!(
            "no session is kept in reserve yet: the agent is not known to report that a target has closed"
        );
        self.tell(text, json!({"event": "warning", "message": text}));
    }

    /// No connection is accepted any more; the `open` ones have some time left.
    pub(crate) fn stopping(&self, open: usize) {
        let text = match open {
            0 => tr!("stopping").to_owned(),
            1 => tr!("stopping; 1 connection has 5s to end").to_owned(),
            n => tr!("stopping; {n} connections have 5s to end", n),
        };
        self.tell(&text, json!({"event": "stopping", "open": open}));
    }

    fn tell(&self, text: &str, mut object: Value) {
        if !self.json {
            return self.ui.say(text);
        }
        object["schemaVersion"] = json::VERSION.into();
        if let Err(error) = self.ui.event(&format!("{object}\n")) {
            tracing::info!(%error, "an event could not be written");
            if error.kind() == ErrorKind::BrokenPipe {
                self.unread.cancel();
            }
        }
    }
}

impl Accepted {
    /// An event about this connection.
    fn object(&self, event: &str, more: Value) -> Value {
        let mut object = json!({"event": event, "connection": self.connection,
            "forward": self.forward, "peer": self.peer});
        if let (Some(object), Value::Object(more)) = (object.as_object_mut(), more) {
            object.extend(more);
        }
        object
    }
}
