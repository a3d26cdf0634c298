//! The messages to and from a shared session.

use crate::error::Error;
use crate::remote::{Command, Signal};

/// A request to the filter. Send the pump [`crate::pump::Control::Filter`] after it.
#[derive(Debug)]
pub(crate) enum Ask {
    /// To start this command, which has standard input or not. Only while it is free.
    Start(Command, bool),
    /// To send this to the command.
    Signal(Signal),
    /// To end the command's input.
    InputEnd,
}

/// A message about the session or its command.
#[derive(Debug)]
pub(crate) enum Said {
    /// The runner is there, and free.
    Ready,
    /// Something that the command's user may want to know.
    Note(String),
    /// The command is over: its status. All its output is expected by the ends.
    Ended(u8),
    /// Another command may be started.
    Free,
    /// The session is over; nothing follows.
    Over(Error),
}
