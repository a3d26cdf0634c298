//! What each mode says of each answer that gives no credentials.
#![cfg(unix)]

use super::modes::{BY_HTTP, Stage};
use super::support::*;

/// What a mode says that asks STS, in the order of [`answers`].
const OF_STS: [&str; 6] = [
    "ACTION: NoPermission: not you (HTTP 403)",
    "ACTION: UnexpectedReply: the answer is truncated after 25 bytes (HTTP 200)",
    "ACTION: UnexpectedReply: the answer is a redirect, which is not followed (HTTP 302)",
    "ACTION: UnexpectedReply: the answer is longer than 1 MiB (HTTP 200)",
    "the answer lacks AccessKeySecret",
    "the credentials have expired already, at 2025-12-31T23:59:59Z",
];

/// What a mode says that asks another service.
const OF_OTHERS: [&str; 6] = [
    "the answer of HOST is HTTP 403: NoPermission: not you",
    "the answer of HOST is not JSON (line 1, column 25)",
    "the answer of HOST is HTTP 302, a redirect, which is not followed",
    "the answer of HOST is longer than 1 MiB",
    "the answer lacks AccessKeySecret",
    "the credentials have expired already, at 2025-12-31T23:59:59Z",
];

/// Status and body of answers without usable credentials: denied, broken off, a redirect, too long, without a
/// field, expired.
fn answers(stage: &Stage) -> [(u16, String); 6] {
    let denied = r#"{"Code":"NoPermission","Message":"not you"}"#;
    let lacking = temporary("STS.x").replace("AccessKeySecret", "x");
    let expired = until("STS.x", "2025-12-31T23:59:59Z");
    [
        (403, denied.into()),
        (200, r#"{"AccessKeySecret": "hush"#.into()),
        (302, "https://hush.example/".into()),
        (200, " ".repeat((1 << 20) + 1)),
        (200, stage.in_its_form(&lacking)),
        (200, stage.in_its_form(&expired)),
    ]
}

/// What the mode says, without its own name and what to do.
async fn told(stage: &Stage) -> String {
    let told = stage.stable(&id(&stage.provider()).await);
    assert!(!told.contains("hush"), "{told}");
    let named = format!(
        "no usable credentials: profile p ({}, ~/.aliyun/config.json): ",
        stage.mode
    );
    let why = told.strip_prefix(&named);
    why.unwrap_or_else(|| panic!("{told}")).to_owned()
}

#[tokio::test(start_paused = true)]
async fn each_mode_says_what_is_wrong_with_an_answer() {
    let _still = StandStill::new();
    for mode in BY_HTTP {
        let stage = Stage::new(mode).await;
        let (action, expected) = match mode {
            "OIDC" => ("AssumeRoleWithOIDC", OF_STS),
            "EcsRamRole" | "CredentialsURI" | "CloudSSO" | "OAuth" => ("", OF_OTHERS),
            _ => ("AssumeRole", OF_STS),
        };
        for ((status, body), expected) in answers(&stage).into_iter().zip(expected) {
            stage.will_answer(status, body);
            let expected = expected.replace("ACTION", action);
            assert_eq!(told(&stage).await, expected, "{mode}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_mode_says_that_its_service_is_silent() {
    // Time runs ahead whenever everything waits: the silence is all there is.
    for (mode, expected) in [
        (
            "RamRoleArn",
            "the call of AssumeRole to HOST took longer than 15s",
        ),
        (
            "OIDC",
            "the call of AssumeRoleWithOIDC to HOST took longer than 15s",
        ),
        ("EcsRamRole", "the answer of HOST took longer than 2s"),
        ("CredentialsURI", "the answer of HOST took longer than 15s"),
        ("CloudSSO", "the answer of HOST took longer than 15s"),
        ("OAuth", "the answer of HOST took longer than 15s"),
    ] {
        let stage = Stage::new(mode).await;
        stage.will_answer(0, String::new());
        assert_eq!(told(&stage).await, expected, "{mode}");
    }
}
