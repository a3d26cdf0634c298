//! The map of the program.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

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
