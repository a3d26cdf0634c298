//! The order of what the agent sends: duplicates dropped, gaps asked for again.

use std::time::{Duration, Instant};

/// The time that a missing message may be on its way before it is asked for once more.
const ASK_AGAIN: Duration = Duration::from_secs(2);

/// The number of requests for a missing message before it is given up, if each time later ones come instead:
/// half a minute of asking. An agent that says nothing at all may just not be heard, so it gets ten minutes.
const ASKS: u32 = 15;

/// The weight of a request without any answer, compared with one that got a wrong answer.
const UNHEARD: u32 = 20;

/// The outputs taken so far.
#[derive(Debug, Default)]
pub(super) struct ReceiveWindow {
    /// The number of the last output taken; 0 before the first.
    taken: u32,
    /// The agent numbers nothing: everything is taken as it comes.
    unnumbered: bool,
    /// The time when the missing message was last asked for.
    asked: Option<Instant>,
    /// The requests for it without success, in parts of [`UNHEARD`].
    asks: u32,
    /// True if a later message has come since it was asked for.
    answered: bool,
}

/// The treatment of an output message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    /// It is the next one.
    Take,
    /// It was taken before.
    Duplicate,
    /// Something before it is missing. `ask`: say so to the agent.
    Gap {
        /// True if it is time to ask.
        ask: bool,
    },
}

impl ReceiveWindow {
    /// The number of the last output taken.
    #[must_use]
    pub(super) fn taken(&self) -> u32 {
        self.taken
    }

    /// True if the agent has shown that it numbers nothing (agents older than 1.02).
    #[must_use]
    pub(super) fn is_unnumbered(&self) -> bool {
        self.unnumbered
    }

    /// Judges the output numbered `seq`; 0 is an old agent's, which is always taken.
    pub(super) fn judge(&mut self, seq: u32, now: Instant) -> Arrival {
        if seq == 0 {
            self.unnumbered = true;
            return Arrival::Take;
        }
        if seq <= self.taken {
            return Arrival::Duplicate;
        }
        if seq == self.taken.wrapping_add(1) {
            self.taken = seq;
            self.reconnected();
            return Arrival::Take;
        }
        let ask = self.asked.is_none();
        self.answered = !ask;
        self.asked.get_or_insert(now);
        Arrival::Gap { ask }
    }

    /// True if something is known to be missing.
    #[must_use]
    pub(super) fn is_missing(&self) -> bool {
        self.asked.is_some()
    }

    /// The number of an output that was asked for so often without success that the agent can't have it.
    #[must_use]
    pub(super) fn given_up(&self) -> Option<u32> {
        (self.asks >= ASKS * UNHEARD).then(|| self.taken.wrapping_add(1))
    }

    /// The time to ask once more for what is missing.
    #[must_use]
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.asked.map(|at| at + ASK_AGAIN)
    }

    /// True if it is time to ask once more; says so once.
    pub(super) fn ask_again(&mut self, now: Instant) -> bool {
        let due = self.deadline().is_some_and(|at| at <= now);
        if due {
            self.asked = Some(now);
            let answered = std::mem::take(&mut self.answered);
            self.asks += if answered { UNHEARD } else { 1 };
        }
        due
    }

    /// A new connection: its first message asks for what is missing.
    pub(super) fn reconnected(&mut self) {
        self.asked = None;
        self.asks = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Arrival::{Duplicate, Gap, Take};

    #[test]
    fn each_number_is_taken_once_and_in_order() {
        let (mut window, now) = (ReceiveWindow::default(), Instant::now());
        let verdicts = [1, 2, 2, 5, 6, 3, 1, 4, 5].map(|seq| window.judge(seq, now));
        let (asked, waiting) = (Gap { ask: true }, Gap { ask: false });
        let expected = [
            Take, Take, Duplicate, asked, waiting, Take, Duplicate, Take, Take,
        ];
        assert_eq!(verdicts, expected);
        assert_eq!(window.taken(), 5);
    }

    #[test]
    fn a_missing_output_is_asked_for_again_after_a_while() {
        let (mut window, now) = (ReceiveWindow::default(), Instant::now());
        window.judge(3, now);
        assert!(!window.ask_again(now));
        assert!(window.ask_again(now + ASK_AGAIN));
        assert!(!window.ask_again(now + ASK_AGAIN));
        window.judge(1, now);
        assert_eq!(window.deadline(), None);
    }

    #[test]
    fn what_is_asked_for_in_vain_is_given_up() {
        for (answered, patience) in [(true, ASKS), (false, ASKS * UNHEARD)] {
            let (mut window, mut now) = (ReceiveWindow::default(), Instant::now());
            window.judge(3, now);
            let mut asks = 0;
            while window.given_up().is_none() {
                if answered {
                    window.judge(3, now);
                }
                now += ASK_AGAIN;
                assert!(window.ask_again(now));
                asks += 1;
            }
            assert_eq!((asks, window.given_up()), (patience, Some(1)));
            window.judge(1, now);
            assert!(window.given_up().is_none() && !window.is_missing());
        }
    }

    #[test]
    fn old_agents_number_nothing() {
        let (mut window, now) = (ReceiveWindow::default(), Instant::now());
        assert_eq!([0, 0, 0].map(|seq| window.judge(seq, now)), [Take; 3]);
        assert!(window.is_unnumbered());
    }
}
