//! What arrives: outputs in order, states, requests to send again, the key exchange.

use super::receive_window::Verdict;
use super::{ACKNOWLEDGE_EVERY, Session};
use crate::error::Error;
use crate::protocol::channel::{Ending, Event, Now};
use crate::protocol::crypto::Failure;
use crate::protocol::frame::{Frame, Kind};
use crate::protocol::readiness::Readiness;
use crate::protocol::status::Status;
use bytes::Bytes;

impl Session {
    pub(super) fn receive_frame(&mut self, now: Now, bytes: &Bytes) {
        let decoded = match Frame::decode(bytes) {
            Ok(decoded) => decoded,
            Err(error) => return self.fail(Error::Protocol(error.to_string())),
        };
        let frame = decoded.frame;
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
        self.version.get_or_insert(frame.version);
        self.heard_output = true;
        // What it acknowledges holds whether or not the output itself is taken.
        let news = frame.output_seq > 0 && self.send_window.acknowledge(frame.input_seq);
        if self.send_window.all_acknowledged() {
            self.settling = None;
        }
        self.prove_resume(news);
        match self.receive_window.judge(frame.output_seq, now.at) {
            Verdict::Duplicate => return,
            Verdict::Gap { ask } => {
                self.due.sync |= ask;
                return;
            }
            Verdict::Take => {}
        }
        let payload = match self.privacy.unseal(frame.payload) {
            Ok(payload) => payload,
            Err(fault) => return self.fail(Error::Protocol(fault.to_string())),
        };
        self.prove_resume(true);
        if frame.output_seq > 0 {
            self.untold += payload.len();
            self.due.heartbeat |= self.untold >= ACKNOWLEDGE_EVERY;
        }
        self.due.resize |= !self.readiness.is_released() && self.size.is_some();
        self.open();
        self.readiness.spoke();
        if !payload.is_empty() {
            self.events.push_back(Event::Output(payload));
        }
    }

    pub(super) fn receive_exchange(&mut self, now: Now, message: &[u8]) {
        match self.privacy.receive(message) {
            Ok(false) => {}
            Ok(true) => {
                tracing::debug!("key exchange done");
                // Only now does the agent start what it has to get ready.
                self.readiness = Readiness::new(self.options.eager, now.at);
                self.readiness.opened(now.at);
            }
            Err(Failure::Broken(fault)) => self.fail(Error::Protocol(fault.to_string())),
            Err(Failure::Refused { code, message }) => self.end(refused(&code, &message)),
        }
    }

    pub(super) fn receive_status(&mut self, now: Now, status: &Status) {
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
            Status::Aborted(text) => self.end(refused("Aborted", text)),
            Status::Closed(text) | Status::Exited(text) => self.end(ending(text)),
            Status::Frozen => self.broke("the gateway is restarting".into()),
        }
    }

    /// The remote side asks for messages again; a client older than 1.02 would not be asked.
    pub(super) fn receive_sync(&mut self, frame: &Frame) {
        self.version.get_or_insert(frame.version);
        self.open();
        self.settling = None;
        if let Err(gone) = self.send_window.ask(frame.input_seq) {
            let (asked, oldest) = (gone.asked, gone.oldest);
            return self.fail(Error::Lost(format!(
                "the agent asked for message {asked} again, and only {oldest} and later are kept"
            )));
        }
        self.prove_resume(true);
    }
}

/// The meaning of a Closed or Exited status' text: a code, perhaps with `: ` and more behind it.
fn ending(text: &str) -> Ending {
    let (code, detail) = text.split_once(':').unwrap_or((text, ""));
    let (code, detail) = (code.trim(), detail.trim());
    match code {
        "" | "Exit" | "Ok" | "Notified" | "Exited" => Ending::Normal { code: code.into() },
        _ => refused(code, detail),
    }
}

fn refused(code: &str, detail: &str) -> Ending {
    Ending::Failed(Error::Ended {
        code: code.into(),
        detail: detail.into(),
    })
}
