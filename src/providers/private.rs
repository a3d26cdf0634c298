//! Files that hold secrets: only their user can read them.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

/// A new, empty file in the place of what may be there.
pub(super) fn create(path: &Path) -> io::Result<File> {
    options().truncate(true).open(path)
}

/// The file, which is made if it is not there.
pub(super) fn open(path: &Path) -> io::Result<File> {
    options().truncate(false).open(path)
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
