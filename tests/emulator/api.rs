//! The API: forms, signatures, clocks, and the code of every wrong parameter.

use crate::support::*;
use axt::emulator::Emulator;
use axt::openapi::signature;
use serde_json::Value;
use std::time::Duration;

#[tokio::test]
async fn good_signatures_are_taken_in_each_form() {
    let emulator = emulator(&[], &[]);
    let (status, body) = post(&emulator, start(&emulator)).await;
    assert_eq!(status, 200, "{body}");
    let params = signed(&emulator, "GET", start(&emulator));
    let url = format!(
        "{}/?{}",
        emulator.api_url(),
        signature::canonical_query(&params)
    );
    assert_eq!(http().get(url).send().await.unwrap().status(), 200);
    // Common parameters in the query, the API's own in the form.
    let params = signed(&emulator, "POST", start(&emulator));
    let (form, query): (Params, Params) = params
        .into_iter()
        .partition(|(name, _)| name.starts_with("InstanceId"));
    let request = http()
        .post(format!(
            "{}/?{}",
            emulator.api_url(),
            signature::canonical_query(&query)
        ))
        .header(
            "content-type",
            "application/x-www-form-urlencoded; charset=UTF-8",
        )
        .body(signature::canonical_query(&form));
    assert_eq!(request.send().await.unwrap().status(), 200);
    assert_eq!(emulator.counts().created, 3);
}

/// An ACS3 request as the newest SDK sends it: parameters in the query, no body; `spoil` may change
/// the signed headers before they are sent.
async fn acs3(emulator: &Emulator, spoil: impl Fn(&mut Params)) -> (u16, Value) {
    let host = emulator.address().to_string();
    let query = pairs(&[
        ("RegionId", "cn-hangzhou"),
        ("InstanceId.1", "i-demo"),
        ("CommandLine", "echo '\u{4f60}' * ~/x+y & a=b"),
    ]);
    let mut headers = pairs(&[
        ("host", &host),
        ("accept", "application/json"),
        ("x-acs-action", "StartTerminalSession"),
        ("x-acs-version", "2014-05-26"),
        ("x-acs-date", &now()),
        ("x-acs-signature-nonce", &uuid::Uuid::new_v4().to_string()),
        ("x-acs-content-sha256", &signature::sha256_hex(b"")),
    ]);
    let request = signature::acs3_canonical_request(
        "POST",
        "/",
        &query,
        &headers,
        &signature::sha256_hex(b""),
    );
    let keys = emulator.credentials();
    let authorization = signature::acs3_authorization(
        &keys.access_key_id,
        &signature::acs3_signed_headers(&headers),
        &signature::acs3(&request, &keys.access_key_secret),
    );
    spoil(&mut headers);
    let mut request = http().post(format!(
        "http://{host}/?{}",
        signature::canonical_query(&query)
    ));
    for (name, value) in headers.iter().filter(|(name, _)| name != "host") {
        request = request.header(name, value);
    }
    let response = request
        .header("authorization", authorization)
        .send()
        .await
        .unwrap();
    let status = response.status().as_u16();
    (
        status,
        serde_json::from_str(&response.text().await.unwrap()).unwrap(),
    )
}

#[tokio::test]
async fn acs3_is_taken_and_checked() {
    let emulator = emulator(&[], &[]);
    let (status, body) = acs3(&emulator, |_| ()).await;
    assert_eq!(status, 200, "{body}");
    for (name, value, code) in [
        (
            "x-acs-action",
            "EndTerminalSession",
            "SignatureDoesNotMatch",
        ),
        ("x-acs-content-sha256", "00", "IncompleteSignature"),
        (
            "x-acs-date",
            "2020-01-01T00:00:00Z",
            "InvalidTimeStamp.Expired",
        ),
        ("x-acs-extra", "unsigned", "IncompleteSignature"),
        ("x-acs-signature-nonce", "", "MissingParameter"),
    ] {
        let (_, body) = acs3(&emulator, |headers| {
            *headers = with(headers.clone(), &[(name, value)])
        })
        .await;
        assert_eq!(body["Code"], code, "{name}: {body}");
    }
}

