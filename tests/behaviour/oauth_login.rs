//! The login of the mode OAuth, whose refresh token is good for one use: many processes at once, and a run that is
//! killed while it writes the next one back; the official SDK and aliyun's rules are the judges of the file.

use crate::support::axt::{finish, run, within};
use crate::support::services::Services;
use crate::support::user::{User, by_the_sdk};
use crate::support::{need, need_python};
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A login whose access token has expired.
const EXPIRED: &str = r#""mode":"OAuth","oauth_refresh_token":"hush-refresh-0","oauth_access_token":"hush-access-0","oauth_access_token_expire":1,"unknown":{"a":1}"#;

/// System calls that end the steps of the write-back.
const STEPS: &str = "fsync,?rename,?renameat,renameat2,?unlink,unlinkat";

/// The file as aliyun reads it. Go is strict about the types, about a byte order mark, and about what follows.
#[derive(Deserialize)]
struct OfAliyun {
    profiles: [AliyunProfile; 1],
}

#[derive(Deserialize)]
struct AliyunProfile {
    mode: String,
    oauth_access_token: String,
    oauth_refresh_token: String,
    oauth_access_token_expire: i64,
    #[serde(default)]
    sts_expiration: i64,
    unknown: serde_json::Value,
}

/// The refresh tokens that the SDK reads in these files.
fn read_by_the_sdk(python: &Path, files: &[PathBuf]) -> Vec<String> {
    const SCRIPT: &str = "
import json, sys
from alibabacloud_credentials.provider.cli_profile import CLIProfileCredentialsProvider
for path in sys.argv[1:]:
    file = json.load(open(path))
    reader = CLIProfileCredentialsProvider(profile_file=path)
    print(reader._get_credentials_provider(file, file['current'])._refresh_token)
";
    let done = Command::new(python)
        .args(["-c", SCRIPT])
        .args(files)
        .output();
    let done = done.unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let text = String::from_utf8(done.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn twenty_processes_at_once_use_a_refresh_token_once() {
    let services = Services::start();
    let user = User::of_aliyun(&[EXPIRED.into()]);
    let spawn = |_| {
        let mut command = user.axt(&services, &["sessions", "list"]);
        command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let running: Vec<_> = (0..20).map(spawn).collect();
    for child in running {
        let done = finish(child);
        assert_eq!(done.status, 0, "{}", done.stderr);
    }
    assert_eq!(
        (services.count("/v1/token"), services.count("/v1/exchange")),
        (1, 1)
    );
    let config = fs::read_to_string(user.home.path().join(".aliyun/config.json")).unwrap();
    assert!(
        config.contains("hush-refresh-1") && config.contains(r#""unknown":{"a":1}"#),
        "{config}"
    );
}

/// A run that is killed at the step of this number, if it has so many.
fn killed(strace: &Path, user: &User, services: &Services, step: usize) -> Option<()> {
    let mut strace = Command::new(strace);
    let inject = format!("inject={STEPS}:signal=KILL:when={step}");
    strace.args([
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        &format!("trace={STEPS}"),
    ]);
    strace.args(["-e", &inject]);
    let axt = user.axt(services, &["sessions", "list"]);
    let done = run(within(strace, &axt), b"");
    let is_killed = done.status == -9 || done.status == 137;
    assert!(is_killed || done.status == 0, "{}", done.stderr);
    is_killed.then_some(())
}

#[test]
fn a_kill_at_any_step_leaves_a_file_for_all_and_loses_nothing() {
    let (Some(strace), Some(python)) = (need("strace"), need_python("alibabacloud_credentials"))
    else {
        return;
    };
    let left = tempfile::tempdir().unwrap();
    let (mut files, mut tokens, mut users) = (vec![], vec![], vec![]);
    let services = Services::start();
    for step in 1.. {
        let services = Services::start();
        let user = User::of_aliyun(&[EXPIRED.into()]);
        let config = user.home.path().join(".aliyun/config.json");
        if killed(&strace, &user, &services, step).is_none() {
            break;
        }
        let text = fs::read_to_string(&config).unwrap();
        let [profile] = serde_json::from_str::<OfAliyun>(&text).unwrap().profiles;
        let AliyunProfile { mode, unknown, .. } = &profile;
        assert_eq!(
            (&**mode, unknown),
            ("OAuth", &serde_json::json!({"a": 1})),
            "{step}"
        );
        assert!(
            profile.oauth_access_token.starts_with("hush-access-"),
            "{step}"
        );
        assert!(profile.oauth_access_token_expire > 0 && profile.sts_expiration >= 0);
        let file = left.path().join(step.to_string());
        fs::copy(&config, &file).unwrap();
        files.push(file);
        tokens.push(profile.oauth_refresh_token);
        // The next run finishes what this one began.
        let signed = user.signs_with(&services);
        assert_eq!(signed[0], "STS.oauth", "{step}");
        assert_eq!(services.count("/v1/token"), 1, "{step}");
        let text = fs::read_to_string(&config).unwrap();
        assert!(text.contains("hush-refresh-1"), "{step}: {text}");
        users.push((user, signed));
    }
    let of = |token: &str| tokens.iter().filter(|own| *own == token).count();
    assert!(
        of("hush-refresh-0") >= 4 && of("hush-refresh-1") >= 2,
        "{tokens:?}"
    );
    assert_eq!(read_by_the_sdk(&python, &files), tokens);
    let theirs = by_the_sdk(&python, &services, users.iter().map(|(user, _)| user));
    for ((_, ours), theirs) in users.iter().zip(theirs) {
        assert_eq!(Some(ours), theirs.as_ref());
    }
}
