//! The end of a session: Close for the remote side, and the last bytes for the user.

use super::clock::now;
use super::user::{deliver, deliver_errors, stopped};
use super::wire::{self, WireState};
use super::{Outcome, Pump};
use crate::protocol::channel::Ending;
use std::time::Duration;

/// The time limit for closing, and for writing the last output of a session that was stopped.
const CLOSING: Duration = Duration::from_secs(1);

impl Pump<'_> {
    /// Closes the session and writes the rest of the output, both at once.
    pub(super) async fn finish(mut self, outcome: Outcome) -> Outcome {
        self.host.ending(&outcome, &self.channel.condition());
        let remote_ended = matches!(outcome, Outcome::Ended(Ending::Normal));
        if !remote_ended {
            self.channel.close(now());
        }
        let Self {
            mut channel,
            mut user,
            wire,
            mut flow,
            ..
        } = self;
        let closing = async move {
            if let WireState::Up(link) = wire.state {
                wire::close(&mut *channel, link).await;
            }
        };
        let complete = matches!(outcome, Outcome::Ended(_) | Outcome::UserLeft);
        let deliver = async {
            let output = deliver(&mut user.writer, &mut flow.user);
            let errors = deliver_errors(user.errors, &mut flow.errors);
            let all = async {
                let (output, errors) = tokio::join!(output, errors);
                output.and(errors)
            };
            if complete {
                tokio::select! {
                    delivered = all => delivered,
                    stop = stopped(&mut user.control) => Err(Outcome::Stopped(stop)),
                }
            } else {
                let delivered = tokio::time::timeout(CLOSING, all).await;
                delivered.unwrap_or(Ok(()))
            }
        };
        let closing = tokio::time::timeout(CLOSING, closing);
        let (delivered, _) = tokio::join!(deliver, closing);
        match delivered {
            Ok(()) => outcome,
            Err(other) => other,
        }
    }
}
