//! The agent's side of the sequence numbers, without IO: which messages to take, to send, and to keep
//! for sending again.
//!
//! A new agent (1.02) numbers its Output from 1, acknowledges client messages in everything it
//! sends, asks for missing ones with Sync and answers Sync. An old one (1.01) does none of this, and a
//! new agent does none of it for a 1.01 client, whose numbers are one i64 that nobody checks.
//!
//! Inferred from the browser client: no published agent speaks 1.02.

#[cfg(test)]
mod tests;

use crate::protocol::frame::{Frame, Kind, Version};
use bytes::Bytes;
use std::collections::VecDeque;

/// The most Output messages that wait to be sent; the guest is not read beyond that.
const MAX_UNSENT: usize = 32;

/// A missing message is asked for again after this many milliseconds without progress.
const ASK_AGAIN: u64 = 1000;

/// The agent's reaction to a client's message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Act on it.
    Yes,
    /// Ignore it: a duplicate, out of order, or no room.
    No,
}

/// The sequence numbers of both directions.
pub struct Sequence {
    /// This agent speaks 1.01.
    old: bool,
    /// The client has sent version 1.01.
    old_client: bool,
    /// Number of the last client message taken.
    taken: u32,
    /// The number asked for by the last Sync, and when (ms).
    asked: Option<(u32, u64)>,
    sync_due: bool,
    /// Messages of the key exchange; they have no number and are not kept.
    exchange: VecDeque<Bytes>,
    /// A message was ignored because there was no room.
    starved: bool,
    /// Output that is not yet acknowledged, oldest first; `kept[0]` has the number `first`.
    kept: VecDeque<Bytes>,
    first: u32,
    /// The number of `kept` that are sent; a Sync of the client sets it back.
    sent: usize,
    /// The highest number ever sent.
    reached: u32,
    bytes: usize,
    window: usize,
}

impl Sequence {
    /// A fresh session. `window`: how many bytes of Output are kept at most until the client
    /// acknowledges them.
    #[must_use]
    pub fn new(old: bool, window: usize) -> Self {
        Self {
            old,
            old_client: false,
            taken: 0,
            asked: None,
            sync_due: false,
            exchange: VecDeque::new(),
            starved: false,
            kept: VecDeque::new(),
            first: 1,
            sent: 0,
            reached: 0,
            bytes: 0,
            window,
        }
    }

    /// Reads a client's message at `now` (ms). Without `room` an Input is ignored, and
    /// [`Sequence::make_up`] asks for it again.
    pub fn take(&mut self, frame: &Frame, room: bool, now: u64) -> Taken {
        if self.old {
            return Taken::Yes;
        }
        if frame.version == Version::V1_01 {
            self.old_client = true;
            self.taken = frame.input_seq;
            self.forget_sent();
            return Taken::Yes;
        }
        self.acknowledged(frame.output_seq);
        match frame.kind {
            Kind::Input | Kind::Resize => self.take_numbered(frame, room, now),
            Kind::Sync => {
                // The client has resumed or missed something, so what was sent may be lost: the
                // numbers of this Sync decide what to send again and what to ask for.
                self.sent = 0;
                self.asked = None;
                self.ask_if_behind(frame.input_seq, now);
                Taken::Yes
            }
            _ => {
                self.ask_if_behind(frame.input_seq, now);
                Taken::Yes
            }
        }
    }

    /// True if Output can be added: the window has room and little Output waits to be sent.
    #[must_use]
    pub fn has_room(&self) -> bool {
        !self.is_full() && self.kept.len() - self.sent < MAX_UNSENT
    }

