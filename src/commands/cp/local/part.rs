//! The local part of a file: locked while the file is copied to it, and renamed when it is whole.

use super::digest::hash;
use crate::copy::{BLOCK, Digests, Hasher, PART, short_stem};
#[cfg(any(target_os = "linux", target_os = "android"))]
use std::collections::HashSet;
use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The part of a file. Dropped, it stays for the next run.
#[derive(Debug)]
pub(crate) struct PartFile {
    /// Locked for as long as it is open.
    pub(crate) file: File,
    path: PathBuf,
    target: PathBuf,
}

impl PartFile {
    /// Opens the part of `target`, and makes it if there is none, or `afresh`. No link is followed.
    ///
    /// # Errors
    /// The system's error; of kind `WouldBlock` where another copy has it, of kind `AlreadyExists` where it is
    /// not a regular file of this user.
    pub(crate) fn open(target: &Path, afresh: bool) -> io::Result<Self> {
        let path = part_path(target);
        loop {
            let file = match options().create_new(true).open(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => existing(&path)?,
                made => made?,
            };
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::WouldBlock.into()),
                Err(TryLockError::Error(error)) => return Err(error),
            }
            // Whoever had it may have renamed it in the meantime.
            if !fs::symlink_metadata(&path).is_ok_and(|here| is_same(&here, &file)) {
                continue;
            }
            if afresh {
                file.set_len(0)?;
            }
            let target = target.to_owned();
            return Ok(Self { file, path, target });
        }
    }

    /// The bytes of the file that are there.
    pub(crate) fn size(&self) -> io::Result<u64> {
        self.file.metadata().map(|data| data.len())
    }

    /// Keeps the first blocks and nothing else. Returns where to write what follows them, and the digest of
    /// what is kept, so far.
    pub(crate) fn keep(&self, blocks: u64, digests: Digests) -> io::Result<(File, Hasher)> {
        let mut file = self.file.try_clone()?;
        file.set_len(blocks * BLOCK)?;
        file.rewind()?;
        let mut hasher = Hasher::new(digests);
        hash(&file, &mut hasher, u64::MAX)?;
        file.seek(SeekFrom::End(0))?;
        Ok((file, hasher))
    }

    /// Puts it in its place, on the disk too, with this mode and time, and with the owner of the file that it
    /// replaces, as far as that is allowed.
    pub(crate) fn finish(
        self,
        mode: u32,
        time: Option<i64>,
        replaced: Option<&Metadata>,
    ) -> io::Result<()> {
        let folder = parent(&self.target).to_owned();
        keep_owner(&self.file, replaced);
        set_attributes(&self.file, mode, time)?;
        self.file.sync_all()?;
        self.place()?;
        sync_folder(&folder);
        Ok(())
    }

    /// Puts it in its place, as it is.
    pub(crate) fn place(self) -> io::Result<()> {
        fs::rename(&self.path, &self.target)
    }

    /// Removes it if there is nothing in it.
    pub(crate) fn discard_if_empty(self) {
        if self.size().is_ok_and(|size| size == 0) {
            self.discard();
        }
    }

    /// Removes it, because it is not the beginning of anything.
    pub(crate) fn discard(self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::info!(%error, "a part could not be removed");
        }
    }
}

/// The path of the part of `target`.
pub(crate) fn part_path(target: &Path) -> PathBuf {
    let name = target.file_name().unwrap_or_default();
    let mut part = match short_stem(name.as_encoded_bytes()) {
        Some(short) => short.into(),
        None => name.to_owned(),
    };
    part.push(PART);
    target.with_file_name(part)
}

/// Writes parts of one tree to the disk: one by one takes seconds.
pub(crate) fn sync_together<'a>(
    parts: impl Iterator<Item = &'a PartFile> + Clone,
) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        use std::os::unix::fs::MetadataExt as _;
        let mut devices = HashSet::new();
        for part in parts {
            if devices.insert(part.file.metadata()?.dev()) {
                rustix::fs::syncfs(&part.file)?;
            }
        }
        Ok(())
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let mut parts = parts;
        parts.try_for_each(|part| part.file.sync_all())
    }
}

/// The permissions of a file.
#[cfg(unix)]
pub(crate) fn mode_of(data: &Metadata) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&data.permissions()) & 0o7777
}

/// The permissions of a file, as far as this system has them.
#[cfg(not(unix))]
pub(crate) fn mode_of(data: &Metadata) -> u32 {
    match data.permissions().readonly() {
        true => 0o444,
        false => 0o644,
    }
}

/// Gives a file this mode and, if there is one, this time, in seconds since 1970.
pub(crate) fn set_attributes(file: &File, mode: u32, time: Option<i64>) -> io::Result<()> {
    set_mode(file, mode)?;
    time.map_or(Ok(()), |time| file.set_modified(at(time)))
}

/// Gives a file the user and the group of the one that it replaces, or at least the group, where that is allowed.
#[cfg(unix)]
pub(crate) fn keep_owner(file: &File, replaced: Option<&Metadata>) {
    use std::os::unix::fs::{MetadataExt as _, fchown};
    if let Some(data) = replaced {
        let both = fchown(file, Some(data.uid()), Some(data.gid()));
        let done = both.or_else(|_| fchown(file, None, Some(data.gid())));
        if let Err(error) = done {
            tracing::info!(%error, "the file does not keep its owner");
        }
    }
}

