//! Retries: which failures are tried again, and how long to wait before that.

use crate::backoff::Backoff;
use crate::error::{Error, Result};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

/// The longest that is waited for the service's sake, whatever it asks for.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The limits for the attempts of a call.
#[derive(Debug, Clone, Copy)]
pub struct Retry {
    /// Attempts in all, the first included.
    pub attempts: u32,
    /// The first pause; it doubles from attempt to attempt.
    pub first_pause: Duration,
    /// True if a call that was one too many is tried again.
    pub throttled: bool,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 4,
            first_pause: Duration::from_millis(500),
            throttled: true,
        }
    }
}

/// A failed attempt.
#[derive(Debug)]
pub struct FailedAttempt {
    /// The error to report if this attempt was the last.
    pub error: Error,
    /// The prospect of another attempt.
    pub again: Again,
}

/// The prospect of another attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// No.
    Never,
    /// Once, for what a second occurrence shows not to be chance.
    Once,
    /// Yes, after a pause of axt's own choice.
    Yes,
    /// Yes, after the pause the service asked for.
    After(Duration),
}

impl From<Error> for FailedAttempt {
    fn from(error: Error) -> Self {
        Self {
            error,
            again: Again::Never,
        }
    }
}

impl Retry {
    /// Makes attempts until one succeeds, fails for good, or no time is left for another; the last
    /// failure is the result. `what` names the call should the first attempt take all of `limit`.
    ///
    /// # Errors
    /// The last attempt's error, or [`Error::Timeout`].
    pub async fn run<T, F>(
        self,
        what: &str,
        limit: Duration,
        mut attempt: impl FnMut() -> F,
    ) -> Result<T>
    where
        F: Future<Output = Result<T, FailedAttempt>>,
    {
        let deadline = Instant::now() + limit;
        let mut last = Error::Timeout {
            what: what.to_owned(),
            limit,
        };
        let mut second_chance = true;
        let mut backoff = Backoff::new(self.first_pause, LONGEST_PAUSE);
        for number in 1..=self.attempts.max(1) {
            let failure = match timeout_at(deadline, attempt()).await {
                Ok(Ok(reply)) => return Ok(reply),
                Ok(Err(failure)) => failure,
                // What failed before says more than that the time ran out over the next attempt.
                Err(_) => return Err(last),
            };
            last = failure.error;
            let pause = match failure.again {
                Again::Once if std::mem::take(&mut second_chance) => Duration::ZERO,
                Again::Never | Again::Once => return Err(last),
                Again::Yes => backoff.next(),
                Again::After(asked) => asked.min(LONGEST_PAUSE) + backoff.next(),
            };
            if number >= self.attempts || Instant::now() + pause >= deadline {
                return Err(last);
            }
            tracing::debug!(call = what, attempt = number, ?pause, error = %last, "trying again");
            sleep(pause).await;
        }
        Err(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(300);

    fn failure(again: Again, text: &str) -> FailedAttempt {
        FailedAttempt {
            error: Error::Lost(text.into()),
            again,
        }
    }

    /// Runs attempts that fail with what `failures` says, then succeed; tells how many were made.
    async fn run(limit: Duration, failures: &[Again]) -> (usize, Result<()>) {
        let mut made = 0;
        let result = Retry::default().run("a call", limit, || {
            made += 1;
            std::future::ready(match failures.get(made - 1) {
                Some(again) => Err(failure(*again, &format!("attempt {made}"))),
                None => Ok(()),
            })
        });
        let result = result.await;
        (made, result)
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_end_with_success_or_with_the_last_failure() {
        let (made, result) = run(LIMIT, &[Again::Yes, Again::Yes]).await;
        assert!(made == 3 && result.is_ok());
        let (made, result) = run(LIMIT, &[Again::Never]).await;
        assert!(made == 1 && result.is_err_and(|e| e.to_string().ends_with("attempt 1")));
        let (made, result) = run(LIMIT, &[Again::Yes; 9]).await;
        assert!(made == 4 && result.is_err_and(|e| e.to_string().ends_with("attempt 4")));
        let (made, result) = run(LIMIT, &[Again::Once]).await;
        assert!(made == 2 && result.is_ok());
        let (made, result) = run(LIMIT, &[Again::Once, Again::Yes, Again::Once]).await;
        assert!(made == 3 && result.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn the_services_pause_is_kept_and_bounded() {
        let start = Instant::now();
        let (_, result) = run(LIMIT, &[Again::After(Duration::from_secs(7))]).await;
        assert!(result.is_ok());
        let waited = start.elapsed();
        assert!(
            waited >= Duration::from_secs(7) && waited < Duration::from_secs(8),
            "{waited:?}"
        );

        let start = Instant::now();
        let (_, result) = run(LIMIT, &[Again::After(Duration::from_secs(7000))]).await;
        assert!(result.is_ok());
        let waited = start.elapsed();
        assert!(
            waited >= LONGEST_PAUSE && waited < Duration::from_secs(61),
            "{waited:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn no_pause_goes_beyond_the_deadline() {
        let start = Instant::now();
        let (made, result) = run(
            Duration::from_secs(5),
            &[Again::After(Duration::from_secs(30))],
        )
        .await;
        assert!(made == 1 && result.is_err_and(|e| e.to_string().ends_with("attempt 1")));
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_hangs_is_ended_by_the_deadline() {
        let start = Instant::now();
        let hangs = Retry::default().run(
            "the call",
            LIMIT,
            std::future::pending::<Result<(), FailedAttempt>>,
        );
        let error = hangs.await.expect_err("a timeout");
        assert_eq!(error.to_string(), "the call took longer than 300s");
        assert_eq!(start.elapsed(), LIMIT);

        let mut first = Some(failure(Again::Yes, "the first"));
        let hangs = Retry::default().run("the call", LIMIT, || {
            let first = first.take();
            async {
                match first {
                    Some(failure) => Err::<(), _>(failure),
                    None => std::future::pending().await,
                }
            }
        });
        assert!(
            hangs
                .await
                .is_err_and(|e| e.to_string().ends_with("the first"))
        );
    }
}
