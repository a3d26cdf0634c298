//! Of an archive only what was asked for is put in its place, whole, and nothing anywhere else.
#![no_main]

use axt::fuzzing::unpacked;
use libfuzzer_sys::fuzz_target;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

const NAMES: [&str; 3] = ["a", "d/b", "link"];
const CONTENT: &[u8] = b"abc";

static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    let folder = folder.expect("a directory");
    fs::create_dir_all(folder.path().join("to/d")).expect("a directory");
    folder
});

/// Writes into a header what its checksum has to be: no fuzzer finds that.
fn with_checksum(header: &mut [u8]) {
    if let Some(field) = header.get_mut(148..156) {
        field.fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        let text = format!("{sum:06o}\0 ");
        header[148..156].copy_from_slice(text.as_bytes());
    }
}

/// The files below a directory.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("it is there");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let (folders, mut all): (Vec<_>, Vec<_>) = paths.partition(|path| path.is_dir());
    all.extend(folders.iter().flat_map(|folder| files(folder)));
    all
}

fuzz_target!(|data: &[u8]| {
    let mut archive = data.to_vec();
    // Every other block may be a header: what is asked for has less than a block.
    for header in archive.chunks_exact_mut(512).step_by(2) {
        with_checksum(header);
    }
    let to = FOLDER.path().join("to");
    let got = unpacked(&to, &archive, &NAMES, CONTENT);
    let got: Vec<_> = got
        .into_iter()
        .map(|name| String::from_utf8(name).expect("as asked"))
        .collect();
    assert!(got.iter().all(|name| NAMES.contains(&name.as_str())));
    let mut expected: Vec<_> = got.iter().map(|name| to.join(name)).collect();
    let mut there = files(FOLDER.path());
    expected.sort();
    there.sort();
    assert_eq!(there, expected);
    for path in there {
        assert_eq!(fs::read(&path).expect("it can be read"), CONTENT);
        fs::remove_file(path).expect("it is there");
    }
});
