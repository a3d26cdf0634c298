//! Credential providers: each mode's way to obtain credentials, and their renewal in mid-run.
//!
//! [`crate::config::source`] describes where credentials come from; here they are asked for. One
//! file a mode (`login` has the two that a browser is needed for); `obtain` chooses among them,
//! `renewal` keeps what they give and renews it in time.

mod assume_role;
mod cache;
mod external;
mod http;
mod instance_role;
mod lock;
mod login;
mod obtain;
mod oidc;
mod renewal;
mod sts;
mod uri;
mod world;

pub(crate) use login::oauth::finish;
pub(crate) use renewal::{Provider, Reread};
pub(crate) use sts::endpoint_of as sts_endpoint;
pub(crate) use world::{Clock, World};

#[cfg(test)]
mod tests;
