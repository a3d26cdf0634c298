//! Keeping a session alive, and noticing when its network is dead.

use super::channel::Now;
use std::time::{Duration, Instant};

/// Two clocks may drift apart this far before the machine is taken to have slept.
const SLEPT: Duration = Duration::from_secs(5);

/// The two clocks of a connection: since when nothing was sent, since when nothing was heard.
#[derive(Debug, Clone)]
pub struct Liveness {
    /// A heartbeat is due when nothing was sent for so long; `None` switches heartbeats off.
    keepalive: Option<Duration>,
    /// The connection is dead when nothing was heard for so long; `None` never.
    dead_after: Option<Duration>,
    sent_at: Instant,
    /// The time when the silence that counts began.
    heard_at: Instant,
    /// The time when something was last received.
    received_at: Instant,
    pinged: bool,
    last: Now,
}

/// An action that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// An empty Input message, and a ping with it: one wakeup of an idle machine serves both.
    Heartbeat,
    /// A WebSocket ping.
    Ping,
    /// Nothing was heard for too long.
    Dead,
}

impl Liveness {
    /// Starts both clocks.
    #[must_use]
    pub fn new(keepalive: Option<Duration>, dead_after: Option<Duration>, now: Now) -> Self {
        Self {
            keepalive,
            dead_after,
            sent_at: now.at,
            heard_at: now.at,
            received_at: now.at,
            pinged: false,
            last: now,
        }
    }

    /// Starts both clocks again, for a new connection.
    pub fn restart(&mut self, now: Now) {
        *self = Self::new(self.keepalive, self.dead_after, now);
    }

    /// A message that the agent counts as activity was sent.
    pub fn sent(&mut self, now: Now) {
        self.sent_at = now.at;
    }

    /// Anything at all was received.
    pub fn heard(&mut self, now: Now) {
        self.notice_sleep(now);
        self.heard_at = now.at;
        self.received_at = now.at;
        self.pinged = false;
        self.last = now;
    }

    /// Changes the interval of heartbeats.
    pub fn set_keepalive(&mut self, keepalive: Option<Duration>) {
        self.keepalive = keepalive;
    }

