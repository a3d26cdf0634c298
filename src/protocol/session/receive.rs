//! The receiving half of a session: output in order, states, requests to resend, the key exchange.

use super::Session;
use super::due::Flush;
use super::end_notice::EndNotice;
use super::receive_window::Arrival;
use crate::error::Error;
use crate::protocol::channel::{Ending, Event, Incoming, Now};
use crate::protocol::crypto::{ExchangeFailure, Privacy};
use crate::protocol::frame::{Frame, Kind};
use crate::protocol::status::Status;
use bytes::Bytes;

/// Output taken, in bytes, after which it is acknowledged without waiting for something to send:
/// an agent has to keep what is not acknowledged.
const ACKNOWLEDGE_EVERY: usize = 512 * 1024;

impl Session {
    pub(super) fn receive_frame(&mut self, now: Now, bytes: &Bytes) {
        let decoded = match Frame::decode(bytes) {
            Ok(decoded) => decoded,
            Err(error) => return self.fail(Error::Protocol(error.to_string())),
        };
        let frame = decoded.frame;
        tracing::debug!(?frame, "received");
        if usize::from(decoded.claimed_len) != frame.payload.len() {
            tracing::debug!(
                ?frame,
                claimed = decoded.claimed_len,
                "length field disagrees"
            );
        }
        if self.channel_id.is_empty() && !frame.channel_id.is_empty() {
            // A copy of its own: a slice would keep the whole frame alive.
            self.channel_id = Bytes::copy_from_slice(&frame.channel_id);
        }
        match frame.kind {
            Kind::Output => self.receive_output(now, frame),
            Kind::Status => self.receive_status(now, &Status::decode(&frame.payload)),
            Kind::Sync => self.receive_sync(&frame),
            Kind::KeyExchange => self.receive_exchange(now, &frame.payload),
            kind => tracing::debug!(?kind, "message ignored"),
        }
    }

    pub(super) fn receive_output(&mut self, now: Now, frame: Frame) {
        self.learn_version(frame.version);
        self.heard_output = true;
        self.output_at = Some(now.at);
        // What it acknowledges holds whether or not the output itself is taken.
        let news = frame.output_seq > 0 && self.send_window.acknowledge(frame.input_seq);
        if self.send_window.all_acknowledged() {
            self.settling = None;
        }
        if news {
            self.trip.acknowledged(frame.input_seq, now.at);
        }
        self.prove_resume(news);
        match self.receive_window.judge(frame.output_seq, now.at) {
            Arrival::Duplicate => return,
            Arrival::Gap { ask } => {
                self.due.sync |= ask;
                return;
            }
            Arrival::Take => {}
        }
        self.prove_resume(true);
        if frame.output_seq > 0 {
            self.unacknowledged += frame.payload.len();
            self.due.heartbeat |= self.unacknowledged >= ACKNOWLEDGE_EVERY;
        }
        // What was held back is output after all, as it was not the last.
        self.release_notice();
        if self.ended {
            return;
        }
        self.notice = self.end_notice(now, &frame.payload);
        if self.notice.is_none() {
            self.take_output(frame.payload);
        }
    }

    /// The announcement of the session's end, if the payload is one. It comes in clear also where
    /// everything else is encrypted, so that it is looked for before anything is decrypted.
    fn end_notice(&self, now: Now, payload: &Bytes) -> Option<EndNotice> {
        let unverified = !matches!(self.privacy, Privacy::Plain);
        let notice = EndNotice::read(payload, unverified, now.at);
        notice.filter(|_| !self.options.port)
    }

    /// Releases, as output, the bytes that were held back as a possible announcement of the end.
    pub(super) fn release_notice(&mut self) {
        if let Some(notice) = self.notice.take() {
            self.take_output(notice.payload);
        }
    }

    fn take_output(&mut self, payload: Bytes) {
        let payload = match self.privacy.unseal(payload) {
            Ok(payload) => payload,
            Err(fault) => return self.fail(Error::Protocol(fault.to_string())),
        };
        // What comes before the terminal is there may not have reached it.
        self.due.resize |= !self.readiness.is_ready() && self.size.is_some();
        self.open();
        self.readiness.heard();
        if !payload.is_empty() {
            self.early_input = false;
            self.received += payload.len() as u64;
            self.events.push_back(Event::Output(payload));
        }
    }

    /// A gateway may answer several pings with one pong, that of the last.
    pub(super) fn receive_pong(&mut self, number: u32) {
        if matches!(self.flush, Flush::Asked(asked) if (asked..=self.pings).contains(&number)) {
            self.flush = Flush::Done;
        }
    }

    fn receive_exchange(&mut self, now: Now, message: &[u8]) {
        match self.privacy.receive(message) {
            Ok(false) => {}
            Ok(true) => {
                tracing::debug!("key exchange done");
                // Only now does the agent start what it has to get ready.
                self.readiness.restart(now.at);
                self.readiness.opened(now.at);
            }
            Err(ExchangeFailure::Broken(fault)) => self.fail(Error::Protocol(fault.to_string())),
            Err(ExchangeFailure::Refused { code, message }) => {
                self.end(Ending::by_code(&code, &message))
            }
        }
    }

    fn receive_status(&mut self, now: Now, status: &Status) {
        tracing::debug!(?status, "status");
        match status {
            Status::Initial | Status::Opening => self.readiness.opening(),
            Status::Opened => {
                self.readiness.opened(now.at);
                self.open();
            }
            Status::Stream(bits) if *bits > 0 => {
                let limit = self.options.rate_limit.unwrap_or(u64::MAX);
                let rate = (u64::from(*bits) / 8).max(1).min(limit);
                self.bucket.set_rate(rate, now.at);
            }
            Status::Stream(_) | Status::Closing | Status::Unknown(_) => {}
            Status::Aborted(text) => self.end(Ending::by_code("Aborted", text)),
            Status::Closed(text) | Status::Exited(text) => match Ending::by_text(text) {
                Ending::Failed(error) if is_duplicate(&error) => self.displaced(error),
                ending => self.end(ending),
            },
            Status::Frozen => self.broke(tr!("the gateway is restarting").into(), false),
        }
    }

    /// The remote side asks for messages again; a client older than 1.02 would not be asked.
    fn receive_sync(&mut self, frame: &Frame) {
        self.learn_version(frame.version);
        self.open();
        self.settling = None;
        if let Err(gone) = self.send_window.ask(frame.input_seq) {
            let (asked, oldest) = (gone.asked, gone.oldest);
            return self.fail(Error::Lost(tr!(
                "the agent asked for message {asked} again, and only {oldest} and later are kept",
                asked,
                oldest
            )));
        }
        self.prove_resume(true);
    }
}

/// The reason why the gateway could not connect the session at all, if the text gives one.
#[must_use]
pub fn refusal(incoming: &Incoming) -> Option<Error> {
    let Incoming::Binary(bytes) = incoming else {
        return None;
    };
    let frame = Frame::decode(bytes).ok()?.frame;
    match (frame.kind, Status::decode(&frame.payload)) {
        (Kind::Status, Status::Aborted(text)) => match Ending::by_code("Aborted", &text) {
            Ending::Failed(error) => Some(error),
            _ => None,
        },
        _ => None,
    }
}

/// True if the session was given to another connection.
fn is_duplicate(error: &Error) -> bool {
    let duplicate = ["SessionIdDuplicate", "SessionIdDuplicated"];
    matches!(error, Error::Ended { code, .. } if duplicate.contains(&code.as_str()))
}
