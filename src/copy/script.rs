//! The texts that run at the remote side of a copy: variables, what all of them need, and what one does.

use crate::remote::{code, quote};

/// What a text does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    /// Looks at where a file is to go.
    Look,
    /// Takes a file from standard input.
    Put,
    /// Looks at a file that is to be copied from there.
    Source,
    /// Writes a file to standard output.
    Get,
    /// Gives a file its mode and time.
    Attributes,
}

impl Verb {
    fn text(self) -> &'static str {
        match self {
            Self::Look => include_str!("scripts/look.sh"),
            Self::Put => include_str!("scripts/put.sh"),
            Self::Source => include_str!("scripts/source.sh"),
            Self::Get => include_str!("scripts/get.sh"),
            Self::Attributes => include_str!("scripts/attributes.sh"),
        }
    }
}

/// A text that is being made.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    verb: Verb,
    text: Vec<u8>,
}

impl Script {
    /// A text without variables.
    #[must_use]
    pub(crate) fn new(verb: Verb) -> Self {
        Self {
            verb,
            text: Vec::new(),
        }
    }

    /// Sets a variable of the text.
    #[must_use]
    pub(crate) fn set(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.text.extend(name.bytes());
        self.text.push(b'=');
        self.text.extend(quote(value.as_ref()));
        self.text.push(b'\n');
        self
    }

    /// The whole text.
    #[must_use]
    pub(crate) fn finish(self) -> Vec<u8> {
        let mut text = self.text;
        for part in [include_str!("scripts/common.sh"), self.verb.text()] {
            for line in code(part) {
                text.extend(line.bytes());
                text.push(b'\n');
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_come_first_and_survive_every_byte() {
        let text = Script::new(Verb::Get)
            .set("p", b"./it's\n\xff")
            .set("k", "3")
            .finish();
        assert!(text.starts_with(b"p='./it'\\''s\n\xff'\nk='3'\nLC_ALL=C\n"));
        assert!(!text.windows(2).any(|two| two == b"\n#"));
    }
}
