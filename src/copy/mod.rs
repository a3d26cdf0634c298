//! Copying files without IO: where they are, the scripts that run at the remote side and what these say, what
//! is left to be copied, and how it is verified.
//!
//! Every file goes to a part beside its place, `NAME.axt-part`. Its digest is compared before the part is
//! renamed, so that what is in place is always whole. What a part holds of the same file is not copied again.

mod answer;
pub(crate) mod batch;
mod digest;
mod endpoint;
mod listing;
mod mode;
mod place;
mod root;
mod script;

pub(crate) use answer::{FileState, FileType, Look, RemoteSource};
pub(crate) use digest::{Digests, Hasher};
pub(crate) use endpoint::{CopyDirection, Endpoint};
pub(crate) use listing::{Listing, TreeEntry};
pub(crate) use mode::{mode_for_new, touch_time};
pub(crate) use place::RemotePath;
pub(crate) use root::{Root, failures, misplaced, names};
pub(crate) use script::{Script, Verb};

/// Parts are compared and gone on with in blocks of so many bytes.
pub(crate) const BLOCK: u64 = 64 * 1024;

/// The ending of a part file's name, after the file's own name.
pub(crate) const PART: &str = ".axt-part";

/// The same of its lock, at the remote side.
const LOCK: &str = ".axt-lock";

/// Whether a name is that of a part or a lock.
#[must_use]
pub(crate) fn is_part(name: &[u8]) -> bool {
    name.ends_with(PART.as_bytes()) || name.ends_with(LOCK.as_bytes())
}
