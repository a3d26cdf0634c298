//! The only place that prints: data to stdout, messages to stderr.
#![allow(clippy::print_stdout, clippy::print_stderr)] // this is where printing is done

use crate::error::Error;
use crate::printable::escaped;
use std::fs::File;
use std::io::{self, IsTerminal as _, Write};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// The colour of the prefix of failures.
const RED: &str = "\x1b[1;31m";
const PLAIN: &str = "\x1b[0m";

/// Prints messages and data. Clones share the terminal's state.
#[derive(Clone, Default)]
pub(crate) struct Ui {
    quiet: bool,
    draw: Arc<Mutex<Option<Draw>>>,
    /// The file that gets messages in place of stderr.
    file: Arc<OnceLock<File>>,
}

/// Shows lines on a terminal that another writer has, and says whether it could.
pub(crate) type Draw = Box<dyn Fn(&str) -> bool + Send>;

impl std::fmt::Debug for Ui {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ui(quiet: {})", self.quiet)
    }
}

impl Ui {
    /// With `quiet`, only errors are shown.
    #[must_use]
    pub(crate) fn new(quiet: bool) -> Self {
        Self {
            quiet,
            ..Self::default()
        }
    }

    /// One that shows only errors, where this one shows its own.
    #[must_use]
    pub(crate) fn quiet(&self) -> Self {
        Self {
            quiet: true,
            ..self.clone()
        }
    }

    /// Sets for the whole process whether colours are used.
    pub(crate) fn colour(choice: clap::ColorChoice) {
        let choice = match choice {
            clap::ColorChoice::Auto => anstream::ColorChoice::Auto,
            clap::ColorChoice::Always => anstream::ColorChoice::Always,
            clap::ColorChoice::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
    }

    /// From now on the terminal is in raw mode, and `draw` shows lines on it, which end with `\r\n`. Where
    /// it says that it can't, they go to stderr. `None` when the terminal is as before.
    pub(crate) fn draw_by(&self, draw: Option<Draw>) {
        *self.draw() = draw;
    }

    /// True if only errors are shown.
    #[must_use]
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// From now on messages go to this file.
    pub(crate) fn write_to(&self, file: File) {
        // The first one stays: there is one command line.
        let _ = self.file.set(file);
    }

    /// Shows a fact, unless quiet.
    pub(crate) fn say(&self, fact: &str) {
        if !self.quiet {
            self.lines("axt:", fact);
        }
    }

    /// Answers a key of the user's, on the terminal.
    pub(crate) fn answer(&self, text: &str) {
        if !self.quiet {
            self.show("axt:", text, true);
        }
    }

    /// Shows a failure, with what can be done about it.
    pub(crate) fn error(&self, what: &str, hint: Option<&str>) {
        self.lines(&format!("{RED}axt:{PLAIN}"), what);
        if let Some(hint) = hint {
            self.hint(hint);
        }
    }

    /// A line on stderr that programs look for: without the prefix.
    pub(crate) fn bare(&self, line: &str) {
        let _ = writeln!(io::stderr(), "{line}");
    }

    /// Shows a line of the log, also when quiet: the user has asked for it.
    pub(crate) fn log(&self, line: &str) {
        self.lines("axt:", line);
    }

    /// Shows what can be done about a failure.
    pub(crate) fn hint(&self, hint: &str) {
        self.lines("axt:", &tr!("hint: {hint}", hint));
    }

    /// Asks a question on the terminal. Every answer but yes is a no.
    pub(crate) fn ask(&self, question: &str) -> io::Result<bool> {
        let mut err = io::stderr();
        let _ = write!(err, "axt: {} [y/N] ", escaped(question)).and_then(|()| err.flush());
        let mut answer = String::new();
        io::stdin().read_line(&mut answer)?;
        Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
    }

    /// Draws on the terminal of stderr, to which nothing else writes meanwhile. A failure is ignored.
    pub(crate) fn paint(&self, text: &str) {
        let mut err = io::stderr().lock();
        let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
    }

    /// Prints data. It is no error if nobody reads it.
    pub(crate) fn data(&self, text: &str) -> Result<(), Error> {
        match self.event(text) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other.map_err(|source| Error::Io {
                what: tr!("writing output failed"),
                source,
            }),
        }
    }

    /// Prints a piece of data that comes bit by bit.
    ///
    /// # Errors
    /// Any failure to write; of kind `BrokenPipe` when nobody reads it any more.
    pub(crate) fn event(&self, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush())
    }

    /// Writes lines to the file that messages go to, or shows them. A failure is ignored: there is
    /// nowhere to tell it.
    fn lines(&self, prefix: &str, text: &str) {
        let Some(mut file) = self.file.get() else {
            return self.show(prefix, text, false);
        };
        let lines = text
            .lines()
            .map(|line| format!("{prefix} {}\n", escaped(line)));
        let lines: String = lines.collect();
        let plain = anstream::adapter::strip_str(&lines).to_string();
        let _ = file.write_all(plain.as_bytes());
    }

    /// Writes lines to stderr, or draws them, if wanted on a new line of the terminal.
    fn show(&self, prefix: &str, text: &str, on_new_line: bool) {
        let draw = self.draw();
        let end = match &*draw {
            Some(_) if io::stderr().is_terminal() => "\r\n",
            _ => "\n",
        };
        let lines = text
            .lines()
            .map(|line| format!("{prefix} {}{end}", escaped(line)));
        let lines = std::iter::once(end.to_owned()).chain(lines);
        let lines: String = lines.skip(usize::from(!on_new_line)).collect();
        let err = anstream::AutoStream::auto(io::stderr());
        let plain = err.current_choice() == anstream::ColorChoice::Never;
        let shown = draw.as_ref().is_some_and(|draw| match plain {
            true => draw(&anstream::adapter::strip_str(&lines).to_string()),
            false => draw(&lines),
        });
        if !shown {
            // In one write, so that no other process's line comes between.
            let _ = { err }.write_all(lines.as_bytes());
        }
    }

    fn draw(&self) -> MutexGuard<'_, Option<Draw>> {
        self.draw.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
