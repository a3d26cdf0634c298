//! Credentials of every mode, from the files and variables that users have, as the real binary uses
//! them; the official SDK for Python is the judge.

use crate::support::axt::{AXT, Cloud, axt, finish, run, within};
#[cfg(unix)]
use crate::support::screen::Screen;
use crate::support::services::{Services, secret_of, token_of};
use crate::support::user::{User, by_the_sdk, keys};
use axt::emulator::Options;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::Duration;

const ROLE: &str = "acs:ram::1000000000000001:role/dev";
const PROVIDER: &str = "acs:ram::1000000000000001:oidc-provider/ci";

/// Everything that axt takes credentials from: its name, the user, the AccessKey id that comes of it,
/// and whether the SDK knows it too.
fn everything(url: &str) -> Vec<(&'static str, User, &'static str, bool)> {
    let role = format!(r#""ram_role_arn":"{ROLE}","ram_session_name":"me""#);
    let later = jiff::Timestamp::now().as_second() + 24 * 3600;
    let aliyun = |fields: String| User::of_aliyun(&[fields]);
    let script = format!(
        r#"printf '%s' '{{"mode":"StsToken",{},"sts_token":"{}"}}'"#,
        keys("STS.ext"),
        token_of("STS.ext")
    );
    let sdk_file = |text: &str| {
        let text = format!("[default]\n{text}");
        User::with(&[
            (".alibabacloud/credentials.ini", text),
            ("token", "hush-jwt".into()),
        ])
    };
    let pair = |id: &str| {
        format!(
            "access_key_id = {id}\naccess_key_secret = {}\n",
            secret_of(id)
        )
    };
    let none = || User::with(&[("token", "hush-jwt".into())]);
    vec![
        ("AK", aliyun(format!(r#""mode":"AK",{}"#, keys("ak"))), "ak", true),
        (
            "StsToken",
            aliyun(format!(r#""mode":"StsToken",{},"sts_token":"{}""#, keys("STS.s"), token_of("STS.s"))),
            "STS.s",
            true,
        ),
        (
            "RamRoleArn",
            aliyun(format!(r#""mode":"RamRoleArn",{},{role},"expired_seconds":900"#, keys("ak"))),
            "STS.role-of-ak",
            true,
        ),
        (
            "ChainableRamRoleArn",
            User::of_aliyun(&[
                format!(r#""mode":"ChainableRamRoleArn","source_profile":"p1",{role}"#),
                format!(r#""mode":"AK",{}"#, keys("base")),
            ]),
            "STS.role-of-base",
            true,
        ),
        ("EcsRamRole", aliyun(r#""mode":"EcsRamRole","ram_role_name":"ecs""#.into()), "STS.ecs", true),
        (
            // The SDK doesn't know this mode of aliyun-cli, and falls through to the instance's role.
            "RamRoleArnWithRoleName",
            aliyun(format!(r#""mode":"RamRoleArnWithRoleName","ram_role_name":"ecs",{role}"#)),
            "STS.role-of-STS.ecs",
            false,
        ),
        (
            "OIDC",
            aliyun(format!(
                r#""mode":"OIDC","oidc_provider_arn":"{PROVIDER}","oidc_token_file":"$HOME/token",{role},"role_session_name":"me""#
            )),
            "STS.oidc",
            true,
        ),
        (
            "External",
            User::with(&[
                (
                    ".aliyun/config.json",
                    r#"{"current":"p0","profiles":[{"name":"p0","mode":"External","process_command":"sh '$HOME/a program' x"}]}"#.into(),
                ),
                ("a program", script),
            ]),
            "STS.ext",
            true,
        ),
        (
            // In a profile it is a mode of aliyun-cli alone.
            "CredentialsURI",
            aliyun(format!(r#""mode":"CredentialsURI","credentials_uri":"{url}/uri""#)),
            "STS.uri",
            false,
        ),
        (
            "CloudSSO",
            aliyun(format!(
                r#""mode":"CloudSSO","cloud_sso_sign_in_url":"{url}/login","cloud_sso_account_id":"1","cloud_sso_access_config":"c","access_token":"hush-sso","cloud_sso_access_token_expire":{later}"#
            )),
            "STS.sso",
            true,
        ),
        (
            "OAuth",
            aliyun(format!(
                r#""mode":"OAuth","oauth_site_type":"CN","oauth_access_token":"hush-access-0","oauth_access_token_expire":{later},"oauth_refresh_token":"hush-refresh-0""#
            )),
            "STS.oauth",
            true,
        ),
        (
            "a key pair in the environment",
            none().set(&[
                ("ALIBABA_CLOUD_ACCESS_KEY_ID", "STS.env"),
                ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", &secret_of("STS.env")),
                ("ALIBABA_CLOUD_SECURITY_TOKEN", &token_of("STS.env")),
            ]),
            "STS.env",
            true,
        ),
        (
            "OIDC in the environment",
            none().set(&[
                ("ALIBABA_CLOUD_ROLE_ARN", ROLE),
                ("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", PROVIDER),
                ("ALIBABA_CLOUD_OIDC_TOKEN_FILE", "$HOME/token"),
            ]),
            "STS.oidc",
            true,
        ),
        (
            "a URI in the environment",
            none().set(&[
                ("ALIBABA_CLOUD_CREDENTIALS_URI", &format!("{url}/uri")),
                // The SDK would ask the instance first, axt would not: what was chosen is what is used.
                ("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true"),
            ]),
            "STS.uri",
            true,
        ),
        ("nothing at all, on an instance", none(), "STS.ecs", true),
        ("access_key", sdk_file(&format!("type = access_key\n{}", pair("ini"))), "ini", true),
        (
            "ram_role_arn",
            sdk_file(&format!(
                "type = ram_role_arn # comment\n{}role_arn = {ROLE}\nrole_session_name = me\npolicy = \n",
                pair("ini")
            )),
            "STS.role-of-ini",
            true,
        ),
        ("ecs_ram_role", sdk_file("type = ecs_ram_role\nrole_name = ecs\n"), "STS.ecs", true),
        (
            "oidc_role_arn",
            sdk_file(&format!(
                "type = oidc_role_arn\nrole_arn = {ROLE}\noidc_provider_arn = {PROVIDER}\noidc_token_file_path = $HOME/token\nrole_session_name = me\n"
            )),
            "STS.oidc",
            true,
        ),
        (
            // Older than the SDK.
            "aliyuncli",
            User::with(&[(
                ".aliyuncli/credentials",
                format!("[default]\naliyun_access_key_id = old\naliyun_access_key_secret = {}\n", secret_of("old")),
            )]),
            "old",
            false,
        ),
    ]
}

#[test]
fn every_source_signs_calls_and_prints_no_secret() {
    for (name, user, id, _) in everything("") {
        // Each on services of its own, whose address is part of some.
        drop(user);
        let services = Services::start();
        let all = everything(&services.url());
        let (_, user, ..) = all.into_iter().find(|(other, ..)| *other == name).unwrap();
        let token = if id.starts_with("STS.") {
            token_of(id)
        } else {
            String::new()
        };
        assert_eq!(
            user.signs_with(&services),
            [id.to_owned(), secret_of(id), token],
            "{name}"
        );
    }
}

#[test]
fn the_official_sdk_has_the_same_credentials() {
    let module = "alibabacloud_credentials";
    let Some(python) = crate::support::need_python(module) else {
        return;
    };
    let services = Services::start();
    let all = everything(&services.url()).into_iter();
    let known: Vec<_> = all.filter(|(.., is_known)| *is_known).collect();
    let users = known.iter().map(|(_, user, ..)| user);
    let theirs = by_the_sdk(&python, &services, users);
    for ((name, user, ..), theirs) in known.iter().zip(theirs) {
        assert_eq!(Some(user.signs_with(&services)), theirs, "{name}");
    }
}

#[test]
fn a_loop_of_runs_asks_sts_once() {
    let services = Services::start();
    let fields = format!(
        r#""mode":"RamRoleArn",{},"ram_role_arn":"{ROLE}""#,
        keys("ak")
    );
    let user = User::of_aliyun(&[fields]);
    for _ in 0..5 {
        user.signs_with(&services);
    }
    assert_eq!(services.count("AssumeRole"), 1);
    let anew = user.axt(&services, &["sessions", "list", "--no-cache"]);
    assert_eq!(run(anew, b"").status, 0);
    assert_eq!(services.count("AssumeRole"), 2);
}

#[test]
fn a_program_that_asks_axt_for_the_same_profile_comes_to_an_end() {
    let services = Services::start();
    let command = format!("{AXT} sessions list --endpoint {}", services.url());
    let fields = format!(r#""mode":"External","process_command":"{command}","region_id":"cn-x""#);
    let user = User::of_aliyun(&[fields]);
    let done = run(user.axt(&services, &["sessions", "list"]), b"");
    assert_eq!(done.status, 1);
    let inner = "its process_command runs axt with the same profile, which is an endless loop";
    assert!(done.stderr.contains(inner), "{}", done.stderr);
    assert!(
        done.stderr.contains("axt failed: exit status: 1"),
        "{}",
        done.stderr
    );
}

/// The first run of a program may ask the user, whatever standard input is; a later one has no terminal at all.
#[test]
#[cfg(unix)]
fn a_program_asks_at_the_terminal_at_the_start_and_never_later() {
    let print = |id: &str| {
        format!(
            r#"{{"mode":"StsToken",{},"sts_token":"{}"}}"#,
            keys(id),
            token_of(id)
        )
    };
    let program = format!(
        "cd '$HOME'\nif [ ! -e asked ]; then\n: >asked\nprintf 'code: ' >/dev/tty; read code </dev/tty\n\
         [ \"$code\" = 42 ] && echo '{}'\n\
         elif (: </dev/tty) 2>/dev/null; then echo '{}'\nelse echo '{}'\nfi\n",
        print("STS.expired"),
        print("STS.terminal"),
        print("STS.alone")
    );
    let config = r#"{"current":"p0","profiles":[{"name":"p0","mode":"External","process_command":"sh '$HOME/program'"}]}"#;
    for shell in ["\"$@\" </dev/null", "\"$@\""] {
        let services = Services::start();
        let files = [
            (".aliyun/config.json", config.to_owned()),
            ("program", program.clone()),
        ];
        let user = User::with(&files);
        let mut sh = Command::new("sh");
        sh.args(["-c", shell, "sh"]);
        let command = within(sh, &user.axt(&services, &["sessions", "list"]));
        let screen = Screen::start(&command, 24, 100);
        screen.wait_text("code: ");
        screen.type_text("42\r");
        let (status, seen) = screen.end_seen();
        assert_eq!(status.code(), Some(0), "{shell}: {seen}");
        // The service has called the first ones expired.
        let [id, ..] = services.signed_with().unwrap();
        assert_eq!(id, "STS.alone", "{shell}");
    }
}

/// A name is looked up, a session started and ended: three kinds of calls.
#[test]
#[cfg(unix)]
fn a_program_is_run_once_for_all_calls_of_a_run() {
    let cloud = Cloud::with(Options {
        instances: vec!["i-1:name=web".parse().unwrap()],
        ..Options::default()
    });
    let pair = cloud.emulator.credentials();
    let (id, secret) = (&pair.access_key_id, &pair.access_key_secret);
    let printed =
        format!(r#"{{"mode":"AK","access_key_id":"{id}","access_key_secret":"{secret}"}}"#);
    let program = format!("echo >>'$HOME/runs'\necho '{printed}'\n");
    let config = r#"{"current":"p0","profiles":[{"name":"p0","mode":"External","process_command":"sh '$HOME/program'"}]}"#;
    let user = User::with(&[(".aliyun/config.json", config.into()), ("program", program)]);
    let mut command = cloud.axt(["connect", "web", "-n", "-c", "echo there"]);
    command.env_remove("ALIBABA_CLOUD_ACCESS_KEY_ID");
    command.env_remove("ALIBABA_CLOUD_ACCESS_KEY_SECRET");
    user.place(&mut command);
    let done = run(command, b"");
    assert_eq!(
        (done.status, &*done.text()),
        (0, "there\n"),
        "{}",
        done.stderr
    );
    let runs = std::fs::read_to_string(user.home.path().join("runs")).unwrap();
    assert_eq!(runs, "\n");
    cloud.assert_all_ended();
}

/// What runs goes on, and the call that ends the session is made with new credentials.
#[test]
fn a_session_outlives_the_credentials_that_it_was_started_with() {
    let mut options = Options::default();
    options.limits.set("clock-skew", "none").unwrap();
    let cloud = Cloud::with(options);
    let user = User::with(&[]).set(&[("ALIBABA_CLOUD_ROLE_ARN", ROLE)]);
    let mut command = cloud.axt(["connect", "i-role", "-c", "echo begun; cat; exit 7"]);
    user.place(&mut command);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut begun = [0; 6];
    child
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut begun)
        .unwrap();
    cloud
        .emulator
        .clock()
        .advance(Duration::from_secs(2 * 3600));
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"and over").unwrap();
    drop(stdin);
    let done = finish(child);
    assert_eq!(
        (done.status, &*done.text()),
        (7, "and over"),
        "{}",
        done.stderr
    );
    assert_eq!(cloud.emulator.calls("AssumeRole"), 2);
    cloud.assert_all_ended();
}

#[test]
fn what_is_missing_is_said_at_once() {
    let off = [("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true")];
    for vars in [&off[..], &[]] {
        let user = User::with(&[]).set(vars);
        let mut bare = axt(["connect", "i-1", "-n", "--command", "true"]);
        user.place(&mut bare);
        let done = run(bare, b"");
        assert_eq!(done.status, 255);
        let home = user.home.path().to_str().unwrap();
        insta::allow_duplicates! {
            insta::assert_snapshot!(done.stderr.replace(home, "~"), @r"
            axt: no region given, and no usable credentials: none in the environment, and no profile in ~/.aliyun/config.json
            axt: hint: set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, or run `aliyun configure`; then give --region or set ALIBABA_CLOUD_REGION_ID, unless the profile has a region_id
            ");
        }
    }
}

#[test]
fn doctor_shows_source_and_expiry() {
    let services = Services::start();
    let user = User::of_aliyun(&[r#""mode":"EcsRamRole""#.into()]);
    let done = run(user.axt(&services, &["doctor", "-q"]), b"");
    let text = done.text();
    let line = text
        .lines()
        .find(|line| line.contains("credentials"))
        .unwrap_or_default();
    assert!(line.contains("Z, from profile p0 (EcsRamRole, "), "{text}");
    assert!(line.contains(", temporary until 20"), "{text}");
}

/// The emulator's STS gives keys that its ECS takes, until it calls them expired, whatever the client's
/// clock says.
#[test]
fn a_role_is_assumed_at_the_emulator_and_again_when_the_service_says_so() {
    let mut options = Options::default();
    options.limits.set("clock-skew", "none").unwrap();
    let cloud = Cloud::with(options);
    let claims = format!(
        r#"{{"iss":"https://ci.example","sub":"job","aud":"axt","exp":{}}}"#,
        jiff::Timestamp::now().as_second() + 7 * 24 * 3600
    );
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let token = format!("{}.{}.AAAA", part(r#"{"alg":"RS256"}"#), part(&claims));
    let oidc = User::with(&[("token", token)]).set(&[
        ("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", PROVIDER),
        ("ALIBABA_CLOUD_OIDC_TOKEN_FILE", "$HOME/token"),
    ]);
    for (user, has_keys) in [(User::with(&[]), true), (oidc, false)] {
        let user = user.set(&[("ALIBABA_CLOUD_ROLE_ARN", ROLE)]);
        let as_role = |args: &[&str]| {
            let mut command = cloud.axt(args);
            user.place(&mut command);
            if !has_keys {
                command.env_remove("ALIBABA_CLOUD_ACCESS_KEY_ID");
                command.env_remove("ALIBABA_CLOUD_ACCESS_KEY_SECRET");
            }
            let done = run(command, b"");
            assert_eq!(done.status, 0, "{}", done.stderr);
            done.text()
        };
        let said = as_role(&["connect", "i-role", "-n", "-c", "echo there"]);
        assert_eq!(said, "there\n");
        let list = ["sessions", "list", "--instance", "i-role", "--limit", "1"];
        let listed = as_role(&list);
        assert!(listed.contains("AssumedRoleUser 3"), "{listed}");
        // Those that were kept from the runs before have expired by the service's clock.
        cloud
            .emulator
            .clock()
            .advance(Duration::from_secs(2 * 3600));
        as_role(&list);
    }
}

/// What `aliyun axt connect …` runs: the plugin's binary with the command word before the rest, and
/// the credentials of any mode in variables.
#[test]
#[cfg(unix)]
fn axt_is_a_plugin_of_aliyun() {
    let cloud = Cloud::new();
    let user = User::with(&[]);
    let plugin = user.home.path().join("aliyun-cli-axt");
    std::os::unix::fs::symlink(AXT, &plugin).unwrap();
    let mut command = axt([""; 0]);
    let mut plugged = Command::new(&plugin);
    plugged.env_clear().env("HOME", user.home.path());
    for (name, value) in cloud.emulator.exports() {
        let name = if name == "AXT_ENDPOINT" {
            "ALIBABA_CLOUD_ENDPOINT"
        } else {
            name
        };
        plugged.env(name, value);
    }
    plugged.envs(
        command
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    plugged.env("PATH", std::env::var_os("PATH").unwrap());
    plugged.args([
        "axt",
        "connect",
        "i-test",
        "-n",
        "--command",
        "echo there; exit 7",
    ]);
    let done = run(plugged, b"");
    assert_eq!(
        (done.status, done.text().trim()),
        (7, "there"),
        "{}",
        done.stderr
    );
    command.args(["axt", "sessions", "--help"]);
    assert_eq!(run(command, b"").status, 0);
}

#[test]
fn credentials_in_variables_that_expire_are_explained() {
    let services = Services::start();
    let user = User::with(&[]).set(&[
        ("ALIBABA_CLOUD_ACCESS_KEY_ID", "STS.expired"),
        ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", &secret_of("STS.expired")),
        ("ALIBABA_CLOUD_SECURITY_TOKEN", &token_of("STS.expired")),
    ]);
    let done = run(user.axt(&services, &["sessions", "list"]), b"");
    assert_eq!(done.status, 1);
    let hint = "but not those that it is given: in a profile of the mode StsToken, or in variables, as by `aliyun axt`";
    assert!(done.stderr.contains(hint), "{}", done.stderr);
    assert_eq!(
        services.count("DescribeTerminalSessions"),
        1,
        "{}",
        done.stderr
    );
}

/// The manifest that the plugin's package gets, but for its version.
#[test]
fn the_plugin_s_manifest_is_complete() {
    let text = include_str!("../../.github/aliyun-plugin.json");
    let manifest: serde_json::Value = serde_json::from_str(text).unwrap();
    assert_eq!(manifest["name"], "aliyun-cli-axt");
    assert_eq!(manifest["command"], "axt");
    assert_eq!(manifest["bin"]["path"], "aliyun-cli-axt");
    let names = manifest["cmdNames"].as_array().unwrap().iter();
    let names: Vec<_> = names.map(|name| name.as_str().unwrap()).collect();
    let help = run(axt(["--help"]), b"").text();
    let commands = help.lines().skip_while(|line| *line != "Commands:");
    let commands = commands
        .skip(1)
        .map_while(|line| line.split_whitespace().next());
    let commands: Vec<_> = commands.filter(|name| *name != "help").collect();
    assert_eq!(names, commands);
}
