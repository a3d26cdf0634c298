//! The exit status, a value that is returned up to `main`.

use std::process::ExitCode;

/// The exit status of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0.
    Ok,
    /// The remote command's own status, 0 to 254.
    Remote(u8),
    /// 255: axt itself failed, in a command that passes a remote status on.
    Failed,
    /// 1: a command without a remote status failed.
    Unsuccessful,
    /// 2: a usage error of such a command.
    Usage,
    /// 124: the time limit has passed, as with timeout(1).
    TimedOut,
    /// 128 + n: ended by signal n.
    Signal(u8),
}

impl From<Exit> for u8 {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Ok => 0,
            Exit::Remote(status) => status,
            Exit::Failed => 255,
            Exit::Unsuccessful => 1,
            Exit::Usage => 2,
            Exit::TimedOut => 124,
            Exit::Signal(number) => 128u8.saturating_add(number),
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(u8::from(exit))
    }
}
