//! One web shell of SAE: plain bytes both ways, no header of any kind.
//!
//! The source for its protocol is `devsapp/saectl`: frames of text, one for each read of the keyboard; no
//! message for the terminal's size, which is fixed when the token is asked for; a Kubernetes status as the
//! last output. Nothing is numbered or acknowledged, so that a broken connection is the end of the session.

mod closing_status;

use super::channel::{Channel, Condition, Ending, Event, Incoming, Now, Outgoing};
use super::liveness::{Due, Liveness};
use super::pace::Bucket;
use super::readiness::{InputFrom, Readiness};
use super::trip::Trip;
use crate::error::Error;
use bytes::{Bytes, BytesMut};
use closing_status::{HeldBack, StatusScanner};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The most input kept while it can't be sent, in bytes; above it no input is read.
const KEEP_INPUT: usize = 64 * 1024;

/// Bytes of one message, at most.
const MAX_MESSAGE: usize = 2048;

/// The time limit for the rest of a character. Then what there is of it goes out as it is: a keyboard that is
/// not UTF-8 sends bytes of which no rest will come.
const REST_OF_CHARACTER: Duration = Duration::from_millis(50);

/// The time that output which may become a closing status is held back, by how much there is of it. A user
/// who types a lone brace waits for it; a whole status wants to be the last output.
const HOLD_START: Duration = Duration::from_millis(100);
const HOLD_PART: Duration = Duration::from_secs(2);
const HOLD_WHOLE: Duration = Duration::from_secs(1);

/// The settings of a web shell.
#[derive(Debug, Clone, Default)]
pub struct WebshellOptions {
    /// A WebSocket ping after so long without sending; `None` for none.
    pub keepalive: Option<Duration>,
    /// Silence after which the connection counts as dead; `None` for never.
    pub dead_after: Option<Duration>,
    /// An upper limit for what is sent, bytes per second.
    pub rate_limit: Option<u64>,
}

/// The client's side of a web shell.
#[derive(Debug)]
pub struct Webshell {
    up: bool,
    ended: bool,
    readiness: Readiness,
    liveness: Liveness,
    bucket: Option<Bucket>,
    input: BytesMut,
    /// The time when the user has written last.
    written: Instant,
    ping: bool,
    scanner: StatusScanner,
    /// The time when something was received last that the scanner holds.
    held_since: Instant,
    events: VecDeque<Event>,
    /// The round trips of the pings, which alone are answered.
    trip: Trip,
    /// The number of the last ping.
    pings: u32,
    /// Bytes in each direction.
    sent: u64,
    taken: u64,
}

impl Webshell {
    /// A web shell that has no connection yet.
    #[must_use]
    pub fn new(options: &WebshellOptions, now: Now) -> Self {
        Self {
            up: false,
            ended: false,
            readiness: Readiness::new(InputFrom::Grace, now.at),
            liveness: Liveness::new(options.keepalive, options.dead_after, now),
            bucket: options.rate_limit.map(|rate| Bucket::new(rate, now.at)),
            input: BytesMut::new(),
            written: now.at,
            ping: false,
            scanner: StatusScanner::default(),
            held_since: now.at,
            events: VecDeque::new(),
            trip: Trip::default(),
            pings: 0,
            sent: 0,
            taken: 0,
        }
    }

    fn receive_output(&mut self, now: Now, bytes: &[u8]) {
        self.readiness.heard();
        self.taken += bytes.len() as u64;
        let mut output = BytesMut::with_capacity(bytes.len());
        self.scanner
            .feed(bytes, |part| output.extend_from_slice(part));
        self.held_since = now.at;
        self.output(output.freeze());
    }

    fn output(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.events.push_back(Event::Output(bytes));
        }
    }

    /// The stream is over: by a status, or else as `without` says.
    fn end(&mut self, without: impl FnOnce() -> Event) {
        if self.ended {
            return;
        }
        self.ended = true;
        let ending = self.scanner.end();
        let held = self.scanner.release();
        self.output(held.into());
        let event = ending.map_or_else(without, Event::Ended);
        self.events.push_back(event);
    }

    /// The connection is gone, and with it the session.
    fn broke(&mut self, why: String) {
        self.end(|| Event::Broken {
            why,
            resumable: false,
            silent: false,
        });
    }

    fn closed(&mut self, code: Option<u16>) {
        let code = code.unwrap_or(1005);
        let shown = self.taken > 0;
        self.end(|| {
            Event::Ended(match code {
                1000 if shown => Ending::Normal,
                1000 => lost(tr!("the service closed the web shell before it opened").into()),
                code => lost(tr!(
                    "the service closed the web shell with code {code}",
                    code
                )),
            })
        });
    }

    /// The time up to which output is held back.
    fn held_until(&self) -> Option<Instant> {
        let span = match self.scanner.held() {
            HeldBack::Nothing => return None,
            HeldBack::Start => HOLD_START,
            HeldBack::Part => HOLD_PART,
            HeldBack::Whole => HOLD_WHOLE,
        };
        Some(self.held_since + span)
    }

    /// The length of the next message, and whether it is text: valid UTF-8, no character cut. `None`
    /// while there is nothing to send but a part of a character, whose rest may come.
    fn next_message(&self, now: Instant) -> Option<(usize, bool)> {
        let chunk = self.input.get(..MAX_MESSAGE).unwrap_or(&self.input);
        match std::str::from_utf8(chunk) {
            Ok(text) => Some((text.len(), true)).filter(|_| !text.is_empty()),
            Err(error) if error.error_len().is_some() => {
                Some((chunk.len() - unfinished(chunk), false))
            }
            Err(error) if error.valid_up_to() > 0 => Some((error.valid_up_to(), true)),
            Err(_) => (self.rest_by() <= now).then_some((chunk.len(), false)),
        }
    }

    /// The time to give up on the rest of a character.
    fn rest_by(&self) -> Instant {
        self.written + REST_OF_CHARACTER
    }

    /// The time when the bucket lets more through, if not now.
    fn wait_until(&self, now: Instant) -> Option<Instant> {
        self.bucket.as_ref()?.wait_until(now)
    }
}

