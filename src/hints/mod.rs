//! Explanations of the service's codes: what each means and what the user can do about it.

mod api;
mod close;
mod codes;

pub(crate) use api::{call, is_denial};
pub(crate) use close::{close, close_meaning, closed_reason};