    /// The time when something is due next.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let heartbeat = self.keepalive.map(|span| self.sent_at + span);
        [heartbeat, self.ping_at(), self.dead_at()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Returns what is due now, if anything; a ping is due once per silence. The caller sends it and
    /// reports that.
    pub fn poll(&mut self, now: Now) -> Option<Due> {
        self.notice_sleep(now);
        if self.dead_at().is_some_and(|at| at <= now.at) {
            return Some(Due::Dead);
        }
        let heartbeat = self.keepalive.map(|span| self.sent_at + span);
        let due = if heartbeat.is_some_and(|at| at <= now.at) {
            Due::Heartbeat
        } else if self.ping_at().is_some_and(|at| at <= now.at) {
            Due::Ping
        } else {
            return None;
        };
        self.pinged = true;
        // A ping that goes late leaves its answer as much time as any.
        self.heard_at = self.heard_at.max(self.ping_began(now));
        Some(due)
    }

    /// Tells how long nothing was received, up to the last [`poll`](Self::poll).
    pub fn describe_silence(&self) -> String {
        let span = self.last.at.saturating_duration_since(self.received_at);
        tr!("nothing was received for {span}s", span = span.as_secs())
    }

    /// A wall clock that ran ahead of the monotonic one means that the machine slept.
    fn notice_sleep(&mut self, now: Now) {
        let ran = now.at.saturating_duration_since(self.last.at);
        let wall = Duration::from_millis(now.unix_ms.saturating_sub(self.last.unix_ms));
        self.last = now;
        if wall > ran + SLEPT {
            let slept = wall.saturating_sub(ran);
            // For the agent the time went on: it may wait for a heartbeat.
            self.sent_at = self.sent_at.checked_sub(slept).unwrap_or(self.sent_at);
            self.stalled(now, slept);
        }
    }

    /// Notes that this process did not run for `span`, or that its machine slept: what arrived meanwhile
    /// is unread. A short stop does not count as silence. After a long one the connection may be lost: a
    /// ping is due at once. Its answer has as long as in any silence, as it may wait behind much input.
    pub fn stalled(&mut self, now: Now, span: Duration) {
        self.last = now;
        if span < SLEPT {
            self.heard_at = (self.heard_at + span).min(now.at);
        } else if self.dead_after.is_some() {
            self.pinged = false;
            self.heard_at = self.ping_began(now);
        }
    }

    /// The silence after which a ping is due: with the defaults, half of a heartbeat's interval.
    fn patience(&self) -> Duration {
        self.dead_after.unwrap_or_default() * 2 / 3
    }

    /// The time when the silence began that makes a ping due now.
    fn ping_began(&self, now: Now) -> Instant {
        now.at.checked_sub(self.patience()).unwrap_or(now.at)
    }

    fn ping_at(&self) -> Option<Instant> {
        let at = self.dead_after.map(|_| self.heard_at + self.patience());
        at.filter(|_| !self.pinged)
    }

    fn dead_at(&self) -> Option<Instant> {
        self.dead_after.map(|span| self.heard_at + span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const DEAD: Duration = Duration::from_secs(45);
    const PATIENCE: Duration = Duration::from_secs(30);

    fn start() -> (Now, Liveness) {
        let now = Now {
            at: Instant::now(),
            unix_ms: 1_000_000,
        };
        (now, Liveness::new(Some(MINUTE), Some(DEAD), now))
    }

    fn after(now: Now, span: Duration) -> Now {
        Now {
            at: now.at + span,
            unix_ms: now.unix_ms + u64::try_from(span.as_millis()).unwrap(),
        }
    }

    #[test]
    fn output_alone_does_not_put_the_heartbeat_off() {
        let (t0, mut liveness) = start();
        for second in 1..60 {
            let now = after(t0, Duration::from_secs(second));
            liveness.heard(now);
            assert_eq!(liveness.poll(now), None);
        }
        let now = after(t0, MINUTE);
        assert_eq!(liveness.poll(now), Some(Due::Heartbeat));
        liveness.sent(now);
        assert_eq!(liveness.poll(now), None);
    }

    #[test]
    fn silence_is_pinged_once_and_then_deadly() {
        let (t0, mut liveness) = start();
        assert_eq!(liveness.deadline(), Some(t0.at + PATIENCE));
        assert_eq!(liveness.poll(after(t0, PATIENCE)), Some(Due::Ping));
        assert_eq!(liveness.poll(after(t0, PATIENCE)), None);
        assert_eq!(liveness.deadline(), Some(t0.at + DEAD));
        assert_eq!(liveness.poll(after(t0, DEAD)), Some(Due::Dead));
    }

    #[test]
    fn an_idle_minute_has_two_moments() {
        let (t0, mut liveness) = start();
        let soon = Duration::from_millis(40);
        assert_eq!(liveness.poll(after(t0, PATIENCE)), Some(Due::Ping));
        liveness.heard(after(t0, PATIENCE + soon));
        assert_eq!(liveness.poll(after(t0, MINUTE)), Some(Due::Heartbeat));
        liveness.sent(after(t0, MINUTE));
        liveness.heard(after(t0, MINUTE + soon));
        let next = t0.at + MINUTE + soon + PATIENCE;
        assert_eq!(liveness.deadline(), Some(next));
    }

    #[test]
    fn a_pong_starts_the_silence_afresh() {
        let (t0, mut liveness) = start();
        liveness.poll(after(t0, PATIENCE));
        liveness.heard(after(t0, DEAD - Duration::from_secs(1)));
        assert_eq!(liveness.poll(after(t0, DEAD)), None);
    }

    #[test]
    fn a_woken_machine_does_not_trust_the_connection() {
        let (t0, mut liveness) = start();
        let woken = Now {
            at: t0.at + Duration::from_secs(1),
            unix_ms: t0.unix_ms + 3_600_000,
        };
        // It goes with a ping.
        assert_eq!(liveness.poll(woken), Some(Due::Heartbeat));
        liveness.sent(woken);
        assert_eq!(liveness.poll(after(woken, Duration::from_secs(14))), None);
        assert_eq!(
            liveness.poll(after(woken, DEAD - PATIENCE)),
            Some(Due::Dead)
        );
    }

    #[test]
    fn what_arrives_after_a_sleep_does_not_hide_that_a_heartbeat_is_due() {
        let (t0, mut liveness) = start();
        let woken = Now {
            at: t0.at + Duration::from_secs(1),
            unix_ms: t0.unix_ms + 126_000,
        };
        liveness.heard(woken);
        assert_eq!(liveness.poll(woken), Some(Due::Heartbeat));
    }

    #[test]
    fn the_answer_to_a_late_ping_has_its_time() {
        let (t0, mut liveness) = start();
        let late = after(t0, PATIENCE + Duration::from_secs(4));
        assert_eq!(liveness.poll(late), Some(Due::Ping));
        assert_eq!(liveness.deadline(), Some(late.at + (DEAD - PATIENCE)));
        assert_eq!(liveness.describe_silence(), "nothing was received for 34s");
    }

    #[test]
    fn a_short_stop_leaves_the_connection_its_time() {
        let (t0, mut liveness) = start();
        let woken = after(t0, Duration::from_secs(1));
        liveness.stalled(woken, Duration::from_secs(1));
        assert_eq!(liveness.poll(after(woken, PATIENCE)), Some(Due::Ping));
        let nearly = DEAD - Duration::from_secs(1);
        assert_eq!(liveness.poll(after(woken, nearly)), None);
        assert_eq!(liveness.poll(after(woken, DEAD)), Some(Due::Dead));
        assert_eq!(liveness.describe_silence(), "nothing was received for 46s");
    }

    #[test]
    fn switched_off_means_off() {
        let (t0, _) = start();
        let mut liveness = Liveness::new(None, None, t0);
        assert_eq!(liveness.deadline(), None);
        assert_eq!(liveness.poll(after(t0, MINUTE * 600)), None);
    }
}
