//! The order of what the agent sends: duplicates dropped, gaps asked for again.

use std::time::{Duration, Instant};

/// How long a missing message may be on its way before it is asked for once more.
const ASK_AGAIN: Duration = Duration::from_secs(2);

/// The outputs taken so far.
#[derive(Debug, Default)]
pub struct Inbound {
    /// The number of the last output taken; 0 before the first.
    taken: u32,
    /// The agent numbers nothing: everything is taken as it comes.
    unnumbered: bool,
    /// What is missing was asked for then.
    asked: Option<Instant>,
}

/// What to do with an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is the next one.
    Take,
    /// It was taken before.
    Duplicate,
    /// Something before it is missing. `ask`: say so to the agent.
    Gap {
        /// Whether it is time to ask.
        ask: bool,
    },
}

impl Inbound {
    /// The number of the last output taken.
    #[must_use]
    pub fn taken(&self) -> u32 {
        self.taken
    }

    /// Whether the agent has shown that it numbers nothing (agents older than 1.02).
    #[must_use]
    pub fn is_unnumbered(&self) -> bool {
        self.unnumbered
    }

    /// Judges the output numbered `seq`; 0 is an old agent's, which is always taken.
    pub fn judge(&mut self, seq: u32, now: Instant) -> Verdict {
        if seq == 0 {
            self.unnumbered = true;
            return Verdict::Take;
        }
        if seq <= self.taken {
            return Verdict::Duplicate;
        }
        if seq == self.taken.wrapping_add(1) {
            self.taken = seq;
            self.asked = None;
            return Verdict::Take;
        }
        let ask = self.asked.is_none();
        if ask {
            self.asked = Some(now);
        }
        Verdict::Gap { ask }
    }

    /// When to ask once more for what is missing.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.asked.map(|at| at + ASK_AGAIN)
    }

    /// Whether it is time to ask once more; says so once.
    pub fn ask_again(&mut self, now: Instant) -> bool {
        let due = self.deadline().is_some_and(|at| at <= now);
        if due {
            self.asked = Some(now);
        }
        due
    }

    /// A new connection: its first message asks for what is missing.
    pub fn reconnected(&mut self) {
        self.asked = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Verdict::{Duplicate, Gap, Take};

    #[test]
    fn each_number_is_taken_once_and_in_order() {
        let (mut inbound, now) = (Inbound::default(), Instant::now());
        let verdicts = [1, 2, 2, 5, 6, 3, 1, 4, 5].map(|seq| inbound.judge(seq, now));
        let (asked, waiting) = (Gap { ask: true }, Gap { ask: false });
        let expected = [
            Take, Take, Duplicate, asked, waiting, Take, Duplicate, Take, Take,
        ];
        assert_eq!(verdicts, expected);
        assert_eq!(inbound.taken(), 5);
    }

    #[test]
    fn a_missing_output_is_asked_for_again_after_a_while() {
        let (mut inbound, now) = (Inbound::default(), Instant::now());
        inbound.judge(3, now);
        assert!(!inbound.ask_again(now));
        assert!(inbound.ask_again(now + ASK_AGAIN));
        assert!(!inbound.ask_again(now + ASK_AGAIN));
        inbound.judge(1, now);
        assert_eq!(inbound.deadline(), None);
    }

    #[test]
    fn old_agents_number_nothing() {
        let (mut inbound, now) = (Inbound::default(), Instant::now());
        assert_eq!([0, 0, 0].map(|seq| inbound.judge(seq, now)), [Take; 3]);
        assert!(inbound.is_unnumbered());
    }
}
