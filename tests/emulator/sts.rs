//! STS: the keys of roles, what they may do, and when they no longer may.

use crate::support::*;
use axt::emulator::{Emulator, Options};
use axt::openapi::signature;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::time::Duration;

const ROLE: &str = "acs:ram::1000000000000001:role/dev";
const PROVIDER: &str = "acs:ram::1000000000000001:oidc-provider/ci";

/// A call of STS, with these parameters besides the common ones.
fn call(emulator: &Emulator, extra: &[(&str, &str)]) -> Params {
    with(with(common(emulator), &[("Version", "2015-04-01")]), extra)
}

fn assume(emulator: &Emulator, extra: &[(&str, &str)]) -> Params {
    let role = [
        ("Action", "AssumeRole"),
        ("RoleArn", ROLE),
        ("RoleSessionName", "me"),
    ];
    with(call(emulator, &role), extra)
}

/// Status and code of a call that is signed with a role's keys, and the answer.
async fn by_role(emulator: &Emulator, credentials: &Value, params: Params) -> (u16, String, Value) {
    let text = |name: &str| credentials[name].as_str().unwrap_or_default();
    let params = with(
        params,
        &[
            ("AccessKeyId", text("AccessKeyId")),
            ("SecurityToken", text("SecurityToken")),
        ],
    );
    let signature = signature::v1("POST", &params, text("AccessKeySecret"));
    let signed = with(params, &[("Signature", &signature)]);
    let (status, body) = send_form(emulator, signed).await;
    let code = body["Code"].as_str().unwrap_or_default().to_owned();
    (status, code, body)
}

/// The call without what proves who makes it.
fn unsigned(params: Params) -> Params {
    let gone = ["AccessKeyId", "SignatureMethod", "SignatureVersion"];
    with(params, &gone.map(|name| (name, "")))
}

fn token(claims: &Value, algorithm: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!(
        "{}.{}.c2lnbmF0dXJl",
        part(&json!({"alg": algorithm})),
        part(claims)
    )
}

/// The claims of a token that holds for so many seconds.
fn claims(seconds: i64) -> Value {
    let exp = jiff::Timestamp::now().as_second() + seconds;
    json!({"iss": "https://ci.example", "sub": "job", "aud": "axt", "exp": exp})
}

#[tokio::test]
async fn a_roles_keys_make_calls_until_they_expire() {
    let emulator = emulator(&[("clock-skew", "none")], &[]);
    let asked = assume(&emulator, &[("DurationSeconds", "900")]);
    let (status, body) = post(&emulator, asked).await;
    assert_eq!(status, 200, "{body}");
    let keys = &body["Credentials"];
    assert_eq!(
        body["AssumedRoleUser"]["Arn"],
        "acs:ram::1000000000000001:role/dev/me"
    );
    assert!(keys["AccessKeyId"].as_str().unwrap().starts_with("STS."));
    let who = call(&emulator, &[("Action", "GetCallerIdentity")]);
    let (_, _, caller) = by_role(&emulator, keys, who).await;
    assert_eq!(caller["IdentityType"], "AssumedRoleUser");
    assert_eq!(
        caller["Arn"],
        "acs:ram::1000000000000001:assumed-role/dev/me"
    );
    let (status, _, started) = by_role(&emulator, keys, start(&emulator)).await;
    assert_eq!(status, 200, "{started}");
    // The records tell who it was.
    let list = with(
        start(&emulator),
        &[("Action", "DescribeTerminalSessions"), ("InstanceId.1", "")],
    );
    let (_, listed) = post(&emulator, list).await;
    let record = &listed["Sessions"]["Session"][0];
    assert_eq!(record["IdentityType"], "AssumedRoleUser");
    assert_eq!(
        record["PrincipalId"],
        body["AssumedRoleUser"]["AssumedRoleId"]
    );

    emulator.clock().advance(Duration::from_secs(901));
    let (status, code, _) = by_role(&emulator, keys, start(&emulator)).await;
    assert_eq!(
        (status, code.as_str()),
        (400, "InvalidSecurityToken.Expired")
    );
}

