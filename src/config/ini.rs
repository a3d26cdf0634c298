//! Profiles of the INI files: `~/.alibabacloud/credentials` of the SDKs, and aliyun-cli's oldest file.

use super::profile::{NoProfile, Profile, Spellings, read};
use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::path::Path;

/// The modes of the SDKs' file, as it calls them and as aliyun-cli does.
const TYPES: [(&str, &str); 8] = [
    ("access_key", "AK"),
    ("sts", "StsToken"),
    ("ram_role_arn", "RamRoleArn"),
    ("ecs_ram_role", "EcsRamRole"),
    ("oidc_role_arn", "OIDC"),
    ("rsa_key_pair", "RsaKeyPair"),
    ("credentials_uri", "CredentialsURI"),
    ("bearer", "BearerToken"),
];

/// The fields of the SDKs' file.
const SDK: Spellings = &[
    ("sts_token", "security_token"),
    ("ram_role_arn", "role_arn"),
    ("ram_session_name", "role_session_name"),
    ("ram_role_name", "role_name"),
    ("oidc_token_file", "oidc_token_file_path"),
];

/// The fields of aliyun-cli's oldest file.
const LEGACY: Spellings = &[
    ("access_key_id", "aliyun_access_key_id"),
    ("access_key_secret", "aliyun_access_key_secret"),
    ("region_id", "region"),
];

type Section = BTreeMap<String, String>;

/// Reads a profile of the SDKs' file: the section `name`, or `default`.
///
/// # Errors
/// As [`Profile::load`]; [`Error::Config`] also for a type that no SDK knows.
pub(super) fn sdk(path: &Path, name: Option<&str>) -> Result<Profile, NoProfile> {
    let (name, mut fields) = section(path, name, &[""])?;
    let kind = fields.remove("type").unwrap_or_default();
    let known = TYPES.iter().find(|(known, _)| *known == kind);
    let Some((_, mode)) = known else {
        let problem = match kind.as_str() {
            "" => tr!("type is missing").to_owned(),
            _ => tr!("{kind:?} is not a type of credentials", kind),
        };
        let path = path.to_owned();
        let problem = tr!("section [{name}]: {problem}", name, problem);
        return Err(Error::Config { path, problem }.into());
    };
    fields.insert("mode".into(), (*mode).into());
    Ok(Profile::of_another_kind(path, &name, fields, SDK))
}

/// Reads a profile of aliyun-cli's oldest file: the section `profile NAME`, or `default`. The region
/// is in the file `configure` beside it.
pub(super) fn legacy(path: &Path, name: Option<&str>) -> Result<Profile, NoProfile> {
    let (name, mut fields) = section(path, name, &["profile ", ""])?;
    let configure = path.with_file_name("configure");
    if configure.is_file() {
        match section(&configure, Some(&name), &["profile ", ""]) {
            Ok((_, more)) => fields.extend(more.into_iter().filter(|(key, _)| key == "region")),
            Err(NoProfile::Missing { .. }) => {}
            Err(failed) => return Err(failed),
        }
    }
    fields.insert("mode".into(), "AK".into());
    Ok(Profile::of_another_kind(path, &name, fields, LEGACY))
}

/// The section of a profile, and the profile's name.
fn section(
    path: &Path,
    name: Option<&str>,
    prefixes: &[&str],
) -> Result<(String, Section), NoProfile> {
    let mut sections = parse(&read(path)?).map_err(|problem| Error::Config {
        path: path.to_owned(),
        problem,
    })?;
    let wanted = name.unwrap_or("default").to_owned();
    let mut headings = prefixes.iter().map(|prefix| format!("{prefix}{wanted}"));
    let fields = headings.find_map(|heading| sections.remove(&heading));
    match fields {
        Some(fields) => Ok((wanted, fields)),
        None => {
            let known: Vec<_> = sections.into_keys().collect();
            Err(NoProfile::missing(path, wanted, &known, known.is_empty()))
        }
    }
}

/// The sections of an INI file, or the problem of a line. What follows a `#` is a comment, wherever it is,
/// as in the SDKs.
fn parse(text: &str) -> Result<BTreeMap<String, Section>, String> {
    let mut sections: BTreeMap<String, Section> = BTreeMap::new();
    let mut heading = String::new();
    for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let number = number + 1;
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() || line.starts_with(';') {
            continue;
        }
        if let Some(rest) = line.strip_prefix('[') {
            let inner = rest.strip_suffix(']');
            let inner =
                inner.ok_or_else(|| tr!("line {number}: a heading without its ]", number))?;
            heading = inner.trim().to_owned();
            sections.entry(heading.clone()).or_default();
        } else if let Some((key, value)) = line.split_once('=') {
            let section = sections.entry(heading.clone()).or_default();
            section.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
        } else {
            return Err(tr!(
                "line {number}: neither a [section] nor of the form key = value",
                number
            ));
        }
    }
    Ok(sections)
}
