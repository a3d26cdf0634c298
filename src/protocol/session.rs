//! The protocol of an ECS session, without IO: it turns frames into the user's bytes and back.
//!
//! Numbering, acknowledging and asking again follow the browser client of the service
//! (`aliyun/cloud-assistant-starter`); times and old agents' habits follow the agent itself
//! (`aliyun/aliyun_assist_client`).

mod due;
mod end_notice;
mod events;
mod options;
mod receive;
mod receive_window;
mod send;
mod send_window;

pub use super::readiness::InputFrom;
pub use options::{Keepalive, SessionOptions};
pub use receive::refusal;

use super::channel::{Ending, Event, Now};
use super::crypto::{Exchange, Privacy};
use super::frame::Version;
use super::liveness::{Due, Liveness};
use super::pace::Bucket;
use super::readiness::Readiness;
use super::trip::Trip;
use crate::error::Error;
use bytes::{Bytes, BytesMut};
use due::{ControlMessages, Flush};
use end_notice::EndNotice;
use receive_window::ReceiveWindow;
use send_window::SendWindow;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The bytes that a session may send per second until the gateway sets another limit.
pub const DEFAULT_RATE: u64 = 200_000;

/// The age of the last output up to which a port surely has not been closed.
const FLOWING: Duration = Duration::from_secs(10);

/// The client's side of a session.
#[derive(Debug)]
pub struct Session {
    options: SessionOptions,
    channel_id: Bytes,
    /// The agent's version, from its first Output.
    version: Option<Version>,
    up: bool,
    opened: bool,
    ended: bool,
    send_window: SendWindow,
    receive_window: ReceiveWindow,
    readiness: Readiness,
    bucket: Bucket,
    liveness: Liveness,
    /// Bytes of output that no message to the agent has acknowledged.
    unacknowledged: usize,
    /// Bytes from the user, not yet in a message.
    input: BytesMut,
    size: Option<(u16, u16)>,
    events: VecDeque<Event>,
    due: ControlMessages,
    privacy: Privacy,
    /// After a reconnect: when to stop waiting for the agent to ask.
    settling: Option<Instant>,
    resumes: u32,
    trip: Trip,
    /// Bytes of the user's that were sent, and for the user that came.
    sent: u64,
    received: u64,
    /// After a reconnect, until there is progress: when a connection that lasts counts as progress.
    progress_at: Option<Instant>,
    /// True if an output came since the last heartbeat.
    heard_output: bool,
    /// The time when the last output came.
    output_at: Option<Instant>,
    /// Input was sent that the agent may have dropped, and nothing has come back.
    early_input: bool,
    /// The last message sent is a heartbeat that may have made an old agent dial its port again.
    provoked: bool,
    /// The last output announces the session's end, unless another follows.
    notice: Option<EndNotice>,
    flush: Flush,
    /// The number of the last ping.
    pings: u32,
}

impl Session {
    /// A session that has no connection yet.
    #[must_use]
    pub fn new(options: SessionOptions, now: Now) -> Self {
        let rate = options.rate_limit.unwrap_or(u64::MAX).min(DEFAULT_RATE);
        let keepalive = options
            .keepalive
            .interval(options.port && !options.reports_close);
        Self {
            channel_id: Bytes::new(),
            version: None,
            up: false,
            opened: false,
            ended: false,
            send_window: SendWindow::default(),
            receive_window: ReceiveWindow::default(),
            readiness: Readiness::new(options.input_from, now.at),
            bucket: Bucket::new(rate, now.at),
            liveness: Liveness::new(keepalive, options.dead_after, now),
            unacknowledged: 0,
            input: BytesMut::new(),
            size: None,
            events: VecDeque::new(),
            due: ControlMessages::default(),
            privacy: Privacy::Plain,
            settling: None,
            resumes: 0,
            trip: Trip::default(),
            sent: 0,
            received: 0,
            progress_at: None,
            heard_output: false,
            output_at: None,
            early_input: false,
            provoked: false,
            notice: None,
            flush: Flush::Off,
            pings: 0,
            options,
        }
    }

    /// Encrypts the session: nothing is sent or shown before `exchange` is done, and nothing unencrypted
    /// after it.
    #[must_use]
    pub fn encrypted(mut self, exchange: Exchange) -> Self {
        self.privacy = Privacy::after(exchange);
        self
    }

    fn open(&mut self) {
        if !self.opened {
            self.opened = true;
            self.due.resize = self.size.is_some();
            self.events.push_back(Event::Opened);
        }
    }

    fn prove_resume(&mut self, progress: bool) {
        if progress && self.progress_at.take().is_some() {
            self.events.push_back(Event::Resumed);
        }
    }

