//! Tests of the calls of ECS: the parameters that are sent, requests that are refused before, and secrets.

use super::*;
use crate::openapi::client::params;

fn start() -> StartTerminalSession {
    StartTerminalSession {
        client_token: "tok-1".into(),
        ..StartTerminalSession::new("i-1")
    }
}

fn wire(action: &impl Action) -> String {
    let params = params(action, "cn-beijing");
    params
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn parameters_as_the_official_sdk_sends_them() {
    assert_eq!(
        wire(&start()),
        "ClientToken=tok-1 InstanceId.1=i-1 RegionId=cn-beijing"
    );
    let port = StartTerminalSession {
        port_number: Some(22),
        target_server: Some("10.0.0.1".into()),
        connection_type: ConnectionType::Intranet,
        ..start()
    };
    assert_eq!(
        wire(&port),
        "ClientToken=tok-1 ConnectionType=Intranet InstanceId.1=i-1 PortNumber=22 TargetServer=10.0.0.1 RegionId=cn-beijing"
    );
    let terminal = StartTerminalSession {
        command_line: Some("echo 你好".into()),
        username: Some("u".into()),
        password_name: Some("p".into()),
        encryption: Some(Encryption::Kms("key-1".into())),
        ..start()
    };
    assert_eq!(
        wire(&terminal),
        r#"ClientToken=tok-1 CommandLine=echo 你好 EncryptionOptions={"Enabled":true,"KMSKeyId":"key-1","Mode":"Kms"} InstanceId.1=i-1 PasswordName=p Username=u RegionId=cn-beijing"#
    );
    let auto = StartTerminalSession {
        encryption: Some(Encryption::Auto),
        ..start()
    };
    assert!(wire(&auto).contains(r#"EncryptionOptions={"Enabled":true,"Mode":"Auto"}"#));
    let end = EndTerminalSession {
        session_id: "s-1".into(),
    };
    assert_eq!(wire(&end), "SessionId=s-1 RegionId=cn-beijing");
}

#[test]
fn broken_rules_are_found_before_the_call() {
    let of = |length| Some("很".repeat(length));
    let command = start().check();
    assert!(command.is_ok());
    for (request, code) in [
        (
            StartTerminalSession {
                instance_id: String::new(),
                ..start()
            },
            "MissingParameter",
        ),
        (
            StartTerminalSession {
                port_number: Some(0),
                ..start()
            },
            "PortNumber.Invalid",
        ),
        (
            StartTerminalSession {
                port_number: Some(1),
                command_line: of(1),
                ..start()
            },
            "InvalidCommandLine.Conflict",
        ),
        (
            StartTerminalSession {
                target_server: of(1),
                command_line: of(1),
                ..start()
            },
            "InvalidCommandLine.Conflict",
        ),
        (
            StartTerminalSession {
                target_server: of(1),
                ..start()
            },
            "InvalidTargetServer.MissingPortNumber",
        ),
        (
            StartTerminalSession {
                command_line: of(513),
                ..start()
            },
            "InvalidCommandLine.LengthLimitExceeded",
        ),
        (
            StartTerminalSession {
                port_number: Some(1),
                target_server: of(129),
                ..start()
            },
            "InvalidTargetServer.LengthLimitExceeded",
        ),
        (
            StartTerminalSession {
                password_name: of(256),
                ..start()
            },
            "InvalidPasswordName.LengthLimitExceeded",
        ),
        (
            StartTerminalSession {
                client_token: "x".repeat(65),
                ..start()
            },
            "InvalidClientToken.Malformed",
        ),
        (
            StartTerminalSession {
                client_token: "很".into(),
                ..start()
            },
            "InvalidClientToken.Malformed",
        ),
        (
            StartTerminalSession {
                port_number: Some(1),
                encryption: Some(Encryption::Auto),
                ..start()
            },
            "InvalidEncryptionOptions.Conflict",
        ),
        (
            StartTerminalSession {
                encryption: Some(Encryption::Kms(String::new())),
                ..start()
            },
            "MissingParameter.EncryptionOptionsKMSKeyId",
        ),
    ] {
        let Err(Error::Api(error)) = request.check() else {
            panic!("{code} was not found")
        };
        assert_eq!((&*error.code, error.status), (code, 0));
    }
    let longest = StartTerminalSession {
        command_line: of(512),
        password_name: of(255),
        client_token: "x".repeat(64),
        ..start()
    };
    assert!(longest.check().is_ok());
    let longest = StartTerminalSession {
        port_number: Some(65535),
        target_server: of(128),
        ..start()
    };
    assert!(longest.check().is_ok());
}

#[test]
fn an_instance_id_has_its_form() {
    for id in ["i-bp1i7gg30r52z2em", "mi-hz01", "i-a-b", "i-1"] {
        assert!(check_instance_id(id).is_ok(), "{id}");
    }
    for id in [
        "",
        "i-",
        "mi-",
        "I-1",
        "web",
        "@i-1",
        "i-demo:22",
        "i-../../etc",
        "i-1\naxt: x",
        "i-你",
        "i-1 ",
        "i-1/x",
        "xi-1",
    ] {
        let error = check_instance_id(id).expect_err(id);
        assert!(matches!(error, Error::Usage(_)));
        assert_eq!(error.to_string().lines().count(), 1);
    }
}

#[test]
fn each_request_has_a_client_token_of_its_own() {
    let (one, two) = (
        StartTerminalSession::new("i-1"),
        StartTerminalSession::new("i-1"),
    );
    assert_ne!(one.client_token, two.client_token);
    assert!(one.check().is_ok());
}

#[test]
fn a_session_keeps_its_secrets() {
    let json =
        r#"{"RequestId":"R","SessionId":"s-1","SecurityToken":"hush","WebSocketUrl":"wss://hush"}"#;
    let session: TerminalSession = serde_json::from_str(json).expect("a reply");
    let shown = format!("{session:?}");
    assert!(shown.contains("s-1") && !shown.contains("hush"), "{shown}");
}
