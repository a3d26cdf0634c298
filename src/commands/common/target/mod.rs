//! Finding the instance that a TARGET names.

mod choose;
pub(crate) mod lookup;
pub(crate) mod resolve;
