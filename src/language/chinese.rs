//! The Chinese texts: one table for each area, with a row for each English text.
//!
//! `chinese!` looks a text up in the first table, and each table passes what it does not have on to the next.
//! The placeholders are in both texts; a row may order them as it needs.

#[macro_use]
mod copying;
#[macro_use]
mod doctor;
#[macro_use]
mod emulator;
#[macro_use]
mod errors;
#[macro_use]
mod forwarding;
#[macro_use]
mod hints;
#[macro_use]
mod other;
#[macro_use]
mod session;
#[macro_use]
mod settings;
#[macro_use]
mod targets;
#[macro_use]
mod usage;

/// The Chinese text of an English one, as a literal.
macro_rules! chinese {
    ($english:tt) => {
        chinese_errors!($english)
    };
}
