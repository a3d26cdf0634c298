//! Copying files without IO: where they are, the scripts that run at the remote side and what these say, what
//! is left to be copied, and how it is verified.
//!
//! Every file goes to a part beside its place, `NAME.axt-part`. Its digest is compared before the part is
//! renamed, so that what is in place is always whole. What a part holds of the same file is not copied again.
//! The parts of small files, which travel together, are in a directory beside their places.

mod answer;
pub(crate) mod batch;
mod digest;
mod endpoint;
mod listing;
mod mode;
mod place;
mod reason;
mod root;
mod script;

pub(crate) use answer::{FileState, FileType, Look, RemoteSource};
pub(crate) use digest::{Digests, Hasher};
pub(crate) use endpoint::{CopyDirection, Endpoint};
pub(crate) use listing::{Listing, TreeEntry};
pub(crate) use mode::{mode_for_new, touch_time};
pub(crate) use place::RemotePath;
pub(crate) use reason::reason;
pub(crate) use root::{Root, failures, misplaced, names};
pub(crate) use script::{Script, Verb};

/// Parts are compared and gone on with in blocks of so many bytes.
pub(crate) const BLOCK: u64 = 64 * 1024;

/// The ending of a part file's name, after the file's own name.
pub(crate) const PART: &str = ".axt-part";

/// The name of the file that marks a directory which a copy has made and not completed.
pub(crate) const NEW: &str = ".axt-new";

/// The same of its lock, at the remote side.
const LOCK: &str = ".axt-lock";

/// The beginning of the names of a part and a lock, where the file's own name is too long for that.
#[must_use]
pub(crate) fn short_stem(name: &[u8]) -> Option<String> {
    const MOST: usize = 255 - PART.len();
    (name.len() > MOST).then(|| {
        let mut hasher = Hasher::new(Digests::Sha256);
        hasher.update(name);
        format!(".{}", hasher.finish())
    })
}

/// True if a path ends with the name of a part, a lock or a mark.
#[must_use]
pub(crate) fn is_part(path: &[u8]) -> bool {
    let mut endings = [PART, LOCK, NEW].into_iter();
    endings.any(|ending| path.ends_with(ending.as_bytes()))
}
