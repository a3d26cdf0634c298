//! Providers against servers on loopback, on a virtual clock.

mod external;
mod failures;
mod http;
mod instance_role;
mod modes;
mod renewal;
mod roles;
pub(super) mod support;
