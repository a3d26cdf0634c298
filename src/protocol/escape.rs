//! OpenSSH's escape sequences: a character after a newline, then a command.

/// The meaning of typed bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Typed {
    /// Bytes for the remote side.
    Data(Vec<u8>),
    /// `~.`: end the session.
    End,
    /// `~^Z`: suspend axt.
    Suspend,
    /// `~s`: show the state of the session.
    Status,
    /// `~?`: show the help.
    Help,
}

/// Finds escape sequences in what is typed.
#[derive(Debug, Clone)]
pub struct Escape {
    character: u8,
    state: EscapeState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EscapeState {
    /// At the start of a line.
    LineStart,
    /// The escape character was typed at the start of a line.
    Escaped,
    MidLine,
}

impl Escape {
    /// Watches for `character`; a session starts at the start of a line.
    #[must_use]
    pub fn new(character: u8) -> Self {
        Self {
            character,
            state: EscapeState::LineStart,
        }
    }

    /// The escape character as it is written, `~` or `^]`.
    #[must_use]
    pub fn name(&self) -> String {
        match self.character {
            control @ 0..=31 => format!("^{}", char::from(control + 64)),
            other => char::from(other).to_string(),
        }
    }

    /// Splits typed bytes into data and commands, in order.
    pub fn feed(&mut self, typed: &[u8]) -> Vec<Typed> {
        let mut out = Vec::new();
        let mut data = Vec::with_capacity(typed.len());
        for &byte in typed {
            match (self.state, byte) {
                (EscapeState::LineStart, b) if b == self.character => {
                    self.state = EscapeState::Escaped;
                    continue;
                }
                (EscapeState::Escaped, b) if b == self.character => data.push(b),
                (EscapeState::Escaped, b) => {
                    if let Some(command) = command(b) {
                        flush(&mut data, &mut out);
                        out.push(command);
                        self.state = EscapeState::LineStart;
                        continue;
                    }
                    data.extend([self.character, b]);
                }
                (_, b) => data.push(b),
            }
            let new_line = matches!(byte, b'\r' | b'\n');
            self.state = if new_line {
                EscapeState::LineStart
            } else {
                EscapeState::MidLine
            };
        }
        flush(&mut data, &mut out);
        out
    }
}

fn command(byte: u8) -> Option<Typed> {
    match byte {
        b'.' => Some(Typed::End),
        0x1a => Some(Typed::Suspend),
        b's' => Some(Typed::Status),
        b'?' => Some(Typed::Help),
        _ => None,
    }
}

fn flush(data: &mut Vec<u8>, out: &mut Vec<Typed>) {
    if !data.is_empty() {
        out.push(Typed::Data(std::mem::take(data)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn data(bytes: &[u8]) -> Typed {
        Typed::Data(bytes.to_vec())
    }

    #[test]
    fn commands_count_at_the_start_of_a_line_only() {
        let mut escape = Escape::new(b'~');
        assert_eq!(escape.feed(b"a~.\r"), [data(b"a~.\r")]);
        assert_eq!(escape.feed(b"~."), [Typed::End]);
        assert_eq!(
            escape.feed(b"~?ls\r~s"),
            [Typed::Help, data(b"ls\r"), Typed::Status]
        );
        assert_eq!(escape.feed(b"~\x1a"), [Typed::Suspend]);
    }

    #[test]
    fn a_doubled_escape_is_one_and_an_unknown_command_is_data() {
        let mut escape = Escape::new(b'~');
        assert_eq!(escape.feed(b"~~."), [data(b"~.")]);
        assert_eq!(escape.feed(b"\n~x"), [data(b"\n~x")]);
        assert_eq!(escape.feed(b"\r~\r~."), [data(b"\r~\r"), Typed::End]);
    }

    #[test]
    fn control_characters_have_a_name() {
        assert_eq!(Escape::new(0x1d).name(), "^]");
    }

    proptest! {
        #[test]
        fn how_bytes_are_grouped_does_not_matter(
            typed in proptest::collection::vec(prop_oneof![Just(b'~'), Just(b'\r'), Just(b'.'), any::<u8>()], 0..60),
            cut in 0usize..60,
        ) {
            let join = |parts: Vec<Typed>| parts.into_iter().fold(Vec::new(), |mut all: Vec<Typed>, part| {
                if let (Some(Typed::Data(last)), Typed::Data(more)) = (all.last_mut(), &part) {
                    last.extend(more);
                } else {
                    all.push(part);
                }
                all
            });
            let cut = cut.min(typed.len());
            let whole = Escape::new(b'~').feed(&typed);
            let mut escape = Escape::new(b'~');
            let mut parts = escape.feed(&typed[..cut]);
            parts.extend(escape.feed(&typed[cut..]));
            prop_assert_eq!(join(parts), whole);
        }
    }
}
