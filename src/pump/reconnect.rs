//! The reaction to a broken connection: another attempt, or the end of the session.

use super::wire::WireState;
use super::{Link, Notice, Pump, clock};
use crate::error::Error;
use crate::protocol::channel::Now;
use std::fmt::Display;
use std::time::Instant;

impl Pump<'_> {
    pub(super) fn broke(&mut self, why: String, resumable: bool) {
        if !resumable || !self.options.resume {
            return self.fail(Error::Lost(why));
        }
        let now = clock::now().at;
        self.retry_later(now, &why);
        if self.wire.is_newly_broken(now) {
            self.host.notice(Notice::Reconnecting { why });
        }
    }

    /// Handles that another connection has the session: an abandoned attempt of this process, which a new
    /// attempt displaces, or another client, which ends the session here.
    pub(super) fn displaced(&mut self, error: Error) {
        let now = clock::now().at;
        if self.options.resume && self.wire.may_be_abandoned_attempt(now) {
            self.broke(error.to_string(), true);
        } else {
            self.fail(error);
        }
    }

    /// Plans the next attempt, or gives up after [`GIVE_UP`](super::wire::GIVE_UP).
    fn retry_later(&mut self, now: Instant, why: &dyn Display) {
        self.lost_by = Some(why.to_string());
        if let Err(tried) = self.wire.retry_later(now) {
            let minutes = tried.as_secs() / 60;
            let what = tr!(
                "gave up reconnecting after {minutes} minutes: {why}",
                minutes,
                why
            );
            self.fail(Error::Lost(what));
        }
    }

    pub(super) fn dialed(&mut self, now: Now, dialed: Result<Link, Error>) {
        match dialed {
            Ok(link) => {
                self.wire.state = WireState::Up(link);
                self.channel.connected(now);
                // The time without a connection was not the remote side's.
                self.opening.begin_again(now.at);
            }
            Err(error) if self.wire.is_final(now.at, &error) => self.fail(error),
            Err(error) => {
                tracing::info!(%error, "reconnecting failed");
                self.retry_later(now.at, &error);
            }
        }
    }
}
