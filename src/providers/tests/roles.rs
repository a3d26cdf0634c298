//! Roles: AssumeRole and AssumeRoleWithOIDC, the requests, the answers, and what is kept.

use super::support::*;
use crate::openapi::signature;

const KEYS: &str = r#""access_key_id":"id","access_key_secret":"hush-secret""#;

fn assumed(id: &str) -> (u16, String) {
    (
        200,
        format!(r#"{{"RequestId":"R","Credentials":{}}}"#, temporary(id)),
    )
}

#[tokio::test(start_paused = true)]
async fn a_role_is_asked_for_with_all_that_the_profile_says() {
    let _still = StandStill::new();
    let server = Server::new(|_| assumed("STS.a")).await;
    let home = Home::new(&format!(
        r#""mode":"RamRoleArn",{KEYS},"sts_token":"hush-t","ram_role_arn":"{ROLE}","ram_session_name":"me","expired_seconds":1800,"external_id":"x y","policy":"{{\"V\":1}}""#
    ));
    let got = obtained(&world(&server), home.source(&[]))
        .await
        .expect("credentials");
    assert_eq!(got, "STS.a hush-STS.a hush-token");
    let [request] = &server.seen()[..] else {
        panic!("one request")
    };
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("POST", "/")
    );
    for (name, value) in [
        ("Action", "AssumeRole"),
        ("Version", "2015-04-01"),
        ("AccessKeyId", "id"),
        ("SecurityToken", "hush-t"),
        ("RoleArn", ROLE),
        ("RoleSessionName", "me"),
        ("DurationSeconds", "1800"),
        ("ExternalId", "x y"),
        ("Policy", r#"{"V":1}"#),
    ] {
        assert_eq!(request.param(name).as_deref(), Some(value), "{name}");
    }
    let form = url::form_urlencoded::parse(request.body.as_bytes()).into_owned();
    let params: Vec<_> = form.filter(|(name, _)| name != "Signature").collect();
    let signature = signature::v1("POST", &params, "hush-secret");
    assert_eq!(request.param("Signature"), Some(signature));
}

#[tokio::test(start_paused = true)]
async fn a_chain_asks_link_by_link() {
    let _still = StandStill::new();
    let server = Server::new(|seen| match seen.param("AccessKeyId").as_deref() {
        Some("id") => assumed("STS.one"),
        Some("STS.one") => assumed("STS.two"),
        other => panic!("{other:?} asks"),
    })
    .await;
    let home = Home::with(&format!(
        r#"{{"current":"two","profiles":[
            {{"name":"two","mode":"ChainableRamRoleArn","source_profile":"one","ram_role_arn":"{ROLE}"}},
            {{"name":"one","mode":"RamRoleArn",{KEYS},"ram_role_arn":"{ROLE}"}}]}}"#
    ));
    let got = obtained(&world(&server), home.source(&[]))
        .await
        .expect("credentials");
    assert_eq!(got, "STS.two hush-STS.two hush-token");
    let second = &server.seen()[1];
    assert_eq!(second.param("SecurityToken").as_deref(), Some("hush-token"));
}

