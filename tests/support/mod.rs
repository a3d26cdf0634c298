//! What the integration tests share.
#![allow(
    dead_code,
    unused_imports,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "each test binary uses a part of this"
)]

#[cfg(feature = "emulator")]
pub(crate) mod axt;
pub(crate) mod need;
pub(crate) mod peer;
#[cfg(all(feature = "emulator", unix))]
pub(crate) mod place;
pub(crate) mod python;
#[cfg(feature = "emulator")]
pub(crate) mod schema;
#[cfg(unix)]
pub(crate) mod screen;
pub(crate) mod services;
#[cfg(all(feature = "emulator", unix))]
pub(crate) mod sharing;
#[cfg(unix)]
pub(crate) mod signals;
#[cfg(feature = "emulator")]
pub(crate) mod sshd;
pub(crate) mod tap;

pub(crate) use need::need;
pub(crate) use python::need_python;
