//! The configuration file while a login in it is changed: locked, re-read, written as a whole.

use super::edit::with_fields;
use super::journal::{Entry, Journal, left_behind};
use crate::config::profile::{Profile, read};
use crate::error::Result;
use crate::openapi::signature::sha256_hex;
use crate::providers::http::problem;
use crate::providers::lock::Lock;
use crate::providers::private;
use serde_json::{Map, Value};
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// A configuration file that no other axt changes meanwhile. aliyun has no lock to share: the file
/// is read again before each change.
pub(super) struct LoginFile {
    /// What the path leads to, past symbolic links.
    target: PathBuf,
    _lock: Lock,
}

impl LoginFile {
    /// Waits for the lock, and ends what a run that was killed has left undone.
    pub(super) async fn lock(path: &Path) -> Result<Self> {
        let failed = |error: io::Error| unwritable(path, &error.to_string());
        let target = fs::canonicalize(path).map_err(failed)?;
        #[cfg(unix)]
        foreign(&target).map_err(|problem| unwritable(path, &problem))?;
        let lock = Lock::wait(&beside(&target, "lock")).await.map_err(failed)?;
        let file = Self {
            target,
            _lock: lock,
        };
        file.finish_what_was_left()?;
        Ok(file)
    }

    /// The profile as it is now.
    pub(super) fn profile(&self, name: &str) -> Result<Profile> {
        let found = Profile::load(&self.target, Some(name))?;
        found.map_err(|missing| missing.error(&self.target))
    }

    /// Makes sure that a change can be written, before one is asked of a server that can't be taken
    /// back.
    pub(super) fn prepare(&self) -> Result<Journal> {
        let failed = |error: io::Error| unwritable(&self.target, &error.to_string());
        let new = beside(&self.target, "new");
        drop(private::create(&new).map_err(failed)?);
        fs::remove_file(&new).map_err(failed)?;
        let is_read_only = fs::metadata(&self.target).map_err(failed)?;
        if is_read_only.permissions().readonly() {
            return Err(unwritable(&self.target, "it is read-only"));
        }
        Journal::create(&beside(&self.target, "journal")).map_err(failed)
    }

    /// Writes what was given for a refresh token; first where it can't be lost.
    pub(super) fn save_login(&self, mut journal: Journal, entry: &Entry) -> Result<()> {
        let failed = |error: io::Error| unwritable(&self.target, &error.to_string());
        reached("answered");
        journal.write(entry).map_err(failed)?;
        reached("in the journal");
        self.apply(entry)?;
        journal.remove().map_err(failed)
    }

    /// Sets fields of a profile.
    pub(super) fn save(&self, profile: &str, fields: &Map<String, Value>) -> Result<()> {
        let text = read(&self.target)?;
        let Some(edited) = with_fields(&text, profile, fields) else {
            let gone = format!("the profile {profile} is no longer there");
            return Err(unwritable(&self.target, &gone));
        };
        let written = replace(&self.target, edited.as_bytes());
        written.map_err(|error| unwritable(&self.target, &error.to_string()))
    }

    /// Sets the entry's fields, unless somebody else has changed the login since: theirs is newer.
    fn apply(&self, entry: &Entry) -> Result<()> {
        let profile = self.profile(&entry.profile)?;
        let token = profile.text("oauth_refresh_token")?.unwrap_or_default();
        if sha256_hex(token.as_bytes()) != entry.used {
            tracing::debug!(
                profile = entry.profile,
                "the login has been changed meanwhile"
            );
            return Ok(());
        }
        self.save(&entry.profile, &entry.fields)
    }

    fn finish_what_was_left(&self) -> Result<()> {
        let journal = beside(&self.target, "journal");
        if let Some(entry) = left_behind(&journal) {
            tracing::debug!(profile = entry.profile, "finishing what another run began");
            self.apply(&entry)?;
        }
        match fs::remove_file(&journal) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(unwritable(&self.target, &error.to_string()))
            }
            _ => Ok(()),
        }
    }
}

/// Puts a whole new file in the place of another.
fn replace(target: &Path, content: &[u8]) -> io::Result<()> {
    let new = beside(target, "new");
    let mut file = private::create(&new)?;
    file.write_all(content)?;
    file.sync_all()?;
    reached("written");
    fs::rename(&new, target)?;
    reached("renamed");
    #[cfg(unix)]
    if let Some(folder) = target.parent() {
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// A file of axt's own in the same folder: `.config.json.axt-lock`.
fn beside(target: &Path, what: &str) -> PathBuf {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    target.with_file_name(format!(".{name}.axt-{what}"))
}

/// A file that replaces another user's would be lost to that user.
#[cfg(unix)]
fn foreign(target: &Path) -> Result<(), String> {
    use std::os::unix::fs::MetadataExt as _;
    let owner = fs::metadata(target)
        .map_err(|error| error.to_string())?
        .uid();
    if owner == rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    Err("it belongs to another user".into())
}

fn unwritable(path: &Path, why: &str) -> crate::error::Error {
    problem(&format!(
        "the login has to be renewed, and {} can't be written: {why}",
        path.display()
    ))
}

/// A step that tests end the process at.
#[cfg(not(test))]
fn reached(_step: &str) {}

#[cfg(test)]
use super::tests::reached;