#[tokio::test(start_paused = true)]
async fn an_oidc_token_is_read_anew_and_signs_nothing() {
    let _still = StandStill::new();
    let server = Server::new(|_| assumed("STS.o")).await;
    let home = Home::new("");
    let token = home.path().join("token");
    std::fs::write(&token, "hush-jwt\n").expect("a file");
    let vars = [
        ("ALIBABA_CLOUD_IGNORE_PROFILE", "TRUE"),
        (
            "ALIBABA_CLOUD_OIDC_PROVIDER_ARN",
            "acs:ram::1000000000000001:oidc-provider/ci",
        ),
        (
            "ALIBABA_CLOUD_OIDC_TOKEN_FILE",
            token.to_str().expect("UTF-8"),
        ),
        ("ALIBABA_CLOUD_ROLE_ARN", ROLE),
    ];
    let world = world(&server);
    let got = obtained(&world, home.source(&vars))
        .await
        .expect("credentials");
    assert_eq!(got, "STS.o hush-STS.o hush-token");
    let request = &server.seen()[0];
    assert_eq!(
        request.param("Action").as_deref(),
        Some("AssumeRoleWithOIDC")
    );
    assert_eq!(request.param("OIDCToken").as_deref(), Some("hush-jwt"));
    for absent in [
        "AccessKeyId",
        "Signature",
        "SecurityToken",
        "SignatureNonce",
    ] {
        assert_eq!(request.param(absent), None, "{absent}");
    }
    std::fs::write(&token, " \n").expect("a file");
    let told = refused(&world, home.source(&vars)).await;
    assert!(told.contains("/token: it is empty"), "{told}");
    std::fs::remove_file(&token).expect("it is there");
    let told = refused(&world, home.source(&vars)).await;
    assert!(
        told.contains("/token: it can't be read: No such file"),
        "{told}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_sts_refuses_is_told_with_the_profile() {
    let _still = StandStill::new();
    for (status, body, words) in [
        (
            403,
            r#"{"Code":"NoPermission","Message":"hush-secret may not"}"#.to_owned(),
            "profile p (RamRoleArn, ",
        ),
        (
            403,
            r#"{"Code":"NoPermission","Message":"m"}"#.into(),
            "AssumeRole: NoPermission: m (HTTP 403)",
        ),
        (200, "{}".into(), "the answer lacks AccessKeyId"),
        (
            200,
            r#"{"Credentials":"hush"}"#.into(),
            "has missing or mistyped fields",
        ),
        (200, "<html>".into(), "HTML or XML and not JSON"),
        (302, "https://elsewhere.example/".into(), "HTTP 302"),
        (200, " ".repeat(1 << 21), "longer than 1 MiB"),
        (
            200,
            format!(
                r#"{{"Credentials":{}}}"#,
                until("STS.x", "2025-12-31T23:59:59Z")
            ),
            "the credentials have expired already, at 2025-12-31T23:59:59Z",
        ),
        (
            200,
            format!(r#"{{"Credentials":{}}}"#, until("STS.x", "soon")),
            "the expiration is not a time",
        ),
    ] {
        let server = Server::new(move |_| (status, body.clone())).await;
        let home = Home::new(&format!(
            r#""mode":"RamRoleArn",{KEYS},"ram_role_arn":"{ROLE}""#
        ));
        let told = refused(&world(&server), home.source(&[])).await;
        assert!(told.contains(words), "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_loop_of_runs_asks_once_and_another_role_anew() {
    let _still = StandStill::new();
    let server = Server::new(|_| assumed("STS.a")).await;
    let home = Home::new(&format!(
        r#""mode":"RamRoleArn",{KEYS},"ram_role_arn":"{ROLE}""#
    ));
    let mut world = world(&server);
    let folder = home.path().join("state").join("credentials");
    world.cache = Some(folder.clone());
    for _ in 0..5 {
        let got = obtained(&world, home.source(&[]))
            .await
            .expect("credentials");
        assert_eq!(got, "STS.a hush-STS.a hush-token");
    }
    assert_eq!(server.calls("AssumeRole"), 1);
    for entry in std::fs::read_dir(&folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        assert!(!name.contains("hush") && !name.contains("dev"), "{name}");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(&path)
                .expect("metadata")
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }
    let narrowed = [("ALIBABA_CLOUD_ROLE_SESSION_NAME", "other")];
    obtained(&world, home.source(&narrowed))
        .await
        .expect("credentials");
    assert_eq!(server.calls("AssumeRole"), 2);
    // A minute before the expiry they are no longer worth beginning with.
    tokio::time::advance(std::time::Duration::from_secs(3541)).await;
    obtained(&world, home.source(&[]))
        .await
        .expect("credentials");
    assert_eq!(server.calls("AssumeRole"), 3);
}
