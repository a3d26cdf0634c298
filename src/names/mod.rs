//! Names of instances: how a TARGET is written, what it may mean, which instance that is, and what of it
//! is remembered. No call is made here.

pub(crate) mod cache;
pub(crate) mod meaning;
pub(crate) mod outcome;
pub(crate) mod target;
