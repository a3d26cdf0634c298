//! `axt instances` against the emulator, judged by the official SDK, Ansible and ClusterShell.

use crate::support::axt::{AXT, Cloud, Done, run, stubborn};
use crate::support::screen::Screen;
use crate::support::{need, need_python};
use axt::emulator::{Emulator, Options};
use serde_json::Value;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;

fn cloud(instances: &[&str]) -> Cloud {
    let mut options = Options::default();
    let instances = instances.iter().map(|text| text.parse().unwrap());
    options.instances = instances.collect();
    Cloud::with(options)
}

fn instances(cloud: &Cloud, args: &[&str]) -> Done {
    let mut command = cloud.axt(["instances"]);
    command.args(args);
    run(command, b"")
}

const FLEET: [&str; 6] = [
    "i-1:name=web-1:ip=10.0.0.1:elastic=47.0.0.1:vpc=vpc-1:tag=env=prod",
    "i-2:name=web-2:ip=10.0.0.2:stopped:tag=env=test",
    "i-3:name=数据库:windows:old",
    "i-4:no-agent",
    "mi-1:name=office:host=desk:offline",
    "i-5:name=far:region=cn-beijing",
];

#[test]
fn a_pipe_gets_a_line_for_each_instance() {
    let done = instances(&cloud(&FLEET), &[]);
    assert_eq!(done.status, 0, "{}", done.stderr);
    let expected = [
        "mi-1\toffice\tDisconnected\t\t\tlinux\toffline\tcn-hangzhou\t",
        "i-4\ti-4\tRunning\t\t\tlinux\tnone\tcn-hangzhou\t",
        "i-1\tweb-1\tRunning\t10.0.0.1\t47.0.0.1\tlinux\tok\tcn-hangzhou\tenv=prod",
        "i-2\tweb-2\tStopped\t10.0.0.2\t\tlinux\toffline\tcn-hangzhou\tenv=test",
        "i-3\t数据库\tRunning\t\t\twindows\ttoo old\tcn-hangzhou\t",
    ];
    let text = done.text();
    assert_eq!(text.lines().count(), expected.len(), "{text}");
    for line in expected {
        assert!(
            text.lines().any(|own| own == line),
            "{line:?} is not in {text}"
        );
    }
}

#[test]
fn a_narrow_terminal_gets_a_line_for_each_instance() {
    let names = ["一个很长很长的名字", "web", "another-rather-long-name"];
    let fleet = (1..).zip(names);
    let fleet: Vec<_> = fleet
        .map(|(n, name)| format!("i-bp1example{n}:name={name}:tag=环境=生产:ip=10.0.0.{n}"))
        .collect();
    let cloud = cloud(&fleet.iter().map(String::as_str).collect::<Vec<_>>());
    let screen = Screen::start(&cloud.axt(["instances"]), 10, 92);
    let (end, seen) = screen.end_seen();
    assert_eq!(end.code(), Some(0), "{seen}");
    insta::assert_snapshot!(seen, @r"
    ID             NAME          STATUS   PRIVATE   PUBLIC  OS     AGENT  REGION       TAGS
    i-bp1example3  another-rat…  Running  10.0.0.3  -       linux  ok     cn-hangzhou  环境=生产
    i-bp1example2  web           Running  10.0.0.2  -       linux  ok     cn-hangzhou  环境=生产
    i-bp1example1  一个很长很…   Running  10.0.0.1  -       linux  ok     cn-hangzhou  环境=生产
    ");
}

#[test]
fn what_is_listed_is_remembered_as_far_as_the_list_tells() {
    let fleet = [
        "i-1:name=web:tag=a=1",
        "i-2:name=web:tag=a=2",
        "i-3:name=db",
    ];
    let cloud = cloud(&fleet);
    let connect = |name: &str| {
        let done = run(cloud.axt(["connect", name, "--command", "true"]), b"");
        (done.status, cloud.emulator.calls("DescribeInstances"))
    };
    // Only one of the two is listed: that is no reason to take it.
    assert_eq!(instances(&cloud, &["tag:a=1"]).status, 0);
    let (status, calls) = connect("web");
    assert_eq!(status, 255);
    assert!(
        cloud
            .emulator
            .sessions()
            .iter()
            .all(|session| session.connections.is_empty())
    );
    assert_eq!(instances(&cloud, &[]).status, 0);
    assert_eq!(connect("db"), (0, calls + 1));
    assert_eq!(connect("web"), (255, calls + 2));
    cloud.assert_all_ended();
}

/// Answers every request with a page that names another next page.
fn endless() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            std::thread::spawn(|| answer_endlessly(stream));
        }
    });
    url
}

