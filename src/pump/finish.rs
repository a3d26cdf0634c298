//! The end of a session: the goodbye to the remote side, and the last bytes for the user.

use super::clock::now;
use super::user::{deliver, deliver_errors, stopped};
use super::wire::{self, WireState};
use super::{Outcome, Pump};
use crate::protocol::channel::{Channel, Ending};
use crate::protocol::filter::Filter;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};

/// How long a session that is ended from this side may take to deliver and to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

impl<C, F, R, W> Pump<'_, C, F, R, W>
where
    C: Channel,
    F: Filter,
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    /// Says goodbye to the remote side and delivers what is left, both at once.
    pub(super) async fn finish(mut self, outcome: Outcome) -> Outcome {
        self.host.ending();
        let remote_ended = matches!(outcome, Outcome::Ended(Ending::Normal { .. }));
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
        let goodbye = async move {
            if let WireState::Up(link) = wire.state {
                wire::say_goodbye(&mut channel, link).await;
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
                let delivered = tokio::time::timeout(GOODBYE, all).await;
                delivered.unwrap_or(Ok(()))
            }
        };
        let goodbye = tokio::time::timeout(GOODBYE, goodbye);
        let (delivered, _) = tokio::join!(deliver, goodbye);
        match delivered {
            Ok(()) => outcome,
            Err(other) => other,
        }
    }
}
