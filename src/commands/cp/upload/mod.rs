//! Copies to the instance: single files, trees, and small files together.

pub(super) mod file;
mod small;
pub(super) mod tree;
