//! The map of the program.

pub mod cli;
pub mod commands;
pub mod config;
#[cfg(feature = "emulator")]
pub mod emulator;
pub mod error;
pub mod exit;
pub mod hints;
pub mod net;
pub mod openapi;
pub mod protocol;
pub mod pump;
pub mod terminal;
pub mod ui;
pub mod wire;
