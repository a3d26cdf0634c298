//! A recording of a terminal session: a file in asciinema's format asciicast, written as the session runs.

mod encoder;
mod file;
mod pattern;
mod text;

pub(crate) use encoder::{Format, RecordingStart};
pub(crate) use file::{NewFile, Recording};
pub(crate) use pattern::{Names, Pattern};