#[tokio::test]
async fn a_wrong_signature_is_answered_with_the_string_to_sign() {
    let emulator = emulator(&[], &[]);
    let mut params = start(&emulator);
    params.push(("Signature".into(), "AAAA".into()));
    let (status, body) = send_form(&emulator, params.clone()).await;
    assert_eq!(
        (status, body["Code"].as_str()),
        (400, Some("SignatureDoesNotMatch"))
    );
    params.pop();
    let message = body["Message"].as_str().unwrap();
    let (_, theirs) = message.split_once("server string to sign is:").unwrap();
    assert_eq!(theirs, signature::v1_string_to_sign("POST", &params));
    assert!(!message.contains(&emulator.credentials().access_key_secret));
    assert!(
        body["RequestId"].is_string()
            && body["HostId"].is_string()
            && body["Recommend"].is_string()
    );
}

#[tokio::test]
async fn each_error_of_form_has_its_code() {
    let emulator = emulator(&[], &[]);
    for (name, value, expected) in [
        (
            "Timestamp",
            "2020-01-01T00:00:00Z",
            "400 InvalidTimeStamp.Expired",
        ),
        (
            "Timestamp",
            "2999-01-01T00:00:00Z",
            "400 InvalidTimeStamp.Expired",
        ),
        (
            "Timestamp",
            "2020-01-01T00:00:00.000Z",
            "400 InvalidTimeStamp.Format",
        ),
        ("Timestamp", "yesterday", "400 InvalidTimeStamp.Format"),
        ("AccessKeyId", "testid", "404 InvalidAccessKeyId.NotFound"),
        ("AccessKeyId", "", "400 MissingParameter"),
        ("Action", "", "400 MissingParameter"),
        ("Action", "RebootInstance", "404 InvalidAction.NotFound"),
        ("Version", "2015-04-01", "400 InvalidVersion"),
        ("SignatureMethod", "HMAC-MD5", "400 InvalidSignatureMethod"),
        ("Format", "XML", "400 UnsupportedFormat"),
        ("Format", "", "400 UnsupportedFormat"),
        (
            "SecurityToken",
            "CAIS",
            "400 InvalidSecurityToken.MismatchWithAccessKey",
        ),
    ] {
        let met = code(&emulator, with(start(&emulator), &[(name, value)])).await;
        assert_eq!(met, expected, "{name}={value}");
    }
    let doubled = [
        start(&emulator),
        pairs(&[("Username", "a"), ("Username", "b")]),
    ]
    .concat();
    assert_eq!(
        code(&emulator, doubled).await,
        "400 InvalidParameter.Duplicate"
    );
    assert_eq!(emulator.counts().created, 0);
}

#[tokio::test]
async fn a_nonce_is_good_once_and_a_time_for_15_minutes() {
    let emulator = emulator(&[], &[]);
    let params = start(&emulator);
    assert_eq!(code(&emulator, params.clone()).await, "200 ");
    assert_eq!(code(&emulator, params).await, "400 SignatureNonceUsed");
    let params = start(&emulator);
    emulator.clock().advance(Duration::from_secs(14 * 60));
    assert_eq!(code(&emulator, params).await, "200 ");
    let params = start(&emulator);
    emulator.clock().advance(Duration::from_secs(2 * 60));
    assert_eq!(
        code(&emulator, params).await,
        "400 InvalidTimeStamp.Expired"
    );
}

