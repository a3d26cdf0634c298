//! Makes text from others safe to print in a message: no control characters, nothing hidden, no change of
//! direction, no new lines.

/// The most characters of somebody else's text in one message.
const LONGEST: usize = 500;

/// One line of at most [`LONGEST`] characters: white space becomes single spaces, and the rest is
/// [`escaped`].
#[must_use]
pub(crate) fn line(text: &str) -> String {
    // What is cut off anyway need not be looked at.
    let beginning: String = text.chars().take(4 * LONGEST).collect();
    let words: Vec<&str> = beginning.split_whitespace().collect();
    let line = escaped(&words.join(" "));
    match line.char_indices().nth(LONGEST) {
        Some((at, _)) => line[..at].to_owned() + "…",
        None => line,
    }
}

/// The text with every character that is not seen as itself written out, as `\u{1b}`.
#[must_use]
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if is_invisible(c) {
            escaped.extend(c.escape_default());
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// Control characters, line ends of every kind, and what Unicode calls format characters: those of
/// no width and those that turn the direction of writing.
#[must_use]
pub(crate) fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
            | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen_as_itself_is_written_out() {
        for (text, expected) in [
            ("a\x1b[2Jb\u{9b}c", r"a\u{1b}[2Jb\u{9b}c"),
            ("exe.\u{202e}txt", r"exe.\u{202e}txt"),
            ("pay\u{200b}pal\u{feff}", r"pay\u{200b}pal\u{feff}"),
            ("a\u{2028}b\tc\rd", r"a\u{2028}b\tc\rd"),
            ("é 你好 ไม้ \\ \"x\"", "é 你好 ไม้ \\ \"x\""),
        ] {
            assert_eq!(escaped(text), expected);
        }
    }

    #[test]
    fn a_line_is_one_and_bounded() {
        assert_eq!(
            line("gone\r\naxt: hint:\u{2028}run \x1b[31mthis"),
            r"gone axt: hint: run \u{1b}[31mthis"
        );
        for long in ["x".repeat(1 << 20), "\x07".repeat(1 << 20)] {
            assert_eq!(line(&long).chars().count(), LONGEST + 1);
        }
        assert_eq!(line(&"你".repeat(LONGEST)), "你".repeat(LONGEST));
    }
}
