//! The source of the credentials, as files and environment describe it. Nothing is requested yet.

pub(super) mod environment;
mod find;
mod mode;
mod profile;
mod role;

pub(crate) use find::find;
pub(crate) use mode::{CredentialSource, InstanceRole, Mode, StoredLogin};
pub(crate) use role::{Role, Sts};

#[cfg(test)]
mod tests;
