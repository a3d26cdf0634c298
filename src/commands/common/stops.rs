//! Signals and the time limit, which stop a run early, and the exit status after a session.

use crate::error::{Result, Stop};
use crate::exit::Exit;
use crate::protocol::channel::Ending;
use crate::pump::Outcome;
use crate::terminal::Signals;
use std::io;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// The signals and the time limit that can stop a run while its session is being opened.
pub(crate) struct Stops {
    /// The signals of this process.
    pub(crate) signals: Signals,
    /// The time when the time limit ends, if there is one.
    pub(crate) by: Option<Instant>,
}

impl Stops {
    /// Begins to listen; the time limit runs from now on.
    pub(crate) fn listen(limit: Option<Duration>) -> io::Result<Self> {
        Self::until(limit.map(|limit| Instant::now() + limit))
    }

    /// Begins to listen; the time limit ends then.
    pub(crate) fn until(by: Option<Instant>) -> io::Result<Self> {
        let signals = Signals::listen()?;
        Ok(Self { signals, by })
    }

    /// Runs a step until it is done, or until something stops it.
    pub(crate) async fn run<T>(&mut self, step: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            done = step => done,
            stop = self.next() => Err(stop.into()),
        }
    }

    /// Waits for a signal or the time limit.
    pub(crate) async fn next(&mut self) -> Stop {
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
        Outcome::Ended(Ending::Normal) | Outcome::UserLeft => Ok(Exit::Ok),
        // As with ssh: the remote status is not known.
        Outcome::Escaped => Ok(Exit::Failed),
        Outcome::Ended(Ending::Status(status)) => Ok(Exit::Remote(status)),
        Outcome::Ended(Ending::Failed(error)) => Err(error),
        Outcome::Stopped(stop) => Err(stop.into()),
        Outcome::OutputClosed => Ok(Exit::Signal(SIGPIPE)),
    }
}