/// Files have no such owners on this system.
#[cfg(not(unix))]
pub(crate) fn keep_owner(_: &File, _: Option<&Metadata>) {}

/// A time in seconds since 1970.
fn at(seconds: i64) -> SystemTime {
    let span = Duration::from_secs(seconds.unsigned_abs());
    let time = match seconds {
        0.. => SystemTime::UNIX_EPOCH.checked_add(span),
        _ => SystemTime::UNIX_EPOCH.checked_sub(span),
    };
    time.unwrap_or(SystemTime::UNIX_EPOCH)
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt as _;
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        options.mode(0o600);
        options.custom_flags(flags.bits().cast_signed());
    }
    options
}

/// Opens a part that is there, if it is a file of this user's own.
fn existing(path: &Path) -> io::Result<File> {
    // One with a second name is some other file, too.
    let own = |data: &Metadata| data.is_file() && is_own(data) && has_one_name(data);
    let foreign = || io::Error::from(io::ErrorKind::AlreadyExists);
    // Before it is opened, for that may do something to a device.
    if !own(&fs::symlink_metadata(path)?) {
        return Err(foreign());
    }
    let file = options().open(path)?;
    own(&file.metadata()?).then_some(file).ok_or_else(foreign)
}

#[cfg(unix)]
fn is_own(data: &Metadata) -> bool {
    std::os::unix::fs::MetadataExt::uid(data) == rustix::process::geteuid().as_raw()
}

#[cfg(unix)]
fn has_one_name(data: &Metadata) -> bool {
    std::os::unix::fs::MetadataExt::nlink(data) == 1
}

#[cfg(not(unix))]
fn has_one_name(_: &Metadata) -> bool {
    true
}

#[cfg(not(unix))]
fn is_own(_: &Metadata) -> bool {
    true
}

#[cfg(unix)]
pub(crate) fn is_same(here: &Metadata, file: &File) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let id = |data: &Metadata| (data.dev(), data.ino());
    file.metadata().is_ok_and(|data| id(&data) == id(here))
}

#[cfg(not(unix))]
pub(crate) fn is_same(_: &Metadata, _: &File) -> bool {
    true
}

#[cfg(unix)]
fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_: &File, _: u32) -> io::Result<()> {
    Ok(())
}

/// The folder that a path is in.
pub(crate) fn parent(path: &Path) -> &Path {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// Writes a folder's entries to the disk, where the system has a way to.
pub(crate) fn sync_folder(folder: &Path) {
    if let Err(error) = File::open(folder).and_then(|folder| folder.sync_all()) {
        tracing::debug!(%error, "the folder was not written to the disk");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::cp::local::digest::{digest, digest_of_all};
    use std::io::Write as _;

    const CHUNK: usize = BLOCK as usize;

    #[test]
    fn a_part_is_gone_on_with_and_takes_its_place_whole() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("file");
        let whole = vec![7; 3 * CHUNK + 5];
        let part = PartFile::open(&target, false).unwrap();
        let (mut file, _) = part.keep(0, Digests::Sha256).unwrap();
        file.write_all(&whole[..2 * CHUNK + 9]).unwrap();
        drop((part, file));
        let part = PartFile::open(&target, false).unwrap();
        assert_eq!(part.size().unwrap(), 2 * BLOCK + 9);
        let (mut file, mut hasher) = part.keep(2, Digests::Sha256).unwrap();
        file.write_all(&whole[2 * CHUNK..]).unwrap();
        hasher.update(&whole[2 * CHUNK..]);
        let size = whole.len() as u64;
        let digested = digest(&part.file, Digests::Sha256, size, 1).unwrap();
        assert_eq!(digested.whole, hasher.finish());
        for (said, right) in [(size, true), (size - 1, false), (size + 1, false)] {
            let digested = digest_of_all(&part.file, Digests::Sha256, said, 1);
            assert_eq!(digested.is_ok(), right);
        }
        assert!(!target.exists());
        part.finish(0o640, Some(86_400), None).unwrap();
        assert_eq!(fs::read(&target).unwrap(), whole);
        let data = fs::metadata(&target).unwrap();
        assert_eq!(data.modified().unwrap(), at(86_400));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_part_is_of_one_copy() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("file");
        let part = PartFile::open(&target, false).unwrap();
        let error = PartFile::open(&target, true).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        drop(part);
        PartFile::open(&target, true).unwrap().discard();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn no_link_is_written_through() {
        let dir = tempfile::tempdir().unwrap();
        let (target, other) = (dir.path().join("file"), dir.path().join("other"));
        fs::write(&other, "precious").unwrap();
        for aim in [
            other.clone(),
            dir.path().join("missing"),
            "/dev/null".into(),
        ] {
            let link = dir.path().join("file.axt-part");
            std::os::unix::fs::symlink(&aim, &link).unwrap();
            let error = PartFile::open(&target, true).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
            fs::remove_file(link).unwrap();
        }
        fs::hard_link(&other, dir.path().join("file.axt-part")).unwrap();
        let error = PartFile::open(&target, true).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&other).unwrap(), b"precious");
        assert!(!dir.path().join("missing").exists());
    }
}
