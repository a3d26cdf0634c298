//! A script on standard input, whose first line may name what runs it.

use super::scripts::{RemoteCommand, What, interpreter};

/// The longest first line that is looked at for an interpreter, in bytes.
const FIRST_LINE: usize = 256;

/// The beginning of a script, and the command that is to run it.
#[derive(Debug)]
pub struct StdinScript {
    command: RemoteCommand,
    text: Vec<u8>,
}

impl StdinScript {
    /// Nothing of it has come.
    #[must_use]
    pub fn new(command: RemoteCommand) -> Self {
        let text = Vec::new();
        Self { command, text }
    }

    /// More of it.
    pub fn push(&mut self, bytes: &[u8]) {
        self.text.extend_from_slice(bytes);
    }

    /// True if the first line is there, or is none that names an interpreter.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.text.len() > FIRST_LINE || self.text.contains(&b'\n')
    }

    /// The command that runs the script, and the beginning of the script, which is the command's first
    /// input.
    #[must_use]
    pub fn command(self) -> (RemoteCommand, Vec<u8>) {
        let Self { mut command, text } = self;
        let first = text.split(|byte| *byte == b'\n').next();
        if command.shell.is_none() {
            command.what = What::Script(interpreter(first.unwrap_or_default()));
        }
        (command, text)
    }
}
