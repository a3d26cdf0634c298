//! Values with their sources: a flag, a variable, a file, a profile.

use super::env::{Env, first_set, spellings};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;

/// The source of a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Source {
    /// A flag, such as `--region`.
    Flag(#[serde(skip)] &'static str),
    /// An environment variable.
    Env(String),
    /// A line of axt's own configuration file.
    File(PathBuf, usize),
    /// A profile of the credentials' file.
    Profile(String),
    /// No source set the value.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => f.write_str(name),
            Self::Env(name) => f.write_str(name),
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Profile(name) => write!(f, "profile {name}"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A value with its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sourced<T> {
    /// The value.
    pub(crate) value: T,
    /// Its source.
    pub(crate) source: Source,
}

/// The first of the spellings of `ALIBABA_CLOUD_<suffix>` that is set.
pub(super) fn variable(env: Env<'_>, suffix: &str) -> Option<Sourced<String>> {
    first(env, spellings(suffix))
}

/// The first of the variables that is set.
pub(super) fn first(
    env: Env<'_>,
    names: impl IntoIterator<Item = String>,
) -> Option<Sourced<String>> {
    let (name, value) = first_set(env, names)?;
    Some(Sourced {
        value,
        source: Source::Env(name),
    })
}