    /// The reason why the session can't be resumed, if there is one.
    fn obstacle(&self) -> Option<&'static str> {
        if self.receive_window.is_unnumbered() || self.version.is_some_and(|v| v < Version::V1_02) {
            return Some(tr!("the agent is too old to resume a session"));
        }
        let untouched = self.send_window.last() == 0 && self.receive_window.taken() == 0;
        // Half an exchange can't be taken up again: its messages have no numbers.
        if self.privacy.is_underway() {
            return Some(tr!("a key exchange can't be resumed"));
        }
        let nameless = self.channel_id.is_empty() && !untouched;
        nameless.then_some(tr!("the gateway has not yet given the channel to resume"))
    }

    /// Learns how old the agent is.
    fn learn_version(&mut self, version: Version) {
        if self.version.is_none() {
            self.version = Some(version);
            let keepalive = self.options.keepalive.interval(self.may_dial_anew());
            self.liveness.set_keepalive(keepalive);
            if self.options.port && !self.may_dial_anew() {
                self.events.push_back(Event::ReportsEnd);
            }
        }
    }

    /// True if the agent may be one that says nothing when a port's target has closed, and dials it again on
    /// any message.
    fn may_dial_anew(&self) -> bool {
        let old = self.version.is_none_or(|v| v < Version::V1_02);
        self.options.port && !self.options.reports_close && old
    }

    /// The connection broke. `silent` says that it is only taken for broken: the gateway may still
    /// have it.
    fn broke(&mut self, why: String, silent: bool) {
        if !self.up || self.ended {
            return;
        }
        if self.notice.is_some() {
            // An agent closes the session after its notice, and gateways may just cut the connection.
            return self.end(Ending::by_code("", ""));
        }
        let obstacle = self.obstacle();
        let why = obstacle.map_or(why.clone(), |obstacle| {
            tr!("{why}, and {obstacle}", why, obstacle)
        });
        let resumable = obstacle.is_none();
        self.disconnected(Event::Broken {
            why,
            resumable,
            silent,
        });
    }

    /// The gateway gave the session to another connection. Whether that may be an old attempt of this
    /// client is for the pump to know.
    fn displaced(&mut self, error: Error) {
        if self.up && self.obstacle().is_none() {
            self.disconnected(Event::Displaced(error));
        } else {
            self.fail(error);
        }
    }

    fn disconnected(&mut self, event: Event) {
        self.up = false;
        self.trip.lost();
        if self.flush != Flush::Off {
            self.flush = Flush::Wanted;
        }
        self.events.push_back(event);
    }

    fn closed(&mut self, code: Option<u16>) {
        match code {
            Some(1000) if self.opened || self.notice.is_some() => self.end(Ending::by_code("", "")),
            Some(1000) => self.fail(Error::Lost(
                tr!("the gateway closed the session before it opened").into(),
            )),
            None | Some(1001 | 1005 | 1006 | 1012) => {
                let code = code.unwrap_or(1005);
                let why = tr!("the gateway closed the connection (code {code})", code);
                self.broke(why, false);
            }
            Some(code) => self.fail(Error::Lost(tr!(
                "the gateway closed the session with code {code}",
                code
            ))),
        }
    }

    fn fail(&mut self, error: Error) {
        self.end(Ending::Failed(error));
    }

    fn end(&mut self, ending: Ending) {
        if self.ended {
            return;
        }
        self.ended = true;
        let missing = tr!("the session ended while a part of its output was missing");
        let ending = match (self.notice.take(), ending) {
            (
                Some(notice),
                Ending::Normal | Ending::Failed(Error::Ended { .. } | Error::Lost(_)),
            ) => notice.ending(),
            (_, Ending::Normal) if self.receive_window.is_missing() => {
                Ending::Failed(Error::Lost(missing.into()))
            }
            (_, ending) => ending,
        };
        self.events.push_back(Event::Ended(ending));
    }

    /// Asks for what is missing, as long as there is hope.
    fn ask_again(&mut self, now: Now) {
        self.due.sync |= self.receive_window.ask_again(now.at);
        if let Some(number) = self.receive_window.given_up() {
            self.fail(Error::Lost(tr!(
                "output {number} is missing, and the agent does not send it again",
                number
            )));
        }
    }

    /// Does what the liveness of the connection asks for. A heartbeat of a quiet session goes with a
    /// Sync: nothing else would show that the last output, or an answer to a Sync, was lost.
    fn keep_alive(&mut self, now: Now) {
        match self.liveness.poll(now) {
            Some(Due::Heartbeat) => {
                self.due.heartbeat = self.flush == Flush::Off || !self.provokes(now);
                self.due.ping |= self.options.dead_after.is_some();
                let numbers = self.version.is_some_and(|v| v >= Version::V1_02);
                let quiet = !std::mem::take(&mut self.heard_output);
                self.due.sync |= quiet && (numbers || self.resumes > 0);
                self.liveness.sent(now);
            }
            Some(Due::Ping) => self.due.ping = true,
            Some(Due::Dead) => self.broke(self.liveness.describe_silence(), true),
            None => {}
        }
    }

    /// True if a heartbeat may make the agent dial a port again that has been closed. None is sent for a user
    /// whose input has ended: what the port then sends would be taken for an answer.
    fn provokes(&self, now: Now) -> bool {
        let flowing = self.output_at.is_some_and(|at| now.at < at + FLOWING);
        self.may_dial_anew() && !flowing
    }
}

#[cfg(test)]
mod tests;
