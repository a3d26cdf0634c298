//! The user's terminal: raw mode that is always undone, its size, the keyboard, the signals.

pub mod banner;
pub mod modes;
pub mod raw;
pub mod screen;
pub mod signals;
pub mod size;
pub mod stdin;
pub mod stdout;
#[cfg(windows)]
mod windows;

pub use banner::Banner;
pub use modes::ModeTracker;
pub use raw::{Modes, RawGuard, stop_self};
pub use screen::Screen;
pub use signals::{Signal, Signals};
pub use size::Size;
pub use stdin::Stdin;
pub use stdout::Stdout;

use std::io::IsTerminal as _;

/// Whether standard input is a terminal.
#[must_use]
pub fn stdin_is_terminal() -> bool {
    std::io::stdin().is_terminal()
}

/// Whether standard output is a terminal.
#[must_use]
pub fn stdout_is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// Whether standard error is a terminal.
#[must_use]
pub fn stderr_is_terminal() -> bool {
    std::io::stderr().is_terminal()
}
