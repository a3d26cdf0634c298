//! A choice from a numbered list that typing filters: what a key does, and how it looks, without a terminal.

use super::size::Size;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// The space between columns.
const GAP: usize = 2;

/// A list to choose from.
#[derive(Debug)]
pub(crate) struct Choice {
    question: String,
    rows: Vec<ChoiceRow>,
    /// Width of each column, and of the numbers.
    widths: Vec<usize>,
    digits: usize,
    filter: String,
    /// The indexes in `rows` of the rows that match the filter.
    left: Vec<usize>,
    /// The index in `left` of the chosen row.
    at: usize,
    /// The index in `left` of the first visible row.
    top: usize,
}

#[derive(Debug)]
struct ChoiceRow {
    cells: Vec<String>,
    /// The text that the filter searches.
    text: String,
}

/// A key that the list understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    /// A character.
    Char(char),
    /// Takes the last character of the filter away.
    Backspace,
    /// Takes the whole filter away.
    Clear,
    /// Move this many rows down, or up.
    Move(isize),
    /// Move this many screens down, or up.
    Page(isize),
    /// The first row.
    First,
    /// The last row.
    Last,
    /// Choose this row.
    Enter,
    /// No row is chosen.
    Cancel,
}

/// The result of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyResult {
    /// The choice goes on.
    Open,
    /// The row with this place in the list.
    Chosen(usize),
    /// No row is chosen.
    Cancelled,
}

impl Choice {
    /// A choice between rows, whose cells hold no control characters.
    #[must_use]
    pub(crate) fn new(question: String, rows: Vec<Vec<String>>) -> Self {
        let mut widths = Vec::new();
        for row in &rows {
            widths.resize(widths.len().max(row.len()), 0);
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.width().max(*width);
            }
        }
        let digits = rows.len().to_string().len();
        let rows = rows.into_iter().map(|cells| ChoiceRow {
            text: cells.join(" ").to_lowercase(),
            cells,
        });
        let mut choice = Self {
            question,
            rows: rows.collect(),
            widths,
            digits,
            filter: String::new(),
            left: Vec::new(),
            at: 0,
            top: 0,
        };
        choice.apply_filter();
        choice
    }

    /// Acts on a key, on a terminal of this size.
    pub(crate) fn press(&mut self, key: Key, size: Size) -> KeyResult {
        let page = isize::try_from(seen(size)).unwrap_or(1);
        match key {
            Key::Char(c) => {
                self.filter.push(c);
                self.apply_filter();
            }
            Key::Backspace => {
                self.filter.pop();
                self.apply_filter();
            }
            Key::Clear => {
                self.filter.clear();
                self.apply_filter();
            }
            Key::Move(by) => self.go(by),
            Key::Page(by) => self.go(by.saturating_mul(page)),
            Key::First => self.at = 0,
            Key::Last => self.at = self.left.len().saturating_sub(1),
            Key::Enter => {
                if let Some(chosen) = self.left.get(self.at) {
                    return KeyResult::Chosen(*chosen);
                }
            }
            Key::Cancel => return KeyResult::Cancelled,
        }
        KeyResult::Open
    }

    fn go(&mut self, by: isize) {
        let last = self.left.len().saturating_sub(1);
        self.at = self.at.saturating_add_signed(by).min(last);
    }

    /// Finds the rows that match the filter: those that hold each of its words, and those whose number
    /// begins with it. A whole number chooses its row.
    fn apply_filter(&mut self) {
        let filter = self.filter.to_lowercase();
        let words: Vec<&str> = filter.split_whitespace().collect();
        let number = words.first().filter(|_| words.len() == 1);
        let number = number.filter(|word| word.bytes().all(|b| b.is_ascii_digit()));
        let fits = |(place, row): &(usize, &ChoiceRow)| {
            words.iter().all(|word| row.text.contains(word))
                || number.is_some_and(|number| (place + 1).to_string().starts_with(number))
        };
        let rows = self.rows.iter().enumerate();
        self.left = rows.filter(fits).map(|(place, _)| place).collect();
        let numbered = number.and_then(|number| number.parse::<usize>().ok()?.checked_sub(1));
        let numbered = numbered.and_then(|place| self.left.binary_search(&place).ok());
        self.at = numbered.unwrap_or_default();
        self.top = 0;
    }

    /// The text that draws the list on a whole terminal of this size: the question, the rows around the
    /// chosen one, and the filter with the cursor behind it.
    #[must_use]
    pub(crate) fn screen(&mut self, size: Size) -> String {
        let seen = seen(size);
        let cols = usize::from(size.cols);
        self.top = self.top.clamp((self.at + 1).saturating_sub(seen), self.at);
        let shown = self.left.iter().enumerate().skip(self.top).take(seen);
        let rows = shown.map(|(place, row)| {
            let line = cut(&self.line(*row), cols);
            match place == self.at {
                true => format!("\x1b[7m{line}\x1b[m"),
                false => line,
            }
        });
        let mut lines: Vec<String> = rows.collect();
        lines.resize(seen, String::new());
        if size.rows > 2 {
            let (left, all) = (self.left.len(), self.rows.len());
            lines.insert(
                0,
                cut(
                    &tr!(
                        "{question} ({left} of {all})",
                        question = self.question,
                        left,
                        all
                    ),
                    cols,
                ),
            );
        }
        if size.rows > 1 {
            // Its end is what is being typed.
            lines.push(cut_before(
                &format!("> {}", self.filter),
                cols.saturating_sub(1),
            ));
        }
        format!("\x1b[H\x1b[J{}", lines.join("\r\n"))
    }

    fn line(&self, place: usize) -> String {
        let mut line = format!("{:>1$}", place + 1, self.digits);
        let Some(row) = self.rows.get(place) else {
            return line;
        };
        let mut missing = 0;
        for (cell, width) in row.cells.iter().zip(&self.widths) {
            line.push_str(&" ".repeat(missing + GAP));
            line.push_str(cell);
            missing = width.saturating_sub(cell.width());
        }
        line
    }
}

