//! What several commands need.

pub mod attach;
pub mod context;
pub mod encrypt;
pub mod log;
pub mod lost_line;
pub mod plan;
pub mod port;
pub mod report;
pub mod session;
pub mod stdio;
pub mod stops;
pub mod table;
pub mod target;
