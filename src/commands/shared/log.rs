//! The log: off unless asked for, and then about axt alone, whose own lines hold no payload.

use crate::cli::Global;
use crate::error::{Error, Result};
use std::fs::{File, OpenOptions};
use std::path::Path;
use std::sync::Mutex;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

/// Starts the log that `-v` or `--log-file` asks for.
///
/// # Errors
/// [`Error::Config`] if the file can't be written.
pub fn start(global: &Global) -> anyhow::Result<()> {
    let level = match (global.verbose, &global.log_file) {
        (0, None) => return Ok(()),
        (0 | 1, _) => LevelFilter::INFO,
        (2, _) => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    // Other crates' lines may hold what is on the wire.
    let axt_only = Targets::new().with_target("axt", level);
    let lines = fmt::layer().with_ansi(false);
    match &global.log_file {
        Some(path) => {
            let file = Mutex::new(open(path)?);
            let lines = lines.with_writer(file).with_filter(axt_only);
            tracing_subscriber::registry().with(lines).init();
        }
        None => {
            let lines = lines.without_time().with_writer(std::io::stderr);
            let lines = lines.with_filter(axt_only);
            tracing_subscriber::registry().with(lines).init();
        }
    }
    Ok(())
}

fn open(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|error| Error::Config {
        path: path.to_owned(),
        problem: format!("the log can't be written: {error}"),
    })
}
