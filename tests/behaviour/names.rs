//! Names of instances: every form of a TARGET, what is ambiguous, what is remembered, and a name that moved.

use crate::support::axt::{Cloud, Done, run};
use crate::support::peer;
use axt::emulator::{Instance, Limits, Options, SessionInfo};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;

/// An emulator with these instances, as `--instance` takes them.
fn cloud(instances: &[&str]) -> Cloud {
    Cloud::with(Options {
        instances: fleet(instances),
        ..Options::default()
    })
}

fn fleet(instances: &[&str]) -> Vec<Instance> {
    let parsed = instances.iter().map(|text| text.parse().unwrap());
    parsed.collect()
}

/// Runs `axt WORDS…`, each `_` being a space.
fn axt(cloud: &Cloud, words: &str) -> Done {
    let words = words.split_whitespace().map(|word| word.replace('_', " "));
    run(cloud.axt(words), b"")
}

/// The sessions that were started since the last look, in their order.
struct Sessions(Vec<String>);

impl Sessions {
    fn new() -> Self {
        Self(Vec::new())
    }

    fn take(&mut self, cloud: &Cloud) -> Vec<SessionInfo> {
        let mut all = cloud.emulator.sessions();
        all.retain(|session| !self.0.contains(&session.session_id));
        all.sort_by_key(|session| session.created);
        self.0
            .extend(all.iter().map(|session| session.session_id.clone()));
        all
    }
}

const FLEET: [&str; 11] = [
    "i-web:name=web-1:ip=10.0.0.1:public=47.0.0.1:tag=role=front",
    "i-bj:name=web-1:region=cn-beijing:ip=10.0.0.1",
    "i-dot:name=api.v2",
    "i-zh:name=数据 库:elastic=8.0.0.1:tag=role=db",
    "i-odd:name=i-name",
    "i-pub:name=pub:public=10.0.0.9",
    "i-priv:name=priv:ip=10.0.0.9",
    "mi-lab:name=lab:host=lab-host:ip=192.168.7.7",
    "i-shout:name=WEB-1",
    "i-both:name=both.cn-beijing",
    "i-there:name=there:region=cn-beijing",
];

#[test]
fn every_form_of_a_target_is_the_instance_that_is_meant() {
    let cloud = cloud(&FLEET);
    let mut sessions = Sessions::new();
    for (target, id) in [
        ("i-web", "i-web"),
        ("i-unlisted", "i-unlisted"),
        ("web-1", "i-web"),
        ("web-1.cn-beijing", "i-bj"),
        ("i-bj.cn-beijing", "i-bj"),
        ("api.v2", "i-dot"),
        ("数据_库", "i-zh"),
        ("name:i-name", "i-odd"),
        ("name:web-1", "i-web"),
        ("10.0.0.1", "i-web"),
        ("10.0.0.1.cn-beijing", "i-bj"),
        ("47.0.0.1", "i-web"),
        ("8.0.0.1", "i-zh"),
        // A private address comes before a public one.
        ("10.0.0.9", "i-priv"),
        ("tag:role=db", "i-zh"),
        ("lab", "mi-lab"),
        ("lab-host", "mi-lab"),
        ("192.168.7.7", "mi-lab"),
        ("WEB-1", "i-shout"),
        ("both.cn-beijing", "i-both"),
    ] {
        let done = axt(&cloud, &format!("connect {target} --command true"));
        assert_eq!((done.status, &*done.stderr), (0, ""), "{target}");
        let started = sessions.take(&cloud);
        let ids: Vec<_> = started
            .iter()
            .map(|session| &*session.instance_id)
            .collect();
        assert_eq!(ids, [id], "{target}");
    }
    cloud.assert_all_ended();
}

