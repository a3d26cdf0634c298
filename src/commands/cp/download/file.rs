//! Copies one file from the instance.

use crate::commands::cp::failure::CopyFailure;
use crate::commands::cp::job::CopyJob;
use crate::commands::cp::local::blocking::blocking;
use crate::commands::cp::local::digest::digest;
use crate::commands::cp::local::part::{PartFile, mode_of};
use crate::commands::cp::meter::Meter;
use crate::copy::{
    BLOCK, Digests, FileState, FileType, Hasher, RemotePath, RemoteSource, Script, Verb,
    mode_for_new,
};
use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Copies a file to this place, which is no directory.
pub(crate) async fn copy(
    job: &mut CopyJob<'_>,
    from: &RemotePath,
    name: &str,
    to: &Path,
) -> Result<(), CopyFailure> {
    let local = |error: io::Error| CopyFailure::local(&error);
    let here = existing(to)?;
    let part = PartFile::open(to, job.afresh).map_err(|error| part_trouble(&error))?;
    let size = part.size().map_err(local)?;
    let found = look(job, from, size).await;
    let (digests, state, whole, blocks) = match found {
        Ok(found) => found,
        Err(failure) => {
            part.discard_if_empty();
            return Err(failure);
        }
    };
    let mode = match &here {
        Some(data) if !job.preserve => mode_of(data),
        _ => mode_for_new(state.mode, job.umask, job.preserve),
    };
    let time = job.time_of(&state);
    if let Some(data) = here
        .as_ref()
        .filter(|data| data.is_file() && data.len() == state.size)
    {
        let (path, size) = (to.to_owned(), data.len());
        let digested = blocking(move || digest(&File::open(path)?, digests, size, 0));
        // What can't be read may be replaced all the same.
        if digested.await.is_ok_and(|digested| digested.whole == whole) {
            part.discard();
            if job.preserve {
                let file = File::options().read(true).open(to).map_err(local)?;
                crate::commands::cp::local::part::set_attributes(&file, mode, time)
                    .map_err(local)?;
            }
            job.unchanged(name, state.size);
            return Ok(());
        }
    }
    let have = size.min(state.size) / BLOCK;
    let file = part.file.try_clone().map_err(local)?;
    let digested = blocking(move || digest(&file, digests, have * BLOCK, have)).await?;
    let have = if digested.blocks == blocks { have } else { 0 };
    if have > 0 {
        tracing::info!(
            "{name}: {} of {} bytes are there already",
            have * BLOCK,
            state.size
        );
    }
    let left = state.size - have * BLOCK;
    if let Err(failure) = CopyFailure::check_room(room(&part.file), left) {
        part.discard_if_empty();
        return Err(failure);
    }
    job.meter.settle(state.size, left);
    let (file, hasher) = part.keep(have, digests).map_err(local)?;
    let receiving = Receiving::new(file, hasher, left, job.meter.clone());
    let got = get(job, from, have, &state, receiving).await?;
    let (digest, complete) = got;
    if !complete || digest != whole {
        part.discard();
        return Err(CopyFailure::other_bytes(digests));
    }
    blocking(move || part.finish(mode, time, here.as_ref())).await?;
    job.copied(name, state.size, digests);
    Ok(())
}

/// Copies a file to standard output.
pub(crate) async fn stdout(
    job: &mut CopyJob<'_>,
    from: &RemotePath,
    name: &str,
    stdout: impl Write + Send + 'static,
) -> Result<(), CopyFailure> {
    let (digests, state, whole, _) = look(job, from, 0).await?;
    job.meter.expect(state.size);
    let hasher = Hasher::new(digests);
    let receiving = Receiving::new(stdout, hasher, state.size, job.meter.clone());
    let (digest, complete) = get(job, from, 0, &state, receiving).await?;
    if !complete || digest != whole {
        return Err(CopyFailure::file(tr!(
            "it changed while it was read, or arrived damaged ({name} does not agree): what was written to standard output is not right",
            name = digests.name()
        )));
    }
    job.copied(name, state.size, digests);
    Ok(())
}

/// Looks at a file that is to be copied. Returns its digest, and that of the whole blocks of a part of this
/// size.
async fn look(
    job: &mut CopyJob<'_>,
    from: &RemotePath,
    part: u64,
) -> Result<(Digests, FileState, String, String), CopyFailure> {
    let script = Script::new(Verb::Source)
        .set("p", &from.path)
        .set("n", part.to_string());
    let (done, said) = job.side.ask(script).await?;
    if done.status != 0 {
        return Err(CopyFailure::remote(&done));
    }
    let source = RemoteSource::parse(&said).ok_or_else(CopyFailure::unexpected_answer)?;
    match (source.kind, source.file) {
        (FileType::File, Some((state, whole, _)))
            if state.size == 0 && whole != Hasher::new(source.digests).finish() =>
        {
            Err(CopyFailure::file(tr!(
                "its size is not known before it is read: axt connect TARGET cat FILE reads it"
            )))
        }
        (FileType::File, Some((state, whole, blocks))) => {
            Ok((source.digests, state, whole, blocks))
        }
        (FileType::Missing, _) => Err(CopyFailure::file(tr!(
            "on the instance: No such file or directory"
        ))),
        (FileType::Directory, _) => Err(CopyFailure::file(tr!(
            "Is a directory (-r copies it, but not to standard output)"
        ))),
        _ => Err(CopyFailure::file(tr!("not a regular file"))),
    }
}

