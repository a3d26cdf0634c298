//! The map of the program.

pub mod error;
pub mod hints;
pub mod net;
pub mod protocol;
