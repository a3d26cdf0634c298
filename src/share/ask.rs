//! What is asked of a shared session, and what it says.

use crate::error::Error;
use crate::remote::{Command, Signal};

/// What is asked of the filter. The pump is to be told of it by [`crate::pump::Control::Filter`].
#[derive(Debug)]
pub(crate) enum Ask {
    /// To start this command, which has standard input or not. Only while it is free.
    Start(Command, bool),
    /// To send this to the command.
    Signal(Signal),
    /// To end the command's input.
    InputEnd,
}

/// What is said of the session and its commands.
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
