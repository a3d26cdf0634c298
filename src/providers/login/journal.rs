//! What a server has given for a refresh token, kept until the configuration file has it too.
//!
//! A refresh token is good for one use. Between the server's answer and the new configuration file,
//! the new one would exist in this process alone: it goes into the journal first.

use crate::providers::private;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// One change of a profile that must not be lost.
#[derive(Serialize, Deserialize)]
pub(super) struct Entry {
    /// The profile.
    pub(super) profile: String,
    /// The SHA-256 digest of the refresh token that was used, in hex.
    pub(super) used: String,
    /// The fields to set.
    pub(super) fields: Map<String, Value>,
}

/// The journal: a file that only its user can read, beside the configuration file.
pub(super) struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    /// Makes an empty journal, before anything depends on it.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let file = private::create(path)?;
        let path = path.to_owned();
        Ok(Self { path, file })
    }

    /// Writes the entry to the disk.
    pub(super) fn write(&mut self, entry: &Entry) -> io::Result<()> {
        let text = Zeroizing::new(serde_json::to_string(entry)?);
        self.file.write_all(text.as_bytes())?;
        self.file.sync_all()
    }

    /// Takes the journal away: its entry is in the configuration file, or there is none.
    pub(super) fn remove(self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}

/// The entry that a run has left behind; `None` if there is no journal or it holds nothing whole.
pub(super) fn left_behind(path: &Path) -> Option<Entry> {
    let text = Zeroizing::new(fs::read_to_string(path).ok()?);
    serde_json::from_str(&text).ok()
}
