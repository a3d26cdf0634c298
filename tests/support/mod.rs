//! What the integration tests share.
#![allow(
    dead_code,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "each test binary uses a part of this"
)]

pub mod need;

#[allow(unused_imports, reason = "not every test binary needs a program")]
pub use need::need;
