//! The session's implementation of [`Channel`].

use super::Session;
use super::due::Flush;
use crate::error::Error;
use crate::protocol::channel::{Channel, Condition, Event, Incoming, Now, Outgoing, Undelivered};
use crate::protocol::crypto::{self, BLOCK, Privacy};
use crate::protocol::frame::{Kind, MAX_INPUT, Version};
use std::time::{Duration, Instant};

/// The most input kept while it can't be sent, in bytes; above it no input is read.
const KEEP_INPUT: usize = 64 * 1024;

/// The time after a reconnect in which the agent has to ask for what it misses. Until then no new input is
/// sent, which could overtake what was lost.
const SETTLE: Duration = Duration::from_secs(1);

/// The time that a new connection has to last to count as progress in itself: a session in which nothing
/// happens makes no other.
pub(super) const STEADY: Duration = Duration::from_secs(3);

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
            self.progress_at = Some(now.at + STEADY);
            if !self.send_window.all_acknowledged() {
                self.settling = Some(now.at + SETTLE);
            }
        } else {
            self.readiness.restart(now.at);
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
                let what = tr!("a text frame of {length} bytes", length = text.len());
                self.fail(Error::Protocol(what));
            }
            Incoming::Alive => {}
            Incoming::Pong(number) => self.receive_pong(number),
            Incoming::Closed(code) => self.closed(code),
            Incoming::Failed(why) => self.broke(why, false),
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

    fn probe(&mut self) {
        self.due.ping = true;
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
            tracing::debug!(length = again.len(), "send again");
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
        self.sent += payload.len() as u64;
        let payload = self.privacy.seal(payload);
        self.early_input |= self.readiness.may_drop_input();
        self.provoked = false;
        let message = self.message(now, Kind::Input, payload);
        self.trip.sent(self.send_window.last(), now.at);
        Some(message)
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
            self.progress_at,
            self.notice.as_ref().map(|notice| notice.until),
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
                what: tr!("the key exchange with the agent"),
                limit: crypto::LIMIT,
            });
        }
        if self.readiness.wake(now.at) && self.options.port {
            self.open();
        }
        if self.settling.is_some_and(|until| until <= now.at) {
            self.settling = None;
        }
        if self.progress_at.is_some_and(|until| until <= now.at) {
            self.prove_resume(true);
        }
        if self
            .notice
            .as_ref()
            .is_some_and(|notice| notice.until <= now.at)
        {
            self.release_notice();
        }
        self.ask_again(now);
        self.keep_alive(now);
    }

    fn stalled(&mut self, now: Now, span: Duration) {
        self.liveness.stalled(now, span);
    }

    fn is_ready(&self) -> bool {
        self.readiness.is_ready()
    }

    fn may_have_dropped_input(&self) -> bool {
        self.early_input
    }

    fn undelivered(&self) -> Option<Undelivered> {
        // What a shell has not read when it ends is nobody's.
        self.options.port.then(|| Undelivered {
            unsent: self.input.len(),
            unacknowledged: match self.version {
                Some(version) if version >= Version::V1_02 => {
                    Some(self.send_window.unacknowledged())
                }
                _ => None,
            },
        })
    }

    fn reports_end(&self) -> bool {
        self.options.port && !self.may_dial_anew()
    }

    fn set_reports_end(&mut self) {
        self.options.reports_close = true;
        let keepalive = self.options.keepalive.interval(self.may_dial_anew());
        self.liveness.set_keepalive(keepalive);
    }

    fn is_answering(&self) -> bool {
        !self.provoked
    }

    fn resume_id(&self) -> Option<String> {
        let id = String::from_utf8_lossy(&self.channel_id).into_owned();
        Some(id).filter(|id| !id.is_empty())
    }

    fn condition(&self) -> Condition {
        Condition {
            up: self.up,
            encrypted: matches!(self.privacy, Privacy::Encrypted(_)),
            round_trip: self.trip.time(),
            sent: self.sent,
            received: self.received,
            resumes: Some(self.resumes),
        }
    }
}
