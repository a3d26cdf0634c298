//! The Input that waits for a guest.

use bytes::{Buf as _, Bytes};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// The most bytes of Input that wait for the guest.
pub(super) const MAX_QUEUED: usize = 256 << 10;

/// The time that a port agent keeps Input while it has no connection.
const KEPT: Duration = Duration::from_secs(10);

/// Payloads of Input, each with the time when it came.
#[derive(Default)]
pub(super) struct InputQueue {
    payloads: VecDeque<(Instant, Bytes)>,
    bytes: usize,
}

impl InputQueue {
    /// Adds a payload; an empty one is a heartbeat and means nothing to the guest.
    pub(super) fn push(&mut self, payload: Bytes) {
        if !payload.is_empty() {
            self.bytes += payload.len();
            self.payloads.push_back((Instant::now(), payload));
        }
    }

    /// The first payload, which is never empty.
    pub(super) fn front(&self) -> Option<&Bytes> {
        self.payloads.front().map(|(_, payload)| payload)
    }

    /// Takes the first payload.
    pub(super) fn pop(&mut self) -> Option<Bytes> {
        let (_, payload) = self.payloads.pop_front()?;
        self.bytes -= payload.len();
        Some(payload)
    }

    /// Takes `count` bytes off the first payload, or all of it.
    pub(super) fn consume(&mut self, count: usize) {
        let Some((_, front)) = self.payloads.front_mut() else {
            return;
        };
        let count = count.min(front.len());
        front.advance(count);
        self.bytes -= count;
        if front.is_empty() {
            self.payloads.pop_front();
        }
    }

    /// Drops the payloads that have waited for a connection for too long.
    pub(super) fn drop_expired(&mut self) {
        while let Some((came, _)) = self.payloads.front()
            && came.elapsed() >= KEPT
        {
            self.pop();
        }
    }

    /// Drops all payloads.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The bytes of all payloads.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}
