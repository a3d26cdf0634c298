//! The scripts' own reasons for a failure: a script says a word, and perhaps a path, and the text is axt's.

use crate::language::Both;
use crate::printable::line;

/// Each word with its text.
const REASONS: [(&str, Both); 9] = [
    ("changed", both!("it has changed meanwhile")),
    ("directory", both!("it is a directory")),
    ("link", both!("it is a symbolic link")),
    ("lock", both!("it can't be locked")),
    ("lost", both!("another copy has taken over")),
    ("missing", both!("no such directory")),
    ("part", both!("it is no file of this user's own")),
    ("read", both!("it can't be read")),
    ("replaced", both!("something else has taken its place")),
];

/// The reason in what a script has written last: a line that begins with `@`, up to the end, as a path may have
/// newlines.
#[must_use]
pub(crate) fn reason(written: &str) -> Option<String> {
    let written = written.trim_end_matches('\n');
    let said = match written.rsplit_once("\n@") {
        Some((_, said)) => said,
        None => written.strip_prefix('@')?,
    };
    let (word, path) = said.split_once(' ').unwrap_or((said, ""));
    let (_, text) = REASONS.iter().find(|(known, _)| *known == word)?;
    let text = text.text();
    Some(match line(path) {
        path if path.is_empty() => text.into(),
        path => tr!("{what}: {why}", what = path, why = text),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::fs;

    #[test]
    fn a_reason_is_the_last_that_was_said() {
        for (written, expected) in [
            ("@missing /a b\n", Some("/a b: no such directory")),
            ("mkdir: no\n@lock /x\n", Some("/x: it can't be locked")),
            ("@missing /a\nb\n", Some("/a b: no such directory")),
            ("@link", Some("it is a symbolic link")),
            ("@other /a", None),
            ("mkdir: no", None),
            ("", None),
        ] {
            assert_eq!(reason(written).as_deref(), expected, "{written:?}");
        }
    }

    #[test]
    fn the_scripts_say_these_words_and_no_others() {
        let scripts = concat!(env!("CARGO_MANIFEST_DIR"), "/src/copy/scripts");
        let mut said = BTreeSet::new();
        for script in fs::read_dir(scripts).unwrap() {
            let text = fs::read_to_string(script.unwrap().path()).unwrap();
            let lines = text.lines().filter(|line| !line.starts_with('#'));
            let words: Vec<&str> = lines.flat_map(str::split_whitespace).collect();
            for pair in words.windows(2) {
                match *pair {
                    ["no", word] => drop(said.insert(word.to_owned())),
                    ["failed", word] => said.extend(word.strip_prefix('@').map(str::to_owned)),
                    _ => {}
                }
            }
        }
        let known = REASONS.map(|(word, _)| word.to_owned());
        assert_eq!(said, BTreeSet::from(known));
    }
}
