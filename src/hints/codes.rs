//! The notation of error codes in the tables of hints.

/// True if `list`, codes separated by spaces, contains `code`; `Name.*` matches every code that begins so.
pub(super) fn lists(list: &str, code: &str) -> bool {
    list.split(' ')
        .any(|listed| match listed.strip_suffix('*') {
            Some(beginning) => code.starts_with(beginning),
            None => code == listed,
        })
}