#[tokio::test]
async fn odd_bodies_are_refused() {
    let emulator = emulator(&[], &[]);
    let send = async |content_type: &'static str, body: String| {
        let request = http()
            .post(emulator.api_url())
            .header("content-type", content_type)
            .body(body);
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    let (status, body) = send("application/json", "{}".into()).await;
    assert!(
        status == 415 && body.contains("\"Code\":\"UnsupportedContentType\""),
        "{status} {body}"
    );
    let (status, body) = send("application/x-www-form-urlencoded", "a=".repeat(40_000)).await;
    assert!(
        status == 413 && body.contains("\"Code\":\"RequestEntityTooLarge\""),
        "{status} {body}"
    );
    let (status, body) = send(
        "application/x-www-form-urlencoded",
        "%zz&&==&\u{0}=%00".into(),
    )
    .await;
    assert!(
        status == 400 && body.contains("\"Code\":\"MissingParameter\""),
        "{status} {body}"
    );
    assert_eq!(
        http()
            .delete(emulator.api_url())
            .send()
            .await
            .unwrap()
            .status(),
        405
    );
}

#[tokio::test]
async fn an_unknown_path_is_answered_with_an_error() {
    let emulator = emulator(&[], &[]);
    let form = signed(&emulator, "POST", start(&emulator));
    let request = http()
        .post(format!("{}/pop/v1/sam/nothing", emulator.api_url()))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(signature::canonical_query(&form));
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 404);
    let body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    assert_eq!(body["Code"], "InvalidAction.NotFound");
}

