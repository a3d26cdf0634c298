//! Drawing on the user's terminal: the remote program's output, and axt's own lines between its pieces.

use super::banner::Banner;
use super::modes::ModeTracker;
use super::size::Size;

/// The control character that ends an unfinished control sequence.
const CANCEL: u8 = 0x18;

/// Puts output, lines and a banner into one stream of bytes, in which none tears another: axt draws only
/// where the output is between control sequences and characters.
#[derive(Debug)]
pub(crate) struct Display {
    modes: ModeTracker,
    banner: Banner,
    /// The text for the banner.
    wanted: Option<String>,
    /// The banner has covered what only the program can draw again.
    covered: bool,
    /// Lines that wait for the output to be between sequences.
    lines: Vec<u8>,
    size: fn() -> Size,
    /// The number of bytes of output so far.
    output_bytes: u64,
}

impl Display {
    /// A display that shows nothing yet, on a terminal of that size.
    pub(crate) fn new(size: fn() -> Size) -> Self {
        Self {
            modes: ModeTracker::new(),
            banner: Banner::default(),
            wanted: None,
            covered: false,
            lines: Vec::new(),
            size,
            output_bytes: 0,
        }
    }

    /// The number of bytes of output so far.
    pub(crate) fn output_bytes(&self) -> u64 {
        self.output_bytes
    }

    /// True if output goes to the terminal as it is.
    pub(crate) fn is_plain(&self) -> bool {
        self.wanted.is_none() && self.lines.is_empty()
    }

    /// Takes note of output that went to the terminal as it is.
    pub(crate) fn passed(&mut self, output: &[u8]) {
        self.output_bytes += output.len() as u64;
        self.modes.feed(output);
    }

    /// Shows output. A banner makes way for it.
    pub(crate) fn output(&mut self, output: &[u8], to: &mut Vec<u8>) {
        self.take_banner_off(to);
        to.extend_from_slice(output);
        self.passed(output);
        self.draw(to);
    }

    /// Shows lines of axt's, which end with returns and newlines.
    pub(crate) fn line(&mut self, line: &str, to: &mut Vec<u8>) {
        // A second line waits behind a sequence that nobody seems to finish: cancel it.
        if !self.lines.is_empty() {
            to.push(CANCEL);
            self.modes.feed(&[CANCEL]);
        }
        self.lines.extend_from_slice(line.as_bytes());
        self.draw(to);
    }

    /// Shows `text`, without control characters, for as long as something lasts.
    pub(crate) fn show_banner(&mut self, text: &str, to: &mut Vec<u8>) {
        self.wanted = Some(text.to_owned());
        self.take_banner_off(to);
        self.draw(to);
    }

    /// Takes the banner away. Says whether the program has to draw its screen again.
    pub(crate) fn hide_banner(&mut self, to: &mut Vec<u8>) -> bool {
        self.wanted = None;
        self.take_banner_off(to);
        std::mem::take(&mut self.covered)
    }

    /// Gives the terminal back as a shell expects it.
    pub(crate) fn leave(&mut self, to: &mut Vec<u8>) {
        self.wanted = None;
        self.take_banner_off(to);
        to.extend(self.modes.undo());
        to.append(&mut self.lines);
    }

    /// Takes the terminal again, with the modes that [`leave`](Self::leave) undid.
    pub(crate) fn come_back(&mut self, to: &mut Vec<u8>) {
        to.extend(self.modes.redo());
    }

    /// True if a full-screen program is on.
    pub(crate) fn is_alternate(&self) -> bool {
        self.modes.is_alternate()
    }

    /// Draws what waits, if this is a place for it.
    fn draw(&mut self, to: &mut Vec<u8>) {
        // In the middle of a control sequence any text would spoil it, and itself.
        if !self.modes.is_between() {
            return;
        }
        if !self.lines.is_empty() {
            self.take_banner_off(to);
            to.append(&mut self.lines);
        }
        if let Some(text) = self.wanted.as_ref().filter(|_| !self.banner.is_shown()) {
            let Size { rows, cols } = (self.size)();
            // A second row would stay.
            let text: String = text.chars().take(usize::from(cols)).collect();
            to.extend(self.banner.show(&text, self.modes.is_alternate(), rows));
        }
    }

