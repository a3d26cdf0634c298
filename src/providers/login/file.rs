//! The configuration file while a login in it is changed: locked, re-read, written as a whole.

use super::edit::with_fields;
use super::journal::{Journal, Use, left_behind};
use super::tokens::Tokens;
use crate::config::profile::{Profile, read};
use crate::error::{Error, Result};
use crate::kept;
use crate::openapi::signature::sha256_hex;
use crate::providers::lock::Lock;
use jiff::Timestamp;
use serde_json::{Map, Value};
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// A configuration file that no other axt changes meanwhile. aliyun has no lock to share: the file
/// is read again before each change.
pub(super) struct LoginFile {
    /// The file itself, after all symbolic links.
    target: PathBuf,
    /// A use of a refresh token that ended before its answer was there.
    unanswered: Option<Use>,
    _lock: Lock,
}

impl LoginFile {
    /// Waits for the lock, and finishes the work of a run that was killed.
    pub(super) async fn lock(path: &Path) -> Result<Self> {
        let failed = |error: io::Error| unwritable(path, &error.to_string());
        let target = fs::canonicalize(path).map_err(failed)?;
        #[cfg(unix)]
        foreign(&target).map_err(|problem| unwritable(path, &problem))?;
        let lock = Lock::wait(&beside(&target, "lock")).await.map_err(failed)?;
        let mut file = Self {
            target,
            unanswered: None,
            _lock: lock,
        };
        file.finish_what_was_left()?;
        Ok(file)
    }

    /// The profile as it is now.
    pub(super) fn profile(&self, name: &str) -> Result<Profile> {
        Ok(Profile::load(&self.target, Some(name))?)
    }

    /// Checks that new tokens can be written, before a refresh token is sent, which can be used once.
    pub(super) fn begin(&self, profile: &str, token: &str, now: Timestamp) -> Result<Journal> {
        let failed = |error: io::Error| unwritable(&self.target, &error.to_string());
        let new = beside(&self.target, "new");
        drop(kept::create(&new).map_err(failed)?);
        fs::remove_file(&new).map_err(failed)?;
        let is_read_only = fs::metadata(&self.target).map_err(failed)?;
        if is_read_only.permissions().readonly() {
            return Err(unwritable(&self.target, tr!("it is read-only")));
        }
        let begun = Use {
            profile: profile.to_owned(),
            token: sha256_hex(token.as_bytes()),
            time: now.as_second(),
        };
        let journal = Journal::begin(&beside(&self.target, "journal"), begun);
        let journal = journal.map_err(failed)?;
        sync_folder(&self.target).map_err(failed)?;
        reached("begun");
        Ok(journal)
    }

    /// True if this token has been sent before, by a run that got no answer.
    pub(super) fn was_sent(&self, token: &str) -> bool {
        let digest = sha256_hex(token.as_bytes());
        self.unanswered
            .as_ref()
            .is_some_and(|sent| sent.token == digest)
    }

    /// Writes the tokens that the server gave for a refresh token.
    pub(super) fn save_login(&self, journal: Journal, tokens: &Tokens) -> Result<()> {
        self.apply(journal.begun(), tokens)?;
        let removed = journal.remove();
        removed.map_err(|error| unwritable(&self.target, &error.to_string()))
    }

    /// Sets fields of a profile.
    pub(super) fn save(&self, profile: &str, fields: &Map<String, Value>) -> Result<()> {
        let text = read(&self.target)?;
        let Some(edited) = with_fields(&text, profile, fields) else {
            let gone = tr!("the profile {profile} is no longer there", profile);
            return Err(unwritable(&self.target, &gone));
        };
        let written = replace(&self.target, edited.as_bytes());
        written.map_err(|error| unwritable(&self.target, &error.to_string()))
    }

    /// Sets the tokens' fields, unless somebody else has changed the login since: theirs is newer.
    fn apply(&self, begun: &Use, tokens: &Tokens) -> Result<()> {
        let profile = self.profile(&begun.profile)?;
        let token = profile.text("oauth_refresh_token")?.unwrap_or_default();
        if sha256_hex(token.as_bytes()) != begun.token {
            tracing::debug!(
                profile = begun.profile,
                "the login was changed by another program"
            );
            return Ok(());
        }
        self.save(&begun.profile, &tokens.fields(begun.time))
    }

    fn finish_what_was_left(&mut self) -> Result<()> {
        let journal = beside(&self.target, "journal");
        if let Some((begun, answer)) = left_behind(&journal) {
            match serde_json::from_str::<Tokens>(&answer) {
                Ok(tokens) if tokens.are_there() => {
                    tracing::debug!(
                        profile = begun.profile,
                        "finishing the renewal that another run began"
                    );
                    self.apply(&begun, &tokens)?;
                }
                // It stays until the token has been used with success.
                _ => {
                    self.unanswered = Some(begun);
                    return Ok(());
                }
            }
        }
        match fs::remove_file(&journal) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(unwritable(&self.target, &error.to_string()))
            }
            _ => Ok(()),
        }
    }
}

/// Replaces a file as a whole.
fn replace(target: &Path, content: &[u8]) -> io::Result<()> {
    let new = beside(target, "new");
    let mut file = kept::create(&new)?;
    file.write_all(content)?;
    file.sync_all()?;
    reached("written");
    fs::rename(&new, target)?;
    reached("renamed");
    sync_folder(target)
}

/// Writes to the disk which files there are beside this one.
fn sync_folder(target: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(folder) = target.parent() {
        fs::File::open(folder)?.sync_all()?;
    }
    #[cfg(not(unix))]
    let _ = target;
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
    Err(tr!("it belongs to another user").into())
}

fn unwritable(path: &Path, why: &str) -> Error {
    Error::Credentials {
        problem: tr!(
            "the login has to be renewed, and {path} can't be written: {why}",
            path = path.display(),
            why
        ),
        remedy: tr!(
            "check that this user can write to the file and its directory, and that the disk has room: a renewed login that can't be written is lost"
        ).into(),
    }
}

/// A step that tests end the process at.
#[cfg(not(test))]
pub(super) fn reached(_step: &str) {}

#[cfg(test)]
pub(super) use super::tests::reached;
