//! The events and the ends of a relay.

use super::channel::Order;
use super::inject::Cut;
use super::socket::Socket;
use crate::protocol::frame::Frame;
use crate::protocol::status::Status;
use futures_util::{SinkExt as _, StreamExt as _};
use std::future::poll_fn;
use std::task::Poll;
use tokio_tungstenite::tungstenite::{self, Message};

/// The reason why a relay ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// The agent ended, for this reason.
    Agent(String),
    /// The gateway ended it, for this reason.
    Gateway(String),
    /// The client sent Close, or a WebSocket close frame with code 1000.
    Client(String),
    /// The connection is gone.
    Lost,
    /// A fault cut the connection.
    Cut(Cut),
    /// It got an order.
    Order(Order),
}

impl End {
    /// The Status, ClosedReason and FailedDetail of the connection's record.
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

    /// True if the client may resume.
    pub(crate) fn keeps_agent(&self) -> bool {
        matches!(
            self,
            Self::Lost | Self::Cut(_) | Self::Order(Order::GiveUp | Order::Restart | Order::Cut(_))
        )
    }

    /// The last status that the client gets.
    pub(crate) fn last_status(&self) -> Option<Status> {
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

/// An event of a relay.
pub(crate) enum RelayEvent {
    Order(Order),
    Output(Frame),
    Ended(String),
    Received(Option<Result<Message, tungstenite::Error>>),
    Writable(Result<(), tungstenite::Error>),
    Flushed(Result<(), tungstenite::Error>),
    /// A message went to the agent; `false`: the agent takes no more.
    Passed(bool),
    Time,
}

/// The operations that a relay is ready to do on its socket.
pub(crate) struct SocketInterest {
    pub(crate) read: bool,
    pub(crate) write: bool,
    pub(crate) flush: bool,
}

impl SocketInterest {
    /// Waits until one of them is possible. Nothing is lost when this is dropped.
    pub(crate) async fn next(&self, socket: &mut Socket) -> RelayEvent {
        poll_fn(|cx| {
            if self.write
                && let Poll::Ready(result) = socket.poll_ready_unpin(cx)
            {
                return Poll::Ready(RelayEvent::Writable(result));
            }
            if self.flush
                && let Poll::Ready(result) = socket.poll_flush_unpin(cx)
            {
                return Poll::Ready(RelayEvent::Flushed(result));
            }
            if self.read
                && let Poll::Ready(message) = socket.poll_next_unpin(cx)
            {
                return Poll::Ready(RelayEvent::Received(message));
            }
            Poll::Pending
        })
        .await
    }
}
