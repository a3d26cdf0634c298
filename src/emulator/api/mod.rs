//! The API: signed calls in, JSON out.
//!
//! `request` is a call as it came, `verify` and `signed` check it, `dispatch` passes it to the file
//! that answers it.

mod account;
pub(crate) mod codes;
pub(crate) mod dispatch;
mod instances;
mod kms;
mod list_sessions;
mod paging;
mod params;
pub(crate) mod reply;
pub(crate) mod request;
pub(crate) mod sae;
mod signed;
mod start_session;
mod sts;
mod verify;
