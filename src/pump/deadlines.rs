//! The loop's timers: stops, late openings, attempts to reconnect, long silences.

use super::wire::WireState;
use super::{Notice, Outcome, Pump, clock};
use crate::error::Error;
use crate::protocol::channel::{Incoming, Now};
use std::time::Instant;

impl Pump<'_> {
    /// The time when the loop must wake up if nothing happens before.
    pub(super) fn deadline(&self, now: Now) -> Option<Instant> {
        let stop_by = self.stopping.map(|(_, by)| by);
        let linger_by = self.linger_by();
        let times = [
            self.channel_deadline(now),
            self.filter.deadline(),
            self.wire.retry_at(),
            self.open_by(),
            stop_by,
            linger_by,
        ];
        times.into_iter().flatten().min()
    }

    /// The channel's deadline. One that is far ahead may be late: heartbeats, pings, the limit of a silence.
    fn channel_deadline(&self, now: Now) -> Option<Instant> {
        let at = self.channel.deadline(now)?;
        Some(clock::wake_up_for(now.at, at))
    }

    fn open_by(&self) -> Option<Instant> {
        let ready = self.filter.is_ready() && self.channel.is_ready();
        self.opening.deadline(self.wire.is_up(), ready)
    }

    /// The time when the remote side will have been silent for long enough.
    fn linger_by(&self) -> Option<Instant> {
        let waits = self.opening.is_open() && self.wire.is_up() && self.flow.user.is_empty();
        let wanted = self.silence_ends_it() || !self.linger.has_said();
        self.linger.deadline().filter(|_| waits && wanted)
    }

    /// True if a long silence ends the session. The user is only told of it where the remote side reports its
    /// end.
    fn silence_ends_it(&self) -> bool {
        let trusted = self.options.trusts_end && self.channel.reports_end();
        !trusted || self.linger.wants_no_answer()
    }

    pub(super) fn time_passed(&mut self, now: Now) {
        if let Some((stop, by)) = self.stopping
            && by <= now.at
        {
            return self.conclude(Outcome::Stopped(stop));
        }
        if self.open_by().is_some_and(|by| by <= now.at) {
            return self.opens_too_late();
        }
        if self.wire.retry_at().is_some_and(|at| at <= now.at) {
            let resume = self.channel.resume_id();
            self.wire.state = WireState::Dialing(self.host.reconnect(resume));
        }
        if self.linger_by().is_some_and(|by| by <= now.at) {
            if self.silence_ends_it() {
                return self.conclude(self.linger.outcome());
            }
            self.linger.say();
            self.host.notice(Notice::NoAnswerYet);
        }
        // While output can't be written, the WebSocket is not read: what waits there is a sign of life.
        if !self.has_room()
            && let WireState::Up(link) = &self.wire.state
            && !link.incoming.is_empty()
        {
            self.channel.receive(now, Incoming::Alive);
        }
        if self.filter.deadline().is_some_and(|by| by <= now.at) {
            self.filter.wake(now.at, &mut self.flow);
        }
        self.channel.wake(now);
    }

    /// Ends the session with the reason why it did not open in time, or why no runner answered.
    fn opens_too_late(&mut self) {
        let limit = self.opening.limit();
        if self.opening.is_open() && self.filter.is_ready() {
            self.opening.wait_on();
            return self.host.notice(Notice::NothingCame { within: limit });
        }
        if self.opening.is_open() {
            let error = self.filter.overdue(limit);
            return self.fail(error);
        }
        let what = tr!("the answer of the agent");
        let lost = self.lost_by.take().map(Error::Lost);
        self.fail(lost.unwrap_or(Error::AgentTimeout { what, limit }));
    }
}
