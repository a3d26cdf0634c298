//! One ECS session: frames in, frames out, bytes for the user in between.
//!
//! Numbering, acknowledging and asking again follow the browser client of the service
//! (`aliyun/cloud-assistant-starter`); times and old agents' habits follow the agent itself
//! (`aliyun/aliyun_assist_client`).

mod due;
mod options;
mod receive;
mod receive_window;
mod send;
mod send_window;

pub use options::Options;

use super::channel::{Channel, Ending, Event, Incoming, Now, Outgoing};
use super::crypto::{self, BLOCK, Exchange, Privacy};
use super::frame::{Kind, MAX_INPUT, Version};
use super::liveness::{Due, Liveness};
use super::pace::Bucket;
use super::readiness::Readiness;
use crate::error::Error;
use bytes::{Bytes, BytesMut};
use due::{Control, Flush};
use receive_window::ReceiveWindow;
use send_window::SendWindow;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// What a session may send per second until the gateway says otherwise, in bytes.
pub const DEFAULT_RATE: u64 = 200_000;

/// User bytes kept while they can't go out; above it the user's end is not read.
const KEEP_INPUT: usize = 64 * 1024;

/// How long after a reconnect the agent may take to ask for what it misses. Until then no new
/// input is sent, which could overtake what was lost.
const SETTLE: Duration = Duration::from_secs(1);

/// Output taken, in bytes, after which it is acknowledged without waiting for something to send:
/// an agent has to keep what is not acknowledged.
const ACKNOWLEDGE_EVERY: usize = 512 * 1024;

/// How long a new connection has to last until it counts as progress in itself: a session in which
/// nothing happens makes no other.
const STEADY: Duration = Duration::from_secs(3);

/// The client's side of a session.
#[derive(Debug)]
pub struct Session {
    options: Options,
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
    /// Bytes of output taken since a message last told the agent so.
    untold: usize,
    /// Bytes from the user, not yet in a message.
    input: BytesMut,
    size: Option<(u16, u16)>,
    events: VecDeque<Event>,
    due: Control,
    privacy: Privacy,
    /// After a reconnect: when to stop waiting for the agent to ask.
    settling: Option<Instant>,
    resumes: u32,
    /// After a reconnect without progress so far: when it counts as such that the connection lasts.
    unproven: Option<Instant>,
    /// Whether an output came since the last heartbeat.
    heard_output: bool,
    flush: Flush,
}

impl Session {
    /// A session that has no connection yet.
    #[must_use]
    pub fn new(options: Options, now: Now) -> Self {
        let rate = options.rate_limit.unwrap_or(u64::MAX).min(DEFAULT_RATE);
        Self {
            channel_id: Bytes::new(),
            version: None,
            up: false,
            opened: false,
            ended: false,
            send_window: SendWindow::default(),
            receive_window: ReceiveWindow::default(),
            readiness: Readiness::new(options.eager, now.at),
            bucket: Bucket::new(rate, now.at),
            liveness: Liveness::new(options.keepalive, options.dead_after, now),
            untold: 0,
            input: BytesMut::new(),
            size: None,
            events: VecDeque::new(),
            due: Control::default(),
            privacy: Privacy::Plain,
            settling: None,
            resumes: 0,
            unproven: None,
            heard_output: false,
            flush: Flush::Off,
            options,
        }
    }

