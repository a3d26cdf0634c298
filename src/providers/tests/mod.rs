//! Providers against servers on loopback, on a virtual clock.

mod external;
mod http;
mod instance_role;
mod renewal;
mod roles;
pub(super) mod support;
