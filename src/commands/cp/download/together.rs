//! Takes small files that come together from the instance, as a tar archive.
//!
//! Only files that were asked for are taken from the archive. Its names are never used as paths.

use super::file::is_replaceable;
use crate::commands::cp::local::part::{
    PartFile, keep_owner, mode_of, parent, set_attributes, sync_folder, sync_together,
};
use crate::commands::cp::meter::Meter;
use crate::copy::{Digests, Hasher};
use std::collections::{HashMap, HashSet};
use std::fs::{self, Metadata};
use std::io::{self, Read, Write as _};
use std::path::PathBuf;
use tar::Archive;

/// The most parts that are open at once: some systems let a process have 256 files.
const OPEN: usize = 64;

/// The most that an archive has for an entry besides its content and its name, in bytes; and at its end.
const MOST_AROUND: u64 = 16 * 1024;

/// A file that was asked for.
#[derive(Debug)]
pub(crate) struct WantedFile {
    /// The path it is copied to.
    pub(crate) place: PathBuf,
    /// Bytes.
    pub(crate) size: u64,
    /// The mode that it gets.
    pub(crate) mode: u32,
    /// A file that is there keeps its mode instead.
    pub(crate) keeps_mode: bool,
    /// The time that it gets, in seconds since 1970, if it is to have one.
    pub(crate) time: Option<i64>,
    /// Its digest.
    pub(crate) digest: Option<String>,
}

/// Reads an archive and puts each file in its place, if it is what was asked for. Returns the names of those.
pub(crate) fn unpack(
    mut archive: impl Read,
    mut wanted: HashMap<Vec<u8>, WantedFile>,
    digests: Digests,
    meter: &Meter,
) -> HashSet<Vec<u8>> {
    let folders = wanted.values().map(|file| parent(&file.place).to_owned());
    let folders: HashSet<PathBuf> = folders.collect();
    let mut taking = Taking::default();
    if let Err(error) = take(&mut archive, &mut wanted, digests, meter, &mut taking) {
        tracing::info!(%error, "an archive ends early: its files are copied one by one");
    }
    taking.place();
    // Whoever writes it must not be held up.
    let _ = io::copy(&mut archive, &mut io::sink());
    folders.iter().for_each(|folder| sync_folder(folder));
    taking.got
}

/// Takes files of these names with this content, into `folder`. Returns the names of those that came.
#[cfg(feature = "fuzzing")]
pub(crate) fn unpacked_as(
    folder: &std::path::Path,
    archive: &[u8],
    names: &[&str],
    content: &[u8],
) -> Vec<Vec<u8>> {
    let digests = Digests::Sha256;
    let mut hasher = Hasher::new(digests);
    hasher.update(content);
    let digest = hasher.finish();
    let wanted = names.iter().map(|name| {
        let wanted = WantedFile {
            place: folder.join(name),
            size: content.len() as u64,
            mode: 0o600,
            keeps_mode: false,
            time: None,
            digest: Some(digest.clone()),
        };
        (name.as_bytes().to_vec(), wanted)
    });
    let got = unpack(archive, wanted.collect(), digests, &Meter::default());
    got.into_iter().collect()
}

/// The received part of an archive.
#[derive(Default)]
struct Taking {
    /// The names of the files that are in their places.
    got: HashSet<Vec<u8>>,
    /// Files that are whole and not in their places yet.
    parts: Vec<(Vec<u8>, PartFile)>,
}

impl Taking {
    /// Puts what is whole in its place, after all of it is on the disk.
    fn place(&mut self) {
        let parts = std::mem::take(&mut self.parts);
        // Copied by itself, what fails here fails again, and the user learns why.
        if let Err(error) = sync_together(parts.iter().map(|(_, part)| part)) {
            tracing::info!(%error, "files could not be written to the disk");
            return;
        }
        for (path, part) in parts {
            match part.place() {
                Ok(()) => drop(self.got.insert(path)),
                Err(error) => tracing::info!(%error, "a file was not put in its place"),
            }
        }
    }
}

