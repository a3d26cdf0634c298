//! Copies from the instance: single files, trees, and small files together.

pub(super) mod file;
pub(super) mod together;
pub(super) mod tree;
