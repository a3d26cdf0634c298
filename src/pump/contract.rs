//! What the pump is given, and what it asks of its host.

use crate::error::Error;
use crate::protocol::channel::{Ending, Incoming, Outgoing};
use crate::protocol::escape::Escape;
use crate::protocol::filter::Stop;
use futures_util::future::BoxFuture;
use std::time::Duration;
use tokio::sync::mpsc;

/// A connection: two bounded queues to and from the wire. Dropping it gives the connection up, and leaves
/// the session as it is.
#[derive(Debug)]
pub struct Link {
    /// Towards the gateway.
    pub outgoing: mpsc::Sender<Outgoing>,
    /// From the gateway; ends when the connection does.
    pub incoming: mpsc::Receiver<Incoming>,
}

/// What the user's side asks of a running session, beside its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// The terminal's new size.
    Resize {
        /// Lines.
        rows: u16,
        /// Columns.
        cols: u16,
    },
    /// End it.
    Stop(Stop),
    /// Nobody reads the output any more: once the input has ended too, there is no answer to wait for.
    Unread,
}

/// What the user may want to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The remote side is there.
    Opened,
    /// The connection is gone; it is being made anew.
    Reconnecting {
        /// What happened.
        why: String,
    },
    /// It is back.
    Resumed,
    /// The session is open, and after so long the remote side has still sent nothing.
    NothingCame {
        /// How long that may take.
        within: Duration,
    },
    /// While the connection is gone, no more input can be kept.
    InputFull,
    /// `~?`.
    Help {
        /// The escape character as it is written.
        escape: String,
    },
    /// `~s`.
    Status(String),
}

/// What the pump asks of the code that runs it.
pub trait Host {
    /// Makes a new connection for the channel `resume`. A refusal ends the session; after
    /// any other error it is tried again.
    fn reconnect(&mut self, resume: Option<String>) -> BoxFuture<'static, Result<Link, Error>>;

    /// Shows something to the user.
    fn notice(&mut self, notice: Notice);

    /// `~^Z`: stops the process and returns when it goes on. Only a terminal's user types that.
    fn suspend(&mut self) {}

    /// The session is over; the last bytes are being delivered.
    fn ending(&mut self) {}
}

/// How a run ended.
#[derive(Debug)]
pub enum Outcome {
    /// By the remote side, or by a failure.
    Ended(Ending),
    /// By `~.`.
    Escaped,
    /// By a signal or a time limit.
    Stopped(Stop),
    /// Nobody reads the output any more.
    OutputClosed,
    /// The user's input has ended and is delivered, and the user wants no answer.
    UserLeft,
}

/// Switches of one run.
#[derive(Debug)]
pub struct Options {
    /// Watch for escape sequences.
    pub escape: Option<Escape>,
    /// Reconnect when the connection breaks.
    pub resume: bool,
    /// How long the remote side may take to show that it is there.
    pub open_within: Option<Duration>,
    /// Once the user's input has ended and was delivered, end the session when the remote side has been
    /// silent for so long: with [`Error::Silence`], as more might have come. Zero asks for no answer;
    /// `None` leaves the end to the remote side. The protocol has no half-close.
    pub linger: Option<Duration>,
}
