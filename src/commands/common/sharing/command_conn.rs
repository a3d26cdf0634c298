//! The connection to a holder that runs a command.

use super::reach::PATIENCE;
use crate::share::{Answer, Conn, HolderRequest};
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// The time that a holder may be silent while it runs a command, until it is asked whether it is there.
const QUIET: Duration = Duration::from_secs(10);

/// The connection.
pub(super) struct CommandConn {
    conn: Conn,
    /// The time when the holder has been silent for too long.
    quiet_at: Instant,
    /// It was asked whether it is there.
    asked: bool,
}

impl CommandConn {
    /// Follows a command that was handed over.
    pub(super) fn new(conn: Conn) -> Self {
        Self {
            conn,
            quiet_at: Instant::now() + QUIET,
            asked: false,
        }
    }

    /// Waits for the next answer about the command. Cancelling loses nothing.
    ///
    /// # Errors
    /// The reason why no answer will come.
    pub(super) async fn next(&mut self) -> Result<Answer, &'static str> {
        loop {
            let Ok(answer) = timeout_at(self.quiet_at, self.conn.receive()).await else {
                if self.asked {
                    return Err(tr!(
                        "the process that holds the session does not answer: the command's status is not known"
                    ));
                }
                self.asked = true;
                self.quiet_at = Instant::now() + QUIET;
                self.send(&HolderRequest::Ping).await;
                continue;
            };
            self.asked = false;
            self.quiet_at = Instant::now() + QUIET;
            match answer {
                Ok(Some(Answer::Log(line))) => tracing::info!("{line}"),
                Ok(Some(Answer::Pong | Answer::Wait)) => {}
                Ok(Some(answer)) => return Ok(answer),
                Ok(None) | Err(_) => {
                    return Err(tr!(
                        "the process that held the session has ended before the command did: its status is not known"
                    ));
                }
            }
        }
    }

    /// Sends a request. A broken connection shows when the answer is read.
    pub(super) async fn send(&mut self, asked: &HolderRequest) {
        let _ = timeout(PATIENCE, self.conn.send(asked, &[])).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream as Socket;

    fn pair() -> (CommandConn, Conn) {
        let (one, other) = Socket::pair().unwrap();
        let ours = CommandConn::new(Conn::new(one).unwrap());
        (ours, Conn::new(other).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_silent_is_asked_once_and_then_given_up() {
        let (mut ours, mut holder) = pair();
        let begun = Instant::now();
        let why = ours.next().await.err().unwrap();
        assert!(why.contains("does not answer"), "{why}");
        assert_eq!(begun.elapsed().as_secs(), 2 * QUIET.as_secs());
        let asked = holder.receive::<HolderRequest>().await.unwrap();
        assert!(matches!(asked, Some(HolderRequest::Ping)));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_answers_is_waited_for() {
        let (mut ours, mut holder) = pair();
        let answers = async {
            for _ in 0..5 {
                let asked = holder.receive::<HolderRequest>().await.unwrap();
                assert!(matches!(asked, Some(HolderRequest::Ping)));
                holder.send(&Answer::Pong, &[]).await.unwrap();
            }
            holder.send(&Answer::Ended(3), &[]).await.unwrap();
        };
        let (ended, ()) = tokio::join!(ours.next(), answers);
        assert!(matches!(ended, Ok(Answer::Ended(3))));
        drop(holder);
        let why = ours.next().await.err().unwrap();
        assert!(why.contains("has ended"), "{why}");
    }
}
