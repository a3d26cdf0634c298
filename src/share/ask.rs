//! The messages to and from a shared session.

use crate::error::Error;
use crate::remote::{RemoteCommand, Signal};

/// A request to the filter. Send the pump [`crate::pump::Control::Filter`] after it.
#[derive(Debug)]
pub(crate) enum FilterRequest {
    /// Start this command, with or without standard input. It may be sent only while the filter is free.
    Start(RemoteCommand, bool),
    /// Send this signal to the command.
    Signal(Signal),
    /// End the command's input.
    InputEnd,
}

/// A message about the session or its command.
#[derive(Debug)]
pub(crate) enum SessionMessage {
    /// The runner is there, and free.
    Ready,
    /// Something that the command's user may want to know.
    Note(String),
    /// The command has ended with this status, and the ends know of all its output.
    Ended(u8),
    /// Another command may be started.
    Free,
    /// The session is over; nothing follows.
    Over(Error),
}
