//! What the user configured: settings and where each came from, profiles, credentials.

pub mod credentials;
pub mod env;
pub(crate) mod key_pair;
pub mod profile;
pub mod provider;
pub mod settings;
