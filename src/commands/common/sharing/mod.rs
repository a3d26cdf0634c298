//! Handing a command over to the process that holds sessions for it, which is started if there is none.

mod command_conn;
mod hand_over;
mod held_command;
mod key;
mod reach;
mod start;

pub(crate) use hand_over::{NotHeld, ShareRequest, ask, run};
pub(crate) use held_command::start_command;
pub(crate) use reach::{answer, connect_to_holder, greeted, invalid, silent};
pub(crate) use start::StartMessage;
