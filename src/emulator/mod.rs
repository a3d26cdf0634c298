//! A local emulator of the session service: the signed API, the gateway and the agents.
//!
//! - `api` answers the signed calls.
//! - `gateway` holds the WebSockets and injects faults into them.
//! - `agent` is the program on the instance: it runs shells and commands and connects to ports.
//! - `stall` can hold all traffic between the clients and the rest.
//! - `fleet` has the instances, which options or a file declare.
//! - `state` is what the emulator remembers: sessions, callers, pages, counts, keys and the time.
//! - `options` change how the emulator behaves, and what it does wrong; `start` serves it all on one
//!   HTTP port.
//! - `sae` is another product of the cloud, with one call and WebSockets of its own.
//!
//! The emulator follows the public documents and the published code of the agent and the clients.
//! Each file says what it had to infer. The largest such part: no published agent speaks protocol
//! version 1.02, so sequence numbers, Sync and resuming follow the browser client alone.
//!
//! The emulator's credentials give a shell as the user who runs it. They are random in each run, as
//! are the sessions' tokens; both are compared in constant time. The emulator listens on loopback
//! addresses only, unless [`Options::allow_remote`] is set.

pub mod agent;
mod api;
mod fleet;
mod gateway;
mod options;
mod random;
mod sae;
mod stall;
mod start;
mod state;

pub(crate) use fleet::instance::INSTANCE_WORDS;
pub use fleet::instance::{Instance, InstanceState, Os};
pub use gateway::inject::Cut;
pub use options::faults::Faults;
pub use options::{Limits, Options};
pub use sae::{Frames, Sae};
pub use start::{Emulator, SessionInfo, Stall};
pub use state::clock::ServiceClock;
pub use state::identities::AccessKey;
pub use state::store::{SessionCounts, StoredConnection};
