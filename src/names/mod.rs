//! Names of instances: how a TARGET is written, what it means, which instance the answers name, and the
//! memory of earlier look-ups. No call is made here.

pub(crate) mod cache;
pub(crate) mod meaning;
pub(crate) mod outcome;
pub(crate) mod target;
