//! The queue for the start of a session: the pace that all processes of a user keep together, and the
//! service's limits, which are waited for.

use crate::backoff::Backoff;
use crate::cli;
use crate::commands::common::context::Context;
use crate::error::{Error, Result};
use crate::share::{Pace, StartsFile};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The pauses between a refusal and the next attempt.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The longest pause that the service may ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(60);

/// A wait for the turn that the user is told of; shorter ones are in the log.
const LONG: Duration = Duration::from_secs(5);

/// One session's wait.
pub(super) struct StartQueue<'a> {
    context: &'a Context,
    region: &'a str,
    /// The governor's file, which all processes of the user share; `None` without a limit to the pace, or
    /// without the file.
    starts: Option<(StartsFile, Pace)>,
    /// The time that it may wait in all.
    limit: Duration,
    by: Instant,
    backoff: Backoff,
    /// The reason why the service refused the session.
    refused: Option<Error>,
    told: bool,
}

impl<'a> StartQueue<'a> {
    /// The wait for a session in this region begins.
    pub(super) fn new(
        context: &'a Context,
        region: &'a str,
        args: &cli::SessionArgs,
    ) -> Result<Self> {
        let limit = args.queue_timeout;
        let is_paced = args.start_rate > 0 && !limit.is_zero();
        let file = context.starts_file(region)?.filter(|_| is_paced);
        if is_paced && file.is_none() {
            tracing::info!("the pace at which sessions are started is not kept: there is no cache");
        }
        Ok(Self {
            context,
            region,
            starts: file.map(|file| (file, Pace::new(args.start_rate))),
            limit,
            by: Instant::now() + limit,
            backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE),
            refused: None,
            told: false,
        })
    }

    /// Waits until the session may be started.
    ///
    /// # Errors
    /// [`Error::Queue`] if that is later than the limit, and after a refusal the service's reason.
    pub(super) async fn turn(&mut self) -> Result<()> {
        if let Some(error) = &self.refused {
            let pause = self.backoff.next().max(asked_pause(error));
            sleep(pause.min(self.left())).await;
        }
        let Some((file, pace)) = &self.starts else {
            return Ok(());
        };
        let (pace, left) = (*pace, self.left());
        match file
            .change(|starts, now| starts.take(now, pace, left))
            .await
        {
            Ok(Ok(wait)) => {
                if wait > Duration::ZERO {
                    self.tell_of(wait);
                    sleep(wait).await;
                }
                Ok(())
            }
            Ok(Err(wait)) => Err(self.refused.take().unwrap_or(Error::Queue {
                wait,
                limit: self.limit,
            })),
            Err(error) => {
                tracing::info!(%error, "the pace at which sessions are started is not kept");
                self.starts = None;
                Ok(())
            }
        }
    }

    /// Notes that the service has refused the session, so that it is tried again.
    ///
    /// # Errors
    /// The refusal, if it does not pass by itself, or if there is no time left.
    pub(super) async fn refused(&mut self, error: Error) -> Result<()> {
        if !is_limit(&error) || self.left().is_zero() {
            return Err(error);
        }
        if !self.told {
            self.told = true;
            let (region, left) = (self.region, self.left().as_secs());
            self.context.say(&tr!(
                "waiting for up to {left}s: the service takes no more sessions for now in {region} ({error})",
                left,
                region,
                error
            ));
        }
        // Other instances have room if this one is full.
        if let (Error::Api(_), Some((file, pace))) = (&error, &self.starts) {
            let (pace, pause) = (*pace, FIRST_PAUSE.max(asked_pause(&error)));
            let held = file.change(|starts, now| starts.hold(now, pace, pause));
            if let Err(error) = held.await {
                tracing::info!(%error, "others are not told of the limit");
            }
        }
        self.refused = Some(error);
        Ok(())
    }

    fn tell_of(&mut self, wait: Duration) {
        tracing::info!(?wait, "other sessions are started first");
        if wait >= LONG && !self.told {
            self.told = true;
            let seconds = wait.as_secs();
            self.context.say(&tr!(
                "waiting {seconds}s: other commands start sessions first",
                seconds
            ));
        }
    }

    fn left(&self) -> Duration {
        self.by.saturating_duration_since(Instant::now())
    }
}

/// The pause that the service asks for.
fn asked_pause(error: &Error) -> Duration {
    match error {
        Error::Api(error) => error.retry_after.unwrap_or_default().min(LONGEST_ASKED),
        _ => Duration::ZERO,
    }
}

/// True if a session that is asked for after this failure would fail in the same way, after the same wait.
#[cfg(unix)]
pub(crate) fn fails_again(error: &Error) -> bool {
    let has_waited = matches!(
        error,
        Error::Queue { .. } | Error::Timeout { .. } | Error::AgentTimeout { .. } | Error::Remote(_)
    );
    has_waited || is_limit(error)
}

/// True if the service takes no more for now: too many calls, or too many sessions in the region or of the
/// instance.
pub(super) fn is_limit(error: &Error) -> bool {
    match error {
        Error::Api(error) => error.code == "SessionCount.ExceedLimit" || error.is_throttling(),
        Error::Ended { code, detail } => {
            let reason = detail.split(':').next().unwrap_or_default().trim();
            code == "Aborted" && reason == "ConnectionCountExceedLimit"
        }
        _ => false,
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_waited_for_in_vain_fails_again() {
        let limit = Duration::from_secs(3);
        let what = "the answer";
        let ended = |code: &str, detail: &str| Error::Ended {
            code: code.into(),
            detail: detail.into(),
        };
        for (error, fails) in [
            (Error::Queue { wait: limit, limit }, true),
            (Error::AgentTimeout { what, limit }, true),
            (ended("Aborted", "ConnectionCountExceedLimit"), true),
            (ended("Aborted", "InstanceNotRunning"), false),
            (Error::Lost("reset".into()), false),
            (Error::NoRegion, false),
        ] {
            assert_eq!(fails_again(&error), fails, "{error}");
        }
    }
}
