//! The log of `-v` and `--log-file`. It has the lines of axt alone, which hold no payload.

use crate::cli::Global;
use crate::error::{Error, Result};
use crate::ui::Ui;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Mutex;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

/// Starts the log that `-v` or `--log-file` asks for. Without a file, `ui` shows it; with ssh's `-E`, the
/// file gets what `ui` says too.
pub(crate) fn start(global: &Global, ui: &Ui) -> anyhow::Result<()> {
    if let Some(path) = global
        .log_file
        .as_deref()
        .filter(|_| global.messages_to_log)
    {
        ui.write_to(open(path)?);
    }
    let level = match (global.verbose, &global.log_file) {
        (0, None) => return Ok(()),
        (0, Some(_)) if global.messages_to_log => return Ok(()),
        (0 | 1, _) => LevelFilter::INFO,
        (2, _) => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    // The lines of other crates may hold payload.
    let axt_only = Targets::new().with_target("axt", level);
    let lines = fmt::layer().with_ansi(false);
    match &global.log_file {
        Some(path) => {
            let file = Mutex::new(open(path)?);
            let lines = lines.with_writer(file).with_filter(axt_only);
            tracing_subscriber::registry().with(lines).init();
        }
        None => {
            let ui = ui.clone();
            let lines = lines.without_time().with_target(false);
            let lines = lines.with_writer(move || Lines(ui.clone()));
            let lines = lines.with_filter(axt_only);
            tracing_subscriber::registry().with(lines).init();
        }
    }
    Ok(())
}

/// Shows each event of the log, which comes in one piece.
struct Lines(Ui);

impl Write for Lines {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        self.0.log(String::from_utf8_lossy(event).trim());
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Opens the file, which becomes its owner's alone even if it existed before. One that belongs to another user
/// stays as that user has it.
fn open(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).and_then(|file| {
        #[cfg(unix)]
        if file.metadata()?.is_file() {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            let set = file.set_permissions(mode);
            set.or_else(|error| match error.kind() {
                io::ErrorKind::PermissionDenied => Ok(()),
                _ => Err(error),
            })?;
        }
        Ok(file)
    });
    file.map_err(|error| Error::Config {
        path: path.to_owned(),
        problem: tr!("the log can't be written: {error}", error),
    })
}