    /// The same session, encrypted: nothing is sent or shown before `exchange` is done, and nothing
    /// plain after it.
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
        if progress && self.unproven.take().is_some() {
            self.events.push_back(Event::Resumed);
        }
    }

    /// What keeps the session from being resumed, if anything.
    fn obstacle(&self) -> Option<&'static str> {
        if self.receive_window.is_unnumbered() || self.version.is_some_and(|v| v < Version::V1_02) {
            return Some("the agent is too old to resume a session");
        }
        let untouched = self.send_window.last() == 0 && self.receive_window.taken() == 0;
        // Half an exchange can't be taken up again: its messages bear no numbers.
        if self.privacy.is_underway() {
            return Some("a key exchange can't be resumed");
        }
        let nameless = self.channel_id.is_empty() && !untouched;
        nameless.then_some("the gateway has not yet named the channel to resume")
    }

    fn broke(&mut self, why: String) {
        if self.up && !self.ended {
            self.up = false;
            if self.flush != Flush::Off {
                self.flush = Flush::Wanted;
            }
            let obstacle = self.obstacle();
            let why = obstacle.map_or(why.clone(), |obstacle| format!("{why}, and {obstacle}"));
            let resumable = obstacle.is_none();
            self.events.push_back(Event::Broken { why, resumable });
        }
    }

    fn closed(&mut self, code: Option<u16>) {
        match code {
            Some(1000) if self.opened => self.end(Ending::Normal {
                code: String::new(),
            }),
            Some(1000) => self.fail(Error::Lost(
                "the gateway closed the session before it opened".into(),
            )),
            None | Some(1001 | 1005 | 1006 | 1012) => {
                self.broke(format!(
                    "the gateway closed the connection (code {})",
                    code.unwrap_or(1005)
                ));
            }
            Some(code) => self.fail(Error::Lost(format!(
                "the gateway closed the session with code {code}"
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
        let ending = match ending {
            Ending::Normal { .. } if self.receive_window.is_missing() => Ending::Failed(
                Error::Lost("the session ended while a part of its output was missing".into()),
            ),
            ending => ending,
        };
        self.events.push_back(Event::Ended(ending));
    }

    /// Asks for what is missing, as long as there is hope.
    fn ask_again(&mut self, now: Now) {
        self.due.sync |= self.receive_window.ask_again(now.at);
        if let Some(number) = self.receive_window.given_up() {
            self.fail(Error::Lost(format!(
                "output {number} is missing, and the agent does not send it again"
            )));
        }
    }

    /// Does what the liveness of the connection asks for. A heartbeat of a quiet session goes with a
    /// Sync: nothing else would show that the last output, or an answer to a Sync, was lost.
    fn keep_alive(&mut self, now: Now) {
        match self.liveness.poll(now) {
            Some(Due::Heartbeat) => {
                self.due.heartbeat = true;
                self.due.ping |= self.options.dead_after.is_some();
                let numbers = self.version.is_some_and(|v| v >= Version::V1_02);
                let quiet = !std::mem::take(&mut self.heard_output);
                self.due.sync |= quiet && (numbers || self.resumes > 0);
                self.liveness.sent(now);
            }
            Some(Due::Ping) => self.due.ping = true,
            Some(Due::Dead) => self.broke(self.liveness.describe_silence()),
            None => {}
        }
    }
}

impl Channel for Session {
    fn connected(&mut self, now: Now) {
        self.up = true;
        self.liveness.restart(now);
        self.privacy.connected(now.at);
        if self.send_window.last() > 0
            || self.receive_window.taken() > 0
            || !self.channel_id.is_empty()
        {
            self.due.sync = true;
            self.receive_window.reconnected();
            self.send_window.reconnected();
            self.readiness.reconnected(now.at);
            self.resumes += 1;
            self.unproven = Some(now.at + STEADY);
            if !self.send_window.all_acknowledged() {
                self.settling = Some(now.at + SETTLE);
            }
        } else {
            self.readiness = Readiness::new(self.options.eager, now.at);
        }
    }

    fn receive(&mut self, now: Now, incoming: Incoming) {
        if self.ended || !self.up {
            return;
        }
        self.liveness.heard(now);
        match incoming {
            Incoming::Binary(bytes) => self.receive_frame(now, &bytes),
            Incoming::Text(text) => {
                let what = format!("a text frame of {} bytes", text.len());
                self.fail(Error::Protocol(what));
            }
            Incoming::Alive if self.flush == Flush::Asked => self.flush = Flush::Done,
            Incoming::Alive => {}
            Incoming::Closed(code) => self.closed(code),
            Incoming::Failed(why) => self.broke(why),
            Incoming::Invalid(what) => self.fail(Error::Protocol(what)),
        }
    }

    fn can_write(&self) -> bool {
        self.input.len() < KEEP_INPUT
    }

    fn write(&mut self, now: Now, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        // The user who types may just have woken the machine.
        if self.up && !self.ended {
            self.keep_alive(now);
        }
    }

    fn input_ended(&mut self) {
        self.flush = Flush::Wanted;
    }

    fn drained(&self) -> bool {
        self.flush == Flush::Done
    }

    fn resize(&mut self, _now: Now, rows: u16, cols: u16) {
        self.size = Some((rows, cols));
        self.due.resize = self.opened;
    }

    fn close(&mut self, _now: Now) {
        // Nothing that is asked for now would be waited for.
        (self.due.sync, self.due.ping) = (false, false);
        self.due.close = true;
    }

    fn wants_send(&self, now: Now) -> bool {
        let data = self.data_due() && self.bucket.wait_until(now.at).is_none();
        self.up && (self.control_due() || data)
    }

    fn poll_send(&mut self, now: Now) -> Option<Outgoing> {
        if !self.up {
            return None;
        }
        if let Some(control) = self.poll_control(now) {
            return Some(control);
        }
        if self.bucket.wait_until(now.at).is_some() {
            return None;
        }
        if let Some(again) = self.send_window.next_again() {
            return Some(self.account(now, &again));
        }
        if !self.data_due() {
            return None;
        }
        let room = match self.privacy {
            Privacy::Encrypted(_) => MAX_INPUT - MAX_INPUT % BLOCK - 1,
            _ => MAX_INPUT,
        };
        let payload = self.input.split_to(self.input.len().min(room)).freeze();
        let payload = self.privacy.seal(payload);
        Some(self.message(now, Kind::Input, payload))
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn deadline(&self, now: Now) -> Option<Instant> {
        if !self.up || self.ended {
            return None;
        }
        let data = self.data_due().then(|| self.bucket.wait_until(now.at));
        let times = [
            self.liveness.deadline(),
            self.readiness.deadline(),
            self.receive_window.deadline(),
            self.settling,
            self.privacy.deadline(),
            self.unproven,
            data.flatten(),
        ];
        times.into_iter().flatten().min()
    }

    fn wake(&mut self, now: Now) {
        if !self.up || self.ended {
            return;
        }
        if self.privacy.deadline().is_some_and(|by| by <= now.at) {
            return self.fail(Error::AgentTimeout {
                what: "the key exchange with the agent",
                limit: crypto::LIMIT,
            });
        }
        if self.readiness.wake(now.at) && self.options.silence_opens {
            self.open();
        }
        if self.settling.is_some_and(|until| until <= now.at) {
            self.settling = None;
        }
        if self.unproven.is_some_and(|until| until <= now.at) {
            self.prove_resume(true);
        }
        self.ask_again(now);
        self.keep_alive(now);
    }

    fn resume_id(&self) -> Option<String> {
        let id = String::from_utf8_lossy(&self.channel_id).into_owned();
        Some(id).filter(|id| !id.is_empty())
    }

    fn describe(&self) -> String {
        format!(
            "sent {} messages ({} bytes not acknowledged), received {} outputs, limit {} B/s, resumed {} times, {}",
            self.send_window.last(),
            self.send_window.kept_bytes(),
            self.receive_window.taken(),
            self.bucket.rate(),
            self.resumes,
            match (self.up, &self.privacy) {
                (false, _) => "connection lost",
                (true, Privacy::Plain) => "connected",
                (true, Privacy::Exchanging { .. }) => "connected, exchanging keys",
                (true, Privacy::Encrypted(_)) => "connected, encrypted",
            },
        )
    }
}

#[cfg(test)]
mod tests;