impl Channel for Webshell {
    fn connected(&mut self, now: Now) {
        self.up = true;
        self.liveness.restart(now);
        self.readiness = Readiness::new(InputFrom::Grace, now.at);
        self.events.push_back(Event::Opened);
    }

    fn receive(&mut self, now: Now, incoming: Incoming) {
        if self.ended {
            return;
        }
        self.liveness.heard(now);
        match incoming {
            Incoming::Binary(bytes) | Incoming::Text(bytes) => self.receive_output(now, &bytes),
            Incoming::Alive => {}
            Incoming::Pong(number) => self.trip.acknowledged(number, now.at),
            Incoming::Closed(code) => self.closed(code),
            Incoming::Failed(why) => self.broke(why),
            Incoming::Invalid(what) => {
                self.end(|| Event::Ended(Ending::Failed(Error::Protocol(what))));
            }
        }
    }

    fn can_write(&self) -> bool {
        self.input.len() < KEEP_INPUT
    }

    fn write(&mut self, now: Now, bytes: &[u8]) {
        self.written = now.at;
        self.input.extend_from_slice(bytes);
    }

    /// The size is settled when the token is asked for; there is no message for another.
    fn resize(&mut self, _now: Now, _rows: u16, _cols: u16) {}

    /// Closing the WebSocket says it all.
    fn close(&mut self, _now: Now) {}

    fn wants_send(&self, now: Now) -> bool {
        let data = self.readiness.is_ready() && self.next_message(now.at).is_some();
        let data = data && self.wait_until(now.at).is_none();
        self.up && !self.ended && (self.ping || data)
    }

    fn poll_send(&mut self, now: Now) -> Option<Outgoing> {
        if !self.wants_send(now) {
            return None;
        }
        self.liveness.sent(now);
        if std::mem::take(&mut self.ping) {
            self.pings = self.pings.wrapping_add(1);
            self.trip.sent(self.pings, now.at);
            return Some(Outgoing::Ping(self.pings));
        }
        let (len, text) = self.next_message(now.at)?;
        let message = self.input.split_to(len).freeze();
        self.sent += message.len() as u64;
        if let Some(bucket) = &mut self.bucket {
            bucket.spend(message.len(), now.at);
        }
        Some(if text {
            Outgoing::Text(message)
        } else {
            Outgoing::Binary(message)
        })
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn deadline(&self, now: Now) -> Option<Instant> {
        if !self.up || self.ended {
            return None;
        }
        let input = self.readiness.is_ready() && !self.input.is_empty();
        let waits = input && self.next_message(now.at).is_none();
        let times = [
            self.liveness.deadline(),
            self.readiness.deadline(),
            self.held_until(),
            waits.then(|| self.rest_by()),
            self.wait_until(now.at).filter(|_| input),
        ];
        times.into_iter().flatten().min()
    }

    fn wake(&mut self, now: Now) {
        if !self.up || self.ended {
            return;
        }
        self.readiness.wake(now.at);
        if self.held_until().is_some_and(|until| until <= now.at) {
            if self.scanner.held() == HeldBack::Whole {
                return self.end(|| Event::Ended(lost(tr!("the shell ended").into())));
            }
            let held = self.scanner.release();
            self.output(held.into());
        }
        match self.liveness.poll(now) {
            Some(Due::Heartbeat) => {
                self.ping = true;
                self.liveness.sent(now);
            }
            Some(Due::Ping) => self.ping = true,
            Some(Due::Dead) => self.broke(self.liveness.describe_silence()),
            None => {}
        }
    }

    fn stalled(&mut self, now: Now, span: Duration) {
        self.liveness.stalled(now, span);
        // What follows the status that is held back may be unread.
        self.held_since = now.at;
    }

    fn resume_id(&self) -> Option<String> {
        None
    }

    fn condition(&self) -> Condition {
        Condition {
            up: self.up,
            encrypted: false,
            round_trip: self.trip.time(),
            sent: self.sent,
            received: self.taken,
            resumes: None,
        }
    }
}

fn lost(why: String) -> Ending {
    Ending::Failed(Error::Lost(why))
}

/// The number of bytes at the end that begin a character without ending it.
fn unfinished(bytes: &[u8]) -> usize {
    let is_beginning = |len: &usize| {
        let tail = bytes.len().checked_sub(*len).and_then(|at| bytes.get(at..));
        let error = tail.and_then(|tail| std::str::from_utf8(tail).err());
        error.is_some_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
    };
    (1..=3).find(is_beginning).unwrap_or(0)
}

#[cfg(test)]
mod tests;
