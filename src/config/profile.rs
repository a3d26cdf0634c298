//! Profiles of `~/.aliyun/config.json`, the file that aliyun-cli writes, and of files like it.

use crate::error::{Error, Result};
use serde_json::{Map, Value};
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use zeroize::{Zeroize as _, Zeroizing};

/// The longest configuration file that is read, in bytes; a real one has a few thousand.
const LONGEST: u64 = 1 << 20;

/// One profile of the file, with the fields as they are there.
///
/// The values are wiped when it is dropped, and Debug shows none of them.
pub(crate) struct Profile {
    path: PathBuf,
    name: String,
    fields: Map<String, Value>,
    spellings: Spellings,
}

/// The names of a profile's fields in another kind of file: aliyun-cli's name first.
pub(super) type Spellings = &'static [(&'static str, &'static str)];

impl Profile {
    /// Reads the profile `name`, or the file's current one.
    ///
    /// # Errors
    /// [`Error::Config`] if the file can't be read, is no JSON or has another shape. Nothing of the
    /// file's content but profile and field names gets into an error.
    pub(crate) fn load(path: &Path, name: Option<&str>) -> Result<Self, NoProfile> {
        let mut whole = Wiped(parse(path)?);
        let bad = |problem: &str| Error::Config {
            path: path.to_owned(),
            problem: problem.to_owned(),
        };
        let Some(file) = whole.0.as_object_mut() else {
            return Err(bad(tr!("the file is not a JSON object")).into());
        };
        let current = match file.get("current") {
            None | Some(Value::Null) => "",
            Some(Value::String(current)) => current,
            Some(_) => return Err(bad(tr!("\"current\" is not a string")).into()),
        };
        let current = Some(current).filter(|current| !current.is_empty());
        let wanted = name.or(current).unwrap_or("default").to_owned();
        let profiles = match file.get_mut("profiles") {
            None | Some(Value::Null) => &mut vec![],
            Some(Value::Array(profiles)) => profiles,
            Some(_) => return Err(bad(tr!("\"profiles\" is not a list")).into()),
        };
        let name_of = |profile: &Value| Some(profile.get("name")?.as_str()?.to_owned());
        let is_wanted = |profile: &&mut Value| name_of(profile).as_ref() == Some(&wanted);
        let Some(profile) = profiles.iter_mut().find(is_wanted) else {
            let known: Vec<_> = profiles.iter().filter_map(name_of).collect();
            return Err(NoProfile::missing(
                path,
                wanted,
                &known,
                profiles.is_empty(),
            ));
        };
        let fields = profile.as_object_mut().map(std::mem::take);
        Ok(Self {
            path: path.to_owned(),
            name: wanted,
            fields: fields.unwrap_or_default(),
            spellings: &[],
        })
    }