/// Gets the blocks from `have` on. Returns the digest, and whether the file stayed what it was.
async fn get<W: Write + Send + 'static>(
    job: &mut CopyJob<'_>,
    from: &RemotePath,
    have: u64,
    state: &FileState,
    receiving: Receiving<W>,
) -> Result<(String, bool), CopyFailure> {
    let blocks = state.size.div_ceil(BLOCK) - have;
    let script = Script::new(Verb::Get)
        .set("p", &from.path)
        .set("k", have.to_string())
        .set("n", blocks.to_string());
    let so_far = Arc::clone(&receiving.so_far);
    let done = job.side.run(script, None::<io::Empty>, receiving).await?;
    if let Some(error) = done.local {
        return Err(match error.kind() {
            io::ErrorKind::BrokenPipe => CopyFailure::OutputClosed,
            _ => CopyFailure::local(&error),
        });
    }
    if done.status != 0 {
        return Err(CopyFailure::remote(&done));
    }
    let after = done.errors.lines().last().and_then(FileState::parse);
    let so_far = so_far.lock().unwrap_or_else(PoisonError::into_inner);
    let complete = so_far.left == 0 && !so_far.surplus && after.as_ref() == Some(state);
    Ok((so_far.hasher.clone().finish(), complete))
}

/// The file that is at the place already, if it can be replaced.
fn existing(to: &Path) -> Result<Option<Metadata>, CopyFailure> {
    match fs::symlink_metadata(to) {
        Ok(data) if data.is_dir() => {
            Err(CopyFailure::file(tr!("there is a directory of this name")))
        }
        Ok(data) if data.is_file() => Ok(Some(data)),
        // It is replaced, not followed, unless it leads to a device or the like.
        Ok(data) if data.is_symlink() && is_replaceable(to) => Ok(None),
        Ok(_) => Err(CopyFailure::file(tr!(
            "the destination is not a regular file; - writes to standard output"
        ))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(CopyFailure::local(&error)),
    }
}

/// True if a link leads to nothing, to a file or to a directory.
pub(crate) fn is_replaceable(link: &Path) -> bool {
    fs::metadata(link).map_or(true, |data| data.is_file() || data.is_dir())
}

fn part_trouble(error: &io::Error) -> CopyFailure {
    match error.kind() {
        io::ErrorKind::AlreadyExists => CopyFailure::file(tr!(
            "the partial file *.axt-part is not a regular file of this user"
        )),
        _ => CopyFailure::local(error),
    }
}

/// The free bytes on the disk; `None` where the system does not tell.
fn room(part: &File) -> Option<u64> {
    #[cfg(unix)]
    {
        let disk = rustix::fs::fstatvfs(part).ok()?;
        Some(disk.f_bavail.saturating_mul(disk.f_frsize))
    }
    #[cfg(not(unix))]
    {
        let _ = part;
        None
    }
}

/// A name of the instance's as one of this machine.
#[cfg(unix)]
pub(crate) fn local_path(name: &[u8]) -> Option<OsString> {
    use std::os::unix::ffi::OsStringExt as _;
    Some(OsString::from_vec(name.to_vec()))
}

/// A name of the instance's as one of this machine, if it can be one.
#[cfg(not(unix))]
pub(crate) fn local_path(name: &[u8]) -> Option<OsString> {
    let name = std::str::from_utf8(name).ok()?;
    let fits = !name.contains(['\\', ':', '*', '?', '"', '<', '>', '|']);
    fits.then(|| name.into())
}

/// Writes the received bytes of a file, and computes their digest.
struct Receiving<W> {
    writer: W,
    so_far: Arc<Mutex<SoFar>>,
    meter: Meter,
}

struct SoFar {
    hasher: Hasher,
    /// Bytes that are still to come.
    left: u64,
    /// More came.
    surplus: bool,
}

impl<W> Receiving<W> {
    fn new(writer: W, hasher: Hasher, left: u64, meter: Meter) -> Self {
        let surplus = false;
        let so_far = Arc::new(Mutex::new(SoFar {
            hasher,
            left,
            surplus,
        }));
        Self {
            writer,
            so_far,
            meter,
        }
    }
}

impl<W: Write> Write for Receiving<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut so_far = self.so_far.lock().unwrap_or_else(PoisonError::into_inner);
        let room = usize::try_from(so_far.left).unwrap_or(usize::MAX);
        let (wanted, surplus) = bytes.split_at(room.min(bytes.len()));
        self.writer.write_all(wanted)?;
        so_far.hasher.update(wanted);
        so_far.left -= wanted.len() as u64;
        so_far.surplus |= !surplus.is_empty();
        self.meter.moved(wanted.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}
