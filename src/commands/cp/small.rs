//! Sends small files to the instance together, as a tar archive.

use super::job::Job;
use super::meter::Meter;
use super::trouble::Trouble;
use crate::copy::{Digests, Place, Script, Verb, misplaced};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, PipeWriter, Read as _, Write};
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
    /// What it is called in messages.
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
    job: &mut Job<'_>,
    to: &Place,
    digests: Digests,
    files: Vec<Small>,
) -> Result<(), Trouble> {
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
    job.meter
        .expect(files.iter().map(|(_, file)| file.size).sum());
    let (reader, writer) = io::pipe().map_err(|error| Trouble::local(&error))?;
    let meter = job.meter.clone();
    let writing = tokio::task::spawn_blocking(move || archive(files, &writer, &meter));
    let script = job.lockable(script);
    let (done, said) = job.side.ask_with(script, Some(reader)).await?;
    // If the instance takes no more, the pipe is broken, and this is over too.
    let Ok((files, mut failed)) = writing.await else {
        return Err(Trouble::file("small files can't be put together"));
    };
    let reason = match (&done.local, done.status) {
        (Some(error), _) => Some(Trouble::local(error)),
        (None, 0) => None,
        _ => Some(Trouble::remote(&done)),
    };
    if let Some(Trouble::File(why)) = reason {
        files
            .iter()
            .for_each(|(_, file)| job.failed(&file.name, &why));
        return Ok(());
    }
    for (number, is_other) in misplaced(&said) {
        let trouble = match is_other {
            true => Trouble::other_bytes(digests),
            false => Trouble::file("on the instance: it can't be moved to its place"),
        };
        if let (Some(at), Trouble::File(why)) = (number.checked_sub(1), trouble) {
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

/// Writes an archive in which each file stands in the directory with its number. Returns what could not be
/// read.
fn archive(
    files: Vec<(usize, Small)>,
    pipe: &PipeWriter,
    meter: &Meter,
) -> (Vec<(usize, Small)>, BTreeMap<usize, String>) {
    let mut failed = BTreeMap::new();
    let mut builder = Builder::new(io::BufWriter::with_capacity(32 * 1024, pipe));
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
        // A broken pipe is the instance's matter, which says why.
        if builder.append_data(&mut header, path, &*content).is_err() {
            return (files, failed);
        }
        meter.moved(content.len());
    }
    let _ = builder.into_inner().and_then(|mut pipe| pipe.flush());
    (files, failed)
}

/// The content of a file that has this size.
fn read(path: &Path, size: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?.take(size + 1).read_to_end(&mut content)?;
    match content.len() as u64 == size {
        true => Ok(content),
        false => Err(io::Error::other("it changed while it was read")),
    }
}

/// The time of an entry of the archive: this one, or now.
fn time(kept: Option<i64>) -> u64 {
    let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let kept = kept.and_then(|time| u64::try_from(time).ok());
    kept.unwrap_or_else(|| now().map_or(0, |span| span.as_secs()))
}
