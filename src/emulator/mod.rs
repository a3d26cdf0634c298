//! The emulator: a local stand-in for the cloud service, from the signed API to the agent.
//!
//! `api` answers the signed calls, `gateway` has the WebSockets, `agent` is the program on the
//! instance; `store` remembers sessions, `options` and `faults` say what is to be different, `start`
//! serves. `sae` is another product, with a call and sockets of its own. One HTTP port serves the API at `/` (SAE's at a path of its
//! own) and the WebSockets at `/session` and `/websocket/eamWebshell`. What the documents leave open
//! is marked "inferred" where it is decided.
//!
//! Whoever has an emulator's credentials has a shell as the user who runs it. They are random in
//! each run, as are the tokens of sessions, and both are compared in constant time; it listens on
//! loopback addresses unless [`Options::allow_remote`] says otherwise.

pub mod agent;
mod api;
mod clock;
pub mod faults;
mod gateway;
mod instance;
pub mod kms;
pub mod options;
mod random;
mod sae;
mod settings;
mod shared;
mod start;
mod store;

pub use api::request::Credentials;
pub use clock::Clock;
pub use gateway::inject::Cut;
pub use instance::{Instance, InstanceState, Os};
pub use options::{Limits, Options};
pub use sae::{Frames, Sae};
pub use start::{Emulator, SessionRecord};
pub use store::{Connection, Counts};
