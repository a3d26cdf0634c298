//! What the tests of the program share.
#![allow(clippy::print_stderr, reason = "what is not tested is said")]

pub(crate) mod axt;
pub(crate) mod need;
pub(crate) mod peer;
#[cfg(unix)]
pub(crate) mod place;
pub(crate) mod proxy;
pub(crate) mod python;
pub(crate) mod schema;
#[cfg(unix)]
pub(crate) mod screen;
pub(crate) mod secrets;
pub(crate) mod services;
#[cfg(unix)]
pub(crate) mod sharing;
#[cfg(unix)]
pub(crate) mod signals;
pub(crate) mod sshd;
pub(crate) mod tap;
pub(crate) mod tls;
pub(crate) mod user;

pub(crate) use need::need;
pub(crate) use python::need_python;
