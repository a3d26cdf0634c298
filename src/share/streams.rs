//! A command's standard streams: ends of this process's own.

use crate::terminal::{Stdin, Stdout};
use std::io::PipeWriter;

/// The streams of one command. Dropping them closes what is behind them.
pub(crate) struct Streams {
    /// Standard input, if the command has it.
    pub(super) stdin: Option<Stdin>,
    /// Standard output.
    pub(super) stdout: Stdout,
    /// Standard error.
    pub(super) stderr: Stdout,
    /// Closing it tells the threads of passed descriptors that the command is over.
    pub(super) _over: Option<PipeWriter>,
}

impl Streams {
    /// Takes readers and writers that are this process's own.
    pub(crate) fn own(stdin: Option<Stdin>, stdout: Stdout, stderr: Stdout) -> Self {
        Self {
            stdin,
            stdout,
            stderr,
            _over: None,
        }
    }
}
