//! Copies one file to the instance.

use crate::commands::cp::failure::CopyFailure;
use crate::commands::cp::job::CopyJob;
use crate::commands::cp::local::blocking::blocking;
use crate::commands::cp::local::digest::digest_of_all;
use crate::commands::cp::local::part::mode_of;
use crate::commands::cp::local::walk;
use crate::commands::cp::meter::Meter;
use crate::commands::cp::remote_side::done::OTHER_BYTES;
use crate::copy::{BLOCK, FileType, Hasher, Look, RemotePath, Script, Verb};
use crate::copy::{mode_for_new, touch_time};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// A file of this machine's that is being copied.
pub(crate) struct LocalSource {
    file: File,
    size: u64,
    modified: Option<SystemTime>,
    mode: u32,
}

impl LocalSource {
    /// A file that the user named.
    pub(crate) fn open(path: &Path) -> Result<Self, CopyFailure> {
        let data = std::fs::metadata(path).map_err(|error| CopyFailure::local(&error))?;
        if data.is_dir() {
            return Err(CopyFailure::file(tr!("Is a directory (-r copies it)")));
        }
        if !data.is_file() {
            let why = tr!("not a regular file; - copies standard input");
            return Err(CopyFailure::file(why));
        }
        Self::of(walk::open(path, &data)).map_err(|error| CopyFailure::local(&error))
    }

    /// This file, if it could be opened.
    pub(crate) fn of(file: io::Result<File>) -> io::Result<Self> {
        let file = file?;
        let data = file.metadata()?;
        Ok(Self {
            file,
            size: data.len(),
            modified: data.modified().ok(),
            mode: mode_of(&data),
        })
    }
}

/// Copies a file to a place, or, if it may have this name there, into the place if that is a directory.
pub(crate) async fn copy(
    job: &mut CopyJob<'_>,
    source: LocalSource,
    name: &str,
    (to, base): (&RemotePath, Option<&[u8]>),
) -> Result<(), CopyFailure> {
    let (look, place) = look(job, to, base, source.size).await?;
    let have = look.part.as_ref().filter(|_| !job.afresh);
    let blocks = have.map_or(0, |(size, _)| size.min(&source.size) / BLOCK);
    let (digests, size) = (look.digests, source.size);
    let hashed = source
        .file
        .try_clone()
        .map_err(|error| CopyFailure::local(&error))?;
    let digested = blocking(move || digest_of_all(&hashed, digests, size, blocks)).await?;
    let mode = mode(job, &look, source.mode);
    let time = match job.preserve {
        true => seconds(source.modified).map_or_else(String::new, touch_time),
        false => String::new(),
    };
    if look.digest.as_ref() == Some(&digested.whole) {
        if job.preserve || look.part.is_some() {
            let mode = job.preserve.then(|| format!("{mode:o}"));
            let script = Script::new(Verb::Attributes)
                .set("p", &place.path)
                .set("stem", place.stem())
                .set("mode", mode.unwrap_or_default())
                .set("time", time);
            job.ask(script).await?;
        }
        job.unchanged(name, size);
        return Ok(());
    }
    let agrees = look
        .part
        .as_ref()
        .is_some_and(|(_, part)| *part == digested.blocks);
    let blocks = if agrees { blocks } else { 0 };
    let left = size - blocks * BLOCK;
    CopyFailure::check_room(look.room, left)?;
    if blocks > 0 {
        tracing::info!(
            "{name}: {} of {size} bytes are there already",
            blocks * BLOCK
        );
    }
    job.meter.settle(size, left);
    let put = put(&place, &look, mode)
        .set("k", blocks.to_string())
        .set("n", size.to_string())
        .set("want", &digested.whole)
        .set("time", time);
    let sending = Sending::new(source, blocks * BLOCK, job.meter.clone());
    let sending = sending.map_err(|error| CopyFailure::local(&error))?;
    let put = job.lockable(put);
    let done = job.side.run(put, Some(sending), io::sink()).await?;
    if let Some(error) = done.local {
        return Err(CopyFailure::local(&error));
    }
    match done.status {
        0 => job.copied(name, size, digests),
        OTHER_BYTES => return Err(CopyFailure::other_bytes(digests)),
        _ => return Err(CopyFailure::remote(&done)),
    }
    Ok(())
}

