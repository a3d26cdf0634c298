//! Credential providers: each mode's way to obtain credentials, and their renewal in mid-run.
//!
//! [`crate::config::source`] describes where credentials come from; here they are asked for. One
//! file a mode; `obtain` chooses among them, `renewal` keeps what they give and renews it in time.

mod assume_role;
mod external;
mod http;
mod instance_role;
mod obtain;
mod oidc;
mod renewal;
mod sts;
mod uri;
mod world;

pub(crate) use renewal::Provider;
pub(crate) use world::{Clock, World};
