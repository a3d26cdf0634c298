//! Logins that `aliyun configure` stores in a profile, and that change as they are used.

pub(super) mod cloud_sso;
mod edit;
mod file;
mod journal;
pub(super) mod oauth;
mod stored;
mod tokens;

#[cfg(test)]
mod tests;
