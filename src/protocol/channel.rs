//! The interface between a session's protocol and the pump.

use crate::error::Error;
use bytes::Bytes;
use std::time::{Duration, Instant, SystemTime};

/// The current time, on both clocks. Timers run on `at`; `unix_ms` stamps messages and shows, when it runs
/// ahead of `at`, that the machine was asleep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// The monotonic clock.
    pub at: Instant,
    /// The wall clock, in milliseconds since 1970.
    pub unix_ms: u64,
}

impl Now {
    /// `at` as given, the wall clock as it is.
    #[must_use]
    pub fn at(at: Instant) -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let unix_ms = since.unwrap_or(Duration::from_millis(1)).as_millis();
        Self {
            at,
            unix_ms: u64::try_from(unix_ms).unwrap_or(u64::MAX).max(1),
        }
    }
}

/// A message or event from the WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// A binary message.
    Binary(Bytes),
    /// A text message, as its UTF-8 bytes.
    Text(Bytes),
    /// A sign of life without content, such as a ping.
    Alive,
    /// The answer to the ping with this number, and to those before it.
    Pong(u32),
    /// The WebSocket was closed; the code is the closing frame's, `None` without one.
    Closed(Option<u16>),
    /// The connection broke; the text says why.
    Failed(String),
    /// The gateway broke the WebSocket protocol; the text says how.
    Invalid(String),
}

/// A message for the WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outgoing {
    /// A binary message.
    Binary(Bytes),
    /// A text message; must be UTF-8.
    Text(Bytes),
    /// A WebSocket ping with a number: the answer repeats it.
    Ping(u32),
    /// The closing frame: the session is over, and nothing follows.
    Close,
}

/// An event of a session, for its user.
#[derive(Debug)]
pub enum Event {
    /// The session is open.
    Opened,
    /// Bytes for the user, exactly as sent, each once and in order.
    Output(Bytes),
    /// The remote side has turned out to end the session when it has no more to say.
    ReportsEnd,
    /// The connection is lost. If `resumable`, a new one may be given by [`Channel::connected`].
    Broken {
        /// The reason, as a text for the user.
        why: String,
        /// True if the session can go on over a new connection.
        resumable: bool,
        /// The connection was abandoned because nothing came: the gateway may still have it.
        silent: bool,
    },
    /// The gateway says that another connection has the session now. If that may have been an earlier
    /// one of this client, a new one may be given as after [`Event::Broken`]; otherwise the session
    /// ends with this.
    Displaced(Error),
    /// The session has made progress over a new connection.
    Resumed,
    /// The session is over; nothing follows.
    Ended(Ending),
}

/// The end of a session.
#[derive(Debug)]
pub enum Ending {
    /// Normally.
    Normal,
    /// With a status that the remote side reported.
    Status(u8),
    /// With a failure.
    Failed(Error),
}

impl Ending {
    /// The ending that the service's reason code means; `detail` is the text after the code.
    #[must_use]
    pub fn by_code(code: &str, detail: &str) -> Self {
        match code {
            "" | "Exit" | "Ok" | "Exited" => Self::Normal,
            _ => Self::Failed(Error::Ended {
                code: code.into(),
                detail: detail.into(),
            }),
        }
    }

    /// The ending that the service's text means: a code, or `CODE: DETAIL`.
    #[must_use]
    pub fn by_text(text: &str) -> Self {
        let (code, detail) = text.split_once(':').unwrap_or((text, ""));
        Self::by_code(code.trim(), detail.trim())
    }
}

/// One session's protocol, without IO: everything that happens comes in with the time, everything
/// to be done is polled. After any call, poll sends and events until they are empty, and call
/// [`Channel::wake`] no later than [`Channel::deadline`].
pub trait Channel {
    /// Notes a new connection: the first, or a new one after [`Event::Broken`].
    fn connected(&mut self, now: Now);

    /// Handles a message or event from the WebSocket.
    fn receive(&mut self, now: Now, incoming: Incoming);

    /// True if there is room for input. [`Channel::write`] keeps its bytes in any case.
    fn can_write(&self) -> bool;

    /// Takes bytes from the user, which are delivered once and in order.
    fn write(&mut self, now: Now, bytes: &[u8]);

    /// Notes that the input has ended: find out when the agent has taken all of it.
    fn input_ended(&mut self) {}

    /// True if the agent has shown, since [`Channel::input_ended`], that it has taken everything written
    /// before.
    fn drained(&self) -> bool {
        true
    }

    /// Takes the terminal's new size.
    fn resize(&mut self, now: Now, rows: u16, cols: u16);

    /// Tells the remote side that this side ends the session.
    fn close(&mut self, now: Now);

    /// True if [`Channel::poll_send`] has something now.
    fn wants_send(&self, now: Now) -> bool;

    /// The next message to send.
    fn poll_send(&mut self, now: Now) -> Option<Outgoing>;

    /// The next event for the user.
    fn poll_event(&mut self) -> Option<Event>;

    /// The time to call [`Channel::wake`] if nothing happens before.
    fn deadline(&self, now: Now) -> Option<Instant>;

    /// Does what is due now.
    fn wake(&mut self, now: Now);

    /// Notes that this process did not run for `span`. What arrived meanwhile is not read yet, so the
    /// silence until now says nothing about the gateway.
    fn stalled(&mut self, now: Now, span: Duration);

    /// Asks the other side for a sign of life.
    fn probe(&mut self) {}

    /// True if the remote side is known to take input.
    fn is_ready(&self) -> bool {
        true
    }

    /// True if input was sent that the agent may have dropped.
    fn may_have_dropped_input(&self) -> bool {
        false
    }

    /// The input that the remote side is not known to have, where it should get all of it.
    fn undelivered(&self) -> Option<Undelivered> {
        None
    }

    /// True if the remote side is known to end the session when it has no more to say.
    fn reports_end(&self) -> bool {
        false
    }

    /// Notes that it is known to.
    fn set_reports_end(&mut self) {}

    /// True if output that comes now can be an answer to the user.
    fn is_answering(&self) -> bool {
        true
    }

    /// The id that a new connection must send to resume this session; `None` before it is known.
    fn resume_id(&self) -> Option<String>;

    /// The session's state.
    fn condition(&self) -> Condition;
}

/// The input that the remote side is not known to have, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Undelivered {
    /// Not sent.
    pub unsent: usize,
    /// Sent and not acknowledged; `None` where the agent acknowledges nothing.
    pub unacknowledged: Option<usize>,
}

/// The state of a session, for its user: no content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// There is a connection.
    pub up: bool,
    /// It is encrypted end to end.
    pub encrypted: bool,
    /// From what was sent to what showed that it has arrived, once that was measured.
    pub round_trip: Option<Duration>,
    /// Bytes of the user's that were sent.
    pub sent: u64,
    /// Bytes for the user that were received.
    pub received: u64,
    /// The number of times the session went on over a new connection; `None` where none can.
    pub resumes: Option<u32>,
}