/// Copies standard input to a place.
pub(crate) async fn stdin(
    job: &mut CopyJob<'_>,
    stdin: impl Read + Send + 'static,
    to: &RemotePath,
) -> Result<(), CopyFailure> {
    let (look, place) = look(job, to, None, 0).await?;
    let mode = mode(job, &look, 0o666);
    let script = put(&place, &look, mode).set("time", "");
    let hashing = Hashing {
        inner: stdin,
        hasher: Arc::new(Mutex::new((Hasher::new(look.digests), 0))),
        meter: job.meter.clone(),
    };
    let hasher = Arc::clone(&hashing.hasher);
    let first = script.clone().set("k", "0").set("n", "0").set("want", "-");
    let first = job.lockable(first);
    let done = job.side.run(first, Some(hashing), io::sink()).await?;
    if let Some(error) = done.local {
        return Err(CopyFailure::local(&error));
    }
    if done.status != 0 {
        return Err(CopyFailure::remote(&done));
    }
    let (hasher, size) = {
        let state = hasher.lock().unwrap_or_else(PoisonError::into_inner);
        state.clone()
    };
    job.meter.expect(size);
    let second = script
        .set("k", "-")
        .set("n", size.to_string())
        .set("want", hasher.finish());
    let second = job.lockable(second);
    let (done, _) = job.side.ask(second).await?;
    match done.status {
        0 => job.copied("-", size, look.digests),
        OTHER_BYTES => return Err(CopyFailure::other_bytes(look.digests)),
        _ => return Err(CopyFailure::remote(&done)),
    }
    Ok(())
}

/// Looks at where a file is to go. Returns its place, too, which may be in the directory that was named.
async fn look(
    job: &mut CopyJob<'_>,
    to: &RemotePath,
    name: Option<&[u8]>,
    size: u64,
) -> Result<(Look, RemotePath), CopyFailure> {
    let answer = job.ask_locked(|| {
        Script::new(Verb::Look)
            .set("p", &to.path)
            .set("b", name.unwrap_or_default())
            .set("stem", to.stem())
            .set("stem_in", to.join(name.unwrap_or_default()).stem())
            .set("m", if to.is_directory { "1" } else { "" })
            .set("n", size.to_string())
    });
    let look = Look::parse(&answer.await?).ok_or_else(CopyFailure::unexpected_answer)?;
    let place = match name {
        Some(name) if look.is_in_directory => to.join(name),
        _ => to.clone(),
    };
    match look.kind {
        FileType::Directory => Err(CopyFailure::file(tr!("there is a directory of this name"))),
        FileType::Other => Err(CopyFailure::file(tr!(
            "the destination is not a regular file"
        ))),
        _ => Ok((look, place)),
    }
}

/// A time in seconds since 1970; `None` for one before that.
pub(crate) fn seconds(time: Option<SystemTime>) -> Option<i64> {
    let span = time?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    i64::try_from(span.as_secs()).ok()
}

/// The variables that all scripts which take a file need.
fn put(place: &RemotePath, look: &Look, mode: u32) -> Script {
    let state = look
        .state
        .as_ref()
        .filter(|state| state.kind == FileType::File);
    let owner = state.map(|state| state.owner.clone());
    Script::new(Verb::Put)
        .set("p", &place.path)
        .set("stem", place.stem())
        .set("owner", owner.unwrap_or_default())
        .set("mode", format!("{mode:o}"))
}

/// The mode that the copy gets: the one of the file that it replaces, if it is not to have its source's.
fn mode(job: &CopyJob<'_>, look: &Look, source: u32) -> u32 {
    match look
        .state
        .as_ref()
        .filter(|state| state.kind == FileType::File)
    {
        Some(state) if !job.preserve => state.mode,
        _ => mode_for_new(source, look.umask, job.preserve),
    }
}

/// The rest of a file, as long as the file stays what it was.
struct Sending {
    source: LocalSource,
    left: u64,
    meter: Meter,
}

impl Sending {
    fn new(source: LocalSource, offset: u64, meter: Meter) -> io::Result<Self> {
        use std::io::{Seek as _, SeekFrom};
        (&source.file).seek(SeekFrom::Start(offset))?;
        let left = source.size - offset;
        Ok(Self {
            source,
            left,
            meter,
        })
    }

    fn is_unchanged(&self) -> io::Result<bool> {
        let data = self.source.file.metadata()?;
        Ok(data.len() == self.source.size && data.modified().ok() == self.source.modified)
    }
}

impl Read for Sending {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let room = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(buf.len());
        let count = self
            .source
            .file
            .read(buf.get_mut(..room).unwrap_or_default())?;
        self.left -= count as u64;
        self.meter.moved(count);
        // Before the end is told: what is complete takes its place.
        if count == 0 && (self.left > 0 || !self.is_unchanged()?) {
            return Err(io::Error::other(tr!("it changed while it was read")));
        }
        Ok(count)
    }
}

/// Computes the digest and the length of what is read.
struct Hashing<R> {
    inner: R,
    hasher: Arc<Mutex<(Hasher, u64)>>,
    meter: Meter,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buf)?;
        let mut state = self.hasher.lock().unwrap_or_else(PoisonError::into_inner);
        state.0.update(buf.get(..count).unwrap_or_default());
        state.1 += count as u64;
        self.meter.moved(count);
        Ok(count)
    }
}
