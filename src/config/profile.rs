//! Profiles of `~/.aliyun/config.json`, the file that aliyun-cli writes; read only.

use crate::error::{Error, Result};
use serde_json::{Map, Value};
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use zeroize::{Zeroize as _, Zeroizing};

/// The longest configuration file that is read, in bytes; a real one has a few thousand.
const LONGEST: u64 = 1 << 20;

/// One profile of the file, with the fields as they stand there.
///
/// The values are wiped when it is dropped, and Debug shows none of them.
pub struct Profile {
    path: PathBuf,
    name: String,
    fields: Map<String, Value>,
}

impl Profile {
    /// Reads the profile `name`, or the file's current one.
    ///
    /// `None` if the file has no profiles and none was asked for.
    ///
    /// # Errors
    /// [`Error::Config`] if the file can't be read, is no JSON, has another shape, or has no such
    /// profile. Nothing of the file's content but profile and field names gets into an error.
    pub fn load(path: &Path, name: Option<&str>) -> Result<Option<Self>> {
        let mut whole = Wiped(parse(path)?);
        let bad = |problem: &str| Error::Config {
            path: path.to_owned(),
            problem: problem.to_owned(),
        };
        let Some(file) = whole.0.as_object_mut() else {
            return Err(bad("the file is not a JSON object"));
        };
        let current = match file.get("current") {
            None | Some(Value::Null) => "",
            Some(Value::String(current)) => current,
            Some(_) => return Err(bad("\"current\" is not a string")),
        };
        let wanted = name
            .unwrap_or(if current.is_empty() {
                "default"
            } else {
                current
            })
            .to_owned();
        let profiles = match file.get_mut("profiles") {
            None | Some(Value::Null) => &mut vec![],
            Some(Value::Array(profiles)) => profiles,
            Some(_) => return Err(bad("\"profiles\" is not a list")),
        };
        let is_wanted =
            |profile: &Value| profile.get("name").and_then(Value::as_str) == Some(&wanted);
        match profiles.iter().position(is_wanted) {
            Some(at) => {
                let fields = profiles[at]
                    .as_object_mut()
                    .map(std::mem::take)
                    .unwrap_or_default();
                Ok(Some(Self {
                    path: path.to_owned(),
                    name: wanted,
                    fields,
                }))
            }
            None if name.is_none() && profiles.is_empty() => Ok(None),
            None => Err(bad(&format!("no profile {wanted:?}; {}", known(profiles)))),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file it stands in.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A text field; `None` if it is missing or empty.
    ///
    /// # Errors
    /// [`Error::Config`] if the field is not a text.
    pub fn text(&self, field: &str) -> Result<Option<&str>> {
        match self.fields.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
            Some(_) => Err(self.problem(&format!("{field} is not a string"))),
        }
    }

    /// A text field that the profile can't do without.
    ///
    /// # Errors
    /// [`Error::Config`] if the field is missing, empty or not a text.
    pub fn required(&self, field: &str) -> Result<&str> {
        self.text(field)?
            .ok_or_else(|| self.problem(&format!("{field} is missing")))
    }

    /// How the profile gets its credentials: its `mode`, or what its fields amount to.
    ///
    /// # Errors
    /// [`Error::Config`] if a field that was looked at is not a text.
    pub fn mode(&self) -> Result<&str> {
        if let Some(mode) = self.text("mode")? {
            return Ok(mode);
        }
        // The order and the fields by which aliyun-cli guesses the mode of a profile without one.
        let guesses = [
            ("sts_token", "StsToken"),
            ("ram_role_arn", "RamRoleArn"),
            ("access_key_id", "AK"),
            ("private_key", "RsaKeyPair"),
            ("ram_role_name", "EcsRamRole"),
            ("process_command", "External"),
            ("oidc_token_file", "OIDC"),
            ("cloud_sso_sign_in_url", "CloudSSO"),
            ("bearer_token", "BearerToken"),
        ];
        for (field, mode) in guesses {
            if self.text(field)?.is_some() {
                return Ok(mode);
            }
        }
        Ok("AK")
    }

    /// An error about this profile.
    #[must_use]
    pub fn problem(&self, problem: &str) -> Error {
        let problem = format!("profile {:?}: {problem}", self.name);
        Error::Config {
            path: self.path.clone(),
            problem,
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
    let bad = |problem: String| Error::Config {
        path: path.to_owned(),
        problem,
    };
    let mut bytes = Zeroizing::new(Vec::new());
    File::open(path)
        .and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes))
        .map_err(|error| bad(format!("can't be read: {error}")))?;
    if bytes.len() as u64 > LONGEST {
        return Err(bad("longer than 1 MiB; not a configuration file".into()));
    }
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    // What serde_json says about a free-form value names a place and a rule, never content.
    serde_json::from_slice(text).map_err(|error| bad(format!("not valid JSON: {error}")))
}

/// The profiles there are, for a message.
fn known(profiles: &[Value]) -> String {
    let names: Vec<_> = profiles
        .iter()
        .filter_map(|profile| profile.get("name")?.as_str())
        .collect();
    if names.is_empty() {
        "the file has none".into()
    } else {
        format!("the file has {}", names.join(", "))
    }
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
        match Profile::load(file.path(), name) {
            Err(Error::Config { path, problem }) if path == file.path() => problem,
            other => panic!("no configuration error but {other:?}"),
        }
    }

    const TWO: &str = "\u{feff}{\"current\":\"b\",\"profiles\":[
        {\"name\":\"a\",\"mode\":\"AK\",\"access_key_secret\":\"hush\",\"region_id\":7},
        {\"name\":\"b\",\"sts_token\":\"hush\",\"endpoint\":\"\"}]}";

    #[test]
    fn the_current_or_the_named_profile() {
        let file = file(TWO);
        let load = |name| {
            Profile::load(file.path(), name)
                .expect("a file")
                .expect("a profile")
        };
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
        let missing = named
            .required("access_key_id")
            .expect_err("missing")
            .to_string();
        assert!(missing.ends_with("access_key_id is missing"), "{missing}");
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
        assert!(missing.is_err_and(|e| {
            e.to_string()
                .contains("/nonexistent/config.json: can't be read")
        }));
    }

    #[test]
    fn an_empty_file_has_no_profile() {
        let file = file("{\"current\":\"\",\"profiles\":[]}");
        assert!(Profile::load(file.path(), None).expect("a file").is_none());
    }
}
