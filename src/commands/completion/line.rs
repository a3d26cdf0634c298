//! The command line as bash hands it over: its words, and how a completed word is put back.

use std::mem::take;

/// The line up to the cursor.
#[derive(Debug, Default)]
pub(super) struct BashLine {
    /// Its words, without quotes. The last one, which may be empty, is to be completed.
    pub(super) words: Vec<String>,
    /// The bytes of the last word that stay as they are: bash replaces what follows.
    kept: usize,
    /// The quote that is open at the end.
    quote: Option<char>,
}

impl BashLine {
    /// Reads the line. `breaks` are the characters that part words for completion, bash's COMP_WORDBREAKS.
    pub(super) fn read(text: &str, breaks: &str) -> Self {
        let mut line = Self::default();
        // A word that is empty, but has begun, is one in quotes.
        let (mut word, mut has_begun, mut kept_before_quote) = (String::new(), false, 0);
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            has_begun = match (line.quote, c) {
                (None, ' ' | '\t' | '\n') => {
                    line.words.extend(has_begun.then(|| take(&mut word)));
                    line.kept = 0;
                    false
                }
                (None, ';' | '|' | '&' | '(') => {
                    // Another command begins.
                    word.clear();
                    line = Self::default();
                    false
                }
                _ => true,
            };
            match (line.quote, c) {
                _ if !has_begun => {}
                (Some(quote), _) if c == quote => {
                    line.quote = None;
                    line.kept = kept_before_quote;
                }
                (Some('"'), '\\') => match chars.next() {
                    Some(next @ ('"' | '\\' | '$' | '`')) => word.push(next),
                    next => word.extend(next.into_iter().flat_map(|next| ['\\', next])),
                },
                (Some(_), _) => word.push(c),
                (None, '\\') => word.extend(chars.next()),
                (None, '\'' | '"') => {
                    line.quote = Some(c);
                    kept_before_quote = line.kept;
                    line.kept = word.len();
                }
                (None, _) => {
                    let before = word.len();
                    word.push(c);
                    if breaks.contains(c) {
                        // This one parts words, but belongs to the second: hosts are completed behind it.
                        line.kept = if c == '@' { before } else { word.len() };
                    }
                }
            }
        }
        line.words.push(word);
        // Variables may be set for the command.
        let program = line.words.iter().position(|word| !word.contains('='));
        line.words.drain(..program.unwrap_or(0));
        line
    }

    /// The text that bash puts in place of the part that it replaces, to make `value` the last word.
    pub(super) fn replacement(&self, value: &str) -> Option<String> {
        let kept = self.words.last()?.get(..self.kept)?;
        let mut quoted = String::new();
        for c in value.strip_prefix(kept)?.chars() {
            match (self.quote, c) {
                (Some('\''), '\'') => quoted.push_str("'\\'"),
                (Some('"'), '"' | '\\' | '$' | '`') => quoted.push('\\'),
                (None, c) if c.is_ascii() && !is_plain(c) => quoted.push('\\'),
                _ => {}
            }
            quoted.push(c);
        }
        Some(quoted)
    }
}

/// True if a shell takes the character for itself.
fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_-./,:=@%+".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The default of bash.
    const BREAKS: &str = " \t\n\"'@><=;|&(:";

    proptest! {
        #[test]
        fn what_is_put_back_reads_as_the_value(
            line in "axt ([a-z]{1,3}|[\"'].{0,4}|.{0,6})", more in "[ -~]{0,6}",
        ) {
            let read = BashLine::read(&line, BREAKS);
            let word = read.words.last().unwrap();
            let value = format!("{word}{more}");
            let put = read.replacement(&value).unwrap();
            // Bash closes the quote itself.
            let quote = read.quote.map(String::from).unwrap_or_default();
            let start = (0..=line.len()).rev().filter(|at| line.is_char_boundary(*at));
            let lines = start.map(|at| format!("{}{put}{quote}", &line[..at]));
            let mut words = lines.map(|line| BashLine::read(&line, BREAKS).words);
            prop_assert!(words.any(|words| words.last() == Some(&value)));
        }
    }

    #[test]
    fn words_are_cut_as_bash_cuts_them() {
        for (text, words) in [
            ("axt connect web", &["axt", "connect", "web"][..]),
            ("axt  connect ", &["axt", "connect", ""]),
            ("axt connect 数据\\ 库", &["axt", "connect", "数据 库"]),
            ("axt '' \"a\\\"b\\c\" 'd\\", &["axt", "", "a\"b\\c", "d\\"]),
            ("axt root@w tag:a=b", &["axt", "root@w", "tag:a=b"]),
            ("ls | axt proxy a", &["axt", "proxy", "a"]),
            ("A=1 B=2 axt c", &["axt", "c"]),
            ("axt connect web\\", &["axt", "connect", "web"]),
            ("axt \"web", &["axt", "web"]),
            ("axt \"web\\", &["axt", "web"]),
            ("", &[""]),
        ] {
            assert_eq!(BashLine::read(text, BREAKS).words, words, "{text}");
        }
    }

    #[test]
    fn what_is_put_back_is_quoted_as_what_was_typed() {
        for (text, value, put) in [
            ("axt connect w", "web-1", Some("web-1")),
            ("axt connect 数", "数据 库", Some("数据\\ 库")),
            ("axt connect 数据\\ ", "数据 库", Some("数据\\ 库")),
            ("axt connect \"数据 ", "数据 库", Some("数据 库")),
            ("axt connect \"", "a\"$b 'c", Some("a\\\"\\$b 'c")),
            ("axt connect '", "it's $1", Some("it'\\''s $1")),
            ("axt connect 'a'\\''", "a'b c", Some("b c")),
            ("axt connect \"web\"", "web 1", Some("web\\ 1")),
            ("axt connect root@w", "root@web", Some("@web")),
            ("axt connect tag:a=", "tag:a=b c", Some("b\\ c")),
            ("axt connect \"tag:a=", "tag:a=b c", Some("tag:a=b c")),
            (
                "axt connect --region=cn-",
                "--region=cn-qingdao",
                Some("cn-qingdao"),
            ),
            (
                "axt connect --x=\"cn-",
                "--x=cn-qingdao",
                Some("cn-qingdao"),
            ),
            ("axt connect root@", "bob@web", None),
            ("axt connect a:b@", "a:b@web", Some("@web")),
            ("axt connect ", "web*;$(x)", Some("web\\*\\;\\$\\(x\\)")),
        ] {
            let put = put.map(str::to_owned);
            assert_eq!(
                BashLine::read(text, BREAKS).replacement(value),
                put,
                "{text}"
            );
        }
        let line = BashLine::read("axt connect root@w", " =");
        assert_eq!(line.replacement("root@web").as_deref(), Some("root@web"));
    }
}