/// The number of rows of the list that are seen.
fn seen(size: Size) -> usize {
    usize::from(size.rows).saturating_sub(2).max(1)
}

/// The beginning of a text, as far as it fits; a wide character is never halved.
fn cut(text: &str, cols: usize) -> String {
    if text.width() <= cols {
        return text.to_owned();
    }
    let mut left = cols.saturating_sub(1);
    let fits = |c: &char| {
        let width = c.width().unwrap_or(0);
        let fits = width <= left;
        left = left.saturating_sub(width);
        fits
    };
    let beginning: String = text.chars().take_while(fits).collect();
    beginning + "…"
}

/// The end of a text, as far as it fits.
fn cut_before(text: &str, cols: usize) -> String {
    let mut from = text;
    while from.width() > cols {
        let mut chars = from.chars();
        chars.next();
        from = chars.as_str();
    }
    from.to_owned()
}

/// Reads keys from bytes, which may arrive in any pieces.
#[derive(Debug, Default)]
pub(crate) struct KeyReader {
    pending: Vec<u8>,
}

impl KeyReader {
    /// Takes a byte. Returns the key that it completes, if there is one.
    pub(crate) fn feed(&mut self, byte: u8) -> Option<Key> {
        self.pending.push(byte);
        let key = match self.pending.as_slice() {
            [b'\r' | b'\n'] => Some(Key::Enter),
            [0x03 | 0x04] => Some(Key::Cancel),
            [0x08 | 0x7f] => Some(Key::Backspace),
            [0x15] => Some(Key::Clear),
            [0x0e] => Some(Key::Move(1)),
            [0x10] => Some(Key::Move(-1)),
            [0x1b] | [0x1b, b'[' | b'O'] => return None,
            [0x1b, b'[', params @ .., last @ 0x40..=0x7e] => sequence(params, *last),
            [0x1b, b'O', last] => sequence(&[], *last),
            [0x1b, b'[', ..] if self.pending.len() < 16 => return None,
            [0x1b, ..] => None,
            [..0x20] => None,
            bytes => match std::str::from_utf8(bytes) {
                Ok(text) => text.chars().next().map(Key::Char),
                Err(error) if error.error_len().is_none() => return None,
                Err(_) => None,
            },
        };
        self.pending.clear();
        key.filter(|key| !matches!(key, Key::Char(c) if c.is_control()))
    }

    /// True if a lone Escape has been pressed, unless more comes at once.
    #[must_use]
    pub(crate) fn is_escape(&self) -> bool {
        self.pending == [0x1b]
    }
}

