//! The map of the program.

pub mod error;
pub mod hints;
pub mod net;
pub mod protocol;
pub mod pump;
pub mod wire;
