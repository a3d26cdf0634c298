//! Signals as a stream of values, for the one loop that handles them.

use super::screen::Screen;

/// A signal or a change of the terminal's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TerminalSignal {
    /// The terminal may have another size.
    Resize,
    /// SIGINT; Ctrl-C outside raw mode.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// SIGHUP: the terminal is gone.
    Hangup,
    /// SIGQUIT; Ctrl-\ outside raw mode.
    Quit,
    /// SIGTSTP: somebody wants this process stopped.
    Suspend,
    /// SIGCONT: it was stopped and goes on.
    Continue,
}

impl TerminalSignal {
    /// The signal's number where it ends a process, for an exit status of 128 + number.
    #[must_use]
    pub fn number(self) -> Option<u8> {
        match self {
            Self::Hangup => Some(1),
            Self::Interrupt => Some(2),
            Self::Quit => Some(3),
            Self::Terminate => Some(15),
            Self::Resize | Self::Suspend | Self::Continue => None,
        }
    }
}

#[cfg(unix)]
pub use unix::Signals;

#[cfg(windows)]
pub use super::windows::Signals;

impl Signals {
    /// Waits for the next signal that asks this process to end, and returns its number.
    pub async fn termination(&mut self) -> u8 {
        let terminal = Screen::none();
        loop {
            if let Some(number) = self.next(|| terminal.suspend(|| ())).await.number() {
                return number;
            }
        }
    }

    /// Waits for the next signal other than [`TerminalSignal::Suspend`], for which `suspend` is called.
    pub async fn next(&mut self, suspend: impl Fn()) -> TerminalSignal {
        loop {
            match self.recv().await {
                TerminalSignal::Suspend => suspend(),
                other => return other,
            }
        }
    }
}

#[cfg(unix)]
mod unix {
    use super::TerminalSignal;
    use crate::process::was_ignored;
    use std::future::poll_fn;
    use std::io;
    use std::task::Poll;
    use tokio::signal::unix::{Signal as Listener, SignalKind, signal};

    /// All of [`TerminalSignal`], except those that are to be ignored. From the first of these on, none of them
    /// acts on the process by itself.
    #[derive(Debug)]
    pub struct Signals {
        listeners: Vec<(Listener, TerminalSignal)>,
    }

    impl Signals {
        /// Begins to listen.
        pub fn listen() -> io::Result<Self> {
            // In the order of urgency, should several be waiting.
            let kinds = [
                (SignalKind::hangup(), TerminalSignal::Hangup),
                (SignalKind::terminate(), TerminalSignal::Terminate),
                (SignalKind::interrupt(), TerminalSignal::Interrupt),
                (SignalKind::quit(), TerminalSignal::Quit),
                (
                    SignalKind::from_raw(number(Kind::CONT)),
                    TerminalSignal::Continue,
                ),
                (
                    SignalKind::from_raw(number(Kind::TSTP)),
                    TerminalSignal::Suspend,
                ),
                (SignalKind::window_change(), TerminalSignal::Resize),
            ];
            let listeners = kinds
                .into_iter()
                .filter(|(kind, _)| !was_ignored(kind.as_raw_value()))
                .map(|(kind, value)| Ok((signal(kind)?, value)))
                .collect::<io::Result<_>>()?;
            Ok(Self { listeners })
        }

        /// The next signal. Cancelling loses none.
        pub async fn recv(&mut self) -> TerminalSignal {
            poll_fn(|cx| {
                for (listener, value) in &mut self.listeners {
                    if let Poll::Ready(Some(())) = listener.poll_recv(cx) {
                        return Poll::Ready(*value);
                    }
                }
                Poll::Pending
            })
            .await
        }
    }

    use rustix::process::Signal as Kind;

    fn number(kind: Kind) -> i32 {
        kind.as_raw()
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use rustix::process::{getpid, kill_process};

        #[tokio::test]
        async fn signals_arrive_as_values() {
            let mut signals = Signals::listen().unwrap();
            for (kind, expected) in [
                (Kind::WINCH, TerminalSignal::Resize),
                (Kind::TERM, TerminalSignal::Terminate),
                (Kind::HUP, TerminalSignal::Hangup),
                (Kind::INT, TerminalSignal::Interrupt),
                (Kind::QUIT, TerminalSignal::Quit),
                (Kind::TSTP, TerminalSignal::Suspend),
                (Kind::CONT, TerminalSignal::Continue),
            ] {
                // As under nohup.
                if was_ignored(number(kind)) {
                    continue;
                }
                kill_process(getpid(), kind).unwrap();
                assert_eq!(signals.recv().await, expected);
            }
        }
    }
}