#[test]
fn what_is_not_one_instance_that_runs_starts_no_session() {
    let mut instances = FLEET.to_vec();
    instances.extend([
        "i-twin:name=web-1:ip=10.9.9.9:stopped",
        "i-off:name=off:stopped",
        "i-mixed:name=there.cn-beijing",
        "mi-gone:name=gone:offline",
    ]);
    let cloud = cloud(&instances);
    for (words, status, said) in [
        ("connect web-1", 255, "\"web-1\" matches 2 instances:"),
        (
            "connect tag:role=none",
            255,
            "no instance \"tag:role=none\" in cn-hangzhou",
        ),
        (
            "connect web",
            255,
            "hint: names are compared exactly; --region looks in another",
        ),
        ("connect off", 255, "\"off\" is i-off, which is \"Stopped\""),
        (
            "connect gone",
            255,
            "\"gone\" is mi-gone, which is \"Disconnected\"",
        ),
        ("connect there.cn-beijing", 255, "matches 2 instances:"),
        ("connect i-1.beijing", 255, "\"beijing\" is not a region id"),
        ("connect name:", 255, "name: needs a name"),
        ("connect tag:role", 255, "tag:KEY=VALUE"),
        (
            "connect web-1.cn-beijing --region cn-qingdao",
            255,
            "names the region cn-beijing, but --region",
        ),
        ("proxy web-1", 255, "matches 2 instances:"),
        ("ssh web-1 true", 255, "matches 2 instances:"),
        ("forward web-1 -L 0:1", 1, "matches 2 instances:"),
        ("sessions list --instance web-1", 1, "matches 2 instances:"),
        ("connect web-1 --all-regions", 255, "matches 3 instances:"),
        ("ssh-config web_1", 2, "can't be used in a Host line"),
    ] {
        let done = axt(&cloud, words);
        assert_eq!(done.status, status, "{words}: {}", done.stderr);
        assert!(done.stderr.contains(said), "{words}: {}", done.stderr);
        assert_eq!(done.text(), "", "{words}");
    }
    let done = axt(&cloud, "connect web-1");
    insta::assert_snapshot!(done.stderr, @r#"
    axt: "web-1" matches 2 instances:
    axt: ID      NAME   IP        STATUS   REGION
    axt: i-web   web-1  10.0.0.1  Running  cn-hangzhou
    axt: i-twin  web-1  10.9.9.9  Stopped  cn-hangzhou
    axt: hint: name one of them by its id and region, as in i-….cn-hangzhou
    "#);
    assert_eq!(cloud.emulator.sessions().len(), 0);
}

#[test]
fn every_command_that_takes_a_target_takes_names() {
    let cloud = cloud(&FLEET);
    let mut sessions = Sessions::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let number = port.local_addr().unwrap().port();
    std::thread::spawn(move || {
        while let Ok((mut client, _)) = port.accept() {
            let _ = client.write_all(b"hello");
        }
    });
    let get = "exec 3<>/dev/tcp/127.0.0.1/$AXT_FORWARD_1_PORT; head -c 5 <&3";
    let words = format!("forward web-1.cn-beijing -L 0:{number} --exec -- bash -c");
    let mut forward = cloud.axt(words.split(' '));
    forward.arg(get);
    let proxy = format!("proxy web-1.cn-beijing {number}");
    let there = "ssh web-1.cn-beijing echo there";
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"copied").unwrap();
    let copy = format!("cp -q web-1.cn-beijing:{} -", file.path().display());
    let commands = [
        cloud.axt(copy.split(' ')),
        cloud.axt(there.split(' ')),
        cloud.axt(proxy.split(' ')),
        forward,
    ];
    for (command, out) in commands
        .into_iter()
        .zip(["copied", "there\n", "hello", "hello"])
    {
        let done = run(command, b"");
        assert_eq!((done.status, &*done.text()), (0, out), "{}", done.stderr);
        let started = sessions.take(&cloud);
        assert!(!started.is_empty());
        assert!(started.iter().all(|session| session.instance_id == "i-bj"));
    }
    let listed = axt(&cloud, "sessions list --instance there.cn-beijing");
    assert_eq!((listed.status, &*listed.text()), (0, ""));
    let listed = axt(&cloud, "sessions list --instance web-1.cn-beijing");
    assert!(listed.text().lines().count() >= 3, "{}", listed.text());
    let looked = axt(&cloud, "doctor web-1.cn-beijing");
    assert_eq!(looked.status, 0, "{}", looked.text());
    let looked = axt(&cloud, "doctor nobody");
    assert_eq!(looked.status, 1);
    assert!(
        looked.text().contains("no instance \"nobody\""),
        "{}",
        looked.text()
    );
    let block = axt(&cloud, "ssh-config www@web-1.cn-beijing");
    assert!(
        block.text().contains("Host web-1.cn-beijing\n"),
        "{}",
        block.text()
    );
    cloud.assert_all_ended();
}

