//! Opened sessions in reserve: a connection that finds one waits neither for the API nor for the agent.

use super::connection::Forwarder;
use super::tunnel::Tunnel;
use crate::cli::Remote;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep};

/// The pauses after a reserve that could not be had, or ended early.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// A reserve that lasted so long has not ended early.
const LASTING: Duration = Duration::from_secs(30);

/// The sessions in reserve for one `-L`.
#[derive(Default)]
pub struct Reserve {
    ready: Mutex<VecDeque<Ready>>,
    /// A session came in.
    pub came: Notify,
}

struct Ready {
    tunnel: Tunnel,
    /// Dropped when somebody takes it.
    _taken: oneshot::Sender<()>,
}

impl Reserve {
    /// A session that is still alive.
    pub fn take(&self) -> Option<Tunnel> {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        std::iter::from_fn(|| ready.pop_front())
            .map(|ready| ready.tunnel)
            .find(|tunnel| !tunnel.over.is_cancelled())
    }

    fn put(&self, tunnel: Tunnel) -> oneshot::Receiver<()> {
        let (taken, gone) = oneshot::channel();
        let ready = Ready {
            tunnel,
            _taken: taken,
        };
        let mut all = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        // The ended ones are nobody's any more.
        all.retain(|ready| !ready.tunnel.over.is_cancelled());
        all.push_back(ready);
        drop(all);
        self.came.notify_one();
        gone
    }

    /// Lets all of it go; each session ends.
    pub fn clear(&self) {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        ready.clear();
    }
}

/// Keeps one session in reserve until the program stops.
pub async fn keep(forwarder: Arc<Forwarder>, reserve: Arc<Reserve>, remote: Remote) {
    let mut pause = FIRST_PAUSE;
    loop {
        let begun = Instant::now();
        match one(&forwarder, &reserve, &remote).await {
            Ok(()) => pause = FIRST_PAUSE,
            Err(error) => {
                if begun.elapsed() > LASTING {
                    pause = FIRST_PAUSE;
                }
                match error {
                    Some(error) if pause == FIRST_PAUSE => {
                        forwarder.events.reserve_failed(&remote, &error);
                    }
                    error => tracing::info!(?error, ?pause, "a reserve ended"),
                }
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

/// Has one session in reserve until somebody takes it, or until it ends by itself.
async fn one(
    forwarder: &Arc<Forwarder>,
    reserve: &Reserve,
    remote: &Remote,
) -> Result<(), Option<crate::error::Error>> {
    let permit = forwarder.spare_permit().await;
    // In a task of its own: stopping in the middle would leave a session that nobody ends. One that
    // is opened for nobody ends at once.
    let (opener, to) = (forwarder.clone(), remote.clone());
    let opening = tokio::spawn(async move { opener.open(&to, permit).await });
    let opened = opening.await.map_err(|_| None)?;
    let tunnel = opened.map_err(Some)?;
    let over = tunnel.over.clone();
    let taken = reserve.put(tunnel);
    tokio::select! {
        _ = taken => Ok(()),
        () = over.cancelled() => Err(None),
    }
}
