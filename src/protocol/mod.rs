//! The session protocol without any IO: bytes, frames and the time in; actions and a deadline out.

pub mod frame;
pub mod status;
