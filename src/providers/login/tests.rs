//! CloudSSO and OAuth: what is asked, what is written back, and what a kill at any step leaves.

use crate::providers::tests::support::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::sync::Mutex;

/// Names the step at which [`ended_at_a_step`] ends its process.
const END_AT: &str = "AXT_TEST_END_AT";
/// The home directory and the server of the process that is ended.
const HOME_AND_SERVER: &str = "AXT_TEST_HOME_AND_SERVER";

/// Ends the process as `kill -9` does, if a test has asked for it at this step.
pub(super) fn reached(step: &str) {
    #[cfg(unix)]
    if std::env::var(END_AT).is_ok_and(|at| at == step) {
        use rustix::process::{Signal, getpid, kill_process};
        kill_process(getpid(), Signal::KILL).expect("it is this process");
    }
    #[cfg(not(unix))]
    let _ = step;
}

const HOUR: i64 = 3600;

/// A profile of OAuth whose tokens hold for so many seconds.
fn oauth(access: i64, more: &str) -> String {
    format!(
        r#""mode":"OAuth","oauth_access_token":"hush-access-0","oauth_refresh_token":"hush-refresh-0","oauth_access_token_expire":{}{more}"#,
        start().as_second() + access
    )
}

/// An OAuth server whose refresh tokens are good for one use.
async fn rotating() -> Server {
    let used = Mutex::new(BTreeSet::new());
    Server::new(move |seen| match seen.path.as_str() {
        "/v1/token" => {
            let token = seen.param("refresh_token").unwrap_or_default();
            let mut used = used.lock().expect("no panic");
            let number = used.len();
            if token != format!("hush-refresh-{number}") || !used.insert(token) {
                let body = json!({"error": "invalid_grant", "error_description": "used"});
                return (400, body.to_string());
            }
            let next = number + 1;
            let body = json!({
                "access_token": format!("hush-access-{next}"),
                "refresh_token": format!("hush-refresh-{next}"),
                "expires_in": 2 * HOUR,
            });
            (200, body.to_string())
        }
        "/v1/exchange" => {
            let bearer = seen.header("authorization").unwrap_or_default();
            let number = bearer.trim_start_matches("bearer hush-access-");
            let body = json!({
                "requestId": "R",
                "accessKeyId": format!("STS.{number}"),
                "accessKeySecret": "hush",
                "securityToken": "hush-token",
                "expiration": "2026-01-01T01:00:00Z",
            });
            (200, body.to_string())
        }
        other => panic!("{other} is asked for"),
    })
    .await
}

fn paths(server: &Server) -> Vec<String> {
    server.seen().into_iter().map(|seen| seen.path).collect()
}

