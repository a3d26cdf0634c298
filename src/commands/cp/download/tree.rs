//! Copies a tree from the instance: small files together, as a tar archive.

use super::file::{self, local_path};
use super::together::{WantedFile, unpack};
use crate::commands::cp::failure::CopyFailure;
use crate::commands::cp::job::CopyJob;
use crate::commands::cp::local::blocking::blocking;
use crate::commands::cp::local::digest::digest;
use crate::commands::cp::local::part::{mode_of, set_attributes};
use crate::copy::batch::{self, SMALL};
use crate::copy::{
    Digests, FileType, Listing, NEW, RemotePath, Script, TreeEntry, Verb, is_part, mode_for_new,
};
use crate::printable::escaped;
use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// The status of the listing script for a path that is not a directory.
const NO_DIRECTORY: u8 = 6;

/// A tree that is being copied.
struct DownloadTree<'j, 'a> {
    job: &'j mut CopyJob<'a>,
    from: &'j RemotePath,
    to: &'j Path,
    digests: Digests,
    /// Directories here that the tree's may be put into, by their paths in the tree.
    folders: HashSet<Vec<u8>>,
}

/// Copies a tree to `to`, or into it. Returns `false` if what is to be copied is no directory.
pub(crate) async fn copy(
    job: &mut CopyJob<'_>,
    from: &RemotePath,
    name: &str,
    to: &Path,
) -> Result<bool, CopyFailure> {
    let (done, said) = job
        .side
        .ask(Script::new(Verb::Tree).set("p", &from.path))
        .await?;
    if done.status == NO_DIRECTORY {
        return Ok(false);
    }
    if done.status != 0 && said.is_empty() {
        return Err(CopyFailure::remote(&done));
    }
    let Some(listing) = Listing::parse(&said) else {
        return Err(CopyFailure::file(tr!(
            "on the instance: the directory can't be listed, or it changed meanwhile"
        )));
    };
    if done.status != 0 {
        job.not_listed(name, &done);
    }
    let mark = from.name().unwrap_or_default();
    let to = match (to.is_dir() && !is_marked(to, mark), from.name()) {
        (true, Some(name)) => to.join(local_path(name).ok_or_else(|| {
            CopyFailure::file(tr!("its name is not valid for a directory on this system"))
        })?),
        // A link that the user named leads there.
        (true, None) => fs::canonicalize(to).map_err(|error| CopyFailure::local(&error))?,
        (false, _) => to.to_owned(),
    };
    if !listing.has_tar {
        tracing::info!("tar is missing on the instance: small files are copied one by one");
    }
    let tree = DownloadTree {
        job,
        from,
        to: &to,
        digests: listing.digests,
        folders: HashSet::new(),
    };
    let files = listing.entries.iter();
    let files = files.filter(|entry| entry.state.kind == FileType::File);
    let total = files.fold(0_u64, |sum, entry| sum.saturating_add(entry.state.size));
    tree.job.meter.expect_all(total);
    tree.all(&listing).await?;
    Ok(true)
}

