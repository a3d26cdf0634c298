//! Code that several commands need.

pub(crate) mod context;
pub(crate) mod exec;
pub(crate) mod log;
pub(crate) mod panics;
pub(crate) mod plan;
pub(crate) mod remembered;
pub(crate) mod report;
pub(crate) mod session;
#[cfg(unix)]
pub(crate) mod sharing;
pub(crate) mod stops;
pub(crate) mod table;
pub(crate) mod target;
