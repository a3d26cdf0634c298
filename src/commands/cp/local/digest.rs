//! Computes digests of local files.

use crate::copy::{BLOCK, Digests, Hasher};
use std::fs::File;
use std::io::{self, Read as _, Seek as _};

/// Bytes read at once.
const CHUNK: usize = 64 * 1024;

/// The digests of a file: of the whole, and of its first blocks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Digested {
    /// The digest of the whole file.
    pub(crate) whole: String,
    /// The digest of the blocks that were asked for.
    pub(crate) blocks: String,
}

/// The digests of `size` bytes of a file, from its beginning.
///
/// # Errors
/// The system's error; of kind `UnexpectedEof` for a file that is shorter.
pub(crate) fn digest(
    mut file: &File,
    digests: Digests,
    size: u64,
    blocks: u64,
) -> io::Result<Digested> {
    file.rewind()?;
    let mut hasher = Hasher::new(digests);
    let beginning = blocks * BLOCK;
    hash(file, &mut hasher, beginning)?;
    let blocks = hasher.clone().finish();
    let rest = size.saturating_sub(beginning);
    if hash(file, &mut hasher, rest)? < rest {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let whole = hasher.finish();
    Ok(Digested { whole, blocks })
}

/// The same of a file that is to be copied: all of it.
///
/// # Errors
/// The system's error, and one for a file that is not as long as it says, such as those of /proc.
pub(crate) fn digest_of_all(
    mut file: &File,
    digests: Digests,
    size: u64,
    blocks: u64,
) -> io::Result<Digested> {
    let of_unknown_size = || match file.metadata() {
        Ok(data) if data.len() != size => io::Error::other(tr!("it changed while it was read")),
        _ => io::Error::other(tr!(
            "it is longer or shorter than its size says: - copies standard input"
        )),
    };
    let digested = digest(file, digests, size, blocks);
    let digested = digested.map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => of_unknown_size(),
        _ => error,
    })?;
    match file.read(&mut [0])? {
        0 => Ok(digested),
        _ => Err(of_unknown_size()),
    }
}

/// Adds up to so many bytes of a file to a digest. Returns how many there were.
pub(crate) fn hash(mut file: &File, hasher: &mut Hasher, most: u64) -> io::Result<u64> {
    let mut chunk = vec![0; CHUNK];
    let mut left = most;
    while left > 0 {
        let room = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
        let count = file.read(chunk.get_mut(..room).unwrap_or_default())?;
        if count == 0 {
            break;
        }
        hasher.update(chunk.get(..count).unwrap_or_default());
        left -= count as u64;
    }
    Ok(most - left)
}
