//! Lookups of environment variables, with the spellings that Alibaba Cloud's tools have used.

use std::path::PathBuf;

/// Looks an environment variable up; a parameter, so that tests need no process environment.
pub(crate) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Alibaba Cloud's prefixes of environment variables, the one in use today first.
pub(super) const PREFIXES: [&str; 3] = ["ALIBABA_CLOUD_", "ALIBABACLOUD_", "ALICLOUD_"];

/// The variable of the process; one that is empty or not Unicode counts as unset.
#[must_use]
pub(crate) fn process_env(name: &str) -> Option<String> {
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

/// The spellings of one variable, such as `ALIBABA_CLOUD_REGION_ID` and the older ones.
pub(super) fn spellings(suffix: &str) -> impl Iterator<Item = String> + '_ {
    PREFIXES
        .iter()
        .map(move |prefix| format!("{prefix}{suffix}"))
}

/// The value of `ALIBABA_CLOUD_<suffix>`, or of the spelling with `ALIBABACLOUD_`: roles and OIDC
/// have no third one.
pub(super) fn either(env: Env<'_>, suffix: &str) -> Option<String> {
    first_set(env, spellings(suffix).take(2)).map(|(_, value)| value)
}

/// True if the variable says yes: `1` or `true`, in any case.
pub(super) fn is_on(env: Env<'_>, name: &str) -> bool {
    set(env, name).is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true"))
}

/// The variables that make up the home directory, in one or in parts; the first place that has all counts.
type HomeVariables = &'static [&'static [&'static str]];

const ON_UNIX: HomeVariables = &[&["HOME"]];
const ON_WINDOWS: HomeVariables = &[&["USERPROFILE"], &["HOMEDRIVE", "HOMEPATH"]];
/// aliyun-cli's own order: an administrator may have set the second pair, to a drive of the network for example.
const OF_ALIYUN_ON_WINDOWS: HomeVariables = &[&["HOMEDRIVE", "HOMEPATH"], &["USERPROFILE"]];

/// The user's home directory.
pub(super) fn home(env: Env<'_>) -> Option<PathBuf> {
    directory(env, if cfg!(windows) { ON_WINDOWS } else { ON_UNIX })
}

/// The home directory in which aliyun-cli has its files.
pub(super) fn home_of_aliyun(env: Env<'_>) -> Option<PathBuf> {
    let variables = match cfg!(windows) {
        true => OF_ALIYUN_ON_WINDOWS,
        false => ON_UNIX,
    };
    directory(env, variables)
}

fn directory(env: Env<'_>, variables: HomeVariables) -> Option<PathBuf> {
    variables.iter().find_map(|parts| {
        let parts = parts.iter().map(|name| set(env, name));
        parts.collect::<Option<String>>().map(PathBuf::from)
    })
}

/// The directory for what axt remembers between runs: `$XDG_STATE_HOME/axt`, by default
/// `~/.local/state/axt`; on Windows `%LOCALAPPDATA%\axt`.
pub(crate) fn state_dir(env: Env<'_>) -> Option<PathBuf> {
    let variable = if cfg!(windows) {
        "LOCALAPPDATA"
    } else {
        "XDG_STATE_HOME"
    };
    own_dir(env, variable, &[".local", "state"])
}

/// The directory of axt's own configuration file: `$AXT_CONFIG_DIR`, else `axt` in `XDG_CONFIG_HOME` or
/// `~/.config`; on Windows in `%APPDATA%`.
pub(super) fn config_dir(env: Env<'_>) -> Option<PathBuf> {
    if let Some(given) = set(env, "AXT_CONFIG_DIR") {
        return Some(given.into());
    }
    let variable = if cfg!(windows) {
        "APPDATA"
    } else {
        "XDG_CONFIG_HOME"
    };
    own_dir(env, variable, &[".config"])
}

/// The cache directory, whose files can be lost: `axt` in `XDG_CACHE_HOME`, or `~/.cache`.
pub(crate) fn cache_dir(env: Env<'_>) -> Option<PathBuf> {
    if cfg!(windows) {
        return state_dir(env);
    }
    own_dir(env, "XDG_CACHE_HOME", &[".cache"])
}

/// The directory `axt` in the one that the variable names, by default in this one below the user's home.
fn own_dir(env: Env<'_>, variable: &str, default: &[&str]) -> Option<PathBuf> {
    // The XDG rules say that a relative path is to be ignored.
    let given = set(env, variable).map(PathBuf::from);
    let base = given.filter(|path| path.is_absolute());
    let base = base.or_else(|| Some(home(env)?.join(default.iter().collect::<PathBuf>())))?;
    Some(base.join("axt"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_directory_is_found_by_its_variables() {
        let all = [
            ("HOME", "/h"),
            ("USERPROFILE", r"C:\Users\a"),
            ("HOMEDRIVE", "H:"),
            ("HOMEPATH", r"\a"),
        ];
        for (variables, without, expected) in [
            (ON_UNIX, "USERPROFILE", Some("/h")),
            (ON_UNIX, "HOME", None),
            (ON_WINDOWS, "HOME", Some(r"C:\Users\a")),
            (ON_WINDOWS, "USERPROFILE", Some(r"H:\a")),
            (OF_ALIYUN_ON_WINDOWS, "HOME", Some(r"H:\a")),
            (OF_ALIYUN_ON_WINDOWS, "HOMEPATH", Some(r"C:\Users\a")),
        ] {
            let env = |name: &str| {
                let mut set = all.iter().filter(|(known, _)| *known != without);
                let found = set.find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            let found = directory(&env, variables);
            assert_eq!(found, expected.map(PathBuf::from), "without {without}");
        }
    }

    #[test]
    fn the_configuration_is_where_the_system_keeps_such_files() {
        let at = |variables: &[(&str, &str)]| {
            let env = |name: &str| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            config_dir(&env)
        };
        let (home, variable, root) = if cfg!(windows) {
            ("USERPROFILE", "APPDATA", r"C:\set")
        } else {
            ("HOME", "XDG_CONFIG_HOME", "/set")
        };
        let base = std::path::Path::new(root);
        let own = Some(base.join(".config").join("axt"));
        assert_eq!(at(&[(home, root)]), own);
        assert_eq!(at(&[(home, root), (variable, "relative")]), own);
        assert_eq!(
            at(&[(home, "/h"), (variable, root)]),
            Some(base.join("axt"))
        );
        let all = [(home, "/h"), (variable, root), ("AXT_CONFIG_DIR", "given")];
        assert_eq!(at(&all), Some("given".into()));
        assert_eq!(at(&[]), None);
    }
}
