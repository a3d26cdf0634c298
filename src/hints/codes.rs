//! How the tables of hints name codes.

/// Whether `list`, codes separated by spaces, has this one; `Name.*` stands for all that begin so.
pub(super) fn lists(list: &str, code: &str) -> bool {
    list.split(' ')
        .any(|listed| match listed.strip_suffix('*') {
            Some(beginning) => code.starts_with(beginning),
            None => code == listed,
        })
}
