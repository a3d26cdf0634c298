//! Tracks the terminal modes that the remote program has switched, from its output, and undoes them.
//!
//! A session can die while a full-screen program is on. The terminal then keeps what that program set:
//! a hidden cursor, mouse reports as input, the alternate screen. The sequences are those of xterm's
//! "Control Sequences" document and, for `u`, of kitty's keyboard protocol.

/// The switches of `CSI ? … h` and `l` that are followed, with the state a shell expects.
///
/// The order is that of undoing. The alternate screen comes last, as other modes may belong to it.
const SWITCHES: [(u16, bool); 21] = [
    (2026, false), // synchronized output
    (1, false),    // application cursor keys
    (66, false),   // application keypad
    (7, true),     // wrapping at the right margin
    (9, false),    // mouse: presses
    (1000, false), // mouse: presses and releases
    (1001, false), // mouse: highlighting
    (1002, false), // mouse: dragging
    (1003, false), // mouse: any motion
    (1004, false), // focus reports
    (1005, false), // mouse coordinates in UTF-8
    (1006, false), // mouse coordinates in decimal
    (1015, false), // mouse coordinates as urxvt writes them
    (1016, false), // mouse coordinates in pixels
    (2004, false), // bracketed paste
    (2031, false), // colour scheme reports
    (2048, false), // size reports
    (25, true),    // the cursor is seen
    (47, false),   // alternate screen
    (1047, false), // alternate screen, cleared when left
    (1049, false), // alternate screen, with the cursor saved
];

/// The most parameters of one sequence that are looked at; real ones have a handful.
const MAX_PARAMS: usize = 16;

/// Follows a terminal's modes through the bytes sent to it. Total over any bytes, however they are cut.
#[derive(Debug, Clone, Default)]
pub struct ModeTracker {
    state: ModesState,
    sequence: Sequence,
    modes: Changed,
    /// Bytes that the character at the end still lacks.
    lacks: usize,
}

/// The modes that differ from those a shell expects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Changed {
    /// One bit for each of `SWITCHES`.
    switches: u32,
    keypad: bool,
    style: bool,
    other_keys: bool,
    kitty_depth: u16,
    kitty_flags: u16,
}

#[derive(Debug, Clone, Copy, Default)]
enum ModesState {
    #[default]
    Ground,
    Escape,
    /// After `ESC` and an intermediate such as `(`: one more byte belongs to it.
    EscapeRest,
    Csi,
    /// Inside a string that the terminal doesn't show: OSC, DCS, SOS, PM, APC.
    Text,
}

/// A control sequence as far as it has been read.
#[derive(Debug, Clone, Copy, Default)]
struct Sequence {
    /// `<`, `=`, `>` or `?`, or 0.
    marker: u8,
    /// The last intermediate byte, or 0.
    intermediate: u8,
    params: [u16; MAX_PARAMS],
    /// The index of the parameter being read; may pass `MAX_PARAMS`, which are then ignored.
    current: usize,
    started: bool,
}

