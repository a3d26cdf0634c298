//! Copies trees and many files to the instance: small files together, as a tar archive.

use super::file::{self, LocalSource, seconds};
use super::small::{Small, send_all};
use crate::commands::cp::failure::CopyFailure;
use crate::commands::cp::job::CopyJob;
use crate::commands::cp::local::blocking::blocking;
use crate::commands::cp::local::part::mode_of;
use crate::commands::cp::local::walk::{
    Walk, WalkItem, base, digests_of, open, size_of_all, split,
};
use crate::copy::batch::{self, SMALL};
use crate::copy::{FileState, FileType, NEW, RemotePath, Root, Script, Verb};
use crate::copy::{failures, is_part, mode_for_new, names, touch_time};
use crate::printable::escaped;
use std::collections::{HashMap, HashSet};
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};

/// A copy of trees.
struct UploadTree<'j, 'a> {
    job: &'j mut CopyJob<'a>,
    /// The directory that they are copied into.
    place: RemotePath,
    root: Root,
    /// Paths of directories at which there is something else: nothing is written below them.
    missing: HashSet<Vec<u8>>,
    /// Modes and times that directories and unchanged files get in the end.
    later: Vec<(Vec<u8>, u32, String)>,
}

/// An entry to be copied, and what is at its place.
struct Inspected {
    item: WalkItem,
    data: Metadata,
    name: String,
    there: (FileType, Option<FileState>),
}

impl Inspected {
    /// The file at its place, if that is one.
    fn file_there(&self) -> Option<&FileState> {
        let state = self.there.1.as_ref();
        state.filter(|state| state.kind == FileType::File)
    }
}

/// Copies these into the directory `to`. A single one becomes `to` itself, if there is no such directory.
pub(crate) async fn copy(
    job: &mut CopyJob<'_>,
    sources: &[&Path],
    to: &RemotePath,
) -> Result<(), CopyFailure> {
    let one = match sources {
        [one] => Some(base(one).to_vec()),
        _ => None,
    };
    let script = Script::new(Verb::Root)
        .set("p", &to.path)
        .set("b", one.as_deref().unwrap_or_default())
        .set("m", if to.is_directory { "1" } else { "" });
    let answer = job.ask(job.lockable(script));
    let root = Root::parse(&answer.await?).ok_or_else(CopyFailure::unexpected_answer)?;
    let place = match &one {
        Some(name) if root.is_in_directory => to.join(name),
        _ => to.clone(),
    };
    if !root.has_tar {
        tracing::info!("tar is missing on the instance: small files are copied one by one");
    }
    let named = sources.iter().map(|path| {
        let below = match one {
            Some(_) => Vec::new(),
            None => base(path).to_vec(),
        };
        (PathBuf::from(path), below)
    });
    let named: Vec<_> = named.collect();
    let sized = named.clone();
    let total = blocking(move || Ok(size_of_all(sized))).await?;
    job.meter.expect_all(total);
    let mut items = Walk::new(named.into_iter()).peekable();
    let mut tree = UploadTree {
        job,
        place,
        root,
        missing: HashSet::new(),
        later: Vec::new(),
    };
    loop {
        let items = batch::next(&mut items, |item| (item.path.len() + 8, 0));
        if items.is_empty() {
            break;
        }
        tree.some(items).await?;
    }
    tree.finish().await
}

impl UploadTree<'_, '_> {
    /// Copies a part of the tree.
    async fn some(&mut self, items: Vec<WalkItem>) -> Result<(), CopyFailure> {
        let found = self.look(items).await?;
        let (mut files, mut folders, mut links) = (Vec::new(), Vec::new(), Vec::new());
        for found in found {
            if let Err(why) = self.check_place(&found) {
                self.job.failed(&found.name, why);
            } else if found.data.is_dir() {
                let wanted = mode_for_new(mode_of(&found.data), self.root.umask, self.job.preserve);
                let mode = wanted | 0o700;
                if self.keeps_attributes(&found, wanted) {
                    self.attributes_later(&found, wanted);
                }
                if found.there.0 == FileType::Missing {
                    folders.push((mode, found));
                }
            } else if found.data.is_symlink() {
                match std::fs::read_link(&found.item.local) {
                    Ok(target) => links.push((target, found)),
                    Err(error) => self.job.failed(&found.name, &error.to_string()),
                }
            } else if !found.data.is_file() {
                let why = tr!("not a regular file, directory or link");
                self.job.failed(&found.name, why);
            } else {
                files.push(found);
            }
        }
        let new = self.folders_and_links(folders, links).await?;
        self.files(files, new).await
    }

    /// True if a directory gets this mode in the end: it is new, or an interrupted copy made it.
    fn keeps_attributes(&self, found: &Inspected, wanted: u32) -> bool {
        let is_top = found.item.path.is_empty() && self.root.is_new;
        let there = found.there.1.as_ref();
        let is_new = there.is_none_or(|there| there.mode == wanted | 0o700);
        self.job.preserve || is_top || (is_new && wanted & 0o700 != 0o700)
    }

