//! From how a session ended to how axt exits.

use super::session::Started;
use crate::error::Result;
use crate::exit::Exit;
use crate::protocol::channel::Ending;
use crate::protocol::filter::Stop;
use crate::pump::Outcome;
use crate::terminal::{self, Signal, Signals};
use std::io;
use std::pin::pin;
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout};

/// How long the answer that names a started session may take after a signal to stop.
const LATE: Duration = Duration::from_secs(2);

/// What stops a run before its session is joined to anything: a signal, or the end of its time.
pub struct Stops {
    /// The signals of this process.
    pub signals: Signals,
    /// The end of its time, if that is limited.
    pub by: Option<Instant>,
}

impl Stops {
    /// Listens from now on; the time of the run begins.
    ///
    /// # Errors
    /// The system's.
    pub fn listen(limit: Option<Duration>) -> io::Result<Self> {
        Ok(Self {
            signals: Signals::listen()?,
            by: limit.map(|limit| Instant::now() + limit),
        })
    }

    async fn next(&mut self) -> Stop {
        let by = self.by;
        let end = async {
            match by {
                Some(by) => sleep_until(by).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(end);
        loop {
            tokio::select! {
                () = &mut end => return Stop::Timeout,
                signal = self.signals.recv() => match signal {
                    Signal::Suspend => {
                        let _ = terminal::stop_self();
                    }
                    other => if let Some(number) = other.number() {
                        return Stop::Signal(number);
                    },
                },
            }
        }
    }
}

/// Starts a session. One that a signal came upon while it was being started is ended: its id is not
/// known before the answer is there, so that is waited for a little.
pub async fn start_until_stopped(
    starting: impl Future<Output = Result<Started>>,
    stops: &mut Stops,
) -> Result<Result<Started>, Stop> {
    let mut starting = pin!(starting);
    let started = until_stopped(starting.as_mut(), stops).await;
    if started.is_err()
        && let Ok(Ok(late)) = timeout(LATE, starting).await
    {
        late.end().await;
    }
    started
}

/// Runs a step of the opening until it is done, or until something stops it.
pub async fn until_stopped<T>(step: impl Future<Output = T>, stops: &mut Stops) -> Result<T, Stop> {
    tokio::select! {
        done = step => Ok(done),
        stop = stops.next() => Err(stop),
    }
}

/// The exit status of a run that was stopped.
pub fn exit_of_stop(stop: Stop) -> Exit {
    match stop {
        Stop::Signal(number) => Exit::Signal(number),
        Stop::Timeout => Exit::TimedOut,
    }
}

/// The exit status of a session.
///
/// # Errors
/// What the session failed of.
pub fn conclude(outcome: Outcome) -> Result<Exit> {
    const SIGPIPE: u8 = 13;
    match outcome {
        Outcome::Ended(Ending::Normal { .. }) => Ok(Exit::Ok),
        // As with ssh: how the far end would have ended is not known.
        Outcome::Escaped => Ok(Exit::Failed),
        Outcome::Ended(Ending::Status(status)) => Ok(Exit::Remote(status)),
        Outcome::Ended(Ending::Failed(error)) => Err(error),
        Outcome::Stopped(stop) => Ok(exit_of_stop(stop)),
        Outcome::OutputClosed => Ok(Exit::Signal(SIGPIPE)),
    }
}