impl ModeTracker {
    /// A tracker for a terminal as a shell expects it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in bytes that were sent to the terminal.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        self.lacks = lacking(bytes, self.lacks);
        while let Some((&byte, rest)) = bytes.split_first() {
            bytes = rest;
            self.state = self.step(byte);
            if matches!(self.state, ModesState::Escape)
                && let Some(rest) = self.style(bytes)
            {
                self.state = ModesState::Ground;
                bytes = rest;
            }
            if matches!(self.state, ModesState::Ground) {
                // Plain text, which is most of what there is: only ESC begins anything.
                let text = memchr::memchr(0x1b, bytes).unwrap_or(bytes.len());
                bytes = bytes.get(text..).unwrap_or_default();
            }
        }
    }

    /// The bytes that undo what is switched; empty if nothing is.
    #[must_use]
    pub fn undo(&self) -> Vec<u8> {
        let mut out = String::new();
        if !matches!(self.state, ModesState::Ground) {
            out.push('\u{18}'); // CAN: whatever sequence was cut off, it ends here
        }
        let modes = &self.modes;
        if modes.style {
            out.push_str("\x1b[m");
        }
        if modes.keypad {
            out.push_str("\x1b>");
        }
        if modes.other_keys {
            out.push_str("\x1b[>4m");
        }
        if modes.kitty_flags > 0 {
            out.push_str("\x1b[=0u");
        }
        if modes.kitty_depth > 0 {
            out.push_str(&format!("\x1b[<{}u", modes.kitty_depth));
        }
        for (number, usual) in self.switched() {
            out.push_str(&format!("\x1b[?{number}{}", letter(usual)));
        }
        out.into_bytes()
    }

    /// The bytes that switch again what [`undo`](Self::undo) undid, for a program that goes on.
    ///
    /// Colours are left out: the program sets them as it draws.
    #[must_use]
    pub fn redo(&self) -> Vec<u8> {
        let modes = &self.modes;
        let mut switches: Vec<_> = self.switched().collect();
        switches.reverse();
        let mut out = String::new();
        for (number, usual) in switches {
            out.push_str(&format!("\x1b[?{number}{}", letter(!usual)));
        }
        for _ in 0..modes.kitty_depth {
            out.push_str("\x1b[>1u");
        }
        if modes.kitty_flags > 0 {
            out.push_str(&format!("\x1b[={}u", modes.kitty_flags));
        }
        if modes.other_keys {
            out.push_str("\x1b[>4;2m");
        }
        if modes.keypad {
            out.push_str("\x1b=");
        }
        out.into_bytes()
    }

    /// True if the output is between control sequences and characters.
    #[must_use]
    pub fn is_between(&self) -> bool {
        matches!(self.state, ModesState::Ground) && self.lacks == 0
    }

    /// True if the alternate screen is shown, as full-screen programs do.
    #[must_use]
    pub fn is_alternate(&self) -> bool {
        self.switched()
            .any(|(number, _)| matches!(number, 47 | 1047 | 1049))
    }

    fn switched(&self) -> impl Iterator<Item = (u16, bool)> {
        let switches = self.modes.switches;
        let numbered = SWITCHES.into_iter().enumerate();
        numbered.filter_map(move |(bit, switch)| (switches & (1 << bit) != 0).then_some(switch))
    }

    /// Takes in what follows an ESC if it is a whole sequence that sets a style, as most are: byte by byte
    /// that is slow. Returns the rest.
    fn style<'a>(&mut self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let [b'[', bytes @ ..] = bytes else {
            return None;
        };
        let mut style = false;
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                b'0' => {}
                b'1'..=b';' => style = true,
                b'm' => {
                    self.modes.style = style;
                    return bytes.get(at + 1..);
                }
                _ => return None,
            }
        }
        None
    }

    fn step(&mut self, byte: u8) -> ModesState {
        match (self.state, byte) {
            // CAN and SUB break off anything; ESC begins again, and as ST ends a string.
            (_, 0x18 | 0x1a) => ModesState::Ground,
            (_, 0x1b) => ModesState::Escape,
            (ModesState::Ground, _) | (ModesState::Text, 0x07) => ModesState::Ground,
            (ModesState::Text, _) => ModesState::Text,
            // Other control characters act at once, in the middle of a sequence too; a byte above ASCII
            // can't be part of one.
            (state, 0x00..=0x1f | 0x7f..) => state,
            (ModesState::Escape, byte) => self.escape(byte),
            (ModesState::EscapeRest, 0x20..=0x2f) => ModesState::EscapeRest,
            (ModesState::EscapeRest, _) => ModesState::Ground,
            (ModesState::Csi, byte) => self.csi(byte),
        }
    }

    fn escape(&mut self, byte: u8) -> ModesState {
        match byte {
            b'[' => {
                self.sequence = Sequence::default();
                return ModesState::Csi;
            }
            b']' | b'P' | b'X' | b'^' | b'_' => return ModesState::Text,
            0x20..=0x2f => return ModesState::EscapeRest,
            b'=' => self.modes.keypad = true,
            b'>' => self.modes.keypad = false,
            b'c' => self.modes = Changed::default(),
            _ => {}
        }
        ModesState::Ground
    }

    fn csi(&mut self, byte: u8) -> ModesState {
        let sequence = &mut self.sequence;
        match byte {
            b'0'..=b'9' => {
                if let Some(param) = sequence.params.get_mut(sequence.current) {
                    *param = param
                        .saturating_mul(10)
                        .saturating_add(u16::from(byte - b'0'));
                }
            }
            b';' | b':' => sequence.current = sequence.current.saturating_add(1),
            b'<'..=b'?' if !sequence.started => sequence.marker = byte,
            0x20..=0x2f => sequence.intermediate = byte,
            0x40..=0x7e => {
                self.act(byte);
                return ModesState::Ground;
            }
            // A misplaced marker: not a sequence we know.
            _ => sequence.intermediate = byte,
        }
        self.sequence.started = true;
        ModesState::Csi
    }

    fn act(&mut self, last: u8) {
        let sequence = self.sequence;
        let count = MAX_PARAMS.min(sequence.current + 1);
        let (params, _) = sequence.params.split_at(count);
        let [first, second, ..] = sequence.params;
        let modes = &mut self.modes;
        match (sequence.marker, sequence.intermediate, last) {
            (b'?', 0, b'h' | b'l') => params.iter().for_each(|&n| modes.switch(n, last == b'h')),
            (0, 0, b'm') => modes.style = params != [0],
            (b'>', 0, b'm') if first == 4 => modes.other_keys = second > 0,
            (b'>', 0, b'u') => modes.kitty_depth = modes.kitty_depth.saturating_add(1).min(16),
            (b'<', 0, b'u') => {
                modes.kitty_depth = modes.kitty_depth.saturating_sub(first.max(1));
            }
            (b'=', 0, b'u') => modes.kitty_flags = first,
            _ => {}
        }
    }
}

