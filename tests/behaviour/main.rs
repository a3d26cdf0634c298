//! The program as its users run it: the real binary, against the emulator or a peer of the test's own.
//!
//! One binary holds all of these tests: it is linked once, and a test that waits leaves the processors
//! to tests of every other file.

#![cfg(feature = "emulator")]
#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

#[path = "../support/mod.rs"]
mod support;

#[cfg(unix)]
mod bad_input;
#[cfg(unix)]
mod choice;
#[cfg(unix)]
mod command;
#[cfg(unix)]
mod completion;
mod config;
#[cfg(unix)]
mod connect;
#[cfg(unix)]
mod cp;
mod credentials;
mod doctor;
#[cfg(unix)]
mod encrypt;
#[cfg(unix)]
mod endings;
mod find;
#[cfg(unix)]
mod forward;
#[cfg(unix)]
mod instances;
mod language;
#[cfg(unix)]
mod likeness;
#[cfg(unix)]
mod login;
mod lookup;
mod manual;
#[cfg(target_os = "linux")]
mod many;
#[cfg(unix)]
mod names;
mod net;
#[cfg(unix)]
mod oauth_login;
#[cfg(unix)]
mod proxy;
#[cfg(unix)]
mod queue;
#[cfg(unix)]
mod readme;
#[cfg(unix)]
mod recipes;
#[cfg(unix)]
mod record;
#[cfg(unix)]
mod remote;
#[cfg(unix)]
mod resume;
#[cfg(unix)]
mod schema;
mod sessions;
#[cfg(unix)]
mod share;
#[cfg(unix)]
mod share_ends;
#[cfg(target_os = "linux")]
mod signals;
#[cfg(target_os = "linux")]
mod soak;
#[cfg(unix)]
mod ssh;
#[cfg(unix)]
mod ssh_grammar;
#[cfg(unix)]
mod ssh_verb;
mod usage;
#[cfg(unix)]
mod webshell;