    /// True if Output waits for the client's acknowledgement.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.bytes >= self.window
    }

    /// Adds Output of the guest. The caller has asked [`Sequence::has_room`].
    pub fn output(&mut self, payload: Bytes) {
        self.bytes += payload.len();
        self.kept.push_back(payload);
    }

    /// Adds a message of the key exchange.
    pub fn exchange(&mut self, message: Bytes) {
        self.exchange.push_back(message);
    }

    /// True if [`Sequence::next`] has something.
    #[must_use]
    pub fn has_next(&self) -> bool {
        self.sync_due || !self.exchange.is_empty() || self.sent < self.kept.len()
    }

    /// The next message to send, stamped `now` (ms); its ids are empty.
    pub fn next(&mut self, now: u64) -> Option<Frame> {
        if self.sync_due {
            self.sync_due = false;
            let mut frame = Frame::new(Kind::Sync, Version::V1_02, now, Bytes::new());
            frame.input_seq = self.taken.saturating_add(1);
            frame.output_seq = self.number(self.sent).saturating_sub(1);
            return Some(frame);
        }
        if let Some(message) = self.exchange.pop_front() {
            if self.old {
                return Some(Frame::new(Kind::KeyExchange, Version::V1_01, now, message));
            }
            let mut frame = Frame::new(Kind::KeyExchange, Version::V1_02, now, message);
            frame.input_seq = self.taken;
            frame.output_seq = self.number(self.sent).saturating_sub(1);
            return Some(frame);
        }
        let payload = self.kept.get(self.sent)?.clone();
        if self.old {
            self.kept.pop_front();
            self.bytes -= payload.len();
            return Some(Frame::new(Kind::Output, Version::V1_01, now, payload));
        }
        let mut frame = Frame::new(Kind::Output, Version::V1_02, now, payload);
        frame.input_seq = self.taken;
        frame.output_seq = self.number(self.sent);
        self.reached = self.reached.max(frame.output_seq);
        self.sent += 1;
        if self.old_client {
            self.forget_sent();
        }
        Some(frame)
    }

    /// Asks at `now` (ms) for what was ignored because there was no room.
    pub fn make_up(&mut self, now: u64) {
        if std::mem::take(&mut self.starved) {
            self.ask(now);
        }
    }

    fn take_numbered(&mut self, frame: &Frame, room: bool, now: u64) -> Taken {
        let wanted = self.taken.saturating_add(1);
        if frame.input_seq > wanted {
            self.ask_if_behind(frame.input_seq, now);
            return Taken::No;
        }
        if frame.input_seq < wanted {
            return Taken::No;
        }
        if !room {
            self.starved = true;
            return Taken::No;
        }
        self.taken = wanted;
        Taken::Yes
    }

    /// Asks for what is missing if the client has sent up to `input_seq`, once a second for each
    /// message. A message that was ignored because there was no room is not missing.
    fn ask_if_behind(&mut self, input_seq: u32, now: u64) {
        let wanted = self.taken.saturating_add(1);
        let asked = self
            .asked
            .is_some_and(|(number, at)| number == wanted && now < at.saturating_add(ASK_AGAIN));
        if input_seq >= wanted && !asked && !self.starved {
            self.ask(now);
        }
    }

    fn ask(&mut self, now: u64) {
        self.asked = Some((self.taken.saturating_add(1), now));
        self.sync_due = true;
    }

    /// Forgets what the client has acknowledged, unless `number` was never sent.
    fn acknowledged(&mut self, number: u32) {
        if number <= self.reached {
            let known = number.saturating_add(1).saturating_sub(self.first);
            self.forget(usize::try_from(known).unwrap_or(usize::MAX));
        }
    }

    fn forget_sent(&mut self) {
        self.forget(self.sent);
    }

    fn forget(&mut self, count: usize) {
        let count = count.min(self.kept.len());
        self.bytes -= self.kept.drain(..count).map(|b| b.len()).sum::<usize>();
        self.first = self
            .first
            .saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        self.sent = self.sent.saturating_sub(count);
    }

    /// The outputSeq of `kept[index]`.
    fn number(&self, index: usize) -> u32 {
        self.first
            .saturating_add(u32::try_from(index).unwrap_or(u32::MAX))
    }
}