impl DownloadTree<'_, '_> {
    async fn all(mut self, listing: &Listing) -> Result<(), CopyFailure> {
        let (mut small, mut large, mut links, mut later) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for entry in &listing.entries {
            let place = match self.place(entry) {
                Ok(place) => place,
                Err(why) => {
                    self.failed(entry, &why);
                    continue;
                }
            };
            match entry.state.kind {
                FileType::Directory => match self.directory(entry, &place) {
                    Ok(mode) => later.extend(mode.map(|mode| (entry, place, mode))),
                    Err(why) => self.failed(entry, &why),
                },
                FileType::Link => links.push((entry, place)),
                FileType::File if self.is_unchanged(entry, &place).await? => {}
                FileType::File if listing.has_tar && entry.state.size <= SMALL => {
                    small.push((entry, place));
                }
                FileType::File => large.push((entry, place)),
                _ => self.failed(entry, tr!("not a regular file, directory or link")),
            }
        }
        let mut small = small.into_iter().peekable();
        loop {
            let weight = |(entry, _): &(&TreeEntry, PathBuf)| (entry.path.len() + 8, 0);
            let batch = batch::next(&mut small, weight);
            if batch.is_empty() {
                break;
            }
            large.extend(self.together(batch).await?);
        }
        for (entry, place) in large {
            let from = self.from.join(&entry.path);
            let name = self.name(entry);
            if let Err(failure) = file::copy(self.job, &from, &name, &place).await {
                self.job.all_failed([&name], failure)?;
            }
        }
        for (entry, place) in links {
            if let Err(error) = link(entry, &place) {
                self.failed(entry, &error.to_string());
            }
        }
        for (entry, place, mode) in later.into_iter().rev() {
            if entry.path.is_empty() {
                let _ = fs::remove_file(place.join(NEW));
            }
            let time = self.job.time_of(&entry.state);
            let set = File::open(place).and_then(|folder| set_attributes(&folder, mode, time));
            if let Err(error) = set {
                self.failed(entry, &error.to_string());
            }
        }
        Ok(())
    }

    /// The path an entry is copied to, if its directory is there and is one.
    fn place(&self, entry: &TreeEntry) -> Result<PathBuf, String> {
        if entry.path.is_empty() {
            return Ok(self.to.to_owned());
        }
        let parent = entry
            .path
            .iter()
            .rposition(|byte| *byte == b'/')
            .unwrap_or(0);
        if !self
            .folders
            .contains(entry.path.get(..parent).unwrap_or_default())
        {
            return Err(tr!("its directory is missing here").into());
        }
        if is_part(&entry.path) {
            return Err(tr!("skipped: the name is reserved for partial files of axt cp").into());
        }
        let mut place = self.to.to_owned();
        for name in entry.path.split(|byte| *byte == b'/') {
            place.push(
                local_path(name).ok_or(tr!("its name is not valid for a file on this system"))?,
            );
        }
        Ok(place)
    }

    /// Makes a directory. Returns the mode that it gets in the end, if that is another: it is new, or an
    /// interrupted copy made it.
    fn directory(&mut self, entry: &TreeEntry, place: &Path) -> Result<Option<u32>, String> {
        let mode = mode_for_new(entry.state.mode, self.job.umask, self.job.preserve);
        let is_top = entry.path.is_empty();
        let mark = self.from.name().unwrap_or_default();
        let is_new = match fs::symlink_metadata(place) {
            Ok(data) if data.is_dir() && is_top => is_marked(place, mark),
            Ok(data) if data.is_dir() => mode_of(&data) == mode | 0o700,
            Ok(data) if data.is_symlink() => {
                return Err(tr!("there is a symbolic link of this name").into());
            }
            Ok(_) => return Err(tr!("there is a file of this name").into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make_private(place)
                    .and_then(|()| match is_top {
                        true => fs::write(place.join(NEW), mark),
                        false => set_attributes(&File::open(place)?, mode | 0o700, None),
                    })
                    .map_err(|error| error.to_string())?;
                true
            }
            Err(error) => return Err(error.to_string()),
        };
        self.folders.insert(entry.path.clone());
        let is_open = !is_top && mode & 0o700 == 0o700;
        Ok((self.job.preserve || (is_new && !is_open)).then_some(mode))
    }

    /// True if a file is here already. It gets its mode and time then, if that is wanted.
    async fn is_unchanged(&mut self, entry: &TreeEntry, place: &Path) -> Result<bool, CopyFailure> {
        let here = fs::symlink_metadata(place);
        let is_alike = here.is_ok_and(|data| data.is_file() && data.len() == entry.state.size);
        if !is_alike || entry.digest.is_none() {
            return Ok(false);
        }
        let (path, digests, size) = (place.to_owned(), self.digests, entry.state.size);
        let preserve = self.job.preserve;
        let (mode, time) = (entry.state.mode, self.job.time_of(&entry.state));
        let wanted = entry.digest.clone();
        let same = blocking(move || {
            let file = File::open(path)?;
            let same = Some(digest(&file, digests, size, 0)?.whole) == wanted;
            if same && preserve {
                set_attributes(&file, mode, time)?;
            }
            Ok(same)
        });
        let same = match same.await {
            // What can't be read may be replaced all the same.
            Err(CopyFailure::File(_)) => false,
            other => other?,
        };
        if same {
            let name = self.name(entry);
            self.job.unchanged(&name, size);
        }
        Ok(same)
    }

