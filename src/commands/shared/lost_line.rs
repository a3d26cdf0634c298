//! The one line a terminal's user sees while the connection is gone.

use crate::pump::Control;
use crate::terminal::{Banner, Modes, Size};
use crate::ui::Ui;
use std::time::Duration;
use tokio::sync::mpsc;

/// How long a program is shown a screen one column narrower, so that it draws all of it again. (A row
/// less would make some programs scroll, for good.)
const NARROWED: Duration = Duration::from_millis(200);

/// The line. It stands on the screen of the remote program and is taken back when the connection is
/// back, as if nothing had been.
pub(crate) struct LostLine {
    ui: Ui,
    /// `None` where the screen is not ours to write on: the line is then said as any other.
    modes: Option<Modes>,
    banner: Banner,
    pump: mpsc::Sender<Control>,
}

impl LostLine {
    /// A line that is not shown yet. `pump` is where new sizes go.
    #[must_use]
    pub(crate) fn new(ui: Ui, modes: Option<Modes>, pump: mpsc::Sender<Control>) -> Self {
        let banner = Banner::default();
        Self {
            ui,
            modes,
            banner,
            pump,
        }
    }

    /// Shows `text`, in place of what it shows.
    pub(crate) fn show(&mut self, text: &str) {
        match &self.modes {
            None => self.ui.say(text),
            // In the middle of a control sequence any word would spoil it.
            Some(modes) if !modes.is_between() => {}
            Some(modes) => {
                let Size { rows, cols } = Size::current().unwrap_or_default();
                let text = format!("axt: {text}");
                // A second row would stay.
                let text: String = text.chars().take(usize::from(cols)).collect();
                let bytes = self.banner.show(&text, modes.is_alternate(), rows);
                self.ui.cover(&bytes);
            }
        }
    }

    /// Takes the line back, and has the program draw again what it covered.
    pub(crate) fn hide(&mut self) {
        let (bytes, redraw) = self.banner.hide();
        self.ui.cover(&bytes);
        if redraw {
            tokio::spawn(redraw_all(self.pump.clone()));
        }
    }
}

/// Has a full-screen program draw everything again, by a size that is not the screen's for a moment.
async fn redraw_all(pump: mpsc::Sender<Control>) {
    let size = || Size::current().unwrap_or_default();
    let Size { rows, cols } = size();
    let cols = cols.saturating_sub(1).max(1);
    // Nobody listens any more when the session has ended.
    let _ = pump.send(Control::Resize { rows, cols }).await;
    tokio::time::sleep(NARROWED).await;
    let Size { rows, cols } = size();
    let _ = pump.send(Control::Resize { rows, cols }).await;
}
