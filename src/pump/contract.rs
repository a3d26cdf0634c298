//! The pump's interface: its connection, options and outcome, and the host that it calls.

use super::clock::now;
use crate::error::Error;
use crate::protocol::channel::{Condition, Ending, Incoming, Now, Outgoing};
use crate::protocol::escape::Escape;
use crate::protocol::filter::Stop;
use futures_util::future::BoxFuture;
use std::time::Duration;
use tokio::sync::mpsc;

/// A connection: two bounded queues to and from the wire. Dropping it gives the connection up, and leaves
/// the session as it is.
#[derive(Debug)]
pub(crate) struct Link {
    /// Towards the gateway.
    pub outgoing: mpsc::Sender<Outgoing>,
    /// From the gateway; ends when the connection does.
    pub incoming: mpsc::Receiver<Incoming>,
    /// Messages that were taken from `incoming` already and are handled before the rest.
    pub first: Option<Incoming>,
    /// The time when it was made.
    pub since: Now,
}

impl Link {
    /// A connection of these queues.
    #[must_use]
    pub(crate) fn new(
        outgoing: mpsc::Sender<Outgoing>,
        incoming: mpsc::Receiver<Incoming>,
    ) -> Self {
        Self {
            outgoing,
            incoming,
            first: None,
            since: now(),
        }
    }
}

/// A request of the user's side to a running session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Control {
    /// The terminal's new size.
    Resize {
        /// Lines.
        rows: u16,
        /// Columns.
        cols: u16,
    },
    /// End it.
    Stop(Stop),
    /// Nobody reads the output any more. Once the input has ended too, no answer is waited for.
    Unread,
    /// The remote side is known to end the session when it has no more to say.
    ReportsEnd,
    /// Ask the other side for a sign of life.
    Probe,
    /// Wake the filter: something was asked of it past the pump.
    Filter,
}

/// A message for the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Notice {
    /// The session is open.
    Opened,
    /// The connection was lost; axt reconnects.
    Reconnecting {
        /// The reason, as a text for the user.
        why: String,
    },
    /// The session goes on over a new connection.
    Resumed,
    /// The session is open, but the remote side has sent nothing for this long.
    NothingCame {
        /// The time limit of a connection, which has passed.
        within: Duration,
    },
    /// The remote side has turned out to end the session when it has no more to say.
    ReportsEnd,
    /// The user's input has ended. Whether the remote side reports its own end is not known.
    InputEnded,
    /// The user's input has ended, and the remote side, which can't be told, has been silent since.
    NoAnswerYet,
    /// The buffer for input is full, and the connection is lost.
    InputFull,
    /// `~?`.
    Help {
        /// The escape character as it is written.
        escape: String,
    },
    /// `~s`.
    Status(Condition),
}

/// The code that runs a pump: it connects again, and shows messages.
pub(crate) trait Host {
    /// Makes a new connection for the channel `resume`. A refusal ends the session; after
    /// any other error it is tried again.
    fn reconnect(&mut self, resume: Option<String>) -> BoxFuture<'static, Result<Link, Error>>;

    /// Shows something to the user.
    fn notice(&mut self, notice: Notice);

    /// Something came from the other side.
    fn heard(&mut self) {}

    /// `~^Z`: stops the process and returns when it goes on. Only a terminal's user types that.
    fn suspend(&mut self) {}

    /// The session is over, in this condition; the last bytes are being delivered.
    fn ending(&mut self, _outcome: &Outcome, _condition: &Condition) {}
}

/// The end of a run.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The remote side or a failure ended it.
    Ended(Ending),
    /// The user ended it by `~.`.
    Escaped,
    /// A signal or a time limit ended it.
    Stopped(Stop),
    /// The reader of the output has closed it.
    OutputClosed,
    /// The user's input has ended and is delivered, and no answer is wanted.
    UserLeft,
}

/// The options of a pump.
#[derive(Debug)]
pub(crate) struct PumpOptions {
    /// Watch for escape sequences.
    pub escape: Option<Escape>,
    /// Reconnect when the connection breaks.
    pub resume: bool,
    /// The time limit for each step of opening the session.
    pub open_within: Option<Duration>,
    /// Once the user's input has ended and was delivered, end the session when the remote side has been
    /// silent for so long: with [`Error::Silence`], as more might have come. Zero asks for no answer;
    /// `None` leaves the end to the remote side. The protocol has no half-close.
    pub linger: Option<Duration>,
    /// Linger only where the remote side is not known to report its end.
    pub trusts_end: bool,
}