fn answer_endlessly(stream: std::net::TcpStream) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut stream = BufReader::new(stream);
    for page in 0.. {
        let mut body = 0;
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).ok().filter(|read| *read > 0)?;
            match line.trim_end().to_ascii_lowercase().split_once(": ") {
                Some(("content-length", length)) => body = length.parse().ok()?,
                Some(_) => {}
                None if line == "\r\n" => break,
                None => {}
            }
        }
        stream.read_exact(&mut vec![0; body]).ok()?;
        let page = format!(r#"{{"NextToken":"t{page}","Instances":{{"Instance":[]}}}}"#);
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length";
        let answer = format!("{head}: {}\r\n\r\n{page}", page.len());
        stream.get_mut().write_all(answer.as_bytes()).ok()?;
    }
    None
}

#[test]
fn pages_without_an_end_are_an_error() {
    let done = instances(&cloud(&[]), &["--endpoint", &endless()]);
    assert_eq!((done.status, done.text().as_str()), (1, ""));
    let said = "the answer has a next page even after 2000 pages";
    assert!(done.stderr.contains(said), "{}", done.stderr);
}

#[test]
fn filters_choose_and_none_is_said() {
    let cloud = cloud(&FLEET);
    let ids = |args: &[&str]| {
        let text = instances(&cloud, args).text();
        let ids: Vec<&str> = text.lines().filter_map(|l| l.split('\t').next()).collect();
        ids.join(" ")
    };
    assert_eq!(ids(&["web-*"]), "i-1 i-2");
    assert_eq!(ids(&["web-*", "running"]), "i-1");
    assert_eq!(ids(&["tag:env"]), "i-1 i-2");
    assert_eq!(ids(&["desk"]), "mi-1");
    assert_eq!(ids(&["47.0.0.1", "i-3"]), "i-1 i-3");
    assert_eq!(ids(&["--all-regions", "far"]), "i-5");
    let none = instances(&cloud, &["bogus"]);
    assert_eq!((none.status, none.text().as_str()), (0, ""));
    assert_eq!(none.stderr, "axt: no instance in cn-hangzhou fits bogus\n");
}

#[test]
fn json_has_what_is_known() {
    let done = instances(&cloud(&FLEET), &["web-1", "--json"]);
    let value: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(value["schemaVersion"], 1);
    let web = &value["instances"][0];
    assert_eq!(web["privateIps"][0], "10.0.0.1");
    assert_eq!(web["tags"]["env"], "prod");
    assert_eq!(web["agent"]["newEnough"], true);
    assert_eq!(web["managed"], false);
}

#[test]
fn what_may_not_be_seen_is_said_and_the_rest_listed() {
    let mut options = Options {
        instances: vec!["i-1:name=web".parse().unwrap()],
        ..Options::default()
    };
    options.deny("DescribeManagedInstances").unwrap();
    options.deny("DescribeCloudAssistantStatus").unwrap();
    let done = instances(&Cloud::with(options), &[]);
    assert_eq!(done.status, 0);
    assert_eq!(
        done.text(),
        "i-1\tweb\tRunning\t\t\tlinux\t\tcn-hangzhou\t\n"
    );
    for what in ["managed instances", "agents"] {
        let said = format!("axt: cn-hangzhou: {what}: Describe");
        assert!(done.stderr.contains(&said), "{}", done.stderr);
    }
}

#[test]
fn answers_that_make_no_sense_end_with_an_error() {
    let cloud = cloud(&[]);
    for (page, said) in [
        (
            r#"{"NextToken":"x","Instances":{"Instance":[{"InstanceId":"i-1"}]}}"#,
            "the answer points to a page that was read before",
        ),
        (
            r#"{"Instances":{"Instance":[{}]}}"#,
            "the answer has an instance without an id",
        ),
        (
            r#"{"Instances":{"Instance":7}}"#,
            "the answer has missing or mistyped fields",
        ),
        (
            r#"{"Instances":{"Instance":[{"InstanceId":"i-1","Tags":{"Tag":"x"}}]}}"#,
            "the answer has missing or mistyped fields",
        ),
        ("<html>", "the answer is 6 bytes of HTML"),
    ] {
        let done = instances(&cloud, &["--endpoint", &stubborn(page)]);
        assert_eq!((done.status, done.text().as_str()), (1, ""), "{page}");
        assert!(done.stderr.contains(said), "{page}: {}", done.stderr);
    }
    // What is null or missing is no reason to fail, and names steer no terminal.
    let page = r#"{"Instances":{"Instance":[{"InstanceId":"i-\u001b[2J","VpcAttributes":null,"EipAddress":null}]}}"#;
    let done = instances(&cloud, &["--endpoint", &stubborn(page)]);
    assert!(done.text().starts_with("i-\\u{1b}[2J\t"), "{}", done.text());
}

