//! Names of instances: how a TARGET is written.

pub(crate) mod target;
