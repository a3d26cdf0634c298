//! What wakes a talk between client and agent, and what ends it.

use super::channel::Order;
use super::inject::Cut;
use super::socket::Socket;
use crate::protocol::frame::Frame;
use crate::protocol::status::Status;
use futures_util::{SinkExt as _, StreamExt as _};
use std::future::poll_fn;
use std::task::Poll;
use tokio_tungstenite::tungstenite::{self, Message};

/// How a talk ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// The agent ended; its reason.
    Agent(String),
    /// The gateway ended it; its reason.
    Gateway(String),
    /// The client sent Close, or closed the WebSocket in good order.
    Client(String),
    /// The connection is gone.
    Lost,
    /// A fault cut it.
    Cut(Cut),
    /// It was told to end.
    Order(Order),
}

impl End {
    /// Status, ClosedReason and detail of the connection's record.
    pub(crate) fn record(&self) -> (&'static str, &'static str, &str) {
        match self {
            Self::Agent(reason) => ("Terminated", "AgentSocketClosed", reason),
            Self::Gateway(reason) if reason.starts_with("ProcessDataError") => {
                ("Terminated", "MessageFormatInvalid", reason)
            }
            Self::Gateway(reason) => ("Terminated", "AgentSocketClosed", reason),
            Self::Client(reason) => ("Terminated", "ClientClosed", reason),
            Self::Order(Order::End) => ("Terminated", "ClientClosed", "EndTerminalSession"),
            Self::Lost => ("Disconnected", "ClientClosed", "the connection was lost"),
            Self::Cut(_) | Self::Order(Order::Cut(_)) => {
                ("Disconnected", "ClientClosed", "cut by a fault")
            }
            Self::Order(Order::GiveUp) => (
                "Disconnected",
                "ClientClosed",
                "resumed by another connection",
            ),
            Self::Order(Order::Restart) => {
                ("Disconnected", "ClientClosed", "the gateway restarted")
            }
        }
    }

    /// Whether the client may come back and find its agent.
    pub(crate) fn keeps_agent(&self) -> bool {
        matches!(
            self,
            Self::Lost | Self::Cut(_) | Self::Order(Order::GiveUp | Order::Restart | Order::Cut(_))
        )
    }

    /// What the client is told last.
    pub(crate) fn last_words(&self) -> Option<Status> {
        match self {
            Self::Agent(reason) | Self::Gateway(reason) | Self::Client(reason) => {
                Some(Status::Closed(reason.clone()))
            }
            Self::Order(Order::End) => Some(Status::Closed("Notified".into())),
            Self::Order(Order::Restart) | Self::Cut(Cut::Freeze) => Some(Status::Frozen),
            Self::Lost | Self::Cut(_) | Self::Order(Order::GiveUp | Order::Cut(_)) => None,
        }
    }
}

/// What woke the talk.
pub(crate) enum Event {
    Order(Order),
    Output(Frame),
    Ended(String),
    Received(Option<Result<Message, tungstenite::Error>>),
    Writable(Result<(), tungstenite::Error>),
    Flushed(Result<(), tungstenite::Error>),
    /// A message went to the agent; or, `false`, the agent takes none any more.
    Passed(bool),
    Time,
}

/// What a talk wants of its socket.
pub(crate) struct Wants {
    pub(crate) read: bool,
    pub(crate) write: bool,
    pub(crate) flush: bool,
}

impl Wants {
    /// The first of it that comes true. Nothing is lost when this is dropped.
    pub(crate) async fn next(&self, socket: &mut Socket) -> Event {
        poll_fn(|cx| {
            if self.write
                && let Poll::Ready(result) = socket.poll_ready_unpin(cx)
            {
                return Poll::Ready(Event::Writable(result));
            }
            if self.flush
                && let Poll::Ready(result) = socket.poll_flush_unpin(cx)
            {
                return Poll::Ready(Event::Flushed(result));
            }
            if self.read
                && let Poll::Ready(message) = socket.poll_next_unpin(cx)
            {
                return Poll::Ready(Event::Received(message));
            }
            Poll::Pending
        })
        .await
    }
}
