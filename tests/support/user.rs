//! Users with files and variables that hold credentials, and the official SDK in their place.

use super::axt::{axt, run};
use super::services::{Services, secret_of};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// A user: a home directory and variables.
pub(crate) struct User {
    pub home: TempDir,
    vars: Vec<(String, String)>,
}

impl User {
    /// A user with these files.
    pub(crate) fn with(files: &[(&str, String)]) -> Self {
        let home = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = home.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(
                path,
                content.replace("$HOME", home.path().to_str().unwrap()),
            )
            .unwrap();
        }
        let vars = vec![];
        Self { home, vars }
    }

    /// A user whose `~/.aliyun/config.json` has these profiles, the first of them current.
    pub(crate) fn of_aliyun(profiles: &[String]) -> Self {
        let named = profiles.iter().enumerate();
        let named = named.map(|(n, fields)| format!(r#"{{"name":"p{n}",{fields}}}"#));
        let named = named.collect::<Vec<_>>().join(",");
        let config = format!(r#"{{"current":"p0","profiles":[{named}]}}"#);
        let token = ("token", "hush-jwt".to_owned());
        Self::with(&[(".aliyun/config.json", config), token])
    }

    pub(crate) fn set(mut self, vars: &[(&str, &str)]) -> Self {
        let home = self.home.path().to_str().unwrap();
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), value.replace("$HOME", home));
        self.vars.extend(vars.iter().map(own));
        self
    }

    /// Every variable that steers where credentials are looked for.
    pub(crate) fn variables(&self) -> BTreeMap<String, String> {
        let home = self.home.path().to_str().unwrap().to_owned();
        let home = ("HOME".to_owned(), home);
        self.vars.iter().cloned().chain([home]).collect()
    }

    pub(crate) fn place(&self, command: &mut Command) {
        for name in [
            "ALIBABA_CLOUD_IGNORE_PROFILE",
            "ALIBABA_CLOUD_ECS_METADATA_DISABLED",
            "XDG_STATE_HOME",
        ] {
            command.env_remove(name);
        }
        command.envs(self.variables());
    }

    /// `axt -vvv ARGS…` as this user, against these services.
    pub(crate) fn axt(&self, services: &Services, args: &[&str]) -> Command {
        let mut command = axt([
            "-vvv",
            "--region",
            "cn-hangzhou",
            "--endpoint",
            &services.url(),
        ]);
        command.args(args);
        self.place(&mut command);
        command.env(
            "ALIBABA_CLOUD_ECS_METADATA_SERVICE_ENDPOINT",
            services.url(),
        );
        command
    }

    /// Makes one call of ECS, and tells what it was signed with.
    pub(crate) fn signs_with(&self, services: &Services) -> [String; 3] {
        let done = run(self.axt(services, &["sessions", "list"]), b"");
        assert_eq!(done.status, 0, "{}", done.stderr);
        services.signed_with().unwrap()
    }
}

/// A key pair's fields in a profile.
pub(crate) fn keys(id: &str) -> String {
    format!(
        r#""access_key_id":"{id}","access_key_secret":"{}""#,
        secret_of(id)
    )
}

/// Access key, secret and token that the official SDK takes for each of these users, who are asked one after the
/// other; `None` if it has none. Its requests go to these services.
pub(crate) fn by_the_sdk<'a>(
    python: &Path,
    services: &Services,
    users: impl IntoIterator<Item = &'a User>,
) -> Vec<Option<[String; 3]>> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/sdk.py");
    let cases = users.into_iter().map(User::variables);
    let cases: Vec<_> = cases
        .map(|case| serde_json::to_string(&case).unwrap() + "\n")
        .collect();
    let mut sdk = Command::new(python);
    sdk.arg(script).env_clear().env("STANDIN", services.url());
    sdk.env("PATH", std::env::var_os("PATH").unwrap());
    // It prints secrets, which is what it is for: nothing searches what it prints.
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("cases"), cases.concat()).unwrap();
    sdk.stdin(fs::File::open(dir.path().join("cases")).unwrap());
    let done = sdk.output().unwrap();
    let text = String::from_utf8(done.stdout).unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    let found = text.lines().filter(|line| line.starts_with(['[', 'n']));
    let found: Vec<_> = found
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(found.len(), cases.len(), "{text}{said}");
    found
}
