//! A temporary line of axt's on a screen that the remote program draws.

/// A temporary line on the user's screen.
///
/// With a shell it is below the cursor, where the next output would go, and is wiped out
/// afterwards. On the alternate screen it covers the bottom row; only the program there can bring
/// back what it covered.
#[derive(Debug, Default)]
pub(super) struct Banner {
    shown: Option<BannerPlace>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BannerPlace {
    BelowCursor,
    /// The bottom row; the number is that of the rows.
    Row(u16),
}

impl Banner {
    /// The bytes that show `text`, which holds no control characters, on a terminal of that many
    /// rows, in place of what is shown.
    pub(super) fn show(&mut self, text: &str, alternate: bool, rows: u16) -> Vec<u8> {
        let mut bytes = self.hide().0;
        let place = if alternate {
            BannerPlace::Row(rows)
        } else {
            // Makes a row below the cursor if there is none; the column stays.
            bytes.extend_from_slice(b"\n\x1b[A");
            BannerPlace::BelowCursor
        };
        self.shown = Some(place);
        bytes.extend(place.line(text));
        bytes
    }

    /// True if the line is shown.
    #[must_use]
    pub(super) fn is_shown(&self) -> bool {
        self.shown.is_some()
    }

    /// The bytes that remove the line, and whether the program has to draw its screen again.
    pub(super) fn hide(&mut self) -> (Vec<u8>, bool) {
        match self.shown.take() {
            Some(place) => (place.line(""), place != BannerPlace::BelowCursor),
            None => (Vec::new(), false),
        }
    }
}

impl BannerPlace {
    /// Writes the row there and leaves the cursor, colours included, where it was.
    fn line(self, text: &str) -> Vec<u8> {
        let go = match self {
            Self::BelowCursor => "\r\n".to_owned(),
            Self::Row(row) => format!("\x1b[{row};1H"),
        };
        format!("\x1b7{go}\x1b[m\x1b[K{text}\x1b8").into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen(bytes: &[&[u8]]) -> (String, (u16, u16)) {
        let mut parser = vt100::Parser::new(4, 20, 0);
        bytes.iter().for_each(|bytes| parser.process(bytes));
        let screen = parser.screen();
        (screen.contents(), screen.cursor_position())
    }

    #[test]
    fn a_shell_gets_its_line_back_wherever_it_stands() {
        for (before, shown, gone) in [
            ("$ ls", "$ ls\nlost", "$ ls"),
            ("a\r\nb\r\nc\r\n$ ls", "b\nc\n$ ls\nlost", "b\nc\n$ ls"),
        ] {
            let mut banner = Banner::default();
            let show = banner.show("lost", false, 4);
            let again = banner.show("lost", false, 4);
            let (hide, redraw) = banner.hide();
            let before = before.as_bytes();
            assert_eq!(screen(&[before, &show]).0, shown);
            assert_eq!(screen(&[before, &show, &again]).0, shown);
            let (text, cursor) = screen(&[before, &show, &again, &hide]);
            assert_eq!((&*text, cursor.1, redraw), (gone, 4, false));
            assert_eq!(banner.hide(), (Vec::new(), false));
        }
    }

    #[test]
    fn a_full_screen_program_keeps_its_cursor_and_has_to_draw_again() {
        let mut banner = Banner::default();
        let before = b"\x1b[?1049h1\r\n2\r\n3\r\n4\x1b[2;2H";
        let show = banner.show("lost", true, 4);
        let (text, cursor) = screen(&[before, &show]);
        assert_eq!((&*text, cursor), ("1\n2\n3\nlost", (1, 1)));
        assert!(banner.hide().1);
    }
}