fn take(
    archive: impl Read,
    wanted: &mut HashMap<Vec<u8>, WantedFile>,
    digests: Digests,
    meter: &Meter,
    taking: &mut Taking,
) -> io::Result<()> {
    // What an archive says of its entries is kept while it is read.
    let names = wanted.keys().map(|name| MOST_AROUND + name.len() as u64);
    let most = names.sum::<u64>() + wanted.values().map(|file| file.size).sum::<u64>();
    for entry in Archive::new(archive.take(most + MOST_AROUND)).entries()? {
        let mut entry = entry?;
        let path = entry.path_bytes().into_owned();
        let path = path.strip_prefix(b"./").unwrap_or(&path).to_vec();
        let is_file = entry.header().entry_type().is_file();
        let Some(file) = wanted.remove(&path).filter(|_| is_file) else {
            continue;
        };
        if entry.size() != file.size {
            continue;
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content)?;
        let mut hasher = Hasher::new(digests);
        hasher.update(&content);
        if content.len() as u64 != file.size || file.digest != Some(hasher.finish()) {
            continue;
        }
        match part(&file, &content) {
            Ok(part) => {
                meter.moved(content.len());
                taking.parts.push((path, part));
            }
            // Copied by itself, it fails again, and the user learns why.
            Err(error) => tracing::info!(%error, "a file was not written"),
        }
        if taking.parts.len() >= OPEN {
            taking.place();
        }
    }
    Ok(())
}

/// The part of a file, with its content, mode and time.
fn part(file: &WantedFile, content: &[u8]) -> io::Result<PartFile> {
    let here = fs::symlink_metadata(&file.place).ok();
    let is_replaced =
        |data: &Metadata| data.is_file() || (data.is_symlink() && is_replaceable(&file.place));
    if !here.as_ref().is_none_or(is_replaced) {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let replaced = here.filter(Metadata::is_file);
    let mode = match replaced.as_ref().filter(|_| file.keeps_mode) {
        Some(data) => mode_of(data),
        None => file.mode,
    };
    let mut part = PartFile::open(&file.place, true)?;
    let written = part.file.write_all(content);
    keep_owner(&part.file, replaced.as_ref());
    match written.and_then(|()| set_attributes(&part.file, mode, file.time)) {
        Ok(()) => Ok(part),
        Err(error) => {
            // It would take what room there is.
            part.discard();
            Err(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tar::{Builder, EntryType, Header};

    fn entry(builder: &mut Builder<Vec<u8>>, path: &[u8], kind: EntryType, content: &[u8]) {
        let mut header = Header::new_gnu();
        // The crate itself makes no such names.
        header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path);
        header.set_entry_type(kind);
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        if kind == EntryType::Symlink {
            header.set_link_name("/etc").unwrap();
        }
        header.set_cksum();
        builder.append(&header, content).unwrap();
    }

    #[test]
    fn nothing_but_what_was_asked_for_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let sum = |content: &[u8]| {
            let mut hasher = Hasher::new(Digests::Sha256);
            hasher.update(content);
            Some(hasher.finish())
        };
        let wanted = |name: &str, content: &[u8]| WantedFile {
            place: dir.path().join(name),
            size: content.len() as u64,
            mode: 0o600,
            keeps_mode: true,
            time: None,
            digest: sum(content),
        };
        let mut builder = Builder::new(Vec::new());
        for path in [&b"../out"[..], b"/tmp/axt-out", b"d/../../out", b"unasked"] {
            entry(&mut builder, path, EntryType::Regular, b"bad");
        }
        entry(&mut builder, b"link", EntryType::Symlink, b"");
        entry(&mut builder, b"link/x", EntryType::Regular, b"bad");
        entry(&mut builder, b"other", EntryType::Regular, b"bad");
        entry(&mut builder, b"longer", EntryType::Regular, b"bad bad");
        entry(&mut builder, b"./good", EntryType::Regular, b"good");
        let mut archive = builder.into_inner().unwrap();
        archive.extend(b"and what follows is nothing");
        let all = [
            ("link", &b"x"[..]),
            ("other", b"abc"),
            ("longer", b"abc"),
            ("good", b"good"),
        ];
        let all = all.map(|(name, content)| (name.into(), wanted(name, content)));
        let got = unpack(&*archive, all.into(), Digests::Sha256, &Meter::default());
        assert_eq!(got, HashSet::from([b"good".to_vec()]));
        let names: Vec<_> = fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["good"]);
        assert_eq!(fs::read(dir.path().join("good")).unwrap(), b"good");
        assert!(!dir.path().parent().unwrap().join("out").exists());
    }

    #[test]
    fn a_name_without_an_end_does_not_fill_the_memory() {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::GNULongName);
        header.set_size(1 << 32);
        header.set_cksum();
        let read = std::cell::Cell::new(0_usize);
        struct Endless<'a>(&'a std::cell::Cell<usize>);
        impl Read for Endless<'_> {
            fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                self.0.set(self.0.get() + buf.len());
                buf.fill(b'n');
                Ok(buf.len())
            }
        }
        let archive = header.as_bytes().chain(Endless(&read));
        let (mut wanted, mut taking) = (HashMap::new(), Taking::default());
        let meter = Meter::default();
        take(archive, &mut wanted, Digests::Sha256, &meter, &mut taking).unwrap_err();
        assert!(read.get() < 1 << 20, "{}", read.get());
    }
}