impl Changed {
    fn switch(&mut self, number: u16, on: bool) {
        let found = SWITCHES.iter().position(|&(known, _)| known == number);
        let Some(bit) = found else { return };
        if on == SWITCHES[bit].1 {
            self.switches &= !(1 << bit);
        } else {
            self.switches |= 1 << bit;
        }
    }
}

/// The number of bytes that the last character of UTF-8 lacks, where the one before `bytes` lacked some.
fn lacking(bytes: &[u8], before: usize) -> usize {
    for (have, byte) in bytes.iter().rev().take(3).enumerate() {
        let len = match byte {
            0x80..=0xbf => continue,
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => 0,
        };
        return usize::saturating_sub(len, have + 1);
    }
    before.saturating_sub(bytes.len())
}

fn letter(on: bool) -> char {
    if on { 'h' } else { 'l' }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn undo(bytes: &[u8]) -> String {
        let mut tracker = ModeTracker::new();
        tracker.feed(bytes);
        String::from_utf8_lossy(&tracker.undo()).replace('\x1b', "^")
    }

    #[test]
    fn what_was_switched_is_undone_and_nothing_else() {
        for (bytes, expected) in [
            (&b"plain text\r\n"[..], ""),
            (b"\x1b[?1049h\x1b[?25l", "^[?25h^[?1049l"),
            (b"\x1b[?1049h\x1b[?1049l", ""),
            (b"\x1b[?1000;1006;2004h", "^[?1000l^[?1006l^[?2004l"),
            (b"\x1b[31mred", "^[m"),
            (b"\x1b[31mred\x1b[0m", ""),
            (b"\x1b[38;5;0m", "^[m"),
            (b"\x1b=\x1b[?1h", "^>^[?1l"),
            (b"\x1b=\x1b[?1h\x1bc", ""),
            (b"\x1b[?25l\x1b[!p", "^[?25h"), // not every terminal has a soft reset
            (b"\x1b[>1u\x1b[>5u", "^[<2u"),
            (b"\x1b[>1u\x1b[<u", ""),
            (b"\x1b[>4;2m", "^[>4m"),
            (b"\x1b[>4;2m\x1b[>4;m", ""),
            (b"\x1b]0;title \x1b[?25l\x07", "^[?25h"), // ESC ends a string
            (b"\x1b]0;[?25l\x07", ""),
            (b"\x1b[?2\x1825l", ""),
            (b"\x1b[?2\n5l", "^[?25h"),
            (b"\x1b[25l\x1b[>25l\x1b[?25 l\x1b[2?25l", ""),
            (b"\x1b(0\x1b[?7l", "^[?7h"),
            (b"\x1b[?25l\x1b[?10", "\x18^[?25h"),
        ] {
            assert_eq!(undo(bytes), expected, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn what_is_redone_is_what_was_undone() {
        let mut tracker = ModeTracker::new();
        tracker.feed(b"\x1b[?1049h\x1b[?1h\x1b=\x1b[?25l\x1b[?2004h\x1b[>1u\x1b[>4;2m");
        let mut again = ModeTracker::new();
        again.feed(&tracker.redo());
        assert_eq!(again.modes, tracker.modes);
    }

    /// Bytes as programs send them: many sequences, some text, some noise.
    fn output() -> impl Strategy<Value = Vec<u8>> {
        let known = prop::sample::select(&SWITCHES[..]);
        let switch = (known, any::<bool>())
            .prop_map(|((number, _), on)| format!("\x1b[?{number}{}", letter(on)).into_bytes());
        let soup = prop::collection::vec(
            prop::sample::select(&b"\x1b\x1b[[?]0;1:25mhlu<>=!pc\x07\x18 A\x9b\xc3"[..]),
            0..12,
        );
        let piece = prop_oneof![switch, soup, prop::collection::vec(any::<u8>(), 0..6)];
        prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn undoing_leaves_nothing_to_undo(bytes in output()) {
            let mut tracker = ModeTracker::new();
            tracker.feed(&bytes);
            tracker.feed(&tracker.undo());
            prop_assert_eq!(tracker.undo(), b"");
        }

        #[test]
        fn it_does_not_matter_how_output_is_cut(bytes in output(), cut in any::<prop::sample::Index>()) {
            let mut whole = ModeTracker::new();
            whole.feed(&bytes);
            let (left, right) = bytes.split_at(cut.index(bytes.len() + 1));
            let mut halves = ModeTracker::new();
            halves.feed(left);
            halves.feed(right);
            prop_assert_eq!(halves.undo(), whole.undo());
        }

        #[test]
        fn a_real_terminal_is_left_as_a_shell_expects_it(bytes in output()) {
            let mut tracker = ModeTracker::new();
            let mut terminal = vt100::Parser::new(24, 80, 0);
            tracker.feed(&bytes);
            terminal.process(&bytes);
            terminal.process(&tracker.undo());
            let screen = terminal.screen();
            prop_assert!(!screen.alternate_screen() && !screen.hide_cursor());
            prop_assert!(!screen.bracketed_paste() && !screen.application_cursor());
            prop_assert!(!screen.application_keypad());
            prop_assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
        }
    }
}
