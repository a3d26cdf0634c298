//! Finding the instance that a TARGET names.

mod choose;
mod lookup;
pub(crate) mod resolve;