    fn take_banner_off(&mut self, to: &mut Vec<u8>) {
        let (bytes, covered) = self.banner.hide();
        to.extend(bytes);
        self.covered |= covered;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ROWS: u16 = 5;

    fn display() -> Display {
        Display::new(|| Size {
            rows: ROWS,
            cols: 20,
        })
    }

    fn screen(bytes: &[u8]) -> String {
        let mut parser = vt100::Parser::new(ROWS, 20, 0);
        parser.process(bytes);
        parser.screen().contents()
    }

    #[test]
    fn output_makes_the_banner_move_on() {
        let (mut display, mut out) = (display(), Vec::new());
        display.output(b"$ make\r\n", &mut out);
        display.show_banner("lost", &mut out);
        assert_eq!(screen(&out), "$ make\n\nlost");
        display.output(b"cc a.c\r\n", &mut out);
        assert_eq!(screen(&out), "$ make\ncc a.c\n\nlost");
        assert!(!display.hide_banner(&mut out));
        assert_eq!(screen(&out), "$ make\ncc a.c");
    }

    #[test]
    fn a_line_waits_for_the_end_of_a_sequence_and_of_a_character() {
        for (first, rest, shown) in [
            (&b"a\x1b[3"[..], &b"1mb\r\n"[..], "ab\naxt: hi"),
            (b"a\xe4\xbd", b"\xa0\r\n", "a\u{4f60}\naxt: hi"),
            (b"a\x1b]0;ti", b"tle\x07b\r\n", "ab\naxt: hi"),
            (b"a\r\n", b"b\r\n", "a\naxt: hi\nb"),
        ] {
            let (mut display, mut out) = (display(), Vec::new());
            display.output(first, &mut out);
            display.line("axt: hi\r\n", &mut out);
            display.output(rest, &mut out);
            assert_eq!(screen(&out), shown);
            assert!(display.is_plain());
        }
    }

    #[test]
    fn a_sequence_that_is_never_finished_hides_no_more_than_one_line() {
        let (mut display, mut out) = (display(), Vec::new());
        display.output(b"\x1b]0;never ended", &mut out);
        display.line("axt: one\r\n", &mut out);
        assert_eq!(screen(&out), "");
        display.line("axt: two\r\n", &mut out);
        assert_eq!(screen(&out), "axt: one\naxt: two");
    }

    #[test]
    fn what_waits_when_the_terminal_is_given_back_is_shown_then() {
        let (mut display, mut out) = (display(), Vec::new());
        display.output(b"\x1b[?1049h\x1b]0;never ended", &mut out);
        display.line("axt: hi\r\n", &mut out);
        display.show_banner("lost", &mut out);
        display.leave(&mut out);
        assert_eq!(screen(&out), "axt: hi");
    }

    #[test]
    fn a_full_screen_program_has_to_draw_again_what_was_covered() {
        let (mut display, mut out) = (display(), Vec::new());
        display.output(b"\x1b[?1049h\x1b[5;1Hstatus", &mut out);
        display.show_banner("lost", &mut out);
        assert_eq!(screen(&out).trim(), "lost");
        display.output(b"\x1b[1;1Htop", &mut out);
        assert!(screen(&out).ends_with("lost"));
        assert!(display.is_alternate() && display.hide_banner(&mut out));
        assert_eq!(screen(&out), "top");
    }

    /// Text, sequences, characters and parts of them.
    const PIECES: &[&[u8]] = &[
        b"text\r\n",
        b"\x1b[31",
        b"m",
        b"\xe4",
        b"\xbd\xa0",
        b"\x1b]0;t",
        b"\x07",
        b"\xff",
    ];

    proptest! {
        /// However output is cut, taking the drawings out leaves exactly the output.
        #[test]
        fn output_arrives_whole_and_in_order(
            pieces in proptest::collection::vec(prop::sample::select(PIECES), 0..20),
            draws in proptest::collection::vec(any::<bool>(), 20),
        ) {
            let (mut display, mut out) = (display(), Vec::new());
            let mut lines = 0;
            for (piece, draw) in pieces.iter().zip(draws) {
                display.output(piece, &mut out);
                if draw {
                    display.line("<line>\r\n", &mut out);
                    lines += 1;
                }
            }
            display.leave(&mut Vec::new());
            let text = String::from_utf8_lossy(&out);
            let shown = text.matches("<line>\r\n").count();
            prop_assert!(shown <= lines);
            let mut rest = out.clone();
            rest.retain(|byte| *byte != CANCEL);
            while let Some(at) = rest.windows(8).position(|part| part == b"<line>\r\n") {
                rest.drain(at..at + 8);
            }
            prop_assert_eq!(rest, pieces.concat());
        }
    }
}
