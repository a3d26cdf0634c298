//! Code that several commands need.

pub(crate) mod attach;
pub(crate) mod cache_file;
pub(crate) mod choose;
pub(crate) mod context;
pub(crate) mod encrypt;
pub(crate) mod gateways;
pub(crate) mod log;
pub(crate) mod lookup;
pub(crate) mod lost_line;
pub(crate) mod plain_shells;
pub(crate) mod plan;
pub(crate) mod port;
pub(crate) mod report;
pub(crate) mod resolve;
pub(crate) mod session;
#[cfg(unix)]
pub(crate) mod sharing;
pub(crate) mod stdio;
pub(crate) mod stops;
pub(crate) mod table;
