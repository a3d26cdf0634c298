//! Walks over local trees: each directory comes before its entries.

use super::digest::digest_of_all;
use super::part::is_same;
use crate::copy::Digests;
use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// One thing in a tree, or why it can't be looked at.
#[derive(Debug)]
pub(crate) struct WalkItem {
    /// Its path.
    pub(crate) local: PathBuf,
    /// Its path below the place that the tree is copied into, its names joined by `/`. Empty for that place.
    pub(crate) path: Vec<u8>,
    /// Its type; a link is not followed unless the user named it.
    pub(crate) data: std::io::Result<Metadata>,
}

/// The walk. What it has to remember are the names in the directories that it is in.
pub(crate) struct Walk {
    /// The entries that are still to be looked at, the next one last.
    next: Vec<(PathBuf, Vec<u8>)>,
    /// The number of these that the user named.
    named: usize,
}

impl Walk {
    /// Over these: where they are, and where they go.
    pub(crate) fn new(named: impl DoubleEndedIterator<Item = (PathBuf, Vec<u8>)>) -> Self {
        let next: Vec<_> = named.rev().collect();
        let named = next.len();
        Self { next, named }
    }

    fn enter(&mut self, item: &WalkItem) -> std::io::Result<()> {
        let entries = fs::read_dir(&item.local)?;
        let names = entries.map(|entry| entry.map(|entry| entry.file_name()));
        let mut names = names.collect::<std::io::Result<Vec<OsString>>>()?;
        names.sort_unstable();
        for name in names.into_iter().rev() {
            let mut path = item.path.clone();
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend(name.as_encoded_bytes());
            self.next.push((item.local.join(name), path));
        }
        Ok(())
    }
}

/// The name that a copy of this gets in a directory: none for what ends with `.` or `..`, for its content goes
/// into the directory itself.
pub(crate) fn base(path: &Path) -> &[u8] {
    let bytes = path.as_os_str().as_encoded_bytes();
    let is_separator = |byte: &u8| std::path::is_separator(char::from(*byte));
    let end = bytes.iter().rposition(|byte| !is_separator(byte));
    let bare = bytes.get(..=end.unwrap_or(0)).unwrap_or_default();
    match bare.rsplit(is_separator).next() {
        None | Some(b"." | b"..") => b"",
        Some(_) => path.file_name().unwrap_or_default().as_encoded_bytes(),
    }
}

/// The path of the directory that a path is in, and the name there.
pub(crate) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => {
            let (parent, name) = path.split_at(at);
            (parent, name.get(1..).unwrap_or_default())
        }
        None => (b"", path),
    }
}

/// The bytes of the files that a walk over these comes to.
pub(crate) fn size_of_all(named: Vec<(PathBuf, Vec<u8>)>) -> u64 {
    let found = Walk::new(named.into_iter()).filter_map(|item| item.data.ok());
    let files = found.filter(Metadata::is_file);
    files.map(|data| data.len()).sum()
}

/// Opens a file that the walk has met, unless something else has taken its place since.
///
/// # Errors
/// The system's error, and one for a path that has become another file.
pub(crate) fn open(path: &Path, met: &Metadata) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt as _;
        // Opening a pipe would wait.
        options.custom_flags(OFlags::NONBLOCK.bits().cast_signed());
    }
    let file = options.open(path)?;
    // The number of a file that is gone may be another's by now.
    match is_same(met, &file) && file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other(tr!("it changed while it was read"))),
    }
}

/// The digests of files that the walk has met.
pub(crate) fn digests_of(
    files: &[(PathBuf, Metadata)],
    digests: Digests,
) -> Vec<io::Result<String>> {
    let digest = |(path, met): &(PathBuf, Metadata)| {
        let digested = digest_of_all(&open(path, met)?, digests, met.len(), 0)?;
        Ok(digested.whole)
    };
    files.iter().map(digest).collect()
}

impl Iterator for Walk {
    type Item = WalkItem;

    fn next(&mut self) -> Option<WalkItem> {
        let (local, path) = self.next.pop()?;
        let is_named = self.next.len() < self.named;
        self.named = self.named.min(self.next.len());
        let data = match is_named {
            true => fs::metadata(&local),
            false => fs::symlink_metadata(&local),
        };
        let mut item = WalkItem { local, path, data };
        if item.data.as_ref().is_ok_and(Metadata::is_dir)
            && let Err(error) = self.enter(&item)
        {
            item.data = Err(error);
        }
        Some(item)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_takes_the_place_of_a_file_is_not_opened() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        fs::write(at("secret"), "secret").unwrap();
        fs::write(at("file"), "file").unwrap();
        let met = fs::symlink_metadata(at("file")).unwrap();
        assert!(open(&at("file"), &met).is_ok());
        fs::remove_file(at("file")).unwrap();
        std::os::unix::fs::symlink("secret", at("file")).unwrap();
        assert!(open(&at("file"), &met).is_err());
        fs::remove_file(at("file")).unwrap();
        let mode = rustix::fs::Mode::RUSR;
        rustix::fs::mkfifoat(rustix::fs::CWD, at("file"), mode).unwrap();
        assert!(open(&at("file"), &met).is_err());
    }

    #[test]
    fn directories_come_before_what_is_in_them_and_links_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        fs::create_dir_all(at("t/b/c")).unwrap();
        fs::write(at("t/a"), "").unwrap();
        fs::write(at("t/b/c/d"), "").unwrap();
        std::os::unix::fs::symlink("b", at("t/l")).unwrap();
        std::os::unix::fs::symlink("t", at("named")).unwrap();
        let named = [(at("named"), b"x".to_vec()), (at("gone"), b"y".to_vec())];
        let walked: Vec<_> = Walk::new(named.into_iter())
            .map(|item| {
                let kind = item.data.map(|data| match data {
                    data if data.is_dir() => 'd',
                    data if data.is_symlink() => 'l',
                    _ => 'f',
                });
                (String::from_utf8(item.path).unwrap(), kind.ok())
            })
            .collect();
        let walked: Vec<_> = walked.iter().map(|(path, kind)| (&**path, *kind)).collect();
        let expected = [
            ("x", Some('d')),
            ("x/a", Some('f')),
            ("x/b", Some('d')),
            ("x/b/c", Some('d')),
            ("x/b/c/d", Some('f')),
            ("x/l", Some('l')),
            ("y", None),
        ];
        assert_eq!(walked, expected);
    }
}
