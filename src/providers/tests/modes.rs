//! Every mode whose credentials expire: a service that stands in for all of them, and renewal in each mode.
#![cfg(unix)]

use super::support::*;
use crate::providers::Provider;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tokio::time::Instant;

/// The modes that ask an HTTP server.
pub(super) const BY_HTTP: [&str; 8] = [
    "RamRoleArn",
    "RamRoleArnWithRoleName",
    "ChainableRamRoleArn",
    "OIDC",
    "EcsRamRole",
    "CredentialsURI",
    "CloudSSO",
    "OAuth",
];

/// A profile of one mode, and the service or the program that gives its credentials.
pub(super) struct Stage {
    pub(super) mode: &'static str,
    server: Server,
    home: Home,
    begun: Instant,
    /// Status and body of the answer that gives the credentials.
    answer: Arc<Mutex<(u16, String)>>,
}

impl Stage {
    pub(super) async fn new(mode: &'static str) -> Self {
        let begun = Instant::now();
        let answer = Arc::new(Mutex::new((404, String::new())));
        let answers = Arc::clone(&answer);
        let server = Server::new(move |seen| match gives(mode, seen) {
            true => answers.lock().expect("no panic").clone(),
            false => (200, helps(seen, in_an_hour(begun))),
        })
        .await;
        let home = Home::new("");
        fs::write(home.path().join("token"), "hush-jwt").expect("a file");
        let program = home.path().join("program");
        fs::write(&program, "#!/bin/sh\necho >>\"$0.runs\"\n. \"$0.does\"\n").expect("a file");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("permissions");
        let stage = Self {
            mode,
            server,
            home,
            begun,
            answer,
        };
        fs::write(stage.home.config(), stage.config()).expect("a file");
        stage
    }

    /// The profile `p`, and the one that it builds on.
    fn config(&self) -> String {
        let (url, home) = (self.server.url(), self.home.path());
        let role = json!({"ram_role_arn": ROLE, "ram_session_name": "me"});
        let keys = json!({"access_key_id": "base", "access_key_secret": "hush"});
        let later = start().as_second() + 24 * 3600;
        let soon = start().as_second() + 1800;
        let mut profile = json!({"name": "p", "mode": self.mode});
        let mut add = |more: serde_json::Value| {
            let fields = profile.as_object_mut().expect("an object");
            fields.extend(more.as_object().expect("an object").clone());
        };
        match self.mode {
            "RamRoleArn" => {
                add(json!({"access_key_id": "id", "access_key_secret": "hush"}));
                add(role);
            }
            "RamRoleArnWithRoleName" => {
                add(json!({"ram_role_name": "ecs"}));
                add(role);
            }
            "ChainableRamRoleArn" => {
                add(json!({"source_profile": "q"}));
                add(role);
            }
            "OIDC" => {
                add(json!({
                    "oidc_provider_arn": "acs:ram::1000000000000001:oidc-provider/ci",
                    "oidc_token_file": home.join("token"),
                }));
                add(role);
            }
            "EcsRamRole" => add(json!({"ram_role_name": "ecs"})),
            "CredentialsURI" => add(json!({"credentials_uri": format!("{url}/uri")})),
            "External" => {
                add(json!({"process_command": format!("'{}'", home.join("program").display())}));
            }
            "CloudSSO" => add(json!({
                "cloud_sso_sign_in_url": url, "cloud_sso_account_id": "1", "cloud_sso_access_config": "c",
                "access_token": "hush-sso", "cloud_sso_access_token_expire": later,
            })),
            // Its access token is used up before the credentials are renewed.
            "OAuth" => add(json!({
                "oauth_access_token": "hush-access", "oauth_access_token_expire": soon,
                "oauth_refresh_token": "hush-refresh",
            })),
            other => panic!("{other} is no mode of these tests"),
        }
        let mut below = json!({"name": "q", "mode": "RamRoleArn", "ram_role_arn": ROLE});
        let fields = below.as_object_mut().expect("an object");
        fields.extend(keys.as_object().expect("an object").clone());
        json!({"current": "p", "profiles": [profile, below]}).to_string()
    }

    /// The provider of the profile.
    pub(super) fn provider(&self) -> Provider {
        let endpoint = (
            "ALIBABA_CLOUD_ECS_METADATA_SERVICE_ENDPOINT",
            self.server.url(),
        );
        let source = self.home.source(&[(endpoint.0, &endpoint.1)]);
        Provider::new(world(&self.server), source, unchanged())
    }

    /// From now on it gives these credentials, which are good for an hour from now.
    pub(super) fn will_give(&self, id: &str) {
        self.will_give_until(id, in_an_hour(self.begun));
    }

    pub(super) fn will_give_until(&self, id: &str, expires: Timestamp) {
        let keys = until(id, &expires.to_string());
        let printed = format!(
            r#"{{"mode":"StsToken","access_key_id":"{id}","access_key_secret":"hush","sts_token":"hush","expiration":"{expires}"}}"#
        );
        self.does(&format!("echo '{printed}'"));
        let body = self.in_its_form(&keys);
        self.will_answer(200, body);
    }

