//! The files that profiles are looked for in, in order.

use super::env::{Env, first_set, home, home_of_aliyun, is_on, spellings};
use super::ini;
use super::profile::{NoProfile, Profile};
use super::sourced::{Source, Sourced};
use crate::error::{Error, Result};
use std::io;
use std::path::{Path, PathBuf};

/// Reads the named profile of a file, or its current one.
type Load = fn(&Path, Option<&str>) -> Result<Profile, NoProfile>;

/// A file that may have profiles.
pub(super) struct ProfileFile {
    /// Its path, with the source that named it.
    pub(super) path: Sourced<PathBuf>,
    load: Load,
}

impl ProfileFile {
    /// The file that `--config-file` names.
    pub(super) fn given(path: Sourced<PathBuf>) -> Self {
        let load = Profile::load;
        Self { path, load }
    }

    fn is_there(&self) -> bool {
        // Neither a file that can't be examined nor a link that leads nowhere is missing.
        let found = self.path.value.symlink_metadata();
        !found.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    }
}

/// The files of this user: aliyun-cli's, that of ali-instance-cli, those of the SDKs, and the oldest.
pub(super) fn files(env: Env<'_>) -> Vec<ProfileFile> {
    // aliyun-cli's switch against every file; that of the SDKs is against aliyun-cli's.
    if first_set(env, spellings("IGNORE_PROFILE")).is_some_and(|(_, value)| value == "TRUE") {
        return Vec::new();
    }
    let (home, home_of_aliyun) = (home(env), home_of_aliyun(env));
    let mut files = Vec::new();
    let mut add = |variables: &[&str], home: &Option<PathBuf>, defaults: &[&[&str]], load: Load| {
        let given = first_set(env, variables.iter().map(|name| (*name).to_owned()));
        if let Some((name, path)) = given {
            let source = Source::Env(name);
            let value = path.into();
            files.push(ProfileFile {
                path: Sourced { value, source },
                load,
            });
        } else if let Some(home) = home {
            files.extend(defaults.iter().map(|parts| ProfileFile {
                path: Sourced {
                    value: home.join(parts.iter().collect::<PathBuf>()),
                    source: Source::Default,
                },
                load,
            }));
        }
    };
    if !is_on(env, "ALIBABA_CLOUD_CLI_PROFILE_DISABLED") {
        add(
            &[
                "ALIBABA_CLOUD_CONFIG_FILE",
                "ALIBABA_CLOUD_CONFIG_PATH",
                "ALIBABACLOUD_CONFIG_PATH",
                "ALICLOUD_CONFIG_PATH",
            ],
            &home_of_aliyun,
            &[&[".aliyun", "config.json"], &[".aliyun", "config_ecs.json"]],
            Profile::load,
        );
    }
    add(
        &["ALIBABA_CLOUD_CREDENTIALS_FILE"],
        &home,
        &[
            &[".alibabacloud", "credentials"],
            &[".alibabacloud", "credentials.ini"],
        ],
        ini::sdk,
    );
    add(
        &[],
        &home_of_aliyun,
        &[&[".aliyuncli", "credentials"]],
        ini::legacy,
    );
    files
}

/// The profile of this name, or the first file's current one. A file that was named must be there.
///
/// # Errors
/// [`Error::Config`] for a file that can't be used, and where no file has the profile that was asked
/// for; [`Error::Usage`] where there are no files to look into.
pub(super) fn profile(
    files: &[ProfileFile],
    name: Option<&Sourced<String>>,
) -> Result<Option<Profile>> {
    let mut missing = None;
    for file in files {
        let path = &file.path.value;
        if file.path.source == Source::Default && !file.is_there() {
            continue;
        }
        match (file.load)(path, name.map(|name| name.value.as_str())) {
            Ok(profile) => {
                if profile.is_exposed() {
                    tracing::warn!(path = %path.display(), "other users can read the secrets in this file");
                }
                return Ok(Some(profile));
            }
            Err(NoProfile::Missing { is_empty: true, .. }) if name.is_none() => {}
            Err(NoProfile::Missing { error, .. }) if name.is_some() => {
                missing.get_or_insert(error);
            }
            Err(reason) => return Err(reason.into()),
        }
    }
    match (missing, name, files.first()) {
        (Some(error), _, _) => Err(error),
        (None, None, _) => Ok(None),
        (None, Some(name), Some(first)) => Err(Error::Config {
            path: first.path.value.clone(),
            problem: tr!(
                "the file of the profile {name:?} (from {source}) does not exist",
                name = name.value,
                source = name.source
            ),
        }),
        (None, Some(name), None) => Err(Error::Usage(tr!(
            "profile {name:?} (from {source}) was asked for, and there is no configuration file: it is switched off, or the home directory is not known",
            name = name.value,
            source = name.source
        ))),
    }
}
