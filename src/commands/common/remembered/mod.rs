//! Files in the user's cache that save time.

mod cache_file;
pub(crate) mod gateways;
pub(crate) mod plain_shells;
