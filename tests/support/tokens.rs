//! What tests read from the tokens of a source file.

use proc_macro2::{Delimiter, TokenTree};

pub(crate) fn is_punct(token: &TokenTree, c: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == c)
}

/// Whether the group at `at` is that of `#[cfg(test)]` or `#[cfg(all(test, …))]`.
pub(crate) fn is_test_attribute(tokens: &[TokenTree], at: usize) -> bool {
    let hash = at.checked_sub(1).and_then(|at| tokens.get(at));
    let text = tokens[at].to_string().replace(' ', "");
    hash.is_some_and(|token| is_punct(token, '#'))
        && (text.starts_with("[cfg(test)") || text.starts_with("[cfg(all(test,"))
}

/// Behind the item that begins at `at`: its semicolon, or the braces of its body.
pub(crate) fn end_of_item(tokens: &[TokenTree], at: usize) -> usize {
    let is_use = matches!(tokens.get(at), Some(TokenTree::Ident(word)) if word == "use");
    let ends = |token: &TokenTree| {
        let body =
            matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
        is_punct(token, ';') || (body && !is_use)
    };
    let rest = tokens.get(at..).unwrap_or_default();
    let len = rest.iter().position(ends).map_or(rest.len(), |len| len + 1);
    at + len
}