    /// Gets small files together. Returns those that did not come that way.
    async fn together<'e>(
        &mut self,
        batch: Vec<(&'e TreeEntry, PathBuf)>,
    ) -> Result<Vec<(&'e TreeEntry, PathBuf)>, CopyFailure> {
        let paths = batch.iter().map(|(entry, _)| &*entry.path);
        let script = Script::new(Verb::Pack)
            .set("p", &self.from.path)
            .names(paths);
        let wanted = batch.iter().map(|(entry, place)| {
            let wanted = WantedFile {
                place: place.clone(),
                size: entry.state.size,
                mode: mode_for_new(entry.state.mode, self.job.umask, self.job.preserve),
                keeps_mode: !self.job.preserve,
                time: self.job.time_of(&entry.state),
                digest: entry.digest.clone(),
            };
            (entry.path.clone(), wanted)
        });
        let wanted = wanted.collect();
        let (reader, writer) = io::pipe().map_err(|error| CopyFailure::local(&error))?;
        let (digests, meter) = (self.digests, self.job.meter.clone());
        let unpacking =
            tokio::task::spawn_blocking(move || unpack(reader, wanted, digests, &meter));
        self.job.side.run(script, None::<io::Empty>, writer).await?;
        let got = unpacking.await.unwrap_or_default();
        let mut rest = Vec::new();
        for (entry, place) in batch {
            match got.contains(&entry.path) {
                true => {
                    let name = self.name(entry);
                    self.job.copied(&name, entry.state.size, self.digests);
                }
                false => rest.push((entry, place)),
            }
        }
        Ok(rest)
    }

    fn name(&self, entry: &TreeEntry) -> String {
        let path = self.from.join(&entry.path).path;
        escaped(&String::from_utf8_lossy(&path))
    }

    fn failed(&mut self, entry: &TreeEntry, why: &str) {
        let name = self.name(entry);
        self.job.failed(&name, why);
    }
}

/// True if an interrupted copy of a tree of this name has made a directory.
fn is_marked(folder: &Path, name: &[u8]) -> bool {
    let mark = folder.join(NEW);
    let is_file = fs::symlink_metadata(&mark).is_ok_and(|data| data.is_file());
    is_file && fs::read(&mark).is_ok_and(|found| found == name)
}

/// Makes a directory that only its user can enter.
fn make_private(place: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(place)
}

/// Makes a link; anything there but a directory is replaced.
#[cfg(unix)]
fn link(entry: &TreeEntry, place: &Path) -> io::Result<()> {
    let target = entry.link.as_deref().and_then(local_path);
    let target = PathBuf::from(target.unwrap_or_default());
    match fs::symlink_metadata(place) {
        Ok(data) if data.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        Ok(data) if data.is_symlink() && fs::read_link(place)? == target => return Ok(()),
        _ => {}
    }
    let part = crate::commands::cp::local::part::part_path(place);
    if fs::symlink_metadata(&part).is_ok_and(|data| data.is_symlink()) {
        fs::remove_file(&part)?;
    }
    std::os::unix::fs::symlink(target, &part)?;
    fs::rename(part, place)
}

/// They are not made on this system.
#[cfg(not(unix))]
fn link(_: &TreeEntry, _: &Path) -> io::Result<()> {
    let what = tr!("symbolic links are not made on this system");
    Err(io::Error::new(io::ErrorKind::Unsupported, what))
}
