//! Small files of this user alone, which axt keeps for later runs.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;

/// A new, empty file in the place of what may be there.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    options().truncate(true).open(path)
}

/// The file, which is made if it is not there.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    options().truncate(false).open(path)
}

/// Replaces the file as a whole, so that nobody finds half of it. Its folder is made if it is missing.
pub(crate) fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    make_folder_of(path)?;
    let new = path.with_extension(std::process::id().to_string());
    let written = create(&new).and_then(|mut file| file.write_all(content));
    let kept = written.and_then(|()| fs::rename(&new, path));
    kept.inspect_err(|_| {
        let _ = fs::remove_file(&new);
    })
}

/// Makes the folder in which such a file lies, if it is missing.
pub(crate) fn make_folder_of(path: &Path) -> io::Result<()> {
    let mut folder = DirBuilder::new();
    folder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
    path.parent().map_or(Ok(()), |parent| folder.create(parent))
}

/// Removes the folder's files that nobody has written for so long.
pub(crate) fn remove_old(folder: &Path, longest: Duration) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let age = entry.metadata().and_then(|data| data.modified());
        let age = age.map(|time| time.elapsed().unwrap_or_default());
        if age.is_ok_and(|age| age > longest) {
            // Another process may have been faster.
            let _ = fs::remove_file(entry.path());
        }
    }
    Ok(())
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_only_its_user_can_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("axt").join("kept");
        write(&path, b"first, and longer").unwrap();
        write(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        let names = fs::read_dir(path.parent().unwrap()).unwrap();
        assert_eq!(names.count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&path), 0o600);
            assert_eq!(mode(path.parent().unwrap()), 0o700);
        }
        assert!(write(&path.join("below a file"), b"").is_err());
    }

    #[test]
    fn what_is_old_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let hour = Duration::from_secs(3600);
        for (name, age) in [("old", 2 * hour), ("young", hour / 2)] {
            let file = create(&dir.path().join(name)).unwrap();
            let time = std::time::SystemTime::now() - age;
            file.set_modified(time).unwrap();
        }
        remove_old(dir.path(), hour).unwrap();
        assert!(!dir.path().join("old").exists() && dir.path().join("young").exists());
    }
}
