//! What axt remembers in the user's cache, to save time.

mod cache_file;
pub(crate) mod gateways;
pub(crate) mod plain_shells;
