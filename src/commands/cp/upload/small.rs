//! Sends small files to the instance together, as a tar archive.

use crate::commands::cp::download::file::local_path;
use crate::commands::cp::failure::CopyFailure;
use crate::commands::cp::job::CopyJob;
use crate::commands::cp::local::blocking::blocking;
use crate::commands::cp::local::walk::{open, split};
use crate::commands::cp::meter::Meter;
use crate::copy::batch;
use crate::copy::{Digests, RemotePath, Root, Script, Verb, misplaced};
use std::collections::{BTreeMap, HashMap};
use std::fs::Metadata;
use std::io::{self, Cursor, Read};
use std::path::PathBuf;
use std::time::SystemTime;
use tar::{Builder, Header};

/// A small file that is to be sent.
#[derive(Debug)]
pub(crate) struct Small {
    /// Its path.
    pub(crate) local: PathBuf,
    /// Its path below the directory that everything is copied into.
    pub(crate) path: Vec<u8>,
    /// Its name in messages.
    pub(crate) name: String,
    /// The file's properties, as the walk found them.
    pub(crate) data: Metadata,
    /// The mode that it gets.
    pub(crate) mode: u32,
    /// The time that it gets, in seconds since 1970, if it is to keep one.
    pub(crate) time: Option<i64>,
    /// Its digest.
    pub(crate) digest: String,
    /// The size of the file that it replaces, in bytes.
    pub(crate) replaces: u64,
}

impl Small {
    /// Bytes.
    pub(crate) fn size(&self) -> u64 {
        self.data.len()
    }
}

/// The files for one directory, with their paths below it.
type Folder = Vec<(Vec<u8>, Small)>;

/// Sends files, as many at a time as one archive holds. The digest of each is compared before it takes its place
/// in the directory `to`. `new` are directories below it in which nothing is yet, with their modes.
pub(crate) async fn send_all(
    job: &mut CopyJob<'_>,
    to: &RemotePath,
    root: &mut Root,
    files: Vec<Small>,
    mut new: HashMap<Vec<u8>, u32>,
) -> Result<(), CopyFailure> {
    let mut files = files.into_iter().peekable();
    loop {
        let batch = batch::next(&mut files, |file| (2 * file.path.len() + 100, file.size()));
        if batch.is_empty() {
            return Ok(());
        }
        let batch = fitting(job, root, batch)?;
        if batch.is_empty() {
            continue;
        }
        // The files that are replaced are removed when the new ones are whole.
        let freed: u64 = batch.iter().map(|file| file.replaces).sum();
        send(job, to, root.digests, batch, &mut new).await?;
        root.room = root.room.map(|room| room + freed);
    }
}

/// The files that there is room for, as far as that is known. The others have failed.
fn fitting(
    job: &mut CopyJob<'_>,
    root: &mut Root,
    files: Vec<Small>,
) -> Result<Vec<Small>, CopyFailure> {
    let mut fitting = Vec::new();
    for file in files {
        match CopyFailure::check_room(root.room, file.size()) {
            Ok(()) => {
                root.room = root.room.map(|room| room - file.size());
                fitting.push(file);
            }
            Err(failure) => job.all_failed([&file.name], failure)?,
        }
    }
    Ok(fitting)
}

/// Sends the files of one archive.
async fn send(
    job: &mut CopyJob<'_>,
    to: &RemotePath,
    digests: Digests,
    files: Vec<Small>,
    new: &mut HashMap<Vec<u8>, u32>,
) -> Result<(), CopyFailure> {
    let mut folders: BTreeMap<Vec<u8>, Folder> = BTreeMap::new();
    let mut staged = BTreeMap::new();
    for file in files {
        let (parent, _) = split(&file.path);
        if let Some(mode) = new.remove(parent) {
            staged.insert(parent.to_vec(), mode);
        }
        let folder = match staged.contains_key(parent) {
            true => split(parent).0,
            false => parent,
        };
        let rest = file.path.get(folder.len()..).unwrap_or_default();
        let rest = rest.strip_prefix(b"/").unwrap_or(rest).to_vec();
        let folder = folder.to_vec();
        folders.entry(folder).or_default().push((rest, file));
    }
    let part = job.folder_of_parts();
    let script = script(to, &part, &folders, &staged);
    let archived = folders.into_iter().flat_map(|(folder, files)| {
        let folder = if folder.is_empty() {
            b".".to_vec()
        } else {
            folder
        };
        let parts = [&*folder, part.as_bytes()].join(&b'/');
        let path = move |rest: Vec<u8>| [&*parts, &*rest].join(&b'/');
        files
            .into_iter()
            .map(move |(rest, file)| (path(rest), file))
    });
    let archived: Vec<_> = archived.collect();
    // No larger than one batch.
    let (files, mut failed, archive) = blocking(move || archive(archived)).await?;
    // The files count already.
    let content: u64 = files.iter().map(Small::size).sum();
    let around = (archive.len() as u64).saturating_sub(content);
    job.meter.expect(around);
    let input = Metered {
        archive: Cursor::new(archive),
        meter: job.meter.clone(),
    };
    let script = job.lockable(script);
    let (done, said) = job.side.ask_with(script, Some(input)).await?;
    let reason = match (&done.local, done.status) {
        (Some(error), _) => Some(CopyFailure::local(error)),
        (None, 0) => None,
        _ => Some(CopyFailure::remote(&done)),
    };
    if let Some(failure) = reason {
        return job.all_failed(files.iter().map(|file| &file.name), failure);
    }
    for (number, why) in misplaced(&said) {
        let failure = match why {
            None => CopyFailure::other_bytes(digests),
            Some(why) => CopyFailure::said(&why),
        };
        if let (Some(at), CopyFailure::File(why)) = (number.checked_sub(1), failure) {
            failed.entry(at).or_insert(why);
        }
    }
    for (at, file) in files.iter().enumerate() {
        match failed.get(&at) {
            Some(why) => job.failed(&file.name, why),
            None => job.copied(&file.name, file.size(), digests),
        }
    }
    Ok(())
}

