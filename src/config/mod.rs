//! The user's configuration: axt's own file, settings and where each came from, profiles, credential
//! sources.

pub(crate) mod blocks;
pub mod credentials;
pub(crate) mod env;
mod files;
mod ini;
pub(crate) mod profile;
pub mod settings;
pub(crate) mod source;
mod sourced;
