//! The recording of a terminal session: its file, and the events that are written to it.

use crate::cli::{self, Global};
use crate::error::{Error, Result};
use crate::recording::{Format, Names, NewFile, Pattern, Recording, RecordingStart};
use crate::terminal::{Size, Stdin};
use crate::ui::Ui;
use jiff::Timestamp;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::task::JoinHandle;
use uuid::Uuid;

/// A recording that is wanted. Its file is made before the session, unless its name has the session's id.
pub(crate) struct Recorder {
    pattern: Pattern,
    format: Format,
    with_input: bool,
    host: String,
    time: Timestamp,
    file: Option<NewFile>,
    begun: Option<Recorded>,
    ui: Ui,
}

impl Recorder {
    /// Makes ready to record a session with `host`, if that is wanted and the session has a terminal.
    ///
    /// # Errors
    /// [`Error::Usage`] if the options make no sense here, or there is such a file; [`Error::Config`] if there
    /// can be none.
    pub(crate) fn prepare(
        args: &cli::RecordArgs,
        global: &Global,
        terminal: bool,
        host: &str,
        ui: &Ui,
    ) -> Result<Option<Self>> {
        let Some(pattern) = args.record.clone() else {
            return match args.record_input && global.is_typed("record_input") {
                true => Err(Error::Usage(
                    tr!("--record-input needs --record FILE").into(),
                )),
                false => Ok(None),
            };
        };
        let source = global.sources.get("record");
        if let Some(source) = source.filter(|_| !pattern.tells_apart()) {
            let what = tr!(
                "the recordings of all sessions would go to one file: put %s (session) or %t (time) into its name (from {source})",
                source
            );
            return Err(Error::Usage(what));
        }
        if !terminal {
            if source.is_none() {
                let what = tr!("--record is for terminal sessions: -t makes it one");
                return Err(Error::Usage(what.into()));
            }
            tracing::info!("not recorded, as it is no terminal session");
            return Ok(None);
        }
        let mut recorder = Self {
            format: args.record_format,
            with_input: args.record_input,
            host: host.to_owned(),
            time: Timestamp::now(),
            file: None,
            begun: None,
            ui: ui.clone(),
            pattern,
        };
        if !recorder.pattern.has_session() {
            recorder.file = Some(recorder.create("")?);
        }
        Ok(Some(recorder))
    }

    /// Begins, or goes on in another session. A session whose id is not known gets one for its file's name.
    ///
    /// # Errors
    /// As [`Recorder::prepare`].
    pub(crate) fn begin(&mut self, session: Option<&str>) -> Result<Recorded> {
        if let Some(begun) = &self.begun {
            return Ok(begun.clone());
        }
        let file = match self.file.take() {
            Some(file) => file,
            None => match session {
                Some(session) => self.create(session)?,
                None => self.create(&Uuid::new_v4().to_string())?,
            },
        };
        let Size { rows, cols } = Size::current().unwrap_or_default();
        let start = RecordingStart {
            cols,
            rows,
            unix_seconds: Timestamp::now().as_second().try_into().unwrap_or_default(),
            title: self.host.clone(),
            term: std::env::var("TERM").ok().filter(|term| !term.is_empty()),
        };
        let path = file.path().to_owned();
        let recording = file.begin(self.format, &start);
        let recording = recording.map_err(|error| cannot_write(&path, &error))?;
        if self.with_input {
            self.ui.say(&tr!(
                "what you type is recorded too, passwords included, in {path}",
                path = path.display()
            ));
        }
        tracing::info!(file = %path.display(), "recording");
        let begun = Recorded {
            recording,
            path,
            with_input: self.with_input,
        };
        Ok(self.begun.insert(begun).clone())
    }

    fn create(&self, session: &str) -> Result<NewFile> {
        let path = self.pattern.path(Names {
            target: &self.host,
            session,
            time: self.time,
        });
        NewFile::create(path.clone()).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Error::Usage(tr!(
                "{path} exists already, and a recording never replaces a file: give another name, or one with %s or %t in it",
                path = path.display()
            )),
            _ => cannot_write(&path, &error),
        })
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> Error {
    Error::Config {
        path: path.to_owned(),
        problem: tr!("the recording can't be written: {error}", error),
    }
}

/// A recording of the session that runs.
#[derive(Clone)]
pub(crate) struct Recorded {
    recording: Recording,
    path: PathBuf,
    with_input: bool,
}

impl Recorded {
    /// The sink that everything shown is also written to.
    pub(crate) fn of_output(&self) -> impl FnMut(&[u8]) + Send + use<> {
        let recording = self.recording.clone();
        move |bytes| recording.output(bytes)
    }

    /// Standard input, of which note is taken if that is wanted.
    pub(crate) fn of_input<'a>(this: Option<&Self>, stdin: &'a mut Stdin) -> RecordedStdin<'a> {
        let wanted = this.filter(|recorded| recorded.with_input);
        let recording = wanted.map(|recorded| recorded.recording.clone());
        RecordedStdin { stdin, recording }
    }

    /// Takes note of the terminal's size.
    pub(crate) fn resize(&self, size: Size) {
        self.recording.resize(size.cols, size.rows);
    }

    /// Tells the user when the recording fails; the session goes on.
    pub(crate) fn watch(&self, ui: &Ui) -> JoinHandle<()> {
        let (this, ui) = (self.clone(), ui.clone());
        tokio::spawn(async move {
            this.recording.failed().await;
            this.tell_failure(&ui);
        })
    }

    /// Ends the recording, with the program's status if it is known. `watch` is no longer needed.
    pub(crate) fn end(&self, status: Option<u8>, watch: &JoinHandle<()>, ui: &Ui) {
        self.recording.end(status);
        watch.abort();
        self.tell_failure(ui);
    }

    fn tell_failure(&self, ui: &Ui) {
        if let Some(error) = self.recording.take_failure() {
            ui.say(&tr!(
                "warning: the recording ends here, and the session goes on: {path}: {error}",
                path = self.path.display(),
                error
            ));
        }
    }
}

/// Standard input, and the recording that takes note of it.
pub(crate) struct RecordedStdin<'a> {
    stdin: &'a mut Stdin,
    recording: Option<Recording>,
}

impl AsyncRead for RecordedStdin<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut *self.stdin).poll_read(cx, buf))?;
        if let Some(recording) = &self.recording {
            recording.input(buf.filled().get(before..).unwrap_or_default());
        }
        Poll::Ready(Ok(()))
    }
}
