//! The token of one run of `axt cp`, by which a later run learns whether that one still runs.

use std::fs::{self, DirBuilder, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The time that the file of a killed run is kept.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// The token. A file of its name is locked for as long as the run lives, however it ends.
pub(super) struct RunId {
    /// Letters and digits.
    pub(super) token: String,
    folder: Option<PathBuf>,
    lock: Option<File>,
}

impl RunId {
    /// A new one. Without a folder for such files, no later run can know.
    pub(super) fn new(folder: Option<PathBuf>) -> Self {
        let token = uuid::Uuid::new_v4().simple().to_string();
        let lock = folder.as_deref().and_then(|folder| {
            let made = make(folder, &token);
            made.inspect_err(|error| tracing::info!(%error, "no later run will know of this one"))
                .ok()
        });
        Self {
            token,
            folder,
            lock,
        }
    }

    /// True if this is the token of a run on this machine that is over.
    pub(super) fn is_of_a_dead_run(&self, token: &str) -> bool {
        let valid = token.len() == self.token.len() && token.bytes().all(|b| b.is_ascii_hexdigit());
        let Some(folder) = self.folder.as_deref().filter(|_| valid) else {
            return false;
        };
        let path = folder.join(token);
        let is_dead = is_unlocked(&path);
        if is_dead {
            let _ = fs::remove_file(path);
        }
        is_dead
    }
}

impl Drop for RunId {
    fn drop(&mut self) {
        if let (Some(folder), Some(_)) = (&self.folder, &self.lock) {
            let _ = fs::remove_file(folder.join(&self.token));
        }
    }
}

fn make(folder: &Path, token: &str) -> std::io::Result<File> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    let file = File::create_new(folder.join(token))?;
    file.lock()?;
    remove_old(folder);
    Ok(file)
}

/// Removes the files of runs that were killed so long ago that no later run meets anything of theirs.
fn remove_old(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten();
    for entry in entries.filter_map(Result::ok) {
        let changed = entry.metadata().and_then(|data| data.modified());
        let age = changed.ok().and_then(|changed| changed.elapsed().ok());
        if age.is_some_and(|age| age > KEPT) && is_unlocked(&entry.path()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn is_unlocked(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| file.try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_known_to_be_over() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Some(dir.path().join("copies"));
        let one = RunId::new(folder.clone());
        let other = RunId::new(folder.clone());
        assert!(!other.is_of_a_dead_run(&one.token));
        // As if it was killed: the file stays, and nobody has it locked.
        let killed = uuid::Uuid::new_v4().simple().to_string();
        File::create_new(dir.path().join("copies").join(&killed)).unwrap();
        assert!(other.is_of_a_dead_run(&killed));
        for token in ["", "../x", &"0".repeat(32)] {
            assert!(!other.is_of_a_dead_run(token), "{token}");
        }
        // The file of a run that was killed long ago goes, but not that of a long run.
        let long_ago = std::time::SystemTime::now() - 2 * KEPT;
        let old = File::create_new(dir.path().join("copies").join(&killed)).unwrap();
        old.set_modified(long_ago).unwrap();
        one.lock.as_ref().unwrap().set_modified(long_ago).unwrap();
        drop(RunId::new(folder.clone()));
        assert!(!dir.path().join("copies").join(&killed).exists());
        assert!(!other.is_of_a_dead_run(&one.token));
        drop((one, other));
        assert_eq!(fs::read_dir(dir.path().join("copies")).unwrap().count(), 0);
        assert!(!RunId::new(None).is_of_a_dead_run(&killed));
    }
}
