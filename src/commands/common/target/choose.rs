//! Lets the user choose on the terminal, which is given back as it was.

use crate::commands::common::session::stdio;
use crate::error::{Error, Result, Stop};
use crate::terminal::choice::{Choice, Key, KeyReader, KeyResult};
use crate::terminal::{self, Screen, Signals, Size, TerminalSignal};
use crate::ui::Ui;
use std::cell::Cell;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;

/// The control sequences that enter the alternate screen and leave it again.
const ENTER: &str = "\x1b[?1049h";
const LEAVE: &str = "\x1b[?1049l";

/// The time within which all bytes of a key arrive: a lone Escape byte after it is the Escape key.
const ESCAPE: Duration = Duration::from_millis(50);

/// Ctrl-Z.
const SUSPEND: u8 = 0x1a;

/// The number of SIGINT.
const INTERRUPT: u8 = 2;

/// True if there is a user to ask.
pub(crate) fn can_ask() -> bool {
    terminal::stdin_is_terminal() && terminal::stderr_is_terminal()
}

/// Asks which of the rows is meant; their cells hold no control characters. What is typed after the
/// answer is not read.
///
/// # Errors
/// [`Error::Stopped`] when the user chooses none, or a signal ends it; [`Error::Io`] of the terminal.
pub(crate) async fn choose(question: String, rows: Vec<Vec<String>>, ui: &Ui) -> Result<usize> {
    let io = |source| Error::Io {
        what: tr!("the terminal can't be used to choose"),
        source,
    };
    let mut signals = Signals::listen().map_err(io)?;
    let mut stdin = stdio::stdin()?;
    let screen = Screen::take().map_err(io)?;
    ui.paint(ENTER);
    let mut choice = Choice::new(question, rows);
    let mut keys = KeyReader::default();
    // Between a stop and what tells that it is over, the screen is the shell's.
    let is_shown = Cell::new(true);
    let suspend = || {
        screen.suspend(|| ui.paint(LEAVE));
        is_shown.set(false);
    };
    let answer = loop {
        let size = Size::current().unwrap_or_default();
        if is_shown.get() {
            ui.paint(&choice.screen(size));
        }
        let mut byte = [0];
        let pressed = tokio::select! {
            // One byte: what follows the answer is for others.
            read = async {
                match keys.is_escape() {
                    true => timeout(ESCAPE, stdin.read(&mut byte)).await.ok(),
                    false => Some(stdin.read(&mut byte).await),
                }
            } => match read {
                None => Some(Key::Cancel),
                Some(Ok(0) | Err(_)) => break Err(Stop::Signal(1)),
                Some(Ok(_)) if byte == [SUSPEND] && cfg!(unix) => {
                    suspend();
                    None
                }
                Some(Ok(_)) => keys.feed(byte[0]),
            },
            signal = signals.next(suspend) => {
                if let Some(number) = signal.number() {
                    break Err(Stop::Signal(number));
                }
                if signal == TerminalSignal::Continue {
                    screen.resume();
                    ui.paint(ENTER);
                    is_shown.set(true);
                }
                None
            }
        };
        match pressed.map(|key| choice.press(key, size)) {
            Some(KeyResult::Chosen(place)) => break Ok(place),
            Some(KeyResult::Cancelled) => break Err(Stop::Signal(INTERRUPT)),
            Some(KeyResult::Open) | None => {}
        }
    };
    ui.paint(LEAVE);
    screen.leave();
    Ok(answer?)
}
