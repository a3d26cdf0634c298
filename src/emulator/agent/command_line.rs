//! Splits a CommandLine into words as the real agent does. Nothing is expanded.
//!
//! The real agent uses the Go package `google/shlex`. It differs from a POSIX shell in one point:
//! between double quotes a backslash makes every character literal.

/// The reason why a CommandLine can't be split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum CommandLineError {
    /// A quote is not closed.
    #[error("a quote is not closed")]
    OpenQuote,
    /// The line ends in a backslash.
    #[error("nothing follows the last backslash")]
    TrailingBackslash,
}

/// The words of `line`: white space separates, single quotes are literal, double quotes allow
/// backslash escapes, and a `#` at the start of a word begins a comment up to the end of the line.
///
/// # Errors
/// [`CommandLineError`] when a quote or an escape is not finished.
pub(super) fn split(line: &str) -> Result<Vec<String>, CommandLineError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            '#' if word.is_none() => {
                chars.by_ref().find(|c| *c == '\n');
            }
            '\'' => quoted(&mut chars, word.get_or_insert_default(), '\'')?,
            '"' => quoted(&mut chars, word.get_or_insert_default(), '"')?,
            '\\' => word
                .get_or_insert_default()
                .push(chars.next().ok_or(CommandLineError::TrailingBackslash)?),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

/// Moves the characters up to the closing `quote` into `word`; only `"` allows escapes.
fn quoted(
    chars: &mut std::str::Chars,
    word: &mut String,
    quote: char,
) -> Result<(), CommandLineError> {
    loop {
        match chars.next().ok_or(CommandLineError::OpenQuote)? {
            c if c == quote => return Ok(()),
            '\\' if quote == '"' => word.push(chars.next().ok_or(CommandLineError::OpenQuote)?),
            c => word.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_fall_into_words() {
        for (line, words) in [
            ("", &[][..]),
            ("  a\tb\r\nc ", &["a", "b", "c"]),
            (
                r#"sh -c 'echo "$HOME" \n'"#,
                &["sh", "-c", r#"echo "$HOME" \n"#],
            ),
            (r#"a" b\"c\n"d"#, &[r#"a b"cnd"#]),
            (r"a\ b \# \\", &["a b", "#", "\\"]),
            ("'' \"\" x", &["", "", "x"]),
            ("a # b\nc d#e", &["a", "c", "d#e"]),
            ("# only a comment", &[]),
            ("$HOME ~ *", &["$HOME", "~", "*"]),
        ] {
            assert_eq!(split(line).unwrap(), words, "{line:?}");
        }
    }

    #[test]
    fn unfinished_lines_are_refused() {
        for (line, error) in [
            ("a 'b", CommandLineError::OpenQuote),
            ("a \"b", CommandLineError::OpenQuote),
            ("a \"b\\", CommandLineError::OpenQuote),
            ("a\\", CommandLineError::TrailingBackslash),
        ] {
            assert_eq!(split(line), Err(error), "{line:?}");
        }
    }

    proptest! {
        #[test]
        fn single_quoted_words_come_back(words in proptest::collection::vec("[^']{0,9}", 0..6)) {
            let line: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
            prop_assert_eq!(split(&line.join(" ")).unwrap(), words);
        }
    }
}