    /// Makes directories with modes, and links to paths. Returns the directories that are empty then.
    async fn folders_and_links(
        &mut self,
        folders: Vec<(u32, Inspected)>,
        links: Vec<(PathBuf, Inspected)>,
    ) -> Result<HashMap<Vec<u8>, u32>, CopyFailure> {
        let mut script = Script::new(Verb::Make).set("p", &self.place.path);
        let path = |found: &Inspected| [b"./", &*found.item.path].concat();
        for alike in folders.chunk_by(|(one, _), (other, _)| one == other) {
            let mode = alike.first().map_or(0, |(mode, _)| *mode);
            let mut words = vec![format!("{mode:o}").into_bytes()];
            words.extend(alike.iter().map(|(_, found)| path(found)));
            script.call("directories", words.iter().map(Vec::as_slice));
        }
        for (target, found) in &links {
            let target = target.as_os_str().as_encoded_bytes();
            script.call("link", [target, &path(found)]);
        }
        let mut new: HashMap<_, _> = folders
            .iter()
            .map(|(mode, found)| (found.item.path.clone(), *mode))
            .collect();
        let made = folders.iter().map(|(_, found)| found);
        for found in made.chain(links.iter().map(|(_, found)| found)) {
            new.remove(split(&found.item.path).0);
        }
        let folders = folders.into_iter().map(|(_, found)| found.name);
        let links = links.into_iter().map(|(_, found)| found.name);
        let made: Vec<_> = folders.chain(links).collect();
        self.make(script, &made).await?;
        Ok(new)
    }

