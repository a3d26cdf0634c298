//! Injects faults into one connection.
//!
//! Faults work on whole messages, counted as the gateway sends or takes them. The agent keeps what a
//! fault swallows, so that a Sync can ask for it.

use crate::emulator::options::faults::{After, Amount, Faults};
use crate::protocol::frame::{Frame, Kind};
use std::time::Duration;

/// A way to cut a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// TCP is closed, the WebSocket is not.
    Drop,
    /// TCP is reset.
    Reset,
    /// Nothing is read or written any more.
    BlackHole,
    /// Frozen, then close code 1012.
    Freeze,
}

/// The faults of one connection, with what it has counted.
#[derive(Debug)]
pub(crate) struct ConnectionFaults {
    faults: Faults,
    /// The number of the connection in its session, from 0.
    nth: u32,
    out: Count,
    inward: Count,
    held: Option<Frame>,
}

#[derive(Debug, Default)]
struct Count {
    messages: u64,
    bytes: u64,
}

impl Count {
    fn add(&mut self, frame: &Frame) {
        self.messages += 1;
        self.bytes += frame.payload.len() as u64;
    }

    fn reached(&self, amount: Amount) -> bool {
        match amount {
            Amount::Messages(n) => self.messages >= n,
            Amount::Bytes(n) => self.bytes >= n,
        }
    }
}

impl ConnectionFaults {
    /// The faults of the `nth` connection of a session, counted from 0.
    #[must_use]
    pub(crate) fn new(faults: &Faults, nth: u32) -> Self {
        Self {
            faults: faults.clone(),
            nth,
            out: Count::default(),
            inward: Count::default(),
            held: None,
        }
    }

    /// Takes a message to the client; returns the messages to send now, and whether the connection is
    /// cut after them.
    pub(crate) fn outward(&mut self, frame: Frame) -> (Vec<Frame>, Option<Cut>) {
        if frame.kind != Kind::Output {
            return (vec![frame], None);
        }
        self.out.add(&frame);
        let n = self.out.messages;
        let every = |step: Option<u64>| step.is_some_and(|step| step > 0 && n.is_multiple_of(step));
        let mut send = Vec::with_capacity(2);
        if self.held.is_none() && every(self.faults.reorder) {
            self.held = Some(frame);
        } else if self.nth > 0 || self.faults.swallow != Some(n) {
            if every(self.faults.duplicate) {
                send.push(frame.clone());
            }
            send.push(frame);
            send.extend(self.held.take());
        }
        (send, self.cut_outward())
    }

    /// For how long all traffic is to be held from now on: at most once, in a session's first
    /// connection.
    pub(crate) fn stall(&mut self) -> Option<Duration> {
        let stall = self.faults.stall_after?;
        if self.nth > 0 || !self.out.reached(stall.amount) {
            return None;
        }
        self.faults.stall_after = None;
        Some(stall.time)
    }

    /// For how long nothing is to be read from now on: at most once, in a session's first connection.
    pub(crate) fn read_pause(&mut self) -> Option<Duration> {
        let deaf = self.faults.deaf_after_in?;
        if self.nth > 0 || !self.inward.reached(deaf.amount) {
            return None;
        }
        self.faults.deaf_after_in = None;
        Some(deaf.time)
    }

    /// Counts a message from the client; returns whether the connection is cut now.
    pub(crate) fn inward(&mut self, frame: &Frame) -> Option<Cut> {
        self.inward.add(frame);
        let faults = &self.faults;
        let cuts = [
            (faults.drop_after_in, Cut::Drop),
            (faults.reset_after_in, Cut::Reset),
            (faults.blackhole_after_in, Cut::BlackHole),
        ];
        self.first(&cuts, &self.inward)
    }

    /// True if the message that was just counted is lost.
    #[must_use]
    pub(crate) fn swallows_input(&self) -> bool {
        self.nth == 0 && self.faults.swallow_in == Some(self.inward.messages)
    }

    /// The message that is held back.
    pub(crate) fn flush(&mut self) -> Option<Frame> {
        self.held.take()
    }

    /// True if a message is held back.
    #[must_use]
    pub(crate) fn is_holding(&self) -> bool {
        self.held.is_some()
    }

    fn cut_outward(&self) -> Option<Cut> {
        let faults = &self.faults;
        let cuts = [
            (faults.drop_after_out, Cut::Drop),
            (faults.reset_after, Cut::Reset),
            (faults.blackhole_after, Cut::BlackHole),
            (faults.freeze_after, Cut::Freeze),
        ];
        self.first(&cuts, &self.out)
    }

    /// The first of the cuts that happens now.
    fn first(&self, cuts: &[(Option<After>, Cut)], count: &Count) -> Option<Cut> {
        let mut happening = cuts.iter().filter(|(after, _)| self.happens(*after, count));
        happening.next().map(|(_, cut)| *cut)
    }

    fn happens(&self, after: Option<After>, count: &Count) -> bool {
        after.is_some_and(|after| {
            after.times.is_none_or(|times| self.nth < times) && count.reached(after.amount)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::frame::Version;

    fn faults(settings: &[(&str, &str)]) -> Faults {
        let mut faults = Faults::default();
        for (name, value) in settings {
            faults.set(name, value).unwrap();
        }
        faults
    }

    /// The numbers of the outputs that arrive of `n` sent, and the cut.
    fn arriving(faults: &Faults, nth: u32, n: u32) -> (Vec<u32>, Option<Cut>) {
        let mut link = ConnectionFaults::new(faults, nth);
        let mut arrived = Vec::new();
        for seq in 1..=n {
            let mut frame = Frame::new(Kind::Output, Version::V1_02, 1, "12345".into());
            frame.output_seq = seq;
            let (frames, cut) = link.outward(frame);
            arrived.extend(frames.iter().map(|frame| frame.output_seq));
            if cut.is_some() {
                return (arrived, cut);
            }
        }
        arrived.extend(link.flush().map(|frame| frame.output_seq));
        (arrived, None)
    }

    #[test]
    fn each_fault_does_what_its_name_says() {
        for (name, value, arrived, cut) in [
            ("duplicate", "2", vec![1, 2, 2, 3, 4, 4], None),
            ("reorder", "2", vec![1, 3, 2, 4], None),
            ("swallow", "2", vec![1, 3, 4], None),
            ("drop-after-out", "2", vec![1, 2], Some(Cut::Drop)),
            ("drop-after-out", "11B", vec![1, 2, 3], Some(Cut::Drop)),
            ("reset-after", "1", vec![1], Some(Cut::Reset)),
            ("freeze-after", "3", vec![1, 2, 3], Some(Cut::Freeze)),
            ("blackhole-after", "3", vec![1, 2, 3], Some(Cut::BlackHole)),
            ("duplicate", "0", vec![1, 2, 3, 4], None),
        ] {
            assert_eq!(
                arriving(&faults(&[(name, value)]), 0, 4),
                (arrived, cut),
                "{name}={value}"
            );
        }
    }

    #[test]
    fn a_counted_fault_leaves_later_connections_alone() {
        let faults = faults(&[("drop-after-out", "1:2")]);
        assert_eq!(arriving(&faults, 1, 2), (vec![1], Some(Cut::Drop)));
        assert_eq!(arriving(&faults, 2, 2), (vec![1, 2], None));
    }
}
