//! Sends small files to the instance together, as a tar archive.

use super::blocking::blocking;
use super::download::local_path;
use super::failure::CopyFailure;
use super::job::CopyJob;
use super::meter::Meter;
use super::walk::open;
use crate::copy::{Digests, RemotePath, Script, Verb, misplaced};
use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io::{self, Cursor, Read};
use std::path::PathBuf;
use std::time::SystemTime;
use tar::{Builder, Header};

/// A small file that is to be sent.
#[derive(Debug)]
pub(super) struct Small {
    /// Where it is.
    pub(super) local: PathBuf,
    /// Where it goes, below the directory that everything is copied into.
    pub(super) path: Vec<u8>,
    /// Its name in messages.
    pub(super) name: String,
    /// What the walk has met there.
    pub(super) data: Metadata,
    /// The mode that it gets.
    pub(super) mode: u32,
    /// The time that it gets, in seconds since 1970, if it is to keep one.
    pub(super) time: Option<i64>,
    /// Its digest.
    pub(super) digest: String,
}

impl Small {
    /// Bytes.
    pub(super) fn size(&self) -> u64 {
        self.data.len()
    }

    /// The directory that it goes to, and its name there.
    fn split(&self) -> (&[u8], &[u8]) {
        match self.path.iter().rposition(|byte| *byte == b'/') {
            Some(at) => {
                let (parent, name) = self.path.split_at(at);
                (parent, name.get(1..).unwrap_or_default())
            }
            None => (b".", &self.path),
        }
    }
}

/// Sends files, whose digests are compared before each takes its place in the directory `to`.
pub(super) async fn send(
    job: &mut CopyJob<'_>,
    to: &RemotePath,
    digests: Digests,
    files: Vec<Small>,
) -> Result<(), CopyFailure> {
    let mut folders: BTreeMap<Vec<u8>, Vec<Small>> = BTreeMap::new();
    for file in files {
        let parent = file.split().0.to_vec();
        folders.entry(parent).or_default().push(file);
    }
    let part = job.folder_of_parts();
    let script = script(to, &part, &folders);
    let files: Vec<Small> = folders.into_values().flatten().collect();
    // No larger than one batch.
    let (files, mut failed, archive) = blocking(move || archive(files, &part)).await?;
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

/// The script that takes the files of these directories.
fn script(to: &RemotePath, part: &str, folders: &BTreeMap<Vec<u8>, Vec<Small>>) -> Script {
    let (mut parts, mut paths, mut sums) = (Vec::new(), Vec::new(), Vec::new());
    for (parent, files) in folders {
        let parent = [b"./", &**parent].concat();
        for file in files {
            paths.push((parent.clone(), file.split().1));
            sums.push(file.digest.as_str());
        }
        parts.push((parent, &b""[..]));
    }
    let mut script = Script::new(Verb::Unpack)
        .set("p", &to.path)
        .set("part", part)
        .runs_with("parts", &parts)
        .runs_with("files", &paths)
        .set("want", sums.join("\n"));
    for (parent, files) in folders {
        let parent = [b"./", &**parent].concat();
        let names = files.iter().map(|file| [b"./", file.split().1].concat());
        let names: Vec<_> = names.collect();
        let words = names.iter().map(Vec::as_slice);
        script.call("place", std::iter::once(&*parent).chain(words));
    }
    script.call("exit", [&b"0"[..]]);
    script
}

/// Files, those of them that could not be read, and an archive of the others.
type Archived = (Vec<Small>, BTreeMap<usize, String>, Vec<u8>);

/// Makes an archive in which each file stands in the directory for parts that is in its own one.
fn archive(files: Vec<Small>, part: &str) -> io::Result<Archived> {
    let mut failed = BTreeMap::new();
    let mut builder = Builder::new(Vec::new());
    for (at, file) in files.iter().enumerate() {
        let content = match read(file) {
            Ok(content) => content,
            Err(error) => {
                failed.insert(at, error.to_string());
                continue;
            }
        };
        let (parent, name) = file.split();
        let path = [parent, part.as_bytes(), name].join(&b'/');
        let path = PathBuf::from(local_path(&path).unwrap_or_default());
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
