//! The name of a recording's file, with signs in it for what is known when its session begins.

use jiff::Timestamp;
use std::path::PathBuf;
use std::str::FromStr;

/// The name of a file, in which `%h`, `%s` and `%t` stand for a session's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern(Vec<PatternPart>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum PatternPart {
    Text(String),
    Target,
    Session,
    Time,
}

/// The texts that the signs stand for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Names<'a> {
    /// The target, as it was named.
    pub(crate) target: &'a str,
    /// The session's id.
    pub(crate) session: &'a str,
    /// The time when it began.
    pub(crate) time: Timestamp,
}

impl Pattern {
    /// True if the session's id is in the name.
    #[must_use]
    pub(crate) fn has_session(&self) -> bool {
        self.0.contains(&PatternPart::Session)
    }

    /// True if each session has a file of its own.
    #[must_use]
    pub(crate) fn tells_apart(&self) -> bool {
        self.has_session() || self.0.contains(&PatternPart::Time)
    }

    /// The file of a session.
    #[must_use]
    pub(crate) fn path(&self, names: Names<'_>) -> PathBuf {
        let parts = self.0.iter().map(|part| match part {
            PatternPart::Text(text) => text.clone(),
            PatternPart::Target => safe(names.target),
            PatternPart::Session => safe(names.session),
            PatternPart::Time => names.time.strftime("%Y%m%dT%H%M%S%.3fZ").to_string(),
        });
        parts.collect::<String>().into()
    }
}

impl FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() || text == "-" {
            return Err(
                tr!("a recording goes to a file, not to standard output: give a name").into(),
            );
        }
        let (mut parts, mut plain) = (Vec::new(), String::new());
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            let part = match (c, (c == '%').then(|| chars.next()).flatten()) {
                ('%', Some('h')) => PatternPart::Target,
                ('%', Some('s')) => PatternPart::Session,
                ('%', Some('t')) => PatternPart::Time,
                ('%', None) => return Err(signs(tr!("a % at the end"))),
                ('%', Some(other)) if other != '%' => return Err(signs(&format!("%{other}"))),
                _ => {
                    plain.push(c);
                    continue;
                }
            };
            if !plain.is_empty() {
                parts.push(PatternPart::Text(std::mem::take(&mut plain)));
            }
            parts.push(part);
        }
        if !plain.is_empty() {
            parts.push(PatternPart::Text(plain));
        }
        Ok(Self(parts))
    }
}

fn signs(found: &str) -> String {
    tr!(
        "unknown placeholder {found}; known: %h (target), %s (session), %t (time) and %% (a percent sign)",
        found
    )
}

/// The text as a part of a file's name, which leads to no other folder.
fn safe(text: &str) -> String {
    let safe = |(at, c): (usize, char)| match c {
        '.' if at > 0 => c,
        '_' | '=' | '-' | '+' | '@' => c,
        c if c.is_alphanumeric() => c,
        _ => '_',
    };
    let name: String = text.char_indices().map(safe).collect();
    if name.is_empty() { "_".into() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(pattern: &str, target: &str) -> String {
        let names = Names {
            target,
            session: "s-1",
            time: "2024-01-19T09:15:46.0079Z".parse().unwrap(),
        };
        let pattern: Pattern = pattern.parse().unwrap();
        pattern.path(names).to_str().unwrap().to_owned()
    }

    #[test]
    fn signs_become_what_they_stand_for() {
        for (pattern, target, expected) in [
            ("a.cast", "i-1", "a.cast"),
            (
                "/var/log/%h-%s.cast",
                "i-1.cn-beijing",
                "/var/log/i-1.cn-beijing-s-1.cast",
            ),
            ("%t", "i-1", "20240119T091546.007Z"),
            ("100%%%h%%s", "你好", "100%你好%s"),
            ("x/%h", "tag:role=a/b c", "x/tag_role=a_b_c"),
            ("x/%h/y", "..", "x/_./y"),
            ("x/%h", "\u{1b}\\\0", "x/___"),
        ] {
            assert_eq!(path(pattern, target), expected, "{pattern}");
        }
    }

    #[test]
    fn what_is_no_name_of_a_file_is_refused() {
        for text in ["", "-", "%", "a%x", "%H", "50%"] {
            let refused = text.parse::<Pattern>();
            assert!(refused.is_err(), "{text}: {refused:?}");
        }
    }

    #[test]
    fn a_session_or_a_time_tells_files_apart() {
        let read = |text: &str| text.parse::<Pattern>().unwrap();
        for (text, apart, session) in [
            ("a", false, false),
            ("%h%%s", false, false),
            ("%t", true, false),
            ("%h-%s", true, true),
        ] {
            let pattern = read(text);
            assert_eq!(
                (pattern.tells_apart(), pattern.has_session()),
                (apart, session)
            );
        }
    }
}