#[tokio::test]
async fn each_wrong_parameter_has_its_code() {
    let emulator = emulator(&[], &[]);
    let long = |n: usize| "\u{4f60}".repeat(n);
    let json = |text: &str| text.to_owned();
    let cases: &[(&[(&str, String)], &str)] = &[
        (&[("RegionId", json(""))], "400 MissingParameter"),
        (
            &[("RegionId", json("cn-atlantis"))],
            "404 InvalidRegionId.NotFound",
        ),
        (&[("InstanceId.1", json(""))], "400 MissingParameter"),
        (
            &[("InstanceId.1", json("demo"))],
            "404 InvalidInstance.NotFound",
        ),
        (
            &[("InstanceId.2", json("i-2"))],
            "403 InstanceIds.ExceedLimit",
        ),
        (
            &[("InstanceId.2", json("i-2")), ("CommandLine", json("id"))],
            "403 InvalidInstanceIds.CountLimitExceeded",
        ),
        (&[("PortNumber", json("0"))], "400 PortNumber.Invalid"),
        (&[("PortNumber", json("65536"))], "400 PortNumber.Invalid"),
        (&[("PortNumber", json("ssh"))], "400 PortNumber.Invalid"),
        (&[("PortNumber", json("65535"))], "200 "),
        (
            &[("ConnectionType", json("intranet"))],
            "400 InvalidParameter.ConnectionType",
        ),
        (&[("ConnectionType", json("Intranet"))], "200 "),
        (
            &[("ClientToken", "x".repeat(65))],
            "400 InvalidClientToken.Malformed",
        ),
        (
            &[("ClientToken", long(1))],
            "400 InvalidClientToken.Malformed",
        ),
        (&[("CommandLine", long(512))], "200 "),
        (
            &[("CommandLine", long(513))],
            "403 InvalidCommandLine.LengthLimitExceeded",
        ),
        (
            &[("CommandLine", json("id")), ("PortNumber", json("22"))],
            "403 InvalidCommandLine.Conflict",
        ),
        (
            &[("CommandLine", json("id")), ("TargetServer", json("h"))],
            "403 InvalidCommandLine.Conflict",
        ),
        (
            &[("TargetServer", json("h"))],
            "403 InvalidTargetServer.MissingPortNumber",
        ),
        (
            &[("TargetServer", long(129)), ("PortNumber", json("22"))],
            "403 InvalidTargetServer.LengthLimitExceeded",
        ),
        (&[("Username", long(256))], "403 Username.ExceedLimit"),
        (
            &[("PasswordName", long(256))],
            "403 InvalidPasswordName.LengthLimitExceeded",
        ),
        (&[("EncryptionOptions", json("{}"))], "200 "),
        (
            &[("EncryptionOptions", json("nonsense"))],
            "400 InvalidParameter",
        ),
        (
            &[("EncryptionOptions.Enabled", json("true"))],
            "400 InvalidParameter",
        ),
        (
            &[("EncryptionOptions", json(r#"{"Mode":"Auto"}"#))],
            "403 InvalidEncryptionOptionsMode.EncryptionDisabled",
        ),
        (
            &[(
                "EncryptionOptions",
                json(r#"{"Enabled":true,"Mode":"Best"}"#),
            )],
            "403 InvalidParameter.EncryptionOptionsMode",
        ),
        (
            &[(
                "EncryptionOptions",
                json(r#"{"Enabled":true,"Mode":"Kms"}"#),
            )],
            "403 MissingParameter.EncryptionOptionsKMSKeyId",
        ),
        (
            &[(
                "EncryptionOptions",
                json(r#"{"Enabled":true,"KMSKeyId":"k"}"#),
            )],
            "403 InvalidParameter.EncryptionOptionsKMSKeyId",
        ),
        (
            &[
                ("EncryptionOptions", json(r#"{"Enabled":true}"#)),
                ("PortNumber", json("22")),
            ],
            "403 InvalidEncryptionOptions.Conflict",
        ),
        (
            &[(
                "EncryptionOptions",
                json(r#"{"Enabled":true,"Mode":"Kms","KMSKeyId":"k"}"#),
            )],
            "200 ",
        ),
    ];
    for (extra, expected) in cases {
        let extra: Vec<_> = extra
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let met = code(&emulator, with(start(&emulator), &extra)).await;
        assert_eq!(met, *expected, "{extra:?}");
    }
}

#[tokio::test]
async fn a_client_token_stands_for_one_call() {
    let emulator = emulator(&[], &[]);
    let first = started_with(&emulator, &[("ClientToken", "t-1")]).await;
    let again = started_with(&emulator, &[("ClientToken", "t-1")]).await;
    assert_eq!((first.id, first.url), (again.id, again.url));
    let other = with(
        start(&emulator),
        &[("ClientToken", "t-1"), ("Username", "root")],
    );
    assert_eq!(
        code(&emulator, other).await,
        "403 IdempotentParameterMismatch"
    );
    assert_eq!(emulator.counts().created, 1);
}

#[tokio::test]
async fn active_sessions_of_a_region_are_limited() {
    let emulator = emulator(&[("per-region", "2")], &[]);
    let first = started(&emulator).await;
    started(&emulator).await;
    assert_eq!(
        code(&emulator, start(&emulator)).await,
        "403 SessionCount.ExceedLimit"
    );
    assert_eq!(
        code(
            &emulator,
            with(start(&emulator), &[("RegionId", "cn-beijing")])
        )
        .await,
        "200 "
    );
    assert_eq!(code(&emulator, end(&emulator, &first.id)).await, "200 ");
    started(&emulator).await;
    emulator.clock().advance(Duration::from_secs(601));
    // Their URLs are too old and nobody uses them.
    assert_eq!(
        code(
            &emulator,
            with(start(&emulator), &[("Timestamp", &later(601))])
        )
        .await,
        "200 "
    );
}

#[tokio::test]
async fn an_injected_error_is_returned_as_often_as_asked() {
    let emulator = emulator(
        &[],
        &[
            ("api-error", "Throttling:2"),
            ("api-error", "Forbidden.RAM:1"),
        ],
    );
    for expected in [
        "400 Throttling",
        "400 Throttling",
        "403 Forbidden.RAM",
        "200 ",
    ] {
        assert_eq!(code(&emulator, start(&emulator)).await, expected);
    }
}

#[tokio::test]
async fn calls_of_one_action_in_one_region_are_limited() {
    let emulator = emulator(&[("calls", "2"), ("call-window", "1h")], &[]);
    let regions = |region: &'static str| with(start(&emulator), &[("RegionId", region)]);
    for (region, expected) in [
        ("cn-hangzhou", "200 "),
        ("cn-hangzhou", "200 "),
        ("cn-hangzhou", "400 Throttling.User"),
        ("cn-beijing", "200 "),
    ] {
        assert_eq!(code(&emulator, regions(region)).await, expected);
    }
    emulator.clock().advance(Duration::from_secs(3600));
    let later = with(start(&emulator), &[("Timestamp", &later(3600))]);
    assert_eq!(code(&emulator, later).await, "200 ");
    assert_eq!(emulator.calls("StartTerminalSession"), 5);
}

fn describe(emulator: &Emulator, action: &str, extra: &[(&str, &str)]) -> Params {
    let call = [("Action", action), ("RegionId", "cn-hangzhou")];
    with(with(common(emulator), &call), extra)
}

#[tokio::test]
async fn lists_of_instances_are_filtered_and_cut_as_documented() {
    let emulator = emulator(&[], &[]);
    let text = |n: usize| format!("i-{n:03}:name=web-{n}:ip=10.0.0.{n}:elastic=47.0.0.{n}");
    let all = (0..120).map(|n| text(n).parse().unwrap());
    emulator.set_instances(all.collect());
    let action = "DescribeInstances";
    let count = async |action: &str, extra: &[(&str, &str)]| {
        let (_, body) = post(&emulator, describe(&emulator, action, extra)).await;
        let list = body["Instances"]["Instance"].as_array();
        (list.map(Vec::len), body["TotalCount"].clone())
    };
    for (extra, listed, total) in [
        (&[][..], 10, 120),
        (&[("PageSize", "100"), ("PageNumber", "2")][..], 20, 120),
        (&[("PageNumber", "99")][..], 0, 120),
        (&[("MaxResults", "1")][..], 10, 0),
        (&[("MaxResults", "1000")][..], 100, 0),
        (&[("InstanceName", "web-11*")][..], 10, 11),
        // These have no effect without the type of the network.
        (&[("PrivateIpAddresses", r#"["10.0.0.7"]"#)][..], 10, 120),
        (&[("EipAddresses", r#"["47.0.0.7"]"#)][..], 10, 120),
        (
            &[
                ("PrivateIpAddresses", r#"["10.0.0.7"]"#),
                ("InstanceNetworkType", "vpc"),
            ][..],
            1,
            1,
        ),
    ] {
        assert_eq!(
            count(action, extra).await,
            (Some(listed), total.into()),
            "{extra:?}"
        );
    }
    let many = format!("[{}]", vec![r#""i-1""#; 101].join(","));
    for (action, extra, expected) in [
        (
            action,
            &[("InstanceIds", "i-1")][..],
            "400 InvalidInstanceIds.Malformed",
        ),
        (
            action,
            &[("InstanceIds", many.as_str())][..],
            "400 InvalidInstanceIds.Malformed",
        ),
        (action, &[("PageSize", "101")][..], "400 InvalidParameter"),
        (action, &[("PageNumber", "0")][..], "400 InvalidParameter"),
        (
            action,
            &[("NextToken", "x")][..],
            "400 InvalidParameter.NextToken",
        ),
        (
            action,
            &[("MaxResults", "x")][..],
            "400 InvalidParameter.MaxResults",
        ),
        (action, &[("Tag.1.Value", "x")][..], "400 MissingParameter"),
        (
            "DescribeManagedInstances",
            &[("MaxResults", "51")][..],
            "400 InvalidParameter.MaxResults",
        ),
        (
            "DescribeCloudAssistantStatus",
            &[("MaxResults", "51")][..],
            "400 InvalidParameter.MaxResults",
        ),
    ] {
        let met = code(&emulator, describe(&emulator, action, extra)).await;
        assert_eq!(met, expected, "{action} {extra:?}");
    }
}
