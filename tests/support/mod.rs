//! What the integration tests share.
#![allow(
    dead_code,
    unused_imports,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "each test binary uses a part of this"
)]

#[cfg(feature = "emulator")]
pub mod axt;
pub mod need;
pub mod peer;
#[cfg(unix)]
pub mod screen;
pub mod services;
#[cfg(feature = "emulator")]
pub mod sshd;
pub mod tap;

pub use need::{need, need_python};
