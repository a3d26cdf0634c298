//! The failures of a copy: of one file, or of all of it.

use super::remote_side::done::{LOCKED, ScriptResult};
use crate::copy::{Digests, reason};
use crate::error::Error;
use crate::printable::line;
use std::io;

/// A failure.
#[derive(Debug)]
pub(super) enum CopyFailure {
    /// Nothing more can be copied.
    All(Error),
    /// This file can't be copied: why.
    File(String),
    /// Nobody reads standard output.
    OutputClosed,
}

impl From<Error> for CopyFailure {
    fn from(error: Error) -> Self {
        Self::All(error)
    }
}

impl CopyFailure {
    /// Something that is wrong with a file.
    pub(super) fn file(why: impl Into<String>) -> Self {
        Self::File(why.into())
    }

    /// A file of this machine's can't be read or written.
    pub(super) fn local(error: &io::Error) -> Self {
        Self::File(match error.kind() {
            io::ErrorKind::WouldBlock => tr!("another copy to it is under way").into(),
            _ => error.to_string(),
        })
    }

    /// The remote side's own description of its failure.
    pub(super) fn remote(done: &ScriptResult) -> Self {
        if done.status == LOCKED {
            return Self::file(tr!(
                "another axt cp copies to it; if that one was killed on another machine, its session is over within 3 minutes"
            ));
        }
        if reason(&done.errors).is_some() {
            return Self::said(&done.errors);
        }
        let mut lines = done.errors.lines().map(str::trim);
        let said = lines.rfind(|line| !line.is_empty());
        match said {
            Some(said) => Self::said(said),
            None => Self::File(tr!(
                "on the instance: it failed with status {status}",
                status = done.status
            )),
        }
    }

    /// A line that a tool of the remote side has written, or a reason of a script.
    pub(super) fn said(said: &str) -> Self {
        let said = reason(said).unwrap_or_else(|| line(said));
        Self::File(tr!("on the instance: {said}", said))
    }

    /// The bytes that arrived are not those that were to be copied.
    pub(super) fn other_bytes(digests: Digests) -> Self {
        Self::File(tr!(
            "it changed while it was read, or arrived damaged ({name} does not agree): nothing was replaced",
            name = digests.name()
        ))
    }

    /// Checks that there is room for so many bytes, as far as that is known.
    ///
    /// # Errors
    /// [`CopyFailure::File`] if there is no room.
    pub(super) fn check_room(room: Option<u64>, needed: u64) -> Result<(), Self> {
        match room {
            Some(room) if room < needed => Err(Self::File(tr!(
                "there is no room for it: {needed} bytes are needed, {room} are free",
                needed,
                room
            ))),
            _ => Ok(()),
        }
    }

    /// An answer that makes no sense.
    pub(super) fn unexpected_answer() -> Self {
        Self::file(tr!(
            "on the instance: unexpected answer from the file check"
        ))
    }
}