/// The key of a control sequence.
fn sequence(params: &[u8], last: u8) -> Option<Key> {
    Some(match (last, params) {
        (b'A', _) => Key::Move(-1),
        (b'B', _) => Key::Move(1),
        (b'H', _) | (b'~', b"1" | b"7") => Key::First,
        (b'F', _) | (b'~', b"4" | b"8") => Key::Last,
        (b'~', b"5") => Key::Page(-1),
        (b'~', b"6") => Key::Page(1),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { rows: 6, cols: 30 };

    fn choice() -> Choice {
        let names = ["web-1", "web-2", "数据库", "db-10"];
        let rows = names.iter().enumerate();
        let rows = rows.map(|(n, name)| vec![(*name).to_owned(), format!("10.0.0.{}", n + 20)]);
        Choice::new("Which?".into(), rows.collect())
    }

    fn keys(bytes: &str) -> Vec<Key> {
        let mut keys = KeyReader::default();
        bytes.bytes().filter_map(|byte| keys.feed(byte)).collect()
    }

    fn typed(choice: &mut Choice, bytes: &str) -> KeyResult {
        let presses = keys(bytes).into_iter();
        let answers = presses.map(|key| choice.press(key, SIZE));
        answers.last().unwrap_or(KeyResult::Open)
    }

    #[test]
    fn typing_filters_and_a_number_chooses_its_row() {
        for (bytes, answer) in [
            ("\r", KeyResult::Chosen(0)),
            ("\x1b[B\x1bOB\r", KeyResult::Chosen(2)),
            ("\x1b[B\x1b[A\x1b[A\r", KeyResult::Chosen(0)),
            ("\x1b[F\r", KeyResult::Chosen(3)),
            ("\x1b[4~\x1b[H\r", KeyResult::Chosen(0)),
            ("\x1b[6~\r", KeyResult::Chosen(3)),
            ("库\r", KeyResult::Chosen(2)),
            ("WEB -2\r", KeyResult::Chosen(1)),
            ("3\r", KeyResult::Chosen(2)),
            ("db-1\r", KeyResult::Chosen(3)),
            ("10.0.0.22\r", KeyResult::Chosen(2)),
            ("none\r", KeyResult::Open),
            ("none\x7f\x7f\x7f\x7f\r", KeyResult::Chosen(0)),
            ("none\x15\x0e\r", KeyResult::Chosen(1)),
            ("\x1b[2;5X\x1b[99999999999999999999\r", KeyResult::Open),
            ("web\x03", KeyResult::Cancelled),
        ] {
            assert_eq!(typed(&mut choice(), bytes), answer, "{bytes:?}");
        }
        let mut lone = KeyReader::default();
        assert_eq!(lone.feed(0x1b), None);
        assert!(lone.is_escape());
        assert_eq!(lone.feed(b'['), None);
        assert!(!lone.is_escape());
    }

    #[test]
    fn the_screen_fits_whatever_its_size() {
        let mut choice = choice();
        typed(&mut choice, "\x1b[B\x1b[B");
        let plain = |text: String| text.replace("\x1b[H\x1b[J", "").replace('\r', "");
        insta::assert_snapshot!(plain(choice.screen(SIZE)).replace("\x1b[7m", "[").replace("\x1b[m", "]"), @r"
        Which? (4 of 4)
        1  web-1   10.0.0.20
        2  web-2   10.0.0.21
        [3  数据库  10.0.0.22]
        4  db-10   10.0.0.23
        >
        ");
        typed(&mut choice, "数据");
        for rows in 1..8 {
            for cols in 1..40 {
                let text = plain(choice.screen(Size { rows, cols }));
                assert_eq!(text.split('\n').count(), usize::from(rows), "{rows}x{cols}");
                let bare = text.replace("\x1b[7m", "").replace("\x1b[m", "");
                let widest = bare.lines().map(|line| line.width()).max().unwrap_or(0);
                assert!(widest <= usize::from(cols), "{rows}x{cols}: {bare}");
            }
        }
    }

    #[test]
    fn any_bytes_are_keys_or_nothing() {
        proptest::proptest!(|(bytes: Vec<u8>)| {
            let (mut keys, mut choice) = (KeyReader::default(), choice());
            for byte in bytes {
                if let Some(key) = keys.feed(byte) {
                    choice.press(key, SIZE);
                }
                assert!(keys.pending.len() < 17);
            }
            let _ = choice.screen(SIZE);
        });
    }
}
