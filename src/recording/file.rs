//! The file of a recording, to which each event is written when it happens.

use super::encoder::{Encoder, Format, RecordingStart};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::Notify;

/// A new file, that of this user alone. It is removed again unless a recording begins in it.
#[derive(Debug)]
pub(crate) struct NewFile {
    path: PathBuf,
    file: Option<File>,
}

impl NewFile {
    /// Makes the file.
    ///
    /// # Errors
    /// The system's error; of kind `AlreadyExists` if there is anything of that name.
    pub(crate) fn create(path: PathBuf) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = Some(options.open(&path)?);
        Ok(Self { path, file })
    }

    /// Its path.
    #[must_use]
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Begins a recording in it, now.
    pub(crate) fn begin(mut self, format: Format, start: &RecordingStart) -> io::Result<Recording> {
        let (encoder, header) = Encoder::new(format, start);
        let mut state = RecordingState {
            encoder,
            begun: Instant::now(),
            size: (start.cols, start.rows),
            file: None,
            written: 0,
            failure: None,
        };
        if let Some(file) = &mut self.file {
            file.write_all(header.as_bytes())?;
            state.written = header.len() as u64;
        }
        // From here on it stays.
        state.file = self.file.take();
        Ok(Recording(Arc::new(SharedFile {
            state: Mutex::new(state),
            failed: Notify::new(),
        })))
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // It is empty. What can't be removed harms nobody.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A recording. Each event is written at once and whole, so that the file can be read at any time. Clones
/// write to the same file.
#[derive(Debug, Clone)]
pub(crate) struct Recording(Arc<SharedFile>);

#[derive(Debug)]
struct SharedFile {
    state: Mutex<RecordingState>,
    failed: Notify,
}

#[derive(Debug)]
struct RecordingState {
    encoder: Encoder,
    begun: Instant,
    /// The terminal's columns and rows.
    size: (u16, u16),
    /// `None` after a failure.
    file: Option<File>,
    /// The length of all whole lines, in bytes.
    written: u64,
    /// A failure that nobody was told yet.
    failure: Option<io::Error>,
}

impl Recording {
    /// Records what is shown.
    pub(crate) fn output(&self, bytes: &[u8]) {
        let mut state = self.state();
        let at = state.begun.elapsed();
        let line = state.encoder.output(at, bytes);
        self.write(state, line);
    }

    /// Records what is typed.
    pub(crate) fn input(&self, bytes: &[u8]) {
        let mut state = self.state();
        let at = state.begun.elapsed();
        let line = state.encoder.input(at, bytes);
        self.write(state, line);
    }

    /// Records the terminal's size, if it is a new one.
    pub(crate) fn resize(&self, cols: u16, rows: u16) {
        let mut state = self.state();
        if std::mem::replace(&mut state.size, (cols, rows)) == (cols, rows) {
            return;
        }
        let at = state.begun.elapsed();
        let line = state.encoder.resize(at, cols, rows);
        self.write(state, line);
    }

    /// Records the end, with the program's status if it is known.
    pub(crate) fn end(&self, status: Option<u8>) {
        let mut state = self.state();
        let at = state.begun.elapsed();
        let lines = state.encoder.end(at, status);
        self.write(state, lines);
    }

    /// Waits until something could not be written, after which nothing more is.
    pub(crate) async fn failed(&self) {
        self.0.failed.notified().await;
    }

    /// The first failure to write; told once.
    pub(crate) fn take_failure(&self) -> Option<io::Error> {
        self.state().failure.take()
    }

    fn write(&self, mut state: MutexGuard<'_, RecordingState>, lines: Option<String>) {
        let state = &mut *state;
        let (Some(file), Some(lines)) = (&mut state.file, lines) else {
            return;
        };
        match file.write_all(lines.as_bytes()) {
            Ok(()) => state.written += lines.len() as u64,
            Err(error) => {
                // No half of a line stays: what is there can be read.
                let _ = file.set_len(state.written);
                state.file = None;
                state.failure = Some(error);
                self.0.failed.notify_one();
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, RecordingState> {
        // Each event is taken whole or not at all, so a panic elsewhere does no harm.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> RecordingStart {
        RecordingStart {
            cols: 80,
            rows: 24,
            unix_seconds: 0,
            title: "web-1".into(),
            term: None,
        }
    }

    #[test]
    fn a_file_without_a_recording_goes_and_one_that_was_there_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.cast");
        drop(NewFile::create(path.clone()).unwrap());
        assert!(!path.exists());
        fs::write(&path, "kept").unwrap();
        let refused = NewFile::create(path.clone()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"kept");
    }

    #[test]
    fn events_are_in_the_file_at_once_and_a_size_is_told_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.cast");
        let file = NewFile::create(path.clone()).unwrap();
        let recording = file.begin(Format::V3, &start()).unwrap();
        let codes = || -> Vec<String> {
            let text = fs::read_to_string(&path).unwrap();
            let lines = text.lines().skip(1);
            let codes = lines.map(|line| line.split('"').nth(1).unwrap().to_owned());
            codes.collect()
        };
        recording.resize(80, 24);
        recording.output(b"a");
        assert_eq!(codes(), ["o"]);
        recording.resize(81, 24);
        recording.resize(81, 24);
        recording.input(b"b");
        assert_eq!(codes(), ["o", "r", "i"]);
        recording.end(Some(3));
        assert_eq!(codes(), ["o", "r", "i", "x"]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(
                fs::metadata(&path).unwrap().permissions().mode() & 0o777,
                0o600
            );
        }
    }
}
