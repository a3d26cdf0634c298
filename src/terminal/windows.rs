//! Signals on Windows: console events, and the size, which must be asked for.

use super::signals::TerminalSignal;
use super::size::Size;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::signal::windows as events;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// The interval at which the size is checked: Windows reports a change only to those who read console
/// records.
const SIZE_INTERVAL: Duration = Duration::from_secs(1);

/// Console events and changes of size, as the signals they correspond to.
#[derive(Debug)]
pub struct Signals {
    ctrl_c: events::CtrlC,
    ctrl_break: events::CtrlBreak,
    ctrl_close: events::CtrlClose,
    ctrl_shutdown: events::CtrlShutdown,
    /// Ticks only if there is a console.
    size: Option<(Interval, Option<Size>)>,
}

impl Signals {
    /// Begins to listen.
    pub fn listen() -> io::Result<Self> {
        let size = super::stdout_is_terminal().then(|| {
            let mut interval = interval(SIZE_INTERVAL);
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            (interval, Size::current())
        });
        Ok(Self {
            ctrl_c: events::ctrl_c()?,
            ctrl_break: events::ctrl_break()?,
            ctrl_close: events::ctrl_close()?,
            ctrl_shutdown: events::ctrl_shutdown()?,
            size,
        })
    }

    /// The next signal. Cancelling loses none.
    pub async fn recv(&mut self) -> TerminalSignal {
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<TerminalSignal> {
        if self.ctrl_close.poll_recv(cx).is_ready() {
            return Poll::Ready(TerminalSignal::Hangup);
        }
        if self.ctrl_shutdown.poll_recv(cx).is_ready() {
            return Poll::Ready(TerminalSignal::Terminate);
        }
        if self.ctrl_c.poll_recv(cx).is_ready() || self.ctrl_break.poll_recv(cx).is_ready() {
            return Poll::Ready(TerminalSignal::Interrupt);
        }
        if let Some((interval, known)) = &mut self.size {
            while interval.poll_tick(cx).is_ready() {
                let now = Size::current();
                if std::mem::replace(known, now) != now {
                    return Poll::Ready(TerminalSignal::Resize);
                }
            }
        }
        Poll::Pending
    }
}
