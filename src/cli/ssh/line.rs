//! One line of ssh_config(5), or one `-o`: its keyword and arguments.

/// A line that says something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ConfigLine {
    /// The keyword as it was written.
    pub keyword: String,
    /// The arguments, without quotes and comment.
    pub args: Vec<String>,
    /// The text after the keyword, as it was written.
    pub rest: String,
}

/// Cuts a line; `None` for an empty one and for a comment.
///
/// # Errors
/// The message for a quote that is not closed.
pub(super) fn cut(text: &str) -> Result<Option<ConfigLine>, String> {
    let text = text.trim_matches(is_space);
    if text.is_empty() || text.starts_with('#') {
        return Ok(None);
    }
    let end = text.find(|c| is_space(c) || c == '=' || c == '"');
    let (keyword, rest) = text.split_at(end.unwrap_or(text.len()));
    let rest = rest.trim_start_matches(is_space);
    let rest = rest.strip_prefix('=').unwrap_or(rest);
    let rest = rest.trim_start_matches(is_space);
    Ok(Some(ConfigLine {
        keyword: keyword.to_owned(),
        args: words(rest).ok_or(tr!("a quote is not closed"))?,
        rest: rest.to_owned(),
    }))
}

/// Splits at spaces outside of quotes, up to a word that begins with `#`. A backslash takes its
/// meaning from quotes, another backslash and, outside of quotes, a space; before anything else it
/// stands for itself, which is why this is not the shell's way.
fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut chars = text.chars().peekable();
    loop {
        while chars.next_if(|c| is_space(*c)).is_some() {}
        match chars.peek() {
            None | Some('#') => return Some(words),
            Some(_) => {}
        }
        let mut word = String::new();
        let mut quote = None;
        while let Some(c) = chars.next_if(|c| quote.is_some() || !is_space(*c)) {
            match c {
                '\\' => {
                    let special = |next: &char| {
                        matches!(next, '\'' | '"' | '\\') || (quote.is_none() && *next == ' ')
                    };
                    word.push(chars.next_if(special).unwrap_or(c));
                }
                '"' | '\'' if quote.is_none() => quote = Some(c),
                c if quote == Some(c) => quote = None,
                c => word.push(c),
            }
        }
        if quote.is_some() {
            return None;
        }
        words.push(word);
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n' | '\x0c')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_as_ssh_cuts_them() {
        for (text, keyword, args) in [
            ("User=bob", "User", vec!["bob"]),
            ("User bob", "User", vec!["bob"]),
            ("  User = bob  ", "User", vec!["bob"]),
            ("User==bob", "User", vec!["=bob"]),
            ("User=\"bob b\"", "User", vec!["bob b"]),
            ("User\"bob\"", "User", vec!["bob"]),
            (r"User a\ b\c", "User", vec!["a b\\c"]),
            ("SendEnv A B # C", "SendEnv", vec!["A", "B"]),
            ("SendEnv A#B", "SendEnv", vec!["A#B"]),
            ("SetEnv A='x \"y' B=", "SetEnv", vec!["A=x \"y", "B="]),
            ("User ''", "User", vec![""]),
            ("User", "User", vec![]),
        ] {
            let line = cut(text).unwrap().unwrap();
            let expected: Vec<String> = args.into_iter().map(str::to_owned).collect();
            assert_eq!((line.keyword.as_str(), line.args), (keyword, expected));
        }
        assert_eq!(cut(" \t\r\n"), Ok(None));
        assert_eq!(cut("# User bob"), Ok(None));
        assert!(cut("User \"bob").is_err());
        let line = cut("RemoteCommand  echo 'a  b' # c").unwrap().unwrap();
        assert_eq!(line.rest, "echo 'a  b' # c");
    }
}