/// The script that takes the files of these directories, of which some are staged with the files that they get.
fn script(
    to: &RemotePath,
    part: &str,
    folders: &BTreeMap<Vec<u8>, Folder>,
    staged: &BTreeMap<Vec<u8>, u32>,
) -> Script {
    let there = |folder: &[u8]| match folder {
        b"" => b"./.".to_vec(),
        folder => [b"./", folder].concat(),
    };
    let folders: Vec<_> = folders
        .iter()
        .map(|(folder, files)| (there(folder), files))
        .collect();
    let staged: Vec<_> = staged
        .iter()
        .map(|(path, mode)| (there(split(path).0), split(path).1, *mode))
        .collect();
    let parts = folders.iter().map(|(folder, _)| (&**folder, &b""[..]));
    let files = folders
        .iter()
        .flat_map(|(folder, files)| files.iter().map(|(rest, _)| (&**folder, &**rest)));
    let alike = staged.chunk_by(|(.., one), (.., other)| one == other);
    let stage = alike.map(|alike| {
        let mode = alike.first().map_or(0, |(.., mode)| *mode);
        let paths = alike.iter().map(|(folder, name, _)| (&**folder, *name));
        (format!("mkdir -m {mode:o}"), paths.collect())
    });
    let sums = folders.iter().flat_map(|(_, files)| files.iter());
    let sums: Vec<_> = sums.map(|(_, file)| &*file.digest).collect();
    let mut script = Script::new(Verb::Unpack)
        .set("p", &to.path)
        .set("part", part)
        .runs_with("parts", parts.collect())
        .runs_with("files", files.collect())
        .define("stage", stage)
        .set("want", sums.join("\n"));
    for (folder, files) in &folders {
        let first = |rest: &[u8]| rest.split(|byte| *byte == b'/').next().map(<[u8]>::to_vec);
        let names = files.iter().filter_map(|(rest, _)| first(rest));
        let names = names.map(|name| [b"./", &*name].concat());
        // The files of one directory come one after another.
        let mut names: Vec<_> = names.collect();
        names.dedup();
        let words = names.iter().map(Vec::as_slice);
        script.call("place", std::iter::once(&**folder).chain(words));
    }
    script.call("files", [&b"left"[..]]);
    script.call("exit", [&b"0"[..]]);
    script
}

/// Files, those of them that could not be read, and an archive of the others.
type Archived = (Vec<Small>, BTreeMap<usize, String>, Vec<u8>);

/// Makes an archive of files at these paths.
fn archive(archived: Vec<(Vec<u8>, Small)>) -> io::Result<Archived> {
    let mut failed = BTreeMap::new();
    let mut builder = Builder::new(Vec::new());
    for (at, (path, file)) in archived.iter().enumerate() {
        let content = match read(file) {
            Ok(content) => content,
            Err(error) => {
                failed.insert(at, error.to_string());
                continue;
            }
        };
        let path = PathBuf::from(local_path(path).unwrap_or_default());
        // Any tar knows this kind. It has no room for the longest paths.
        let mut header = Header::new_ustar();
        if header.set_path(&path).is_err() {
            header = Header::new_gnu();
        }
        header.set_size(content.len() as u64);
        header.set_mode(file.mode & 0o7777);
        header.set_mtime(time(file.time));
        builder.append_data(&mut header, path, &*content)?;
    }
    let files = archived.into_iter().map(|(_, file)| file).collect();
    Ok((files, failed, builder.into_inner()?))
}

/// An archive that is counted as it is read.
struct Metered {
    archive: Cursor<Vec<u8>>,
    meter: Meter,
}

impl Read for Metered {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.archive.read(buf)?;
        self.meter.moved(count);
        Ok(count)
    }
}

/// The content of a file that has this size.
fn read(file: &Small) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    let opened = open(&file.local, &file.data)?;
    opened.take(file.size() + 1).read_to_end(&mut content)?;
    match content.len() as u64 == file.size() {
        true => Ok(content),
        false => Err(io::Error::other(tr!("it changed while it was read"))),
    }
}

/// The time of an entry of the archive: this one, or now.
fn time(kept: Option<i64>) -> u64 {
    let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let kept = kept.and_then(|time| u64::try_from(time).ok());
    kept.unwrap_or_else(|| now().map_or(0, |span| span.as_secs()))
}
