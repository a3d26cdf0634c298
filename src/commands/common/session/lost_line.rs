//! The line that a terminal's user sees while the connection is lost.

use crate::pump::Control;
use crate::terminal::{Screen, Size};
use crate::ui::Ui;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// The least time that a program is told that the screen is one column narrower.
const NARROWED: Duration = Duration::from_millis(200);

/// The time that it has to draw for the narrower screen.
const DRAWN_WITHIN: Duration = Duration::from_secs(10);

/// The line. It covers a part of the remote program's screen, and is removed when the connection is back.
pub(crate) struct LostLine {
    ui: Ui,
    screen: Screen,
    pump: mpsc::Sender<Control>,
}

impl LostLine {
    /// A line that is not shown yet. New sizes go to `pump`.
    #[must_use]
    pub(crate) fn new(ui: Ui, screen: Screen, pump: mpsc::Sender<Control>) -> Self {
        Self { ui, screen, pump }
    }

    /// Shows `text` in place of an earlier one.
    pub(crate) fn show(&self, text: &str) {
        let shown = self.ui.is_quiet() || self.screen.show_banner(&format!("axt: {text}"));
        if !shown {
            self.ui.say(text);
        }
    }

    /// Removes the line, and makes the program draw again what the line has covered.
    pub(crate) fn hide(&self) {
        if self.screen.hide_banner() {
            tokio::spawn(redraw_all(self.screen.clone(), self.pump.clone()));
        }
    }
}

/// Makes a full-screen program draw everything again, by telling it for a moment that the screen is one
/// column narrower. (With one row less, some programs would scroll and never scroll back.)
pub(crate) async fn redraw_all(screen: Screen, pump: mpsc::Sender<Control>) {
    let size = || Size::current().unwrap_or_default();
    let Size { rows, cols } = size();
    let cols = cols.saturating_sub(1).max(1);
    // It fails when the session has ended, and then nothing needs to be drawn.
    let _ = pump.send(Control::Resize { rows, cols }).await;
    let (before, begun) = (screen.output_bytes(), Instant::now());
    // A program that gets both sizes at once, over a slow connection, would find its screen unchanged.
    loop {
        tokio::time::sleep(NARROWED).await;
        if screen.output_bytes() != before || begun.elapsed() > DRAWN_WITHIN {
            break;
        }
    }
    let Size { rows, cols } = size();
    let _ = pump.send(Control::Resize { rows, cols }).await;
}
