//! Lookups of environment variables, with the spellings that Alibaba Cloud's tools have used.

/// Looks an environment variable up; a parameter, so that tests need no process environment.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Alibaba Cloud's prefixes of environment variables, the one in use today first.
pub(super) const PREFIXES: [&str; 3] = ["ALIBABA_CLOUD_", "ALIBABACLOUD_", "ALICLOUD_"];

/// The variable of the process; one that is empty or not Unicode counts as unset.
#[must_use]
pub fn process_env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The first of the variables that is set and not empty, with its name.
pub(super) fn first_set(
    env: Env<'_>,
    names: impl IntoIterator<Item = String>,
) -> Option<(String, String)> {
    names
        .into_iter()
        .find_map(|name| set(env, &name).map(|value| (name, value)))
}

/// The variable's value, if it is set and not empty.
pub(super) fn set(env: Env<'_>, name: &str) -> Option<String> {
    env(name).filter(|value| !value.is_empty())
}

/// The spellings of one variable, such as `ALIBABA_CLOUD_REGION_ID` and its elders.
pub(super) fn spellings(suffix: &str) -> impl Iterator<Item = String> + '_ {
    PREFIXES
        .iter()
        .map(move |prefix| format!("{prefix}{suffix}"))
}
