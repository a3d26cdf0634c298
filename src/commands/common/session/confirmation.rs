//! The confirmation that the instance of a session is the right one, while the session is being started.

use tokio::sync::watch;

/// The answer to whether the instance is the right one, which may come while the session is started. With the
/// connection the agent starts the session's program, so that none is made before.
#[derive(Debug, Clone)]
pub(crate) struct Confirmation(watch::Receiver<Option<bool>>);

impl Confirmation {
    /// The instance is known to be the right one.
    pub(crate) fn given() -> Self {
        Self(watch::Sender::new(Some(true)).subscribe())
    }

    /// The sender tells it later.
    pub(crate) fn later() -> (watch::Sender<Option<bool>>, Self) {
        let (sender, receiver) = watch::channel(None);
        (sender, Self(receiver))
    }

    /// Waits for the answer. One that never comes is no.
    pub(super) async fn wait(&self) -> bool {
        let mut answer = self.0.clone();
        let answer = answer.wait_for(Option::is_some).await;
        answer.is_ok_and(|answer| *answer == Some(true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_is_waited_for_and_silence_is_a_no() {
        assert!(Confirmation::given().wait().await);
        for (answer, expected) in [(Some(true), true), (Some(false), false), (None, false)] {
            let (sender, confirmation) = Confirmation::later();
            let waiting = tokio::spawn(async move { confirmation.wait().await });
            tokio::task::yield_now().await;
            assert!(!waiting.is_finished());
            if answer.is_some() {
                sender.send(answer).unwrap();
            }
            drop(sender);
            assert_eq!(waiting.await.unwrap(), expected);
        }
    }
}
