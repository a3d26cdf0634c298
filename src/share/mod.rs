//! Sessions that one process holds for the commands of others, and the pace at which all processes start
//! sessions.
//!
//! The first command of a key starts a holder, `axt share hold`: a process without a terminal that keeps
//! sessions with the runner of [`crate::remote`]. A later command connects to its socket and hands over
//! what to run, with its standard streams as descriptors. It learns that the holder has a session free
//! for it and says `Go`; from then on the command runs there or fails, and is never run twice.
//!
//! - `place` is where sockets lie and who may have them. `conn` is a connection with messages and
//!   descriptors, `message` what is said over it.
//! - `streams` are a command's streams, `passed` those that came as descriptors, `ends` joins those of the
//!   command that runs to the session's pump, and `filter` is the pump's filter for one command after another.
//!   `ask` has the messages between the filter and the owner of the session.
//! - `governor` gives the starts of sessions their places in time, and `starts_file` is where all processes
//!   of a user note them.

mod ask;
#[cfg(unix)]
mod conn;
mod ends;
mod filter;
mod governor;
#[cfg(unix)]
mod message;
#[cfg(unix)]
mod passed;
#[cfg(unix)]
mod place;
mod starts_file;
mod streams;

pub(crate) use ask::{FilterRequest, SessionMessage};
#[cfg(unix)]
pub(crate) use conn::Conn;
pub(crate) use ends::{Broken, Ends};
pub(crate) use filter::Commands;
pub(crate) use governor::Pace;
#[cfg(unix)]
pub(crate) use message::{Answer, HolderRequest, HolderStatus, Run, Waits};
#[cfg(unix)]
pub(crate) use place::{HolderFiles, all};
pub(crate) use starts_file::StartsFile;
pub(crate) use streams::Streams;
