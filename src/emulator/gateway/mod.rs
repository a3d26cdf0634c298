//! The session gateway: WebSockets between clients and agents.
//!
//! `entrance` lets a client in, `relay` passes messages between it and its agent, `channel` is the
//! way to the agent, which outlives the WebSockets over it. `inject` has the faults of a connection,
//! `webshell` the sockets of SAE.

pub(crate) mod channel;
pub(crate) mod entrance;
mod event;
mod from_client;
pub(crate) mod inject;
mod rate_limit;
mod relay;
mod socket;
#[cfg(unix)]
pub(crate) mod webshell;
