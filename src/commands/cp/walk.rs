//! Walks over local trees: what is in them, directories before what is in them.

use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::path::PathBuf;

/// One thing in a tree, or why it can't be looked at.
#[derive(Debug)]
pub(super) struct Item {
    /// Where it is.
    pub(super) local: PathBuf,
    /// Its path below the place that the tree is copied into, its names joined by `/`. Empty for that place.
    pub(super) path: Vec<u8>,
    /// Its type; a link is not followed unless the user named it.
    pub(super) data: std::io::Result<Metadata>,
}

/// The walk. What it has to remember are the names in the directories that it is in.
pub(super) struct Walk {
    /// The entries that are still to be looked at, the next one last.
    next: Vec<(PathBuf, Vec<u8>)>,
    /// So many of these were named by the user.
    named: usize,
}

impl Walk {
    /// Over these: where they are, and where they go.
    pub(super) fn new(named: impl DoubleEndedIterator<Item = (PathBuf, Vec<u8>)>) -> Self {
        let next: Vec<_> = named.rev().collect();
        let named = next.len();
        Self { next, named }
    }

    fn enter(&mut self, item: &Item) -> std::io::Result<()> {
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

impl Iterator for Walk {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        let (local, path) = self.next.pop()?;
        let is_named = self.next.len() < self.named;
        self.named = self.named.min(self.next.len());
        let data = match is_named {
            true => fs::metadata(&local),
            false => fs::symlink_metadata(&local),
        };
        let mut item = Item { local, path, data };
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
