//! The files of this machine: walks over trees, digests, and the parts that what is copied here goes to.

pub(super) mod blocking;
pub(super) mod digest;
pub(super) mod part;
pub(super) mod walk;
