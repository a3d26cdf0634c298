//! Handing a command over to the process that holds sessions for it, which is started if there is none.

mod hand_over;
mod key;
mod lent;
mod reach;
mod start;

pub(crate) use hand_over::{ShareRequest, ask, run};
pub(crate) use lent::lend;
pub(crate) use reach::{answer, greeted, knock};
pub(crate) use start::StartMessage;