    /// Checks that something can be put in its place.
    fn check_place(&mut self, found: &Inspected) -> Result<(), &'static str> {
        let path = &found.item.path;
        let (parent, _) = split(path);
        let checked = match (found.data.is_dir(), found.there.0) {
            _ if self.missing.contains(parent) => Err(tr!("its directory is missing there")),
            (_, FileType::Missing)
            | (true, FileType::Directory)
            | (false, FileType::File | FileType::Link) => Ok(()),
            (true, FileType::Link) => Err(tr!("there is a symbolic link of this name")),
            (true, _) => Err(tr!("there is a file of this name")),
            (false, FileType::Directory) => Err(tr!("there is a directory of this name")),
            (false, FileType::Other) => Err(tr!("the destination is not a regular file")),
        };
        if checked.is_err() && found.data.is_dir() {
            self.missing.insert(path.clone());
        }
        checked
    }

    /// Looks at the places of these at the instance.
    async fn look(&mut self, items: Vec<WalkItem>) -> Result<Vec<Inspected>, CopyFailure> {
        let mut found = Vec::new();
        for mut item in items {
            let name = escaped(&item.local.to_string_lossy());
            let gone = io::Error::from(io::ErrorKind::NotFound);
            match std::mem::replace(&mut item.data, Err(gone)) {
                Err(error) => self.job.failed(&name, &error.to_string()),
                Ok(_) if is_part(&item.path) => {
                    let why = tr!("skipped: the name is reserved for partial files of axt cp");
                    self.job.failed(&name, why);
                }
                Ok(data) => {
                    let there = (FileType::Directory, None);
                    found.push(Inspected {
                        item,
                        data,
                        name,
                        there,
                    });
                }
            }
        }
        let paths = found.iter().map(|found| &*found.item.path);
        let script = Script::new(Verb::Names)
            .set("p", &self.place.path)
            .names(paths);
        let said = self.job.ask(script).await;
        let count = found.len();
        let there =
            said.and_then(|said| names(&said, count).ok_or_else(CopyFailure::unexpected_answer));
        let there = match there {
            Ok(there) => there,
            Err(failure) => {
                let names = found.iter().map(|found| &found.name);
                self.job.all_failed(names, failure)?;
                return Ok(Vec::new());
            }
        };
        for (found, there) in found.iter_mut().zip(there) {
            found.there = there;
        }
        Ok(found)
    }

    /// Makes directories and links, of these names.
    async fn make(&mut self, script: Script, made: &[String]) -> Result<(), CopyFailure> {
        if made.is_empty() {
            return Ok(());
        }
        let said = match self.job.ask(self.job.lockable(script)).await {
            Ok(said) => said,
            Err(failure) => return self.job.all_failed(made, failure),
        };
        for (number, why) in failures(&said) {
            let name = number.checked_sub(1).and_then(|at| made.get(at));
            let name = name.cloned().unwrap_or_else(|| "?".into());
            self.job.all_failed([&name], CopyFailure::said(&why))?;
        }
        Ok(())
    }

    /// Copies files, except for those that are the same already.
    async fn files(
        &mut self,
        files: Vec<Inspected>,
        new: HashMap<Vec<u8>, u32>,
    ) -> Result<(), CopyFailure> {
        let (small, large) = self.changed(files).await?;
        send_all(self.job, &self.place, &mut self.root, small, new).await?;
        for found in large {
            let place = self.place.join(&found.item.path);
            let source = LocalSource::of(open(&found.item.local, &found.data));
            let copied = match source {
                Ok(source) => file::copy(self.job, source, &found.name, (&place, None)).await,
                Err(error) => Err(CopyFailure::local(&error)),
            };
            if let Err(failure) = copied {
                self.job.all_failed([&found.name], failure)?;
            }
        }
        Ok(())
    }

    /// The files that have to be copied: those that travel together, and those that are copied one by one.
    async fn changed(
        &mut self,
        files: Vec<Inspected>,
    ) -> Result<(Vec<Small>, Vec<Inspected>), CopyFailure> {
        let theirs = self.digests(&files).await?;
        let (mut small, mut large) = (Vec::new(), Vec::new());
        let mut known = Vec::new();
        for (found, theirs) in files.into_iter().zip(theirs) {
            let replaces_own = found.file_there().is_none_or(|state| self.root.owns(state));
            let is_small = self.root.has_tar && found.data.len() <= SMALL && replaces_own;
            match is_small || theirs.is_some() {
                true => known.push((found, theirs, is_small)),
                false => large.push(found),
            }
        }
        let met = known.iter().map(|(found, ..)| found);
        let met = met.map(|found| (found.item.local.clone(), found.data.clone()));
        let met: Vec<_> = met.collect();
        let digests = self.root.digests;
        let ours = blocking(move || Ok(digests_of(&met, digests))).await?;
        for ((found, theirs, is_small), ours) in known.into_iter().zip(ours) {
            let ours = match ours {
                Ok(ours) => ours,
                Err(error) => {
                    self.job.failed(&found.name, &error.to_string());
                    continue;
                }
            };
            let mode = match found.file_there() {
                Some(state) if !self.job.preserve => state.mode,
                _ => mode_for_new(mode_of(&found.data), self.root.umask, self.job.preserve),
            };
            if theirs.as_ref() == Some(&ours) {
                if self.job.preserve {
                    self.attributes_later(&found, mode);
                }
                self.job.unchanged(&found.name, found.data.len());
            } else if is_small {
                let replaces = found.file_there().map_or(0, |state| state.size);
                small.push(Small {
                    time: seconds(found.data.modified().ok()).filter(|_| self.job.preserve),
                    local: found.item.local,
                    path: found.item.path,
                    name: found.name,
                    mode,
                    digest: ours,
                    replaces,
                    data: found.data,
                });
            } else {
                large.push(found);
            }
        }
        Ok((small, large))
    }

    /// The digests, at the instance, of those files that have the right size there.
    async fn digests(&mut self, files: &[Inspected]) -> Result<Vec<Option<String>>, CopyFailure> {
        let is_alike = |found: &Inspected| {
            let there = found.file_there();
            there.is_some_and(|there| there.size == found.data.len())
        };
        let alike = files.iter().filter(|found| is_alike(found));
        let paths: Vec<_> = alike.map(|found| &*found.item.path).collect();
        if paths.is_empty() {
            return Ok(vec![None; files.len()]);
        }
        let script = Script::new(Verb::Digests)
            .set("p", &self.place.path)
            .names(paths);
        let said = match self.job.ask(script).await {
            // All are copied then.
            Err(CopyFailure::File(_)) => Vec::new(),
            said => said?,
        };
        let said = String::from_utf8_lossy(&said);
        let mut lines = said.lines();
        let digests = files.iter().map(|found| match is_alike(found) {
            true => lines.next().map(str::to_owned),
            false => None,
        });
        Ok(digests.collect())
    }

    fn attributes_later(&mut self, found: &Inspected, mode: u32) {
        let time = seconds(found.data.modified().ok()).filter(|_| self.job.preserve);
        let time = time.map_or_else(String::new, touch_time);
        self.later.push((found.item.path.clone(), mode, time));
    }

    /// Gives directories their modes and times, the innermost first: nothing more is put into them.
    async fn finish(mut self) -> Result<(), CopyFailure> {
        let later = std::mem::take(&mut self.later);
        let mut later = later.into_iter().rev().peekable();
        loop {
            let batch = batch::next(&mut later, |(path, ..)| (path.len() + 40, 0));
            if batch.is_empty() {
                return Ok(());
            }
            let mut script = Script::new(Verb::Make).set("p", &self.place.path);
            let mut named = Vec::new();
            for (path, mode, time) in batch {
                if path.is_empty() && self.root.is_new {
                    let mark = [b"./", NEW.as_bytes()].concat();
                    script.call("rm", [&b"-f"[..], &mark]);
                }
                let mode = format!("{mode:o}");
                let there = [b"./", &*path].concat();
                script.call("attributes", [mode.as_bytes(), time.as_bytes(), &there]);
                named.push(escaped(&String::from_utf8_lossy(&path)));
            }
            self.make(script, &named).await?;
        }
    }
}
