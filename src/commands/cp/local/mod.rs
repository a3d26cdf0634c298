//! The files of this machine: walks over trees, digests, and the parts of files that are copied here.

pub(super) mod blocking;
pub(super) mod digest;
pub(super) mod part;
pub(super) mod walk;
