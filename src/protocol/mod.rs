//! The session protocol without any IO: bytes, frames and the time in; actions and a deadline out.

pub mod channel;
pub mod crypto;
pub mod escape;
pub mod filter;
pub mod frame;
pub mod liveness;
pub mod pace;
pub mod port;
pub mod readiness;
pub mod session;
pub mod status;
mod trip;
pub mod webshell;