#[test]
fn what_names_became_is_its_users_alone() {
    let cloud = cloud(&FLEET);
    assert_eq!(axt(&cloud, "connect web-1 --command true").status, 0);
    let [file] = &cloud.name_files()[..] else {
        panic!("one file for an account and a region");
    };
    let mode = std::fs::metadata(file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_terminal_is_not_held_up_by_a_look_up_though_commands_share_sessions() {
    let cloud = cloud(&FLEET);
    assert_eq!(axt(&cloud, "connect web-1 --command true").status, 0);
    let words = "connect web-1 --name-cache 0 --share 1m -v -t --command true";
    let mut terminal = cloud.axt(words.split(' '));
    terminal
        .env_remove("AXT_LOG_FILE")
        .env_remove("AXT_VERBOSE");
    let done = run(terminal, b"");
    assert_eq!(done.status, 0, "{done:?}");
    assert!(done.stderr.contains("as remembered"), "{}", done.stderr);
}

#[test]
fn a_name_with_a_region_takes_two_calls_in_each_of_two_regions() {
    let cloud = cloud(&FLEET);
    let done = axt(&cloud, "connect web-1.cn-beijing --command true");
    assert_eq!((done.status, &*done.stderr), (0, ""));
    for action in ["DescribeInstances", "DescribeManagedInstances"] {
        assert_eq!(cloud.emulator.calls(action), 2, "{action}");
    }
}

#[test]
fn a_region_that_could_not_be_searched_may_hold_another_match() {
    let cloud = Cloud::with(Options {
        instances: fleet(&FLEET),
        limits: Limits {
            calls: Some(1),
            ..Limits::default()
        },
        ..Options::default()
    });
    // The only call in this region.
    assert_eq!(axt(&cloud, "instances --region cn-beijing").status, 0);
    let words = "connect web-1 --all-regions --connect-timeout 1s --command true";
    let done = axt(&cloud, words);
    assert_eq!(done.status, 255, "{}", done.stderr);
    assert!(done.stderr.contains("Throttling"), "{}", done.stderr);
    assert!(cloud.emulator.sessions().is_empty());
}

#[test]
fn an_instance_that_was_listed_as_stopped_starts_no_session() {
    let cloud = cloud(&["i-off:name=off:stopped", "i-on:name=on"]);
    assert_eq!(axt(&cloud, "instances").status, 0);
    let off = axt(&cloud, "connect off --command true");
    assert_eq!(off.status, 255);
    assert!(
        off.stderr.contains("which is \"Stopped\""),
        "{}",
        off.stderr
    );
    assert!(cloud.emulator.sessions().is_empty());
    let listed = cloud.emulator.calls("DescribeInstances");
    assert_eq!(axt(&cloud, "connect on --command true").status, 0);
    assert_eq!(cloud.emulator.calls("DescribeInstances"), listed);
}

#[test]
fn no_byte_goes_to_an_instance_whose_name_moved() {
    let cloud = cloud(&["i-old:name=web"]);
    let mut sessions = Sessions::new();
    let again = "connect web --name-cache 0 --command true";
    let port = peer::serve(|mut stream| {
        let _ = stream.write_all(b"hello");
    });
    let proxy = format!("proxy web {port}");
    for words in ["connect web --command true", "ssh -q web true", &proxy] {
        cloud.emulator.set_instances(fleet(&["i-old:name=web"]));
        assert_eq!(axt(&cloud, again).status, 0);
        sessions.take(&cloud);
        // The name is another instance's by now.
        cloud
            .emulator
            .set_instances(fleet(&["i-old:name=was-web", "i-new:name=web"]));
        let mut command = cloud.axt(words.split(' '));
        command.env("AXT_NAME_CACHE", "0");
        let done = run(command, b"");
        assert_eq!((done.status, &*done.stderr), (0, ""), "{words}");
        let started = sessions.take(&cloud);
        let ids: Vec<_> = started
            .iter()
            .map(|session| &*session.instance_id)
            .collect();
        assert_eq!(ids, ["i-old", "i-new"], "{words}");
        let reached = started
            .iter()
            .filter(|session| !session.connections.is_empty());
        let reached: Vec<_> = reached.map(|session| &*session.instance_id).collect();
        assert_eq!(reached, ["i-new"], "{words}");
        assert!(started.iter().all(|session| session.ended), "{words}");
    }
    // A second instance has taken the name, or the instance is down, or nobody has the name.
    for (instances, said) in [
        (
            &["i-new:name=web", "i-two:name=web"][..],
            "\"web\" matches 2 instances:",
        ),
        (&["i-new:name=web:stopped"], "which is \"Stopped\""),
        (&["i-new:name=other"], "no instance \"web\" in cn-hangzhou"),
    ] {
        cloud.emulator.set_instances(fleet(&["i-new:name=web"]));
        assert_eq!(axt(&cloud, again).status, 0);
        sessions.take(&cloud);
        cloud.emulator.set_instances(fleet(instances));
        let done = axt(&cloud, again);
        assert_eq!(done.status, 255, "{said}");
        assert!(done.stderr.contains(said), "{said}: {}", done.stderr);
        let started = sessions.take(&cloud);
        assert!(
            started.iter().all(|session| session.connections.is_empty()),
            "{said}"
        );
    }
    cloud.assert_all_ended();
}

#[test]
fn the_files_host_blocks_are_aliases() {
    let cloud = cloud(&FLEET);
    let dir = tempfile::tempdir().unwrap();
    let text = "[host.front]\ninstance = 'tag:role=front'\n[host.peking]\ninstance = 'web-1'\nregion = 'cn-beijing'\n\
                [host.far]\ninstance = 'i-bj.cn-beijing'\n\
                [host.'i-*']\ninstance = 'web-1'\n";
    std::fs::write(dir.path().join("config.toml"), text).unwrap();
    let mut sessions = Sessions::new();
    for (target, id) in [
        ("front", "i-web"),
        ("peking", "i-bj"),
        ("far", "i-bj"),
        ("web-1", "i-web"),
        // An id is its own instance, whatever the file says.
        ("i-bj.cn-beijing", "i-bj"),
    ] {
        let mut command = cloud.axt(["connect", target, "--command", "true"]);
        command.env("AXT_CONFIG_DIR", dir.path());
        let done = run(command, b"");
        assert_eq!((done.status, &*done.stderr), (0, ""), "{target}");
        assert_eq!(sessions.take(&cloud)[0].instance_id, id, "{target}");
    }
    let mut contrary = cloud.axt(["connect", "far", "--region", "cn-qingdao", "-c", "true"]);
    contrary.env("AXT_CONFIG_DIR", dir.path());
    let contrary = run(contrary, b"");
    assert_eq!(contrary.status, 255);
    let said = "the target names the region cn-beijing, but --region is cn-qingdao";
    assert!(contrary.stderr.contains(said), "{}", contrary.stderr);
    assert!(sessions.take(&cloud).is_empty());
}

#[test]
fn all_regions_are_asked_when_that_is_wanted() {
    let cloud = cloud(&FLEET);
    let mut sessions = Sessions::new();
    let alone = axt(&cloud, "connect there --command true");
    assert_eq!(alone.status, 255, "{}", alone.stderr);
    let done = axt(&cloud, "connect there --all-regions -v --command true");
    assert_eq!(done.status, 0, "{}", done.stderr);
    assert_eq!(sessions.take(&cloud)[0].instance_id, "i-there");
    let nowhere = axt(&cloud, "connect nowhere --all-regions --command true");
    assert!(
        nowhere.stderr.contains("in any of 41 regions"),
        "{}",
        nowhere.stderr
    );
    let mut all = cloud.axt(["instances", "--all-regions"]);
    for name in ["AXT_REGION", "ALIBABA_CLOUD_REGION_ID"] {
        all.env_remove(name);
    }
    let all = run(all, b"");
    assert_eq!(all.status, 0, "{}", all.stderr);
    assert!(all.text().contains("i-there"), "{}", all.text());
    // A region without instances has nothing to remember.
    assert_eq!(cloud.name_files().len(), 2);
}

#[test]
fn what_a_name_became_is_said_when_asked() {
    let cloud = cloud(&FLEET);
    let words = ["-v", "connect", "web-1.cn-beijing", "--command", "true"];
    let mut command = cloud.axt(words);
    command.env_remove("AXT_LOG_FILE");
    let done = run(command, b"");
    let said = "\"web-1.cn-beijing\" is i-bj in cn-beijing";
    assert!(done.stderr.contains(said), "{}", done.stderr);
}
