//! The only place that prints: data to stdout, talk to stderr.
#![allow(clippy::print_stdout, clippy::print_stderr)] // this is where printing is done

use crate::printable::escaped;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Stands before a failure where colours are wanted.
const RED: &str = "\x1b[1;31m";
const PLAIN: &str = "\x1b[0m";

/// What axt says, and how. Clones share the terminal's state.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ui {
    quiet: bool,
    /// The terminal turns no newline into a return any more.
    raw: Arc<AtomicBool>,
}

impl Ui {
    /// `quiet` keeps everything back but errors.
    #[must_use]
    pub(crate) fn new(quiet: bool) -> Self {
        Self {
            quiet,
            ..Self::default()
        }
    }

    /// Whether to use colours, for the whole process.
    pub(crate) fn colour(choice: clap::ColorChoice) {
        let choice = match choice {
            clap::ColorChoice::Auto => anstream::ColorChoice::Auto,
            clap::ColorChoice::Always => anstream::ColorChoice::Always,
            clap::ColorChoice::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
    }

    /// Tells that the terminal is, or no longer is, in raw mode.
    pub(crate) fn set_raw(&self, raw: bool) {
        self.raw.store(raw, Ordering::Relaxed);
    }

    /// A fact that the user should know, unless quiet.
    pub(crate) fn say(&self, fact: &str) {
        if !self.quiet {
            self.lines("axt:", fact);
        }
    }

    /// A failure, with what can be done about it.
    pub(crate) fn error(&self, what: &str, hint: Option<&str>) {
        self.lines(&format!("{RED}axt:{PLAIN}"), what);
        if let Some(hint) = hint {
            self.hint(hint);
        }
    }

    /// A line on stderr that programs look for: without the prefix.
    pub fn bare(&self, line: &str) {
        let _ = writeln!(io::stderr(), "{line}");
    }

    /// One line of the log, which somebody has asked for.
    pub(crate) fn log(&self, line: &str) {
        self.lines("axt:", line);
    }

    /// One more thing that can be done about a failure.
    pub(crate) fn hint(&self, hint: &str) {
        self.lines("axt:", &format!("hint: {hint}"));
    }

    /// Asks on the terminal; anything but a yes is a no.
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

    /// Data that was asked for. A reader that has gone away is not an error of ours.
    ///
    /// # Errors
    /// Any other failure to write.
    pub(crate) fn data(&self, text: &str) -> io::Result<()> {
        match self.event(text) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }

    /// Data that comes bit by bit.
    ///
    /// # Errors
    /// Any failure to write; of kind `BrokenPipe` when nobody reads it any more.
    pub(crate) fn event(&self, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush())
    }

    /// Bytes that put the terminal back into shape, or clear a line.
    pub(crate) fn terminal(&self, bytes: &[u8]) {
        let mut out = io::stdout().lock();
        let _ = out.write_all(bytes).and_then(|()| out.flush());
    }

    /// Bytes that cover a part of the terminal's screen or uncover it, unless quiet.
    pub(crate) fn cover(&self, bytes: &[u8]) {
        if !self.quiet && !bytes.is_empty() {
            self.terminal(bytes);
        }
    }

    /// Lines on stderr; a stderr that is gone is nobody's loss.
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
