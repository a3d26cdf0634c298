//! The only place that prints: data to stdout, messages to stderr.
#![allow(clippy::print_stdout, clippy::print_stderr)] // this is where printing is done

use crate::printable::escaped;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The colour of the prefix of failures.
const RED: &str = "\x1b[1;31m";
const PLAIN: &str = "\x1b[0m";

/// Prints messages and data. Clones share the terminal's state.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ui {
    quiet: bool,
    /// The terminal is in raw mode, where a newline does not return to the left edge.
    raw: Arc<AtomicBool>,
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

    /// Sets for the whole process whether colours are used.
    pub(crate) fn colour(choice: clap::ColorChoice) {
        let choice = match choice {
            clap::ColorChoice::Auto => anstream::ColorChoice::Auto,
            clap::ColorChoice::Always => anstream::ColorChoice::Always,
            clap::ColorChoice::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
    }

    /// Notes whether the terminal is in raw mode.
    pub(crate) fn set_raw(&self, raw: bool) {
        self.raw.store(raw, Ordering::Relaxed);
    }

    /// Shows a fact, unless quiet.
    pub(crate) fn say(&self, fact: &str) {
        if !self.quiet {
            self.lines("axt:", fact);
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
        self.lines("axt:", &format!("hint: {hint}"));
    }

    /// Asks a question on the terminal. Every answer but yes is a no.
    ///
    /// # Errors
    /// When standard input can't be read.
    pub(crate) fn ask(&self, question: &str) -> io::Result<bool> {
        let mut err = io::stderr();
        let _ = write!(err, "axt: {} [y/N] ", escaped(question)).and_then(|()| err.flush());
        let mut answer = String::new();
        io::stdin().read_line(&mut answer)?;
        Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
    }

    /// Prints data. It is no error if nobody reads it.
    ///
    /// # Errors
    /// Any other failure to write.
    pub(crate) fn data(&self, text: &str) -> io::Result<()> {
        match self.event(text) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
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

    /// Writes control sequences to the terminal.
    pub(crate) fn terminal(&self, bytes: &[u8]) {
        let mut out = io::stdout().lock();
        let _ = out.write_all(bytes).and_then(|()| out.flush());
    }

    /// Writes what covers a part of the screen or uncovers it, unless quiet.
    pub(crate) fn cover(&self, bytes: &[u8]) {
        if !self.quiet && !bytes.is_empty() {
            self.terminal(bytes);
        }
    }

    /// Writes lines to stderr. A failure is ignored: there is nowhere to tell it.
    fn lines(&self, prefix: &str, text: &str) {
        let end = if self.raw.load(Ordering::Relaxed) {
            "\r\n"
        } else {
            "\n"
        };
        let mut err = anstream::AutoStream::auto(io::stderr());
        for line in text.lines() {
            let _ = err.write_all(format!("{prefix} {}{end}", escaped(line)).as_bytes());
        }
    }
}