    /// The credentials, as the mode's service writes them.
    pub(super) fn in_its_form(&self, keys: &str) -> String {
        match self.mode {
            "EcsRamRole" | "CredentialsURI" | "OAuth" => keys.to_owned(),
            "CloudSSO" => format!(r#"{{"CloudCredential":{keys}}}"#),
            _ => format!(r#"{{"RequestId":"R","Credentials":{keys}}}"#),
        }
    }

    /// From now on its service gives this answer.
    pub(super) fn will_answer(&self, status: u16, body: String) {
        *self.answer.lock().expect("no panic") = (status, body);
    }

    /// From now on it gives none.
    fn will_refuse(&self) {
        self.does("exit 3");
        self.will_answer(403, r#"{"Code":"No","Message":"m"}"#.into());
    }

    fn does(&self, script: &str) {
        fs::write(self.beside("does"), script).expect("a file");
    }

    fn beside(&self, end: &str) -> PathBuf {
        self.home.path().join(format!("program.{end}"))
    }

    /// How often credentials were asked for.
    fn asked(&self) -> usize {
        let runs = fs::read_to_string(self.beside("runs")).unwrap_or_default();
        let seen = self.server.seen();
        let asked = seen.iter().filter(|seen| gives(self.mode, seen));
        asked.count() + runs.lines().count()
    }

    /// An error without what differs from run to run.
    pub(super) fn stable(&self, error: &str) -> String {
        let error = error.replace(&self.server.address.to_string(), "HOST");
        error.replace(self.home.path().to_str().expect("UTF-8"), "~")
    }
}

fn in_an_hour(begun: Instant) -> Timestamp {
    let now = start() + begun.elapsed();
    (now + SignedDuration::from_hours(1))
        .round(jiff::Unit::Second)
        .expect("a time")
}

/// Whether it is this request that gives the credentials of a mode.
fn gives(mode: &str, seen: &Seen) -> bool {
    match mode {
        "EcsRamRole" => seen.path.ends_with("/ram/security-credentials/ecs"),
        "CredentialsURI" => seen.path == "/uri",
        "CloudSSO" => seen.path == "/cloud-credentials",
        "OAuth" => seen.path == "/v1/exchange",
        _ => {
            let action = seen.param("Action").unwrap_or_default();
            let below = seen.param("AccessKeyId").as_deref() == Some("base");
            action.starts_with("AssumeRole") && !below
        }
    }
}

/// The answer to a request on the way there.
fn helps(seen: &Seen, expires: Timestamp) -> String {
    let keys = until("STS.below", &expires.to_string());
    match (seen.param("Action").as_deref(), seen.path.as_str()) {
        (Some("GetCallerIdentity"), _) => {
            r#"{"AccountId":"1","Arn":"acs:ram::1:assumed-role/dev/me"}"#.into()
        }
        (Some(_), _) => format!(r#"{{"RequestId":"R","Credentials":{keys}}}"#),
        (None, "/latest/api/token") => "hush-imds".into(),
        (None, "/v1/token") => {
            let tokens = json!({
                "access_token": "hush-access-2", "refresh_token": "hush-refresh-2", "expires_in": 7200,
            });
            tokens.to_string()
        }
        (None, _) => keys,
    }
}

#[tokio::test(start_paused = true)]
async fn each_mode_is_renewed_ahead_and_fails_at_the_expiry_only() {
    let _still = StandStill::new();
    for mode in BY_HTTP.into_iter().chain(["External"]) {
        let stage = Stage::new(mode).await;
        let provider = stage.provider();
        stage.will_give("STS.0");
        assert_eq!(id(&provider).await, "STS.0", "{mode}");
        pass(44).await;
        stage.will_give("STS.1");
        assert_eq!(
            (stage.asked(), id(&provider).await),
            (1, "STS.0".into()),
            "{mode}"
        );
        pass(2).await;
        until_is(mode, async || id(&provider).await == "STS.1").await;
        assert_eq!(stage.asked(), 2, "{mode}");

        // The second ones are good until 1:44.
        stage.will_refuse();
        pass(42).await;
        assert_eq!(stage.asked(), 2, "{mode}");
        pass(2).await;
        until_is(mode, async || stage.asked() == 3).await;
        assert_eq!(id(&provider).await, "STS.1", "{mode}: there is time left");
        pass(15).await;
        let told = stage.stable(&id(&provider).await);
        let named = format!("no usable credentials: profile p ({mode}, ~/.aliyun/config.json): ");
        assert!(told.starts_with(&named), "{told}");
        let refusals = ["HTTP 403", "exit status: 3"];
        assert!(refusals.iter().any(|words| told.contains(words)), "{told}");
        stage.will_give("STS.2");
        until_is(mode, async || id(&provider).await == "STS.2").await;
    }
}
