//! From how a session ended to how axt exits.

use super::session::Started;
use crate::error::Result;
use crate::exit::Exit;
use crate::protocol::channel::Ending;
use crate::protocol::filter::Stop;
use crate::pump::Outcome;
use crate::terminal::{self, Signal, Signals};
use std::pin::pin;
use std::time::Duration;
use tokio::time::timeout;

/// How long the answer that names a started session may take after a signal to stop.
const LATE: Duration = Duration::from_secs(2);

/// Starts a session. One that a signal came upon while it was being started is ended: its id is not
/// known before the answer is there, so that is waited for a little.
pub async fn start_until_stopped(
    starting: impl Future<Output = Result<Started>>,
    signals: &mut Signals,
) -> Result<Result<Started>, Stop> {
    let mut starting = pin!(starting);
    let started = until_stopped(starting.as_mut(), signals).await;
    if started.is_err()
        && let Ok(Ok(late)) = timeout(LATE, starting).await
    {
        late.end().await;
    }
    started
}

/// Runs a step of the opening until it is done, or until a signal asks to stop.
pub async fn until_stopped<T>(
    step: impl Future<Output = T>,
    signals: &mut Signals,
) -> Result<T, Stop> {
    tokio::pin!(step);
    loop {
        tokio::select! {
            done = &mut step => return Ok(done),
            signal = signals.recv() => match signal {
                Signal::Suspend => {
                    let _ = terminal::stop_self();
                }
                other => if let Some(number) = other.number() {
                    return Err(Stop::Signal(number));
                },
            },
        }
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