    /// A profile from a file of another kind, whose fields have other names.
    pub(super) fn of_another_kind(
        path: &Path,
        name: &str,
        fields: impl IntoIterator<Item = (String, String)>,
        spellings: Spellings,
    ) -> Self {
        let fields = fields.into_iter();
        Self {
            path: path.to_owned(),
            name: name.to_owned(),
            fields: fields.map(|(key, text)| (key, text.into())).collect(),
            spellings,
        }
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The file it is in.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// True if the profile holds a secret in a file that other users of this machine can read.
    pub(crate) fn is_exposed(&self) -> bool {
        let is_secret = |name: &str| {
            let name = name.to_ascii_lowercase();
            ["secret", "token", "private_key"]
                .iter()
                .any(|end| name.ends_with(end))
        };
        let mut fields = self.fields.iter();
        let holds_secret = fields.any(|(name, value)| {
            is_secret(name) && value.as_str().is_some_and(|value| !value.is_empty())
        });
        holds_secret && others_can_read(&self.path)
    }

    /// True if aliyun-cli reads and writes this file.
    pub(super) fn is_of_aliyun(&self) -> bool {
        self.spellings.is_empty()
    }

    /// The field's name in this file.
    pub(crate) fn spelled<'a>(&self, field: &'a str) -> &'a str {
        let other = self.spellings.iter().find(|(known, _)| *known == field);
        other.map_or(field, |(_, spelled)| spelled)
    }

    /// A text field; `None` if it is missing or empty.
    pub(crate) fn text(&self, field: &str) -> Result<Option<&str>> {
        match self.fields.get(self.spelled(field)) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
            Some(_) => Err(self.mistyped(field, tr!("a string"))),
        }
    }

    /// A whole number; a text that is one counts.
    pub(crate) fn number(&self, field: &str) -> Result<Option<u64>> {
        let value = match self.fields.get(self.spelled(field)) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) if text.is_empty() => return Ok(None),
            Some(Value::String(text)) => text.parse().ok(),
            Some(other) => other.as_u64(),
        };
        value
            .map(Some)
            .ok_or_else(|| self.mistyped(field, tr!("a whole number")))
    }

    /// A switch, which is off where the field is missing.
    pub(super) fn flag(&self, field: &str) -> Result<bool> {
        match self.fields.get(self.spelled(field)) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(value)) => Ok(*value),
            Some(_) => Err(self.mistyped(field, tr!("true or false"))),
        }
    }

    /// The way in which the profile gets its credentials: its `mode`, or the mode that its fields imply.
    ///
    /// # Errors
    /// [`Error::Config`] if a field that was looked at is not a string.
    pub(crate) fn mode(&self) -> Result<&str> {
        if let Some(mode) = self.text("mode")? {
            return Ok(mode);
        }
        // The order and the fields by which aliyun-cli guesses the mode of a profile without one.
        const PAIR: [&str; 2] = ["access_key_id", "access_key_secret"];
        let guesses: [(&[&str], &str); 9] = [
            (&[PAIR[0], PAIR[1], "sts_token"], "StsToken"),
            (&[PAIR[0], PAIR[1], "ram_role_arn"], "RamRoleArn"),
            (&PAIR, "AK"),
            (&["private_key", "key_pair_name"], "RsaKeyPair"),
            (&["ram_role_name"], "EcsRamRole"),
            (&["process_command"], "External"),
            (
                &["oidc_provider_arn", "oidc_token_file", "ram_role_arn"],
                "OIDC",
            ),
            (&["cloud_sso_sign_in_url"], "CloudSSO"),
            (&["bearer_token"], "BearerToken"),
        ];
        for (fields, mode) in guesses {
            let mut set = true;
            for field in fields {
                set &= self.text(field)?.is_some();
            }
            if set {
                return Ok(mode);
            }
        }
        Ok("AK")
    }

    fn mistyped(&self, field: &str, kind: &str) -> Error {
        let field = self.spelled(field);
        Error::Config {
            path: self.path.clone(),
            problem: tr!(
                "profile {name:?}: {field} is not {kind}",
                name = self.name,
                field,
                kind
            ),
        }
    }
}

#[cfg(unix)]
fn others_can_read(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o044 != 0)
}

#[cfg(not(unix))]
fn others_can_read(_: &Path) -> bool {
    false
}

/// The reason why a file gave no profile.
#[derive(Debug)]
pub(crate) enum NoProfile {
    /// It has no profile of this name.
    Missing {
        /// True if it has none at all.
        is_empty: bool,
        /// The error to report, if there is no other file.
        error: Error,
    },
    /// It can't be used.
    Failed(Error),
}

impl NoProfile {
    /// The file at `path` has the profiles `known`, but not `wanted`, or nothing at all.
    pub(super) fn missing(path: &Path, wanted: String, known: &[String], is_empty: bool) -> Self {
        let known = if known.is_empty() {
            tr!("none").to_owned()
        } else {
            known.join(", ")
        };
        let error = Error::Config {
            path: path.to_owned(),
            problem: tr!("no profile {wanted:?}; the file has {known}", wanted, known),
        };
        Self::Missing { is_empty, error }
    }
}

impl From<Error> for NoProfile {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<NoProfile> for Error {
    fn from(reason: NoProfile) -> Self {
        match reason {
            NoProfile::Missing { error, .. } | NoProfile::Failed(error) => error,
        }
    }
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, name) = (&self.path, &self.name);
        f.debug_struct("Profile")
            .field("path", path)
            .field("name", name)
            .finish_non_exhaustive()
    }
}

impl Drop for Profile {
    fn drop(&mut self) {
        self.fields.values_mut().for_each(wipe);
    }
}

/// The parsed file, wiped when dropped.
struct Wiped(Value);

impl Drop for Wiped {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(fields) => fields.values_mut().for_each(wipe),
        _ => {}
    }
}

fn parse(path: &Path) -> Result<Value> {
    let text = read(path)?;
    // What serde_json says about a free-form value names a place and a rule, never content.
    serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| Error::Config {
        path: path.to_owned(),
        problem: tr!("not valid JSON: {error}", error),
    })
}

/// A profile's name as a word of a command line that may be copied.
pub(crate) fn quoted(name: &str) -> String {
    shlex::try_quote(name).map_or_else(|_| format!("{name:?}"), Into::into)
}

