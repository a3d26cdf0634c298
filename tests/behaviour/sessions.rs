//! `axt sessions` against the emulator, and against servers that an emulator is not.

use crate::support::axt::{Cloud, Done, HANG, client, run, stubborn, success};
use axt::emulator::{Instance, Options};
use axt::openapi::client::Client;
use axt::openapi::ecs::StartTerminalSession;
use axt::openapi::ecs::describe::DescribeTerminalSessions;
use futures_util::StreamExt as _;
use serde_json::Value;
use std::collections::HashSet;
use std::time::Duration;

/// An emulator with room for any number of sessions.
fn roomy() -> Cloud {
    let mut options = Options::default();
    options.limits.set("per-region", "none").unwrap();
    options.limits.set("calls", "none").unwrap();
    options.limits.set("clock-skew", "none").unwrap();
    options.instances = vec!["i-off:stopped".parse::<Instance>().unwrap()];
    Cloud::with(options)
}

fn stdout(cloud: &Cloud, args: &[&str]) -> String {
    String::from_utf8(success(cloud.axt(args))).unwrap()
}

/// A run that ends with this status, and what it says.
fn told(cloud: &Cloud, args: &[&str], status: i32) -> Done {
    let done = run(cloud.axt(args), b"");
    assert_eq!(done.status, status, "{args:?}: {}", done.stderr);
    done
}

/// Starts this many sessions on an instance.
async fn start(client: &Client, instance: &str, count: usize) {
    let starts = futures_util::stream::iter(0..count).map(|_| async {
        let request = StartTerminalSession::new(instance);
        client.call(&request, HANG).await.unwrap();
    });
    starts.buffer_unordered(8).collect::<()>().await;
}