#[tokio::test(start_paused = true)]
async fn oauth_renews_its_tokens_and_writes_them_back() {
    let _still = StandStill::new();
    let server = rotating().await;
    let home = Home::new(&oauth(20 * 60, r#","unknown":[1.50,{}]"#));
    let before = fs::read_to_string(home.config()).expect("a file");
    let got = obtained(&world(&server), home.source(&[]))
        .await
        .expect("credentials");
    assert_eq!(got, "STS.1 hush hush-token");
    assert_eq!(paths(&server), ["/v1/token", "/v1/exchange"]);
    let form = &server.seen()[0];
    assert_eq!(form.param("grant_type").as_deref(), Some("refresh_token"));
    assert_eq!(
        form.param("client_id").as_deref(),
        Some("4038181954557748008")
    );
    assert_eq!(
        home.profile(),
        json!({
            "name": "p", "mode": "OAuth", "unknown": [1.5, {}],
            "oauth_access_token": "hush-access-1",
            "oauth_refresh_token": "hush-refresh-1",
            "oauth_access_token_expire": start().as_second() + 2 * HOUR,
            "access_key_id": "STS.1", "access_key_secret": "hush", "sts_token": "hush-token",
            "sts_expiration": start().as_second() + HOUR,
        })
    );
    let after = fs::read_to_string(home.config()).expect("a file");
    assert!(after.contains(r#""unknown":[1.50,{}]"#), "{after}");
    assert!(before.len() < after.len());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(home.config())
            .expect("metadata")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    // The next run has all that it needs.
    let got = obtained(&world(&server), home.source(&[]))
        .await
        .expect("credentials");
    assert_eq!(got, "STS.1 hush hush-token");
    assert_eq!(server.seen().len(), 2);
    let folder = home
        .config()
        .parent()
        .expect("a folder")
        .read_dir()
        .expect("entries");
    let mut names: Vec<_> = folder
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    assert_eq!(names, [".config.json.axt-lock", "config.json"]);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_gives_up_or_ends_still_writes_back() {
    let _still = StandStill::new();
    let server = rotating().await;
    let home = Home::new(&oauth(-1, ""));
    let world = world(&server);
    let asked = async {
        while server.seen().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        () = asked => {}
        _ = obtained(&world, home.source(&[])) => panic!("it had no time for that"),
    }
    crate::providers::finish().await;
    assert_eq!(home.profile()["oauth_refresh_token"], "hush-refresh-1");
    assert_eq!(paths(&server), ["/v1/token"]);
}

#[tokio::test(start_paused = true)]
async fn oauth_asks_for_no_more_than_it_needs() {
    let _still = StandStill::new();
    // A token that holds is used, and so is one that expires soon where there is no other.
    for (fields, asked) in [
        (oauth(HOUR, ""), &["/v1/exchange"][..]),
        (
            oauth(60, "").replace("oauth_refresh_token", "x"),
            &["/v1/exchange"],
        ),
        (oauth(-1, ""), &["/v1/token", "/v1/exchange"]),
    ] {
        let server = rotating().await;
        let home = Home::new(&fields);
        obtained(&world(&server), home.source(&[]))
            .await
            .expect("credentials");
        assert_eq!(paths(&server), asked);
    }
}

#[tokio::test(start_paused = true)]
async fn a_login_that_is_over_says_what_to_run() {
    let _still = StandStill::new();
    let relogin = "| run `aliyun configure --mode OAuth --profile p`";
    for (fields, words, remedy) in [
        (
            r#""mode":"OAuth""#.into(),
            "oauth_access_token is missing",
            relogin,
        ),
        (
            oauth(-1, "").replace("oauth_refresh_token", "x"),
            "its login has expired",
            relogin,
        ),
        (
            oauth(-1, r#","oauth_refresh_token_expire":1700000000"#),
            "its login expired at 2023-11-14T22:13:20Z",
            relogin,
        ),
        (
            oauth(-1, r#","oauth_site_type":"INTL""#).replace("refresh-0", "refresh-9"),
            "/v1/token: HTTP 400: invalid_grant: used",
            "| run `aliyun configure --mode OAuth --oauth-site-type INTL --profile p`",
        ),
        (
            oauth(-1, r#","oauth_site_type":"MOON""#),
            "oauth_site_type is \"MOON\", not CN or INTL",
            relogin,
        ),
    ] {
        let server = rotating().await;
        let told = refused(&world(&server), Home::new(&fields).source(&[])).await;
        let words = words.replace(
            "/v1/token: HTTP",
            &format!("the answer of {} is HTTP", server.address),
        );
        assert!(told.contains(&words) && told.contains(remedy), "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_server_repeats_of_a_request_is_not_shown() {
    let _still = StandStill::new();
    let server = Server::new(|seen| {
        let bearer = seen.header("authorization").unwrap_or_default();
        let token = seen.param("refresh_token");
        let token = token.unwrap_or_else(|| bearer.trim_start_matches("bearer ").into());
        let body =
            json!({"error": "invalid_grant", "error_description": format!("{token} was used")});
        (400, body.to_string())
    })
    .await;
    for fields in [
        oauth(-1, ""),
        oauth(HOUR, ""),
        cloud_sso(&server.url(), HOUR),
    ] {
        let told = refused(&world(&server), Home::new(&fields).source(&[])).await;
        let words = "is HTTP 400: invalid_grant: (redacted) was used";
        assert!(told.contains(words), "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_refresh_token_is_kept_whatever_else_the_answer_holds() {
    let _still = StandStill::new();
    let two_hours = start().as_second() + 2 * HOUR;
    let one_hour = start().as_second() + HOUR;
    for (more, expires) in [
        (json!({"expires_in": "7200"}), Some(two_hours)),
        (json!({"expires_in": "soon"}), Some(one_hour)),
        (json!({"expires_in": -1.5}), Some(one_hour)),
        (json!({"access_token": null}), None),
        (json!({"access_token": {"is": "elsewhere"}}), None),
    ] {
        let answer = more.clone();
        let server = Server::new(move |seen| {
            let mut body = json!({"access_token": "hush-a", "refresh_token": "hush-new"});
            let fields = body.as_object_mut().expect("an object");
            fields.extend(answer.as_object().expect("an object").clone());
            match seen.path.as_str() {
                "/v1/token" => (200, body.to_string()),
                _ => (200, temporary("STS.o")),
            }
        })
        .await;
        let home = Home::new(&oauth(-1, ""));
        match expires {
            Some(expires) => {
                let got = obtained(&world(&server), home.source(&[])).await;
                assert_eq!(got.expect("credentials"), "STS.o hush-STS.o hush-token");
                assert_eq!(
                    home.profile()["oauth_access_token_expire"],
                    expires,
                    "{more}"
                );
            }
            None => {
                let told = refused(&world(&server), home.source(&[])).await;
                assert!(told.contains("lacks access_token"), "{told}");
            }
        }
        assert_eq!(home.profile()["oauth_refresh_token"], "hush-new", "{more}");
        let journal = home.config().with_file_name(".config.json.axt-journal");
        assert!(!journal.exists(), "{more}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_used_up_that_cannot_be_written_back() {
    let _still = StandStill::new();
    let server = rotating().await;
    let home = Home::new(&oauth(-1, ""));
    let mut permissions = fs::metadata(home.config()).expect("metadata").permissions();
    permissions.set_readonly(true);
    fs::set_permissions(home.config(), permissions).expect("permissions");
    let told = refused(&world(&server), home.source(&[])).await;
    assert!(told.contains("the login has to be renewed, and "), "{told}");
    assert!(told.contains("can't be written: it is read-only"), "{told}");
    assert!(server.seen().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_login_that_somebody_else_has_renewed_is_left_alone() {
    let _still = StandStill::new();
    let home = Home::new(&oauth(-1, ""));
    let path = home.config();
    let server = Server::new(move |seen| match seen.path.as_str() {
        "/v1/token" => {
            // Meanwhile, the user logs in again.
            let text = fs::read_to_string(&path).expect("a file");
            fs::write(&path, text.replace("hush-refresh-0", "hush-theirs")).expect("a file");
            let body = json!({"access_token": "hush-a", "refresh_token": "hush-ours"});
            (200, body.to_string())
        }
        _ => (200, temporary("STS.o")),
    })
    .await;
    let got = obtained(&world(&server), home.source(&[]))
        .await
        .expect("credentials");
    assert_eq!(got, "STS.o hush-STS.o hush-token");
    assert_eq!(home.profile()["oauth_refresh_token"], "hush-theirs");
}

#[tokio::test(start_paused = true)]
#[cfg(unix)]
async fn a_link_stays_a_link() {
    let _still = StandStill::new();
    let server = rotating().await;
    let home = Home::new(&oauth(-1, ""));
    let real = home.path().join("real.json");
    fs::rename(home.config(), &real).expect("the same disk");
    std::os::unix::fs::symlink(&real, home.config()).expect("a link");
    obtained(&world(&server), home.source(&[]))
        .await
        .expect("credentials");
    assert!(home.config().is_symlink());
    assert_eq!(home.profile()["oauth_refresh_token"], "hush-refresh-1");
}

/// The process that [`a_kill_at_any_step_loses_nothing`] starts; otherwise it does nothing.
#[tokio::test(start_paused = true)]
async fn ended_at_a_step() {
    let Ok(given) = std::env::var(HOME_AND_SERVER) else {
        return;
    };
    let _still = StandStill::new();
    let (home, url) = given.split_once('\n').expect("both");
    let source = source_in(home.as_ref(), &[]);
    obtained(&world_at(url), source).await.expect("credentials");
}

/// A run that is killed at this step.
#[cfg(unix)]
async fn end_at(step: &str, home: &Home, server: &Server) {
    use std::os::unix::process::ExitStatusExt as _;
    let run = tokio::process::Command::new(std::env::current_exe().expect("a path"))
        .args(["--exact", "providers::login::tests::ended_at_a_step"])
        .env(END_AT, step)
        .env(
            HOME_AND_SERVER,
            format!("{}\n{}", home.path().display(), server.url()),
        )
        .output();
    let status = run.await.expect("the tests' own program").status;
    assert_eq!(status.signal(), Some(9), "{step}");
}

#[tokio::test(start_paused = true)]
#[cfg(unix)]
async fn a_kill_at_any_step_loses_nothing() {
    let _still = StandStill::new();
    for step in ["begun", "in the journal", "written", "renamed"] {
        let server = rotating().await;
        let home = Home::new(&oauth(-1, r#","unknown":1"#));
        end_at(step, &home, &server).await;
        // Whole, with the old token or the new one.
        let token = home.profile()["oauth_refresh_token"].clone();
        let expected = if step == "renamed" {
            "hush-refresh-1"
        } else {
            "hush-refresh-0"
        };
        assert_eq!(token, expected, "{step}");
        assert_eq!(home.profile()["unknown"], 1);
        // The next run goes on with the new one: the old one would be refused.
        let got = obtained(&world(&server), home.source(&[]))
            .await
            .expect("credentials");
        assert_eq!(got, "STS.1 hush hush-token", "{step}");
        assert_eq!(
            home.profile()["oauth_refresh_token"],
            "hush-refresh-1",
            "{step}"
        );
        assert_eq!(paths(&server), ["/v1/token", "/v1/exchange"], "{step}");
    }
}

/// Between the server's answer and the write that follows it, a login can be lost; nobody is left to
/// wonder why.
#[tokio::test(start_paused = true)]
#[cfg(unix)]
async fn a_kill_before_the_answer_is_written_is_told() {
    let _still = StandStill::new();
    let server = rotating().await;
    let home = Home::new(&oauth(-1, ""));
    end_at("answered", &home, &server).await;
    for _ in 0..2 {
        let told = refused(&world(&server), home.source(&[])).await;
        let why = "is HTTP 400: invalid_grant: used; an earlier run sent the same refresh token and got no answer";
        assert!(told.contains(why), "{told}");
        assert!(
            told.contains("| run `aliyun configure --mode OAuth --profile p`"),
            "{told}"
        );
    }
    // The user logs in again.
    let text = fs::read_to_string(home.config()).expect("a file");
    fs::write(home.config(), text.replace("refresh-0", "refresh-1")).expect("a file");
    let got = obtained(&world(&server), home.source(&[]))
        .await
        .expect("credentials");
    assert_eq!(got, "STS.2 hush hush-token");
    assert!(
        !home
            .config()
            .with_file_name(".config.json.axt-journal")
            .exists()
    );
}

#[tokio::test(start_paused = true)]
async fn an_access_token_that_holds_needs_no_file_to_write_to() {
    let _still = StandStill::new();
    for (seconds, written) in [(HOUR, false), (-1, true)] {
        let server = rotating().await;
        let home = Home::new(&oauth(seconds, ""));
        let before = fs::read_to_string(home.config()).expect("a file");
        fs::create_dir(home.config().with_file_name(".config.json.axt-lock")).expect("a folder");
        let got = obtained(&world(&server), home.source(&[])).await;
        match written {
            false => assert_eq!(got.expect("credentials"), "STS.0 hush hush-token"),
            true => {
                let told = got.expect_err("there is no lock").to_string();
                assert!(told.contains("can't be written"), "{told}");
                assert!(server.seen().is_empty());
            }
        }
        assert_eq!(fs::read_to_string(home.config()).expect("a file"), before);
    }
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_breaks_off_or_is_out_of_date_is_no_harm() {
    let _still = StandStill::new();
    let begun = r#"{"profile":"p","token":"another token's","time":1}"#;
    let answer = r#"{"access_token":"hush-wrong","refresh_token":"hush-wrong"}"#;
    for left in [
        r#"{"profile":"p","tok"#,
        &format!("{begun}\n{answer}\n\n"),
        &format!("{begun}\n{{\"access_tok"),
        &format!("{begun}\n\n\n"),
    ] {
        let server = rotating().await;
        let home = Home::new(&oauth(-1, ""));
        let journal = home.config().with_file_name(".config.json.axt-journal");
        fs::write(&journal, left).expect("a file");
        obtained(&world(&server), home.source(&[]))
            .await
            .expect("credentials");
        assert_eq!(home.profile()["oauth_refresh_token"], "hush-refresh-1");
        assert!(!journal.exists());
    }
}

fn cloud_sso(url: &str, expires: i64) -> String {
    format!(
        r#""mode":"CloudSSO","cloud_sso_sign_in_url":"{url}/start?x=1","cloud_sso_account_id":"123","cloud_sso_access_config":"ac-1","access_token":"hush-access","cloud_sso_access_token_expire":{}"#,
        start().as_second() + expires
    )
}

#[tokio::test(start_paused = true)]
async fn cloud_sso_is_asked_at_the_sign_in_host() {
    let _still = StandStill::new();
    let server = Server::new(|_| {
        (
            200,
            format!(
                r#"{{"CloudCredential":{},"RequestId":"R"}}"#,
                temporary("STS.c")
            ),
        )
    })
    .await;
    let home = Home::new(&cloud_sso(&server.url(), HOUR));
    // Where `--endpoint` leads does not matter.
    let elsewhere = world_at("http://127.0.0.1:9");
    for _ in 0..2 {
        let got = obtained(&elsewhere, home.source(&[]))
            .await
            .expect("credentials");
        assert_eq!(got, "STS.c hush-STS.c hush-token");
    }
    let [request] = &server.seen()[..] else {
        panic!("one request")
    };
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("POST", "/cloud-credentials")
    );
    assert_eq!(request.header("authorization"), Some("bearer hush-access"));
    let body: Value = serde_json::from_str(&request.body).expect("JSON");
    assert_eq!(
        body,
        json!({"AccountId": "123", "AccessConfigurationId": "ac-1"})
    );
    let profile = home.profile();
    assert_eq!(profile["access_key_id"], "STS.c");
    assert_eq!(profile["sts_expiration"], start().as_second() + HOUR - 5);
    assert_eq!(profile["access_token"], "hush-access");
}

#[tokio::test(start_paused = true)]
async fn what_cloud_sso_may_answer_instead() {
    let _still = StandStill::new();
    for (expires, status, body, words) in [
        (
            -1,
            200,
            "",
            "its login expired at 2025-12-31T23:59:59Z | run `aliyun configure --mode CloudSSO --profile p`",
        ),
        (
            HOUR,
            401,
            r#"{"ErrorCode":"X","Message":"who are you"}"#,
            "is HTTP 401: who are you | run `aliyun",
        ),
        (HOUR, 200, "{}", "does not have the expected form"),
        (
            HOUR,
            200,
            r#"{"CloudCredential":{}}"#,
            "the answer lacks AccessKeyId",
        ),
        (
            HOUR,
            302,
            "https://x.example/",
            "a redirect, which is not followed",
        ),
    ] {
        let server = Server::new(move |_| (status, body.into())).await;
        let home = Home::new(&cloud_sso(&server.url(), expires));
        let told = refused(&world(&server), home.source(&[])).await;
        assert!(told.contains(words), "{told}");
    }
    let server = Server::new(|_| (200, String::new())).await;
    for field in [
        "cloud_sso_sign_in_url",
        "cloud_sso_account_id",
        "cloud_sso_access_config",
        "\"access_token",
    ] {
        let fields = cloud_sso(&server.url(), HOUR).replace(field, &field.replace("_", "-"));
        let told = refused(&world(&server), Home::new(&fields).source(&[])).await;
        assert!(
            told.contains(&format!("{} is missing", field.trim_matches('"'))),
            "{told}"
        );
    }
    let plain = cloud_sso("http://sso.example", HOUR);
    let told = refused(&world(&server), Home::new(&plain).source(&[])).await;
    assert!(told.contains("TLS"), "{told}");
}
