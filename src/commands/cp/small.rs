//! Sends small files to the instance together, as a tar archive.

use super::blocking::blocking;
use super::failure::CopyFailure;
use super::job::CopyJob;
use super::meter::Meter;
use crate::copy::{Digests, RemotePath, Script, Verb, misplaced};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
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
    /// Bytes.
    pub(super) size: u64,
    /// The mode that it gets.
    pub(super) mode: u32,
    /// The time that it gets, in seconds since 1970, if it is to keep one.
    pub(super) time: Option<i64>,
    /// Its digest.
    pub(super) digest: String,
}

impl Small {
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
    let mut script = Script::new(Verb::Unpack).set("p", &to.path);
    for (number, (parent, files)) in folders.iter().enumerate() {
        let number = number.to_string();
        let parent = [b"./", &**parent].concat();
        let sums: Vec<_> = files.iter().map(|file| file.digest.as_str()).collect();
        let sums = sums.join("\n");
        let names = files.iter().map(|file| [b"./", file.split().1].concat());
        let names: Vec<_> = names.collect();
        let words = [number.as_bytes(), &parent, sums.as_bytes()].into_iter();
        script.call("files", words.chain(names.iter().map(Vec::as_slice)));
    }
    script.call("rm", [&b"-rf"[..], b"./.axt-part"]);
    let files: Vec<(usize, Small)> = folders
        .into_values()
        .enumerate()
        .flat_map(|(number, files)| files.into_iter().map(move |file| (number, file)))
        .collect();
    // No larger than one batch.
    let (files, mut failed, archive) = blocking(move || archive(files)).await?;
    job.meter.expect(archive.len() as u64);
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
    if let Some(CopyFailure::File(why)) = reason {
        files
            .iter()
            .for_each(|(_, file)| job.failed(&file.name, &why));
        return Ok(());
    }
    for (number, is_other) in misplaced(&said) {
        let failure = match is_other {
            true => CopyFailure::other_bytes(digests),
            false => CopyFailure::file(tr!("on the instance: it can't be moved to its place")),
        };
        if let (Some(at), CopyFailure::File(why)) = (number.checked_sub(1), failure) {
            failed.entry(at).or_insert(why);
        }
    }
    for (at, (_, file)) in files.iter().enumerate() {
        match failed.get(&at) {
            Some(why) => job.failed(&file.name, why),
            None => job.copied(&file.name, file.size, digests),
        }
    }
    Ok(())
}

/// Files, those of them that could not be read, and an archive of the others.
type Archived = (Vec<(usize, Small)>, BTreeMap<usize, String>, Vec<u8>);

/// Makes an archive in which each file stands in the directory with its number.
fn archive(files: Vec<(usize, Small)>) -> io::Result<Archived> {
    let mut failed = BTreeMap::new();
    let mut builder = Builder::new(Vec::new());
    for (at, (number, file)) in files.iter().enumerate() {
        let content = match read(&file.local, file.size) {
            Ok(content) => content,
            Err(error) => {
                failed.insert(at, error.to_string());
                continue;
            }
        };
        let mut header = Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(file.mode & 0o7777);
        header.set_mtime(time(file.time));
        let path = Path::new(&number.to_string()).join(file.local.file_name().unwrap_or_default());
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
fn read(path: &Path, size: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?.take(size + 1).read_to_end(&mut content)?;
    match content.len() as u64 == size {
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