/// The bytes of a regular file, up to one more than `longest`. Of any other it is not sure that they end.
pub(crate) fn beginning(path: &Path, longest: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other(tr!("it is not a regular file")));
    }
    let mut bytes = Zeroizing::new(Vec::new());
    let file = File::open(path)?;
    file.take(longest + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The text of a configuration file; wiped when dropped.
///
/// # Errors
/// [`Error::Config`] if it can't be read, is not UTF-8 or is too long.
pub(crate) fn read(path: &Path) -> Result<Zeroizing<String>> {
    let bad = |problem: String| Error::Config {
        path: path.to_owned(),
        problem,
    };
    let bytes = beginning(path, LONGEST);
    let mut bytes = bytes.map_err(|error| bad(tr!("can't be read: {error}", error)))?;
    if bytes.len() as u64 > LONGEST {
        return Err(bad(
            tr!("longer than 1 MiB; not a configuration file").into()
        ));
    }
    String::from_utf8(std::mem::take(&mut bytes))
        .map(Zeroizing::new)
        .map_err(|_| bad(tr!("not UTF-8").into()))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn file(content: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), content).expect("its content");
        file
    }

    fn problem(content: &str, name: Option<&str>) -> String {
        let file = file(content);
        match Profile::load(file.path(), name).map_err(Error::from) {
            Err(Error::Config { path, problem }) if path == file.path() => problem,
            other => panic!("no configuration error but {other:?}"),
        }
    }

    const TWO: &str = "\u{feff}{\"current\":\"b\",\"profiles\":[
        {\"name\":\"a\",\"mode\":\"AK\",\"access_key_secret\":\"hush\",\"region_id\":7},
        {\"name\":\"b\",\"access_key_id\":\"id\",\"access_key_secret\":\"hush\",\"sts_token\":\"hush\",\"endpoint\":\"\"}]}";

    #[cfg(unix)]
    #[test]
    fn a_secret_that_others_can_read_is_noticed() {
        use std::os::unix::fs::PermissionsExt as _;
        let content = r#"{"profiles":[
            {"name":"a","access_key_secret":"hush"},
            {"name":"b","oauth_refresh_token":"hush"},
            {"name":"c","oidc_token_file":"/a/path","access_key_secret":""}]}"#;
        let file = file(content);
        for (mode, name, expected) in [
            (0o600, "a", false),
            (0o640, "a", true),
            (0o604, "b", true),
            (0o644, "c", false),
        ] {
            let permissions = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(file.path(), permissions).unwrap();
            let profile = Profile::load(file.path(), Some(name)).unwrap();
            assert_eq!(profile.is_exposed(), expected, "{mode:o} {name}");
        }
    }

    #[test]
    fn the_current_or_the_named_profile() {
        let file = file(TWO);
        let load = |name| Profile::load(file.path(), name).expect("a profile");
        let (current, named) = (load(None), load(Some("a")));
        assert_eq!(
            (current.name(), current.mode().ok()),
            ("b", Some("StsToken"))
        );
        assert_eq!(current.text("endpoint").ok(), Some(None));
        assert_eq!((named.name(), named.mode().ok()), ("a", Some("AK")));
        assert!(!format!("{named:?}").contains("hush"));
        let wrong = named.text("region_id").expect_err("a number").to_string();
        assert!(
            wrong.ends_with("profile \"a\": region_id is not a string"),
            "{wrong}"
        );
    }

    #[test]
    fn a_bad_file_is_named_and_never_quoted() {
        for (content, name, words) in [
            (TWO, Some("c"), "no profile \"c\"; the file has a, b"),
            ("{}", Some("c"), "no profile \"c\"; the file has none"),
            ("", None, "not valid JSON: EOF"),
            (
                "{\"access_key_secret\": hush}",
                None,
                "not valid JSON: expected value at line 1",
            ),
            ("[\"hush\"]", None, "the file is not a JSON object"),
            ("{\"current\": 5}", None, "\"current\" is not a string"),
            (
                "{\"profiles\": \"hush\"}",
                None,
                "\"profiles\" is not a list",
            ),
            (
                "{\"profiles\": [\"hush\"]}",
                None,
                "no profile \"default\"; the file has none",
            ),
            (&" ".repeat(LONGEST as usize + 1), None, "longer than 1 MiB"),
            (&"[".repeat(1000), None, "not valid JSON: recursion limit"),
        ] {
            let problem = problem(content, name);
            assert!(problem.contains(words), "{problem}");
            assert!(!problem.contains("hush"), "{problem}");
        }
        let missing = Profile::load(Path::new("/nonexistent/config.json"), None);
        let error = Error::from(missing.expect_err("no such file")).to_string();
        assert!(error.contains("/nonexistent/config.json: can't be read"));
    }

    #[test]
    fn an_empty_file_has_no_profile() {
        let file = file("{\"current\":\"\",\"profiles\":[]}");
        let found = Profile::load(file.path(), None);
        assert!(matches!(
            found,
            Err(NoProfile::Missing { is_empty: true, .. })
        ));
    }
}