#[test]
fn ansible_reads_the_inventory() {
    let Some(ansible) = need("ansible-inventory") else {
        return;
    };
    let cloud = cloud(&FLEET);
    let home = tempfile::tempdir().unwrap();
    let script = home.path().join("inventory");
    let text = format!("#!/bin/sh\nexec '{AXT}' instances --all-regions --inventory \"$@\"\n");
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let ask = |args: &[&str]| -> Value {
        let mut command = cloud.outside(&ansible);
        command.arg("-i").arg(&script).args(args);
        command.env("HOME", home.path());
        command.env("LC_ALL", "C.UTF-8");
        let done = run(command, b"");
        assert_eq!(done.status, 0, "{}", done.stderr);
        serde_json::from_slice(&done.stdout).unwrap()
    };
    let all = ask(&["--list"]);
    let hosts = all["_meta"]["hostvars"].as_object().unwrap();
    assert_eq!(hosts.len(), 6);
    assert_eq!(hosts["web-1"]["ansible_host"], "i-1.cn-hangzhou");
    assert_eq!(all["tag_env_prod"]["hosts"][0], "web-1");
    assert_eq!(all["region_cn_beijing"]["hosts"][0], "far");
    assert_eq!(ask(&["--host", "far"])["axt_id"], "i-5");
}

#[test]
fn clustershell_asks_for_groups() {
    let Some(nodeset) = need("nodeset") else {
        return;
    };
    let cloud = cloud(&FLEET);
    let home = tempfile::tempdir().unwrap();
    let axt = format!("'{AXT}' instances --groups");
    let groups = format!(
        "[Main]\ndefault: axt\n[axt]\nmap: {axt} map:$GROUP\nall: {axt} all\nlist: {axt} list\nreverse: {axt} reverse:$NODE\n"
    );
    fs::write(home.path().join("groups.conf"), groups).unwrap();
    let ask = |args: &[&str]| {
        let mut command = cloud.outside(&nodeset);
        command.args(args);
        command.env("CLUSTERSHELL_CFGDIR", home.path());
        let done = run(command, b"");
        assert_eq!(done.status, 0, "{}", done.stderr);
        done.text()
    };
    assert_eq!(ask(&["-e", "@tag_env_prod"]), "i-1.cn-hangzhou\n");
    assert_eq!(ask(&["-c", "@*"]), "5\n");
    assert!(ask(&["-l"]).contains("@region_cn_hangzhou\n"));
    assert!(ask(&["-l", "i-2.cn-hangzhou"]).contains("@tag_env_test"));
}

#[test]
fn the_official_sdk_reads_the_same_lists() {
    let Some(python) = need_python("aliyunsdkecs") else {
        return;
    };
    let ecs = (0..150).map(|n| format!("i-{n:03}:name=web-{n}:ip=10.0.0.{n}"));
    let managed = (0..70).map(|n| {
        let state = if n % 3 == 0 { ":offline" } else { "" };
        format!("mi-{n:03}:name=desk-{n}:host=pc-{n}:ip=192.168.0.{n}{state}")
    });
    let fleet = ecs.chain(managed).map(|text| text.parse().unwrap());
    let cloud = Cloud::new();
    cloud.emulator.set_instances(fleet.collect());
    let mut command = cloud.outside(&python);
    command.args(["-c", include_str!("../support/instances.py")]);
    command.args(address_and_keys(&cloud.emulator));
    let done = run(command, b"");
    assert_eq!(done.status, 0, "{}", done.stderr);
    let ours = instances(&cloud, &[]).text();
    let ours = ours.lines().map(|line| {
        let cells: Vec<&str> = line.split('\t').collect();
        let [id, name, address, agent] = [0, 1, 3, 6].map(|n| cells[n]);
        format!("{id}\t{name}\t{address}\t{agent}\n")
    });
    let mut ours: Vec<String> = ours.collect();
    ours.sort();
    assert_eq!(done.text(), ours.concat());
}

fn address_and_keys(emulator: &Emulator) -> [String; 3] {
    let keys = emulator.credentials();
    let (id, secret) = (&keys.access_key_id, &keys.access_key_secret);
    [emulator.address().to_string(), id.clone(), secret.clone()]
}
