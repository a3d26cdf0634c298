//! The scripts that run at the remote side of a copy: variables, what all of them need, and what one does.

use crate::remote::{code, quote};

/// The purpose of a script.
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
    /// Makes ready the directory that a tree is copied into.
    Root,
    /// Looks at names in a directory.
    Names,
    /// Computes digests of files in a directory.
    Digests,
    /// Makes directories and links in a directory.
    Make,
    /// Takes small files as a tar archive.
    Unpack,
    /// Lists a tree.
    Tree,
    /// Writes files as a tar archive.
    Pack,
}

impl Verb {
    fn text(self) -> &'static str {
        match self {
            Self::Look => include_str!("scripts/look.sh"),
            Self::Put => include_str!("scripts/put.sh"),
            Self::Source => include_str!("scripts/source.sh"),
            Self::Get => include_str!("scripts/get.sh"),
            Self::Attributes => include_str!("scripts/attributes.sh"),
            Self::Root => include_str!("scripts/root.sh"),
            Self::Names => include_str!("scripts/names.sh"),
            Self::Digests => include_str!("scripts/digests.sh"),
            Self::Make => include_str!("scripts/make.sh"),
            Self::Unpack => include_str!("scripts/unpack.sh"),
            Self::Tree => include_str!("scripts/tree.sh"),
            Self::Pack => include_str!("scripts/pack.sh"),
        }
    }
}

/// A directory, and a path in its directory for parts; none for that one itself.
pub(crate) type PartPath<'p> = (&'p [u8], &'p [u8]);

/// A script that is being made.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    verb: Verb,
    /// The part before the verb's own text.
    text: Vec<u8>,
    /// The part behind it.
    calls: Vec<u8>,
    /// The directories that have a variable for their directory for parts: `q0`, `q1`, …
    folders: Vec<Vec<u8>>,
}

impl Script {
    /// A script without variables.
    #[must_use]
    pub(crate) fn new(verb: Verb) -> Self {
        Self {
            verb,
            text: Vec::new(),
            calls: Vec::new(),
            folders: Vec::new(),
        }
    }

    /// Sets a variable of the script.
    #[must_use]
    pub(crate) fn set(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.text.extend(name.bytes());
        self.text.push(b'=');
        self.text.extend(quote(value.as_ref()));
        self.text.push(b'\n');
        self
    }

    /// Defines a function of lines, each of which runs a command with paths. They go on in the directory that the
    /// variable `part` names, if there is a second half.
    #[must_use]
    pub(crate) fn define<'p>(
        mut self,
        function: &str,
        lines: impl IntoIterator<Item = (String, Vec<PartPath<'p>>)>,
    ) -> Self {
        let mut body = format!("{function}() {{\n:\n").into_bytes();
        for (command, paths) in lines {
            body.extend(command.bytes());
            for (folder, name) in paths {
                let folder = self.variable_of(folder);
                body.extend(format!(" \"${folder}\"").bytes());
                if !name.is_empty() {
                    body.extend(word(&[b"/", name].concat()));
                }
            }
            body.push(b'\n');
        }
        body.extend(b"}\n");
        self.text.extend(body);
        self
    }

    /// The variable that has a directory's directory for parts. Paths are long, and come again and again.
    fn variable_of(&mut self, folder: &[u8]) -> String {
        let known = self.folders.iter().rposition(|known| known == folder);
        let at = known.unwrap_or(self.folders.len());
        let name = format!("q{at}");
        if known.is_none() {
            self.folders.push(folder.to_vec());
            self.text.extend(format!("{name}=").bytes());
            self.text.extend(word(&[folder, b"/"].concat()));
            self.text.extend(b"\"$part\"\n");
        }
        name
    }

    /// Defines a function that runs any command with these paths.
    #[must_use]
    pub(crate) fn runs_with(self, function: &str, paths: Vec<PartPath<'_>>) -> Self {
        self.define(function, [("\"$@\"".to_owned(), paths)])
    }

    /// Sets the arguments of the script: names in a directory.
    #[must_use]
    pub(crate) fn names<'a>(mut self, names: impl IntoIterator<Item = &'a [u8]>) -> Self {
        self.text.extend(b"set --");
        for name in names {
            self.text.push(b' ');
            self.text.extend(word(&[b"./", name].concat()));
        }
        self.text.push(b'\n');
        self
    }

    /// Calls a function of the script's.
    pub(crate) fn call<'a>(&mut self, function: &str, words: impl IntoIterator<Item = &'a [u8]>) {
        self.calls.extend(function.bytes());
        for bytes in words {
            self.calls.push(b' ');
            self.calls.extend(word(bytes));
        }
        self.calls.push(b'\n');
    }

    /// The whole script.
    #[must_use]
    pub(crate) fn finish(self) -> Vec<u8> {
        let mut text = self.text;
        for part in [include_str!("scripts/common.sh"), self.verb.text()] {
            for line in code(part) {
                text.extend(line.bytes());
                text.push(b'\n');
            }
        }
        text.extend(self.calls);
        text
    }
}

/// Bytes as a word of a script, quoted only where the shell would take them for something else.
fn word(bytes: &[u8]) -> Vec<u8> {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"./_-".contains(byte);
    match !bytes.is_empty() && bytes.iter().all(is_plain) {
        true => bytes.to_vec(),
        false => quote(bytes),
    }
}

#[cfg(all(test, unix))]
mod tests;
