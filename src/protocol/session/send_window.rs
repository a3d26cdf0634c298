//! The send window: messages that were sent and not yet acknowledged, kept to be sent again.

use crate::protocol::frame::{Frame, Kind};
use bytes::Bytes;
use std::collections::VecDeque;

/// The most that is kept for sending again, in bytes of whole messages.
pub(super) const KEEP: usize = 4 * 1024 * 1024;

/// The number of requests in a row that an agent may make for messages it has acknowledged. A request that
/// was under way for long does so; an agent that goes on has lost what it had.
const STALE: u32 = 20;

/// Numbers client messages from 1 and remembers them until they are acknowledged. Beyond [`KEEP`] the oldest
/// are forgotten: an agent that asks for one of those gets an error, never a stream with a hole.
#[derive(Debug, Default)]
pub(super) struct SendWindow {
    /// The number of the newest message.
    last: u32,
    /// Messages `last - kept.len() + 1 ..= last`, encoded as first sent.
    kept: VecDeque<Bytes>,
    kept_bytes: usize,
    /// The next message to be sent again, if any are due.
    again: Option<u32>,
    /// The highest number that was acknowledged.
    acknowledged: u32,
    /// The number of requests in a row for messages acknowledged before.
    stale: u32,
}

/// The agent asked for a message that is no longer kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Forgotten {
    /// The message asked for.
    pub asked: u32,
    /// The oldest one still here.
    pub oldest: u32,
}

impl SendWindow {
    /// The number of the newest message; 0 before the first.
    #[must_use]
    pub(super) fn last(&self) -> u32 {
        self.last
    }

    /// True if every message has been acknowledged.
    #[must_use]
    pub(super) fn all_acknowledged(&self) -> bool {
        self.kept.is_empty()
    }

    /// Bytes of input that were not acknowledged; of more than [`KEEP`], those that are kept.
    #[must_use]
    pub(super) fn unacknowledged(&self) -> usize {
        let payloads = self.kept.iter().filter_map(|message| {
            let frame = Frame::decode(message).ok()?.frame;
            (frame.kind == Kind::Input).then_some(frame.payload.len())
        });
        payloads.sum()
    }

    /// Bytes kept for sending again.
    #[cfg(test)]
    pub(super) fn kept_bytes(&self) -> usize {
        self.kept_bytes
    }

    /// Remembers the message numbered `last + 1`, already encoded.
    pub(super) fn push(&mut self, message: Bytes) {
        self.last = self.last.wrapping_add(1);
        self.kept_bytes += message.len();
        self.kept.push_back(message);
        while self.kept_bytes > KEEP {
            self.forget_oldest();
        }
    }

    /// The agent has everything up to and including `seq`. Says whether that was news. A number
    /// that was never sent says nothing.
    pub(super) fn acknowledge(&mut self, seq: u32) -> bool {
        if seq <= self.acknowledged || seq > self.last {
            return false;
        }
        self.acknowledged = seq;
        self.stale = 0;
        while self.oldest() <= seq && !self.kept.is_empty() {
            self.forget_oldest();
        }
        true
    }

    /// The agent asks for everything from `seq` on, which also acknowledges what came before.
    /// Requests for what it has acknowledged come late, and those beyond the next number make no
    /// sense: neither has an effect.
    ///
    /// # Errors
    /// [`Forgotten`] if some of it is no longer here.
    pub(super) fn ask(&mut self, seq: u32) -> Result<(), Forgotten> {
        let seq = seq.max(1);
        let oldest = self.oldest();
        if seq <= self.acknowledged {
            self.stale += 1;
            let patient = self.stale <= STALE;
            return patient
                .then_some(())
                .ok_or(Forgotten { asked: seq, oldest });
        }
        if seq < oldest {
            return Err(Forgotten { asked: seq, oldest });
        }
        self.acknowledge(seq - 1);
        if seq <= self.last {
            self.again = Some(seq);
        }
        Ok(())
    }

    /// A new connection: what has to be sent again is for the agent to say again.
    pub(super) fn reconnected(&mut self) {
        self.again = None;
        self.stale = 0;
    }

    /// True if something waits to be sent again.
    #[must_use]
    pub(super) fn is_due(&self) -> bool {
        self.again.is_some()
    }

    /// The next message to send again.
    pub(super) fn next_again(&mut self) -> Option<Bytes> {
        let seq = self.again?.max(self.oldest());
        let index = usize::try_from(seq.wrapping_sub(self.oldest())).ok()?;
        let message = self.kept.get(index).cloned();
        self.again = (message.is_some() && seq < self.last).then_some(seq.wrapping_add(1));
        message
    }

    fn oldest(&self) -> u32 {
        let kept = u32::try_from(self.kept.len()).unwrap_or(u32::MAX);
        self.last.wrapping_sub(kept).wrapping_add(1)
    }

    fn forget_oldest(&mut self) {
        if let Some(message) = self.kept.pop_front() {
            self.kept_bytes -= message.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(n: u8) -> SendWindow {
        let mut window = SendWindow::default();
        for i in 1..=n {
            window.push(Bytes::copy_from_slice(&[i]));
        }
        window
    }

    fn again(window: &mut SendWindow) -> Vec<u8> {
        std::iter::from_fn(|| window.next_again())
            .map(|m| m[0])
            .collect()
    }

    #[test]
    fn what_is_asked_for_goes_again_in_order() {
        let mut window = sent(5);
        window.ask(3).unwrap();
        assert_eq!(again(&mut window), [3, 4, 5]);
        assert_eq!(again(&mut window), [0u8; 0]);
        window.ask(3).unwrap();
        assert_eq!(again(&mut window), [3, 4, 5]);
    }

    #[test]
    fn a_late_request_has_no_effect_and_a_stubborn_one_is_an_error() {
        let mut window = sent(5);
        window.acknowledge(4);
        for _ in 0..STALE {
            window.ask(2).unwrap();
            assert_eq!(again(&mut window), [0u8; 0]);
        }
        let gone = Forgotten {
            asked: 2,
            oldest: 5,
        };
        assert_eq!(window.ask(2), Err(gone));
    }

    #[test]
    fn a_new_connection_forgets_what_was_asked_over_the_old_one() {
        let mut window = sent(5);
        window.ask(2).unwrap();
        window.reconnected();
        assert!(!window.is_due());
        window.ask(2).unwrap();
        assert_eq!(again(&mut window), [2, 3, 4, 5]);
    }

    #[test]
    fn asking_for_the_future_or_for_zero_is_no_trouble() {
        let mut window = sent(2);
        window.ask(0).unwrap();
        assert_eq!(again(&mut window), [1, 2]);
        window.ask(3).unwrap();
        assert!(window.all_acknowledged());
        window.ask(u32::MAX).unwrap();
        assert_eq!(again(&mut window), [0u8; 0]);
        assert!(!window.acknowledge(u32::MAX));
    }

    #[test]
    fn an_acknowledgement_in_mid_resend_skips_ahead() {
        let mut window = sent(5);
        window.ask(1).unwrap();
        assert_eq!(window.next_again().unwrap(), &[1u8][..]);
        assert!(window.acknowledge(3));
        assert_eq!(again(&mut window), [4, 5]);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut window = SendWindow::default();
        for _ in 0..10_000 {
            window.push(Bytes::from(vec![0; 2000]));
        }
        assert!(window.kept_bytes() <= KEEP);
        assert!(window.ask(1).is_err());
        assert!(window.ask(9_000).is_ok());
    }
}
