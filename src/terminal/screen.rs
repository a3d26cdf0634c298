//! The terminal during a session: raw mode, and one writer for everything drawn on it.

use super::display::Display;
use super::raw::{self, RawGuard};
use super::size::Size;
use super::stdout::Stdout;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

/// The time that the last output has to be written before the terminal leaves raw mode.
const PATIENCE: Duration = Duration::from_secs(1);

/// The terminal that is taken, for a process that ends in the middle of something.
static TAKEN: Mutex<Weak<Mutex<ScreenState>>> = Mutex::new(Weak::new());

/// The terminal. Clones share it, and when the last one is dropped its modes are restored.
#[derive(Clone)]
pub struct Screen(Arc<Mutex<ScreenState>>);

#[derive(Default)]
struct ScreenState {
    raw: Option<RawGuard>,
    /// The writer, if what is drawn goes to a terminal.
    drawn_by: Option<Stdout>,
}

impl Screen {
    /// Puts the terminal behind stdin into raw mode.
    pub fn take() -> io::Result<Self> {
        let raw = Some(RawGuard::enter()?);
        let drawn_by = None;
        let held = Arc::new(Mutex::new(ScreenState { raw, drawn_by }));
        *TAKEN.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&held);
        Ok(Self(held))
    }

    /// A screen without a terminal, on which nothing is drawn.
    #[must_use]
    pub fn none() -> Self {
        Self(Arc::default())
    }

    /// This process's standard output, through which everything on the screen goes.
    pub fn stdout(&self) -> io::Result<Stdout> {
        let stdout = Stdout::open()?;
        let mut held = self.held();
        if held.raw.is_some() && super::stdout_is_terminal() {
            let size = || Size::current().unwrap_or_default();
            stdout.set_display(Display::new(size));
            held.drawn_by = Some(stdout.clone());
        }
        Ok(stdout)
    }

    /// Shows lines that end with `\r\n`. Says whether the screen is there to show them.
    #[must_use]
    pub fn line(&self, line: &str) -> bool {
        self.draw(|display, to| display.line(line, to)).is_some()
    }

    /// Shows a temporary line. Says whether the screen is there to show it.
    #[must_use]
    pub fn show_banner(&self, text: &str) -> bool {
        self.draw(|display, to| display.show_banner(text, to))
            .is_some()
    }

    /// Removes the temporary line. Says whether the program has to draw its screen again.
    #[must_use]
    pub fn hide_banner(&self) -> bool {
        self.draw(Display::hide_banner).unwrap_or_default()
    }

    /// True if a full-screen program is on.
    #[must_use]
    pub fn is_alternate(&self) -> bool {
        self.draw(|display, _| display.is_alternate())
            .unwrap_or_default()
    }

    /// The number of bytes of output that the screen was given so far.
    #[must_use]
    pub fn output_bytes(&self) -> u64 {
        self.draw(|display, _| display.output_bytes())
            .unwrap_or_default()
    }

    /// Gives the terminal back for good.
    pub fn leave(&self) {
        self.give_back();
        *self.held() = ScreenState::default();
    }

    /// Gives the terminal back, calls `last`, and stops this process until somebody continues it. Then
    /// comes [`TerminalSignal::Continue`](super::TerminalSignal::Continue), which asks for [`resume`](Self::resume).
    pub fn suspend(&self, last: impl FnOnce()) {
        self.give_back();
        last();
        if let Err(error) = raw::stop_self() {
            tracing::info!(%error, "suspending failed");
        }
    }

    fn give_back(&self) {
        // Logged when the lock is gone: the log may be drawn on this screen.
        let given = self.held().give_back();
        if let Err(error) = given {
            tracing::info!(%error, "the terminal could not be given back");
        }
    }

    /// Takes the terminal again after a stop. The size may have changed: send it again.
    pub fn resume(&self) {
        let taken = self.held().retake();
        if let Err(error) = taken {
            tracing::info!(%error, "the terminal could not be taken again");
        }
    }

    fn draw<T>(&self, act: impl FnOnce(&mut Display, &mut Vec<u8>) -> T) -> Option<T> {
        let held = self.held();
        let raw = held.raw.as_ref().is_some_and(RawGuard::is_raw);
        held.drawn_by.as_ref().filter(|_| raw)?.draw(act)
    }

    fn held(&self) -> MutexGuard<'_, ScreenState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives the terminal back that any [`Screen`] has. It may wait for ever, if the caller holds a part of it;
/// the terminal is out of raw mode by then.
pub fn abandon() {
    raw::abandon();
    let taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(held) = taken.upgrade() {
        let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = held.give_back();
    }
}

impl ScreenState {
    fn give_back(&mut self) -> io::Result<()> {
        let Some(raw) = self.raw.as_mut().filter(|raw| raw.is_raw()) else {
            return Ok(());
        };
        // The modes of the remote program first: some terminals forget them with raw mode.
        if let Some(stdout) = &self.drawn_by {
            stdout.draw(Display::leave);
            stdout.settle(PATIENCE);
        }
        raw.restore()
    }

    fn retake(&mut self) -> io::Result<()> {
        let Some(raw) = &mut self.raw else {
            return Ok(());
        };
        // A stop that could not be foreseen has undone nothing, and a shell may have undone a part.
        let was_raw = raw.is_raw();
        raw.retake()?;
        if let Some(stdout) = &self.drawn_by {
            stdout.draw(|display, to| {
                if was_raw {
                    display.leave(to);
                }
                display.come_back(to);
            });
        }
        Ok(())
    }
}

impl Drop for ScreenState {
    fn drop(&mut self) {
        // The terminal may be gone, and there is nowhere to report it.
        let _ = self.give_back();
    }
}
