//! The sending half of a session: messages that never wait, then resends, then input.

use super::Session;
use super::due::Flush;
use crate::protocol::channel::{Now, Outgoing};
use crate::protocol::frame::{self, Frame, Kind, Version};
use bytes::Bytes;

impl Session {
    /// Builds the message; numbers and remembers it if its kind is numbered.
    pub(super) fn message(&mut self, now: Now, kind: Kind, payload: Bytes) -> Outgoing {
        let mut frame = Frame::new(kind, Version::V1_02, now.unix_ms, payload);
        frame.channel_id = self.channel_id.clone();
        frame.output_seq = self.receive_window.taken();
        self.unacknowledged = 0;
        let numbered = matches!(kind, Kind::Input | Kind::Resize);
        frame.input_seq = self.send_window.last().wrapping_add(u32::from(numbered));
        tracing::debug!(?frame, "send");
        let bytes = frame.encode();
        if numbered {
            self.send_window.push(bytes.clone());
        }
        self.account(now, &bytes)
    }

    pub(super) fn account(&mut self, now: Now, bytes: &Bytes) -> Outgoing {
        self.bucket.spend(bytes.len(), now.at);
        self.liveness.sent(now);
        Outgoing::Binary(bytes.clone())
    }

    pub(super) fn control_due(&self) -> bool {
        let due = &self.due;
        let flush = self.flush == Flush::Wanted && self.input.is_empty();
        let numbered = due.resize || (due.heartbeat && self.privacy.is_ready()) || flush;
        let now = due.sync || due.ping || due.close || self.privacy.wants_send();
        now || (self.settled() && numbered)
    }

    pub(super) fn poll_control(&mut self, now: Now) -> Option<Outgoing> {
        let settled = self.settled();
        let ready = self.privacy.is_ready();
        if std::mem::take(&mut self.due.sync) {
            return Some(self.message(now, Kind::Sync, Bytes::new()));
        }
        if std::mem::take(&mut self.due.ping) {
            return Some(Outgoing::Ping(self.next_ping()));
        }
        if std::mem::take(&mut self.due.close) {
            return Some(self.message(now, Kind::Close, Bytes::from_static(b"1")));
        }
        if let Some(message) = self.privacy.poll() {
            return Some(self.message(now, Kind::KeyExchange, message));
        }
        let due = &mut self.due;
        if settled && std::mem::take(&mut due.resize) {
            let (rows, cols) = self.size?;
            return Some(self.message(now, Kind::Resize, frame::resize_payload(rows, cols)));
        }
        if settled && ready && std::mem::take(&mut due.heartbeat) {
            self.provoked |= self.provokes(now);
            return Some(self.message(now, Kind::Input, Bytes::new()));
        }
        if settled && self.flush == Flush::Wanted && self.input.is_empty() {
            let number = self.next_ping();
            self.flush = Flush::Asked(number);
            return Some(Outgoing::Ping(number));
        }
        None
    }

    fn next_ping(&mut self) -> u32 {
        self.pings = self.pings.wrapping_add(1);
        self.pings
    }

    /// True if numbered messages may go out in order.
    pub(super) fn settled(&self) -> bool {
        self.settling.is_none() && !self.send_window.is_due()
    }

    pub(super) fn data_due(&self) -> bool {
        let ready = self.settled() && self.readiness.lets_input_go() && self.privacy.is_ready();
        self.send_window.is_due() || (ready && !self.input.is_empty())
    }
}
