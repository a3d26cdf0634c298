//! Replies of every kind: typed ones, errors in each format, and what is no reply of the API.

use super::*;
use proptest::prelude::*;

const TO_SIGN: &str = "POST&%2F&AccessKeyId%3DLTAI5tTestKeyId1";

fn credentials() -> Credentials {
    Credentials {
        access_key_id: "LTAI5tTestKeyId1".into(),
        access_key_secret: "hush-hush-secret".into(),
        security_token: Some("hush/hush+token".into()),
        expires: None,
        source: "a test".into(),
    }
}

#[derive(Debug, serde::Deserialize)]
struct Typed {
    #[serde(rename = "SessionId")]
    session_id: String,
}

fn read(status: u16, body: &[u8]) -> Result<Typed, ApiError> {
    HttpReply {
        action: "StartTerminalSession",
        status,
        body,
    }
    .read(&credentials(), TO_SIGN)
}

#[test]
fn errors_in_every_format() {
    for (body, code, message, id) in [
        (
            r#"{"RequestId":"R-1","HostId":"h","Code":"Forbidden.RAM","Message":"no \u001b[31mright"}"#,
            "Forbidden.RAM",
            "no \u{1b}[31mright",
            Some("R-1"),
        ),
        (
            r#"{"requestId":"r","code":"Throttling","message":"slow"}"#,
            "Throttling",
            "slow",
            Some("r"),
        ),
        (
            r#"{"Code":400,"ErrorCode":"InvalidParameter.NotEmpty"}"#,
            "InvalidParameter.NotEmpty",
            "",
            None,
        ),
        (r#"{"Code":503}"#, "503", "", None),
    ] {
        let error = read(400, body.as_bytes()).expect_err(body);
        assert_eq!(
            (&*error.code, &*error.message, error.request_id.as_deref()),
            (code, message, id)
        );
        assert_eq!(
            (&*error.action, error.status),
            ("StartTerminalSession", 400)
        );
    }
}

#[test]
fn what_is_not_the_apis() {
    for (status, body, words) in [
        (
            502,
            "<html><head><title>502 Bad\nGateway</title></head><hr>nginx</html>",
            "the answer is not the API's: <html><head><title>502 Bad Gateway</title>",
        ),
        (407, "", "the answer is empty"),
        (
            404,
            "nothing here",
            "the answer is not the API's: nothing here",
        ),
        (
            500,
            r#"{"Message":"no code"}"#,
            "not the API's: {\"Message\"",
        ),
        (
            400,
            "<Error><Code>A</Code>\u{202e}<Message>",
            r"the answer is not the API's: <Error><Code>A</Code>\u{202e}<Message>",
        ),
        (
            302,
            "<html>elsewhere</html>",
            "the answer is a redirect, which is not followed",
        ),
        (
            409,
            "LTAI5tTestKeyId1 hush-hush-secret hush%2Fhush%2Btoken",
            "LTAI…yId1 (redacted) (redacted)",
        ),
        (
            200,
            "<html>hush</html>",
            "bytes of HTML or XML and not JSON",
        ),
        (200, "", "the answer is empty"),
        (
            200,
            r#"{"SessionId":"hush"#,
            "the answer is truncated after 18 bytes",
        ),
        (
            200,
            r#"{"SessionId":["hush"]}"#,
            "has missing or mistyped fields",
        ),
        (200, "hush", "the answer is not JSON (line 1, column 1)"),
    ] {
        let error = read(status, body.as_bytes()).expect_err(body);
        assert_eq!((&*error.code, error.status), (ApiError::UNEXPECTED, status));
        assert!(
            error.to_string().contains(words),
            "{body}: {}",
            error.message
        );
        assert!(!error.message.contains("hush"), "{}", error.message);
    }
    assert_eq!(
        read(200, br#"{"SessionId":"s-1","More":0}"#)
            .expect("a reply")
            .session_id,
        "s-1"
    );
}

#[test]
fn a_signature_error_says_which_side_is_wrong_and_hides_what_was_signed() {
    let message = |signed: &str| {
        let message = format!(
            "Specified signature of LTAI5tTestKeyId1 does not match. server string to sign is:{signed}"
        );
        let body = serde_json::json!({"Code": "SignatureDoesNotMatch", "Message": message});
        read(400, body.to_string().as_bytes())
            .expect_err("an error")
            .message
    };
    let stated = "Specified signature of LTAI…yId1 does not match. ";
    assert_eq!(
        message(TO_SIGN),
        format!("{stated}(the server signed the same text, so the AccessKey secret is wrong)")
    );
    assert_eq!(
        message("GET&%2F&x"),
        format!("{stated}(the server signed another text than axt)")
    );
}

#[test]
fn ids_are_shortened() {
    for (id, short) in [
        ("LTAI5tTestKeyId1", "LTAI…yId1"),
        ("testid", "t…"),
        ("12345678", "1…"),
        ("", ""),
    ] {
        assert_eq!(shortened(id), short);
    }
}

proptest! {
    #[test]
    fn any_bytes_make_a_reply_or_an_error_of_bounded_length(status in 100u16..600, body: Vec<u8>) {
        if let Err(error) = read(status, &body) {
            let said = error.to_string();
            prop_assert!(said.chars().count() < 2000);
            prop_assert!(!said.chars().any(crate::printable::is_invisible));
        }
    }
}
