//! What stops a run before its time, and how axt exits after a session.

use super::session::Started;
use crate::error::{Error, Result, Stop};
use crate::exit::Exit;
use crate::protocol::channel::Ending;
use crate::pump::Outcome;
use crate::terminal::Signals;
use std::io;
use std::pin::pin;
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout};

/// How long the answer that names a started session may take after a signal to stop.
const LATE: Duration = Duration::from_secs(2);

/// What stops a run before its session is joined to anything: a signal, or the end of its time.
pub(crate) struct Stops {
    /// The signals of this process.
    pub(crate) signals: Signals,
    /// The end of its time, if that is limited.
    pub(crate) by: Option<Instant>,
}

impl Stops {
    /// Listens from now on; the time of the run begins.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn listen(limit: Option<Duration>) -> io::Result<Self> {
        Ok(Self {
            signals: Signals::listen()?,
            by: limit.map(|limit| Instant::now() + limit),
        })
    }

    /// Runs a step until it is done, or until something stops it.
    ///
    /// # Errors
    /// The step's; [`Error::Stopped`].
    pub(crate) async fn run<T>(&mut self, step: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            done = step => done,
            stop = self.next() => Err(stop.into()),
        }
    }

    /// Starts a session. A session whose start is interrupted is ended: its id is not known before the
    /// answer is there, so that is waited for a little.
    ///
    /// # Errors
    /// As [`Stops::run`].
    pub(crate) async fn start(
        &mut self,
        starting: impl Future<Output = Result<Started>>,
    ) -> Result<Started> {
        let mut starting = pin!(starting);
        let started = self.run(starting.as_mut()).await;
        if matches!(started, Err(Error::Stopped(_)))
            && let Ok(Ok(late)) = timeout(LATE, starting).await
        {
            late.end().await;
        }
        started
    }

    async fn next(&mut self) -> Stop {
        let by = self.by;
        let end = async {
            match by {
                Some(by) => sleep_until(by).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = end => Stop::Timeout,
            number = self.signals.termination() => Stop::Signal(number),
        }
    }
}

/// The exit status of a run that was stopped.
pub(crate) fn exit_of(stop: Stop) -> Exit {
    match stop {
        Stop::Signal(number) => Exit::Signal(number),
        Stop::Timeout => Exit::TimedOut,
    }
}

/// The exit status of a session.
///
/// # Errors
/// The error that ended the session; [`Error::Stopped`].
pub(crate) fn conclude(outcome: Outcome) -> Result<Exit> {
    const SIGPIPE: u8 = 13;
    match outcome {
        Outcome::Ended(Ending::Normal { .. }) | Outcome::UserLeft => Ok(Exit::Ok),
        // As with ssh: how the far end would have ended is not known.
        Outcome::Escaped => Ok(Exit::Failed),
        Outcome::Ended(Ending::Status(status)) => Ok(Exit::Remote(status)),
        Outcome::Ended(Ending::Failed(error)) => Err(error),
        Outcome::Stopped(stop) => Err(stop.into()),
        Outcome::OutputClosed => Ok(Exit::Signal(SIGPIPE)),
    }
}