#[tokio::test]
async fn a_token_goes_with_its_key_and_no_other() {
    let emulator = emulator(&[], &[]);
    let keys = |body: Value| body["Credentials"].clone();
    let one = keys(post(&emulator, assume(&emulator, &[])).await.1);
    let other = keys(post(&emulator, assume(&emulator, &[])).await.1);
    for (token, code) in [
        (Value::Null, "MissingSecurityToken"),
        ("made up".into(), "InvalidSecurityToken.Malformed"),
        (
            other["SecurityToken"].clone(),
            "InvalidSecurityToken.MismatchWithAccessKey",
        ),
    ] {
        let mut mixed = one.clone();
        mixed["SecurityToken"] = token;
        let (status, found, _) = by_role(&emulator, &mixed, start(&emulator)).await;
        assert_eq!((status, found.as_str()), (400, code));
    }
    let mut wrong = one.clone();
    wrong["AccessKeySecret"] = other["AccessKeySecret"].clone();
    let (_, code, _) = by_role(&emulator, &wrong, start(&emulator)).await;
    assert_eq!(code, "SignatureDoesNotMatch");
    let lasting = with(
        start(&emulator),
        &[("SecurityToken", one["SecurityToken"].as_str().unwrap())],
    );
    assert_eq!(
        self::code(&emulator, lasting).await,
        "400 InvalidSecurityToken.MismatchWithAccessKey"
    );
}

#[tokio::test]
async fn wrong_wishes_are_refused() {
    let emulator = emulator(&[], &[]);
    let policy =
        r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"ecs:*","Resource":"*"}]}"#;
    let narrowed = assume(&emulator, &[("Policy", policy), ("ExternalId", "x1")]);
    assert_eq!(code(&emulator, narrowed).await, "200 ");
    for (name, value, expected) in [
        ("RoleArn", "", "400 MissingParameter"),
        ("RoleArn", "dev", "400 InvalidParameter.RoleArn"),
        ("RoleArn", "acs:ram::2:role/dev", "404 EntityNotExist.Role"),
        ("RoleSessionName", "", "400 MissingParameter"),
        (
            "RoleSessionName",
            "a b",
            "400 InvalidParameter.RoleSessionName",
        ),
        (
            "DurationSeconds",
            "899",
            "400 InvalidParameter.DurationSeconds",
        ),
        (
            "DurationSeconds",
            "soon",
            "400 InvalidParameter.DurationSeconds",
        ),
        ("Policy", "{}", "400 InvalidParameter.PolicyGrammar"),
        ("ExternalId", "x", "400 InvalidParameter.ExternalId"),
    ] {
        let asked = assume(&emulator, &[(name, value)]);
        assert_eq!(code(&emulator, asked).await, expected, "{name}={value}");
    }
    let mut options = Options::default();
    options.deny("sts:AssumeRole").unwrap();
    let denying = Emulator::on_loopback(options).unwrap();
    let asked = assume(&denying, &[]);
    assert_eq!(code(&denying, asked).await, "403 NoPermission");
}

#[tokio::test]
async fn an_oidc_token_stands_in_for_a_signature() {
    let emulator = emulator(&[], &[]);
    let asked = |token: &str, extra: &[(&str, &str)]| {
        let oidc = [
            ("Action", "AssumeRoleWithOIDC"),
            ("OIDCProviderArn", PROVIDER),
            ("OIDCToken", token),
        ];
        with(unsigned(assume(&emulator, &oidc)), extra)
    };
    let good = token(&claims(60), "RS256");
    let without_nonce = asked(&good, &[("SignatureNonce", "")]);
    let (status, body) = send_form(&emulator, without_nonce).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["OIDCTokenInfo"]["Subject"], "job");
    let (status, _, _) = by_role(&emulator, &body["Credentials"], start(&emulator)).await;
    assert_eq!(status, 200);
    for (token, extra, expected) in [
        (
            token(&claims(-1), "RS256"),
            &[][..],
            "401 AuthenticationFail.OIDCToken.Expired",
        ),
        (
            token(&claims(60), "HS256"),
            &[],
            "401 AuthenticationFail.OIDCToken.Invalid",
        ),
        (
            token(&json!({}), "RS256"),
            &[],
            "401 AuthenticationFail.OIDCToken.Invalid",
        ),
        (
            "no.token".into(),
            &[],
            "401 AuthenticationFail.OIDCToken.Invalid",
        ),
        (
            good.clone(),
            &[("OIDCProviderArn", "acs:ram::2:oidc-provider/ci")],
            "401 AuthenticationFail.NoPermission",
        ),
        (
            good.clone(),
            &[("Timestamp", "2020-01-01T00:00:00Z")],
            "400 InvalidTimeStamp.Expired",
        ),
    ] {
        let (status, body) = send_form(&emulator, asked(&token, extra)).await;
        let found = format!("{status} {}", body["Code"].as_str().unwrap_or_default());
        assert_eq!(found, expected, "{body}");
    }
    // No other action goes without a signature.
    let (_, body) = send_form(&emulator, unsigned(assume(&emulator, &[]))).await;
    assert_eq!(body["Code"], "MissingParameter");
}