/// The code of the error that a page meets.
async fn code(client: &Client, page: DescribeTerminalSessions) -> String {
    match client.call(&page, HANG).await {
        Err(axt::error::Error::Api(error)) => error.code,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn more_than_a_thousand_records_come_page_by_page() {
    let cloud = roomy();
    let client = client(&cloud.emulator);
    start(&client, "i-one", 1005).await;
    start(&client, "i-two", 12).await;

    let list = |args: &[&str]| -> Vec<String> {
        let text = stdout(&cloud, &[&["sessions", "list"], args].concat());
        text.lines().map(str::to_owned).collect()
    };
    let all = list(&[]);
    assert_eq!(all.len(), 1017);
    let ids: HashSet<&str> = all
        .iter()
        .filter_map(|line| line.split('\t').next())
        .collect();
    assert_eq!(ids.len(), 1017);
    let times: Vec<&str> = all
        .iter()
        .filter_map(|line| line.split('\t').nth(4))
        .collect();
    assert!(times.is_sorted_by(|newer, older| newer >= older));
    assert_eq!(list(&["--limit", "150"]), all[..150]);
    assert_eq!(list(&["--instance", "i-two"]).len(), 12);
    let one = ids.iter().next().unwrap();
    assert_eq!(list(&["--session", one]).len(), 1);

    // Four weeks later nobody remembers.
    let week = Duration::from_secs(7 * 24 * 3600);
    cloud
        .emulator
        .clock()
        .advance(4 * week - Duration::from_secs(600));
    assert_eq!(list(&["--limit", "1"]).len(), 1);
    cloud.emulator.clock().advance(Duration::from_secs(600));
    let none = told(&cloud, &["sessions", "list"], 0);
    assert_eq!(none.text(), "");
    assert_eq!(
        none.stderr,
        "axt: no session in cn-hangzhou in the last four weeks\n"
    );
}

#[tokio::test]
async fn bad_pages_are_refused() {
    let cloud = roomy();
    let client = client(&cloud.emulator);
    start(&client, "i-one", 3).await;
    let page = |max_results, next_token: Option<&str>| DescribeTerminalSessions {
        max_results,
        next_token: next_token.map(Into::into),
        ..DescribeTerminalSessions::default()
    };
    for size in [0, 101] {
        assert_eq!(
            code(&client, page(size, None)).await,
            "InvalidParameter.MaxResults"
        );
    }
    let first = client.call(&page(2, None), HANG).await.unwrap();
    let token = first.next_token.unwrap();
    assert!(!token.contains(first.items[1].session_id.as_ref().unwrap()));
    let rest = client.call(&page(2, Some(&token)), HANG).await.unwrap();
    assert_eq!((rest.items.len(), rest.next_token), (1, None));
    for token in ["x", &token[1..], &format!("{token}A")] {
        assert_eq!(
            code(&client, page(2, Some(token))).await,
            "InvalidParameter.NextToken"
        );
    }
    let of_another = DescribeTerminalSessions {
        instance_id: Some("i-two".into()),
        ..page(2, Some(&token))
    };
    assert_eq!(
        code(&client, of_another).await,
        "InvalidParameter.NextToken"
    );
}

#[test]
fn either_signature_is_taken_and_a_wrong_secret_is_not() {
    let cloud = roomy();
    for signature in ["v1", "v3"] {
        let args = ["--signature", signature, "sessions", "list"];
        told(&cloud, &args, 0);
        let mut wrong = cloud.axt(args);
        wrong.env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "another-secret");
        let wrong = run(wrong, b"");
        let (status, said) = (wrong.status, wrong.stderr);
        assert_eq!(status, 1, "{signature}: {said}");
        let verdict = "(the server signed the same text, so the AccessKey secret is wrong)";
        assert!(said.contains(verdict), "{signature}: {said}");
    }
    told(&cloud, &["--signature", "v2", "sessions", "list"], 2);
}

#[test]
fn records_tell_how_sessions_went() {
    let cloud = roomy();
    told(
        &cloud,
        &["connect", "nobody@i-off", "--command", "true"],
        255,
    );
    let line = stdout(&cloud, &["sessions", "list"]);
    let cells: Vec<&str> = line.trim_end().split('\t').collect();
    assert!(cells[0].starts_with("s-"), "{line}");
    assert_eq!(cells[1..4], ["i-off", "nobody", "Failed"]);
    // Programs get the service's own word.
    assert_eq!(cells[6], "InstanceNotRunning", "{line}");
    assert_eq!(cells[7..], ["127.0.0.1", "RAMUser 2000000000000001"]);
}

#[test]
fn json_has_every_field_of_the_api_page() {
    let cloud = roomy();
    told(&cloud, &["connect", "i-off", "--command", "true"], 255);
    let text = stdout(&cloud, &["sessions", "list", "--json"]);
    let value: Value = serde_json::from_str(&text).unwrap();
    let session = &value["sessions"][0];
    assert_eq!(
        shape(session),
        "clientIp:text connections:list creationTime:text identityType:text portNumber:null \
         principalId:text sessionId:text targetServer:null username:null"
    );
    assert_eq!(
        shape(&session["connections"][0]),
        "closedReason:text endTime:text failedDetail:text instanceId:text startTime:text status:text"
    );
    assert_eq!(
        session["connections"][0]["closedReason"],
        "InstanceNotRunning"
    );
}

/// An object's members with the types of their values.
fn shape(value: &Value) -> String {
    let kind = |value: &Value| match value {
        Value::Null => "null",
        Value::Bool(_) => "truth",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    };
    let members = value.as_object().unwrap().iter();
    let mut members: Vec<_> = members
        .map(|(name, value)| format!("{name}:{}", kind(value)))
        .collect();
    members.sort();
    members.join(" ")
}

#[tokio::test]
async fn sessions_are_ended_one_by_one() {
    let cloud = roomy();
    start(&client(&cloud.emulator), "i-one", 2).await;
    let ids: Vec<String> = cloud
        .emulator
        .sessions()
        .into_iter()
        .map(|session| session.session_id)
        .collect();
    let (one, two) = (ids[0].as_str(), ids[1].as_str());
    let ended = stdout(&cloud, &["sessions", "end", one]);
    assert_eq!(ended, format!("{one}\tended\n"));

    let mixed = told(&cloud, &["sessions", "end", "s-none", two], 1);
    assert_eq!(mixed.text(), format!("s-none\tfailed\n{two}\tended\n"));
    let said = mixed.stderr;
    assert!(
        said.starts_with("axt: s-none: EndTerminalSession: InvalidSessionId.NotFound"),
        "{said}"
    );
    assert_eq!(cloud.emulator.counts().ended, 2);
}

#[test]
fn a_server_that_repeats_a_page_for_ever_is_noticed() {
    let cloud = roomy();
    let page = r#"{"NextToken":"again","Sessions":{"Session":[{"SessionId":"s-\u001b[2J"}]}}"#;
    let url = stubborn(page);
    let said = told(&cloud, &["sessions", "list", "--endpoint", &url], 1).stderr;
    assert!(
        said.contains("the answer points to a page that was read before"),
        "{said}"
    );

    // What was asked for is there before that matters, and its text steers no terminal.
    let text = stdout(
        &cloud,
        &["sessions", "list", "--limit", "1", "--endpoint", &url],
    );
    assert_eq!(text, "s-\\u{1b}[2J\t\t\t\t\t\t\t\t\n");
}
