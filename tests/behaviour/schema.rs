//! What is printed with `--json` is what `axt schema` says: one of each kind here, and all that other tests print by
//! `support::axt::run`.

use crate::support::axt::{Cloud, Done, axt, run, success};
use crate::support::schema::Schema;
use axt::emulator::Options;
use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::process::{Child, Stdio};

/// A program that is killed when the test is through with it.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn ask(cloud: &Cloud, args: &[&str]) -> Done {
    run(cloud.axt(args), b"")
}

#[test]
fn documents_are_as_the_schema_says() {
    let cloud = Cloud::new();
    let mut schema = Schema::new();
    success(cloud.axt(["connect", "i-1", "-n", "--command", "true"]));
    for (kind, args) in [
        ("instances", &["instances", "--json"][..]),
        ("sessionsList", &["sessions", "list", "--json"]),
        ("doctor", &["doctor", "i-1", "--json"]),
        ("configShow", &["config", "show", "--json"]),
        ("shareStatus", &["share", "status", "--json"]),
        ("shareStop", &["share", "stop", "--json"]),
    ] {
        schema.check(kind, &ask(&cloud, args).text());
    }
    let list = ask(&cloud, &["sessions", "list", "--json"]).text();
    let list = schema.check("sessionsList", &list);
    let id = list["sessions"][0]["sessionId"].as_str().unwrap();
    let done = ask(&cloud, &["sessions", "end", id, "--json"]);
    schema.check("sessionsEnd", &done.text());
}

#[test]
#[should_panic(expected = "anyOf")]
fn what_is_of_no_kind_is_refused() {
    Schema::new().check_run(r#"{"schemaVersion": 1, "sessions": [{}]}"#, "");
}

#[test]
fn the_schema_is_printed() {
    let printed = success(axt(["schema"]));
    assert_eq!(printed, include_bytes!("../../src/json/schema.json"));
}

#[test]
fn events_are_as_the_schema_says() {
    let cloud = Cloud::new();
    let mut schema = Schema::new();
    let mut forward = cloud.axt(["forward", "i-1", "-L", "0:1", "--json"]);
    let mut forward = Killed(forward.stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(forward.0.stdout.take().unwrap()).lines();
    let first = schema.check("forwardEvent", &lines.next().unwrap().unwrap());
    let port = first["port"].as_u64().unwrap().try_into().unwrap();
    let _client = TcpStream::connect(("127.0.0.1", port)).unwrap();
    // The forward listens at more than one address.
    let events = lines.map(|line| schema.check("forwardEvent", &line.unwrap()));
    let opened = events.skip_while(|event| event["event"] == "listening");
    assert_eq!(
        opened.map(|event| event["connection"].clone()).next(),
        Some(1.into())
    );
}

#[test]
fn mistakes_in_the_file_and_the_variables_are_one_line_of_json() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.toml"), "bogus = 1\nother = 2\n").unwrap();
    let mut schema = Schema::new();
    for (variable, value, code) in [
        (
            "AXT_CONFIG_DIR",
            folder.path().to_str().unwrap(),
            "ConfigurationFile",
        ),
        ("AXT_LANG", "xx", "Usage"),
    ] {
        let mut command = axt(["instances", "--json"]);
        command.env(variable, value).env("LC_ALL", "zh_CN.UTF-8");
        let done = run(command, b"");
        assert_eq!((done.status, &*done.text()), (2, ""), "{variable}");
        assert_eq!(done.stderr.lines().count(), 1, "{}", done.stderr);
        let failure = schema.check("failure", &done.stderr);
        assert_eq!(failure["error"]["code"], code, "{failure}");
    }
}

#[test]
fn a_usage_error_is_one_sentence_in_json() {
    let done = run(axt(["sessions", "end", "--json"]), b"");
    let failure = Schema::new().check("failure", &done.stderr);
    assert_eq!(
        failure["error"]["message"],
        "the following required arguments were not provided: <ID>...; \
         usage: axt sessions end [OPTIONS] <ID>..."
    );
}

#[test]
fn failures_are_one_line_of_json() {
    let mut options = Options::default();
    options.deny("DescribeTerminalSessions").unwrap();
    let cloud = Cloud::with(options);
    let mut schema = Schema::new();
    for (args, code, status) in [
        (&["sessions", "list", "--json"][..], "Forbidden.RAM", 1),
        (
            &["sessions", "list", "--json", "--instance", "a b"],
            "Target",
            1,
        ),
        (&["instances", "--json", "--bogus"], "Usage", 2),
        (&["sessions", "end", "--json"], "Usage", 2),
    ] {
        let done = ask(&cloud, args);
        assert_eq!(done.status, status, "{args:?}: {}", done.stderr);
        assert_eq!(done.text(), "", "{args:?}");
        assert_eq!(done.stderr.lines().count(), 1, "{}", done.stderr);
        let failure = schema.check("failure", &done.stderr);
        assert_eq!(failure["error"]["code"], code, "{failure}");
    }
}
