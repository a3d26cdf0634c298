//! The first stage as the client sees it: noise, then the list of tools behind a random word.

use super::event::Failure;
use super::scripts;
use super::tools::Tools;
use bytes::BufMut as _;
use memchr::{memchr, memmem};

/// The most bytes kept of the text before the answer, which may explain why there is none.
const KEEP: usize = 2048;

/// The longest list of tools, in bytes.
const LONGEST: usize = 256;

/// Waits for the first stage's answer.
#[derive(Debug)]
pub(super) struct Hello {
    /// Announces the answer. It is in `CommandLine`, where others may read it.
    nonce: String,
    said: Vec<u8>,
}

impl Hello {
    /// Nothing has come.
    pub(super) fn new() -> Self {
        Self {
            nonce: format!("A{}", secret()),
            said: Vec::new(),
        }
    }

    /// The command line for the agent, well below the service's limit of 512 characters.
    pub(super) fn command_line(&self) -> String {
        scripts::command_line(&self.nonce)
    }

    /// Takes bytes. Returns the tools and what follows their list, once it is there and holds what is
    /// needed.
    ///
    /// # Errors
    /// [`Failure::Missing`]; [`Failure::NoShell`] for a list without an end.
    pub(super) fn receive(&mut self, bytes: &[u8]) -> Result<Option<(Tools, Vec<u8>)>, Failure> {
        self.said.put_slice(bytes);
        let answer = format!("{}?", self.nonce);
        let Some(at) = memmem::find(&self.said, answer.as_bytes()) else {
            let surplus = self.said.len().saturating_sub(KEEP);
            self.said.drain(..surplus);
            return Ok(None);
        };
        let list = self.said.get(at + answer.len()..).unwrap_or_default();
        let Some(end) = memchr(b';', list) else {
            return match list.len() > LONGEST {
                true => Err(self.no_shell()),
                false => Ok(None),
            };
        };
        let (list, rest) = list.split_at(end);
        let tools = Tools::parse(list);
        match tools.missing() {
            Some(tool) => Err(Failure::Missing(tool)),
            None => Ok(Some((tools, rest.get(1..).unwrap_or_default().to_vec()))),
        }
    }

    /// The reason why no answer came.
    pub(super) fn no_shell(&self) -> Failure {
        let said = String::from_utf8_lossy(&self.said);
        Failure::NoShell(said.trim().to_owned())
    }

    #[cfg(test)]
    pub(super) fn nonce(&self) -> &str {
        &self.nonce
    }
}

/// 74 random bits in letters and digits: 6 of the 80 are the version and variant of the UUID.
pub(super) fn secret() -> String {
    let id = uuid::Uuid::new_v4().simple().to_string();
    id.get(..20).unwrap_or_default().to_owned()
}
