//! Values, each with where it came from: a flag, a variable, a profile.

use super::env::{Env, first_set, set, spellings};
use std::fmt;
use std::path::PathBuf;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// A flag, such as `--region`.
    Flag(&'static str),
    /// An environment variable.
    Env(String),
    /// A profile of the configuration file.
    Profile(String),
    /// Nothing was said.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => f.write_str(name),
            Self::Env(name) => f.write_str(name),
            Self::Profile(name) => write!(f, "profile {name}"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A value and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sourced<T> {
    /// The value.
    pub(crate) value: T,
    /// Where it came from.
    pub(crate) source: Source,
}

/// A flag's value; the command line's parser doesn't say whether it found it in `AXT_*`, so the
/// variable is looked at again.
pub(super) fn flag<T: AsText>(
    env: Env<'_>,
    name: &'static str,
    variable: &str,
    value: Option<&T>,
) -> Option<Sourced<T>> {
    let value = value.cloned()?;
    let from_env = set(env, variable).is_some_and(|text| value.is_written(&text));
    let source = if from_env {
        Source::Env(variable.to_owned())
    } else {
        Source::Flag(name)
    };
    Some(Sourced { value, source })
}

/// A value that can be compared with how it would be written.
pub(super) trait AsText: Clone {
    fn is_written(&self, text: &str) -> bool;
}

impl AsText for String {
    fn is_written(&self, text: &str) -> bool {
        self == text
    }
}

impl AsText for PathBuf {
    fn is_written(&self, text: &str) -> bool {
        self.as_os_str() == text
    }
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
