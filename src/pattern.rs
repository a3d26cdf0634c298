//! Patterns as in ssh_config(5): `*`, `?`, lists, and `!` before what must not match.

/// True if the whole text matches, `*` being any characters and `?` any one.
pub(crate) fn matches(text: &str, pattern: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let pattern: Vec<char> = pattern.chars().collect();
    let (mut at, mut next) = (0, 0);
    // Where the last star is, and where in the text what follows it was tried.
    let mut star: Option<(usize, usize)> = None;
    while let Some(c) = text.get(at) {
        match pattern.get(next) {
            Some('*') => {
                star = Some((next, at));
                next += 1;
            }
            Some(p) if *p == '?' || p == c => {
                at += 1;
                next += 1;
            }
            _ => {
                let Some((star_at, tried)) = star else {
                    return false;
                };
                star = Some((star_at, tried + 1));
                at = tried + 1;
                next = star_at + 1;
            }
        }
    }
    pattern.iter().skip(next).all(|p| *p == '*')
}

/// True if some pattern matches and none of those with `!`.
pub(crate) fn list_matches<'a>(text: &str, patterns: impl IntoIterator<Item = &'a str>) -> bool {
    let mut found = false;
    for pattern in patterns {
        match pattern.strip_prefix('!') {
            Some(negated) if matches(text, negated) => return false,
            Some(_) => {}
            None => found |= matches(text, pattern),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks() {
        for (text, pattern, expected) in [
            ("", "", true),
            ("", "*", true),
            ("", "?", false),
            ("web-1", "web-?", true),
            ("web-12", "web-?", false),
            ("i-x.cn-beijing", "i-*.cn-*", true),
            ("i-x.cn-beijing", "i-*.cn", false),
            ("aab", "*ab", true),
            ("网页", "??", true),
            ("abc", "a*b*c*", true),
            ("abc", "abcd", false),
        ] {
            assert_eq!(matches(text, pattern), expected, "{text} {pattern}");
        }
    }

    #[test]
    fn a_negated_match_beats_the_others() {
        assert!(list_matches("web-1", ["db-*", "web-*"]));
        assert!(!list_matches("web-1", ["*", "!web-1"]));
        assert!(!list_matches("web-1", ["!db-*"]));
    }
}
