//! The size of the terminal, in characters.

/// A terminal's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Lines.
    pub rows: u16,
    /// Columns.
    pub cols: u16,
}

impl Default for Size {
    /// The size of the VT100, which terminals still start with.
    fn default() -> Self {
        Self { rows: 24, cols: 80 }
    }
}

impl Size {
    /// The size of the terminal behind stdout, or stdin, or of the controlling one; `None` if there is
    /// none or it doesn't know.
    #[must_use]
    pub fn current() -> Option<Self> {
        measure().filter(|size| size.rows > 0 && size.cols > 0)
    }
}

#[cfg(unix)]
fn measure() -> Option<Size> {
    use rustix::termios::tcgetwinsize;
    let size = tcgetwinsize(std::io::stdout())
        .or_else(|_| tcgetwinsize(std::io::stdin()))
        .ok()
        .or_else(|| tcgetwinsize(std::fs::File::open("/dev/tty").ok()?).ok())?;
    Some(Size {
        rows: size.ws_row,
        cols: size.ws_col,
    })
}

#[cfg(windows)]
fn measure() -> Option<Size> {
    let (cols, rows) = crossterm::terminal::size().ok()?;
    Some(Size { rows, cols })
}
