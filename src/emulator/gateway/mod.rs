//! The session gateway: WebSockets between clients and agents.
//!
//! `entrance` lets a client in, `relay` passes messages between the client and its agent, `channel`
//! is the link to the agent, `inject` injects the faults, `webshell` has the WebSockets of SAE.

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
