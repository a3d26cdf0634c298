//! The user's terminal: raw mode that is always undone, its size, the keyboard, the signals.

mod banner;
pub(crate) mod choice;
mod display;
#[cfg(target_os = "linux")]
mod keyboard;
pub mod modes;
mod raw;
#[cfg(target_os = "linux")]
mod reopen;
pub mod screen;
pub mod signals;
pub mod size;
pub mod stdin;
pub mod stdout;
#[cfg(windows)]
mod windows;

pub use modes::ModeTracker;
pub use screen::Screen;
pub use signals::{Signals, TerminalSignal};
pub use size::Size;
pub use stdin::Stdin;
pub use stdout::Stdout;

use std::io::IsTerminal as _;

/// True if standard output and standard error are one terminal.
#[must_use]
pub fn stderr_is_stdout() -> bool {
    stdout_is_terminal() && stderr_is_terminal() && is_same_file()
}

#[cfg(unix)]
fn is_same_file() -> bool {
    use rustix::fs::fstat;
    let (out, err) = (fstat(std::io::stdout()), fstat(std::io::stderr()));
    matches!((out, err), (Ok(out), Ok(err)) if out.st_rdev == err.st_rdev)
}

#[cfg(windows)]
fn is_same_file() -> bool {
    // There is one console.
    true
}

/// True if standard input is a terminal.
#[must_use]
pub fn stdin_is_terminal() -> bool {
    std::io::stdin().is_terminal()
}

/// True if standard output is a terminal.
#[must_use]
pub fn stdout_is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// True if standard error is a terminal.
#[must_use]
pub fn stderr_is_terminal() -> bool {
    std::io::stderr().is_terminal()
}
