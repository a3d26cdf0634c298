//! `axt doctor`, and a connect that explains itself, against an emulator in every kind of trouble.

use crate::support::axt::{Cloud, HANG, client, run};
use axt::emulator::Options;
use axt::error::Error;
use axt::openapi::client::retry::Retry;
use axt::openapi::ecs::StartTerminalSession;
use insta::assert_snapshot;
use serde_json::Value;
use std::process::Command;
use std::time::Duration;

/// Instances in every state.
const INSTANCES: [&str; 7] = [
    "i-stopped:stopped",
    "i-gone:missing",
    "i-bare:no-agent",
    "i-dark:offline",
    "i-old:old",
    "i-oldwin:windows:old",
    "i-bsd:freebsd:version=1.0.0.1",
];

/// An emulator with all the instances, and with what `change` adds.
fn cloud(change: impl FnOnce(&mut Options)) -> Cloud {
    let mut options = Options {
        instances: INSTANCES.map(|text| text.parse().unwrap()).into(),
        ..Options::default()
    };
    change(&mut options);
    Cloud::with(options)
}

/// An emulator that denies one action.
fn denying(action: &str) -> Cloud {
    cloud(|options| options.deny(action).unwrap())
}

/// What doctor finds, as tab-separated lines, with its exit status last.
fn doctor(cloud: &Cloud, args: &[&str]) -> String {
    report(
        cloud.axt([&["doctor"], args].concat()),
        &cloud.emulator.address().to_string(),
    )
}

/// The same of a command that is made already.
fn report(command: Command, address: &str) -> String {
    let done = run(command, b"");
    let text = done.text() + &done.stderr;
    let text = text.replace(address, "ADDRESS").replace('\t', " | ");
    format!("{}exit {}", without_times(&text), done.status)
}

/// Times, key ids and request ids vary.
fn without_times(text: &str) -> String {
    let mut text = text.to_owned();
    while let Some((before, after)) = text.split_once(", request ") {
        text = format!("{before}{}", after.get(36..).unwrap_or_default());
    }
    let varies = |word: &str, next: Option<&&str>| {
        next.is_some_and(|next| next.trim_end_matches(',') == "ms") || word.starts_with("LTAI")
    };
    let lines = text.lines().map(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        let words = words.iter().enumerate().map(|(at, word)| {
            let stamp = word
                .find("20")
                .filter(|from| word.get(from + 19..from + 20) == Some("Z"));
            match stamp {
                Some(from) => word.replace(&word[from..from + 20], "TIME"),
                None if varies(word, words.get(at + 1)) => "…".to_owned(),
                None => (*word).to_owned(),
            }
        });
        let line = words.collect::<Vec<_>>().join(" ");
        line.trim_end_matches([' ', '|']).to_owned() + "\n"
    });
    lines.collect()
}

/// Those lines that don't say that all is well, or that something was skipped.
fn troubles(cloud: &Cloud, args: &[&str]) -> String {
    let report = doctor(cloud, args);
    let lines = report
        .lines()
        .filter(|line| !line.starts_with("ok ") && !line.starts_with("skip "));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn all_is_well() {
    assert_snapshot!(doctor(&cloud(|_| {}), &["i-fine"]), @r"
    ok | configuration | no configuration file
    ok | settings | region cn-hangzhou (ALIBABA_CLOUD_REGION_ID), endpoint http://ADDRESS/ (AXT_ENDPOINT), Internet (default)
    ok | credentials | … lasting, from ALIBABA_CLOUD_ACCESS_KEY_ID
    ok | network | ADDRESS directly, without TLS
    ok | api | ADDRESS answered in … ms
    ok | clock | agrees with the server's
    ok | identity | RAMUser acs:ram::1000000000000001:user/axt
    ok | region | cn-hangzhou exists
    ok | session manager | on for this account
    ok | instance | the instance is Running
    ok | agent | installed, 2.2.3.1065 on Linux
    ok | agent online | online, last heartbeat at TIME
    ok | agent version | new enough for sessions
    ok | session | started in … ms
    ok | gateway | ADDRESS directly, without TLS: reached in … ms, answered in … ms
    ok | terminal | the agent answered in … ms
    ok | echo | came back in … ms
    ok | session end | ended in … ms
    exit 0
    ");
}

#[test]
fn the_identity_is_asked_of_the_sts_that_is_configured() {
    let cloud = cloud(|_| {});
    let mut command = cloud.axt(["doctor"]);
    command.env("ALIBABA_CLOUD_STS_ENDPOINT", "http://127.0.0.1:1");
    let done = run(command, b"");
    assert_eq!(done.status, 1);
    let told = done.text();
    let identity = told.lines().find(|line| line.contains("identity"));
    let identity = identity.unwrap_or_else(|| panic!("{told}"));
    assert!(identity.contains("127.0.0.1:1"), "{identity}");
}

#[test]
fn without_a_target_the_rest_is_looked_at() {
    assert_snapshot!(doctor(&cloud(|_| {}), &[]), @r"
    ok | configuration | no configuration file
    ok | settings | region cn-hangzhou (ALIBABA_CLOUD_REGION_ID), endpoint http://ADDRESS/ (AXT_ENDPOINT), Internet (default)
    ok | credentials | … lasting, from ALIBABA_CLOUD_ACCESS_KEY_ID
    ok | network | ADDRESS directly, without TLS
    ok | api | ADDRESS answered in … ms
    ok | clock | agrees with the server's
    ok | identity | RAMUser acs:ram::1000000000000001:user/axt
    ok | region | cn-hangzhou exists
    ok | session manager | on for this account
    skip | instance | no TARGET was given
    skip | agent | no TARGET was given
    skip | agent online | no TARGET was given
    skip | agent version | no TARGET was given
    skip | session | no TARGET was given
    skip | gateway | no TARGET was given
    skip | terminal | no TARGET was given
    skip | echo | no TARGET was given
    skip | session end | no TARGET was given
    exit 0
    ");
}

#[test]
fn instances_in_trouble_are_told_with_their_remedy() {
    let cloud = cloud(|_| {});
    let ids = INSTANCES.map(|text| text.split(':').next().unwrap());
    let all = ids.map(|id| format!("{id}\n{}\n", troubles(&cloud, &[id])));
    assert_snapshot!(all.concat(), @r"
    i-stopped
    fail | instance | the instance is Stopped | start the instance
    exit 1
    i-gone
    fail | instance | there is no instance i-gone in cn-hangzhou that this identity may see | check its id and --region, and the resources that the RAM policy names
    exit 1
    i-bare
    fail | agent | no Cloud Assistant agent is installed | `axt doctor i-bare --fix` installs it; restart the instance then
    exit 1
    i-dark
    fail | agent online | the agent is not online (last heartbeat at TIME) | check that the instance and its aliyun service are running, and that it reaches Cloud Assistant's servers
    exit 1
    i-old
    fail | agent version | the agent is 2.2.3.100, and sessions need one newer than 2.2.3.256 | update the agent: Cloud Assistant in the ECS console, or its upgrade command on the instance
    exit 1
    i-oldwin
    fail | agent version | the agent is 2.1.3.100, and sessions need one newer than 2.1.3.256 | update the agent: Cloud Assistant in the ECS console, or its upgrade command on the instance
    exit 1
    i-bsd
    warn | agent version | the API did not say whether the agent (1.0.0.1 on FreeBSD) supports sessions | sessions need a newer one
    exit 0
    ");
}

#[test]
fn accounts_in_trouble_are_told_with_their_remedy() {
    let off = cloud(|options| options.session_manager_off = true);
    assert_snapshot!(troubles(&off, &["i-fine"]), @r"
    fail | session manager | Session Manager is off for this account | switch it on in the ECS console: Cloud Assistant, Session Manager settings
    exit 1
    ");
    assert_snapshot!(troubles(&cloud(|_| {}), &["i-fine", "--region", "cn-nowhere"]), @r"
    fail | region | there is no region cn-nowhere for this account | give another --region: cn-beijing, cn-beijing-finance-1, cn-chengdu, cn-fuzhou, cn-guangzhou, cn-hangzhou, cn-hangzhou-finance, cn-heyuan, cn-heyuan-acdr-1, cn-hongkong, cn-huhehaote, cn-nanjing, cn-north-2-gov-1, cn-qingdao, cn-shanghai, cn-shanghai-finance-1, cn-shenzhen, cn-shenzhen-finance-1, cn-wuhan-lr, cn-wulanchabu, cn-zhangjiakou, cn-zhengzhou-jva, cn-zhongwei
    exit 1
    ");
}

#[test]
fn a_target_names_its_region() {
    let elsewhere = troubles(&cloud(|_| {}), &["i-gone.cn-qingdao"]);
    assert!(
        elsewhere.contains("no instance i-gone in cn-qingdao"),
        "{elsewhere}"
    );
}

#[test]
fn what_may_not_be_looked_at_is_named_with_the_missing_right() {
    let actions = [
        "sts:GetCallerIdentity",
        "ecs:DescribeRegions",
        "ecs:DescribeUserBusinessBehavior",
        "ecs:DescribeInstances",
        "ecs:DescribeCloudAssistantStatus",
        "ecs:StartTerminalSession",
        "ecs:EndTerminalSession",
    ];
    let all = actions.map(|action| troubles(&denying(action), &["i-fine"]) + "\n");
    for (action, text) in actions.iter().zip(&all) {
        assert!(
            text.contains(&format!("grant this identity {action} in RAM")),
            "{text}"
        );
    }
    assert_snapshot!(&all[0], @r"
    warn | identity | can't check the identity | an administrator of the account has to grant this identity sts:GetCallerIdentity in RAM, on this resource
    exit 0
    ");
    assert_snapshot!(&all[3], @r"
    warn | instance | can't check the instance | an administrator of the account has to grant this identity ecs:DescribeInstances in RAM, on this resource
    exit 0
    ");
    assert_snapshot!(&all[5], @r"
    fail | session | StartTerminalSession: Forbidden.RAM: User not authorized to operate on the specified resource, or this API doesn't support RAM. (HTTP 403) | an administrator of the account has to grant this identity ecs:StartTerminalSession in RAM, on this resource
    exit 1
    ");
}

#[test]
fn clocks_that_differ_are_told() {
    let cloud = cloud(|options| options.limits.set("clock-skew", "none").unwrap());
    cloud.emulator.clock().advance(Duration::from_secs(5 * 60));
    let some = troubles(&cloud, &[]);
    assert!(
        some.starts_with("warn | clock | this machine's clock is"),
        "{some}"
    );
    cloud.emulator.clock().advance(Duration::from_secs(20 * 60));
    let much = troubles(&cloud, &[]);
    assert!(
        much.starts_with("fail | clock | this machine's clock is"),
        "{much}"
    );
    assert!(
        much.contains("| set this machine's clock, for instance by NTP"),
        "{much}"
    );
}

#[test]
fn the_way_to_the_api_is_told() {
    let cloud = cloud(|_| {});
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let url = format!("http://{closed}");
    let unreachable = report(
        cloud.axt(["doctor", "--endpoint", &url]),
        &closed.to_string(),
    );
    assert_snapshot!(unreachable.lines().filter(|line| !line.starts_with("skip")).collect::<Vec<_>>().join("\n"), @r"
    ok | configuration | no configuration file
    ok | settings | region cn-hangzhou (ALIBABA_CLOUD_REGION_ID), endpoint http://ADDRESS/ (--endpoint), Internet (default)
    ok | credentials | … lasting, from ALIBABA_CLOUD_ACCESS_KEY_ID
    ok | network | ADDRESS directly, without TLS
    fail | api | can't connect to ADDRESS: Connection refused (os error 111) | check that this machine reaches it: network, DNS, HTTPS_PROXY and NO_PROXY, firewalls
    exit 1
    ");
}

#[test]
fn settings_in_trouble_are_told() {
    let cloud = cloud(|_| {});
    let mut no_region = cloud.axt(["doctor"]);
    no_region.env_remove("ALIBABA_CLOUD_REGION_ID");
    let mut no_keys = cloud.axt(["doctor"]);
    no_keys
        .env_remove("ALIBABA_CLOUD_ACCESS_KEY_ID")
        .env_remove("ALIBABA_CLOUD_ACCESS_KEY_SECRET");
    let mut wrong_key = cloud.axt(["doctor"]);
    wrong_key.env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "wrong-and-secret");
    let mut password = cloud.axt(["doctor"]);
    password.env("AXT_ENDPOINT", "https://me:hush@host.example");
    let all = [no_region, no_keys, wrong_key, password].map(|command| {
        let report = report(command, &cloud.emulator.address().to_string());
        let mut failed = report.lines().filter(|line| line.starts_with("fail"));
        let first = failed.next().unwrap();
        assert!(
            !report.contains("wrong-and-secret") && !report.contains("hush"),
            "{report}"
        );
        first.to_owned() + "\n"
    });
    assert_snapshot!(all.concat(), @r"
    fail | settings | no region given | give --region, set ALIBABA_CLOUD_REGION_ID, or put region_id into the profile
    fail | credentials | no usable credentials: none in the environment, and no profile in a configuration file (switched off, or the home directory is not known) | set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, or run `aliyun configure`
    fail | identity | GetCallerIdentity: SignatureDoesNotMatch: Specified signature is not matched with our calculation. (the server signed the same text, so the AccessKey secret is wrong) (HTTP 400) | the AccessKey secret doesn't belong to the AccessKey id: check both for missing characters
    fail | settings | the endpoint must not carry a user name or a password | correct the option or variable
    ");
}

#[test]
fn a_configuration_file_that_is_broken_is_told() {
    let cloud = cloud(|_| {});
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "{").unwrap();
    let mut command = cloud.axt(["doctor", "--config-file"]);
    command
        .env_remove("ALIBABA_CLOUD_IGNORE_PROFILE")
        .arg(file.path());
    let report = report(command, file.path().to_str().unwrap());
    assert!(
        report.starts_with("fail | configuration | ADDRESS: "),
        "{report}"
    );
    assert!(report.ends_with("exit 1"), "{report}");
}

#[cfg(unix)]
#[test]
fn secrets_that_other_users_can_read_are_told() {
    use std::os::unix::fs::PermissionsExt as _;
    let cloud = cloud(|_| {});
    let file = tempfile::NamedTempFile::new().unwrap();
    let keys = cloud.emulator.credentials();
    let profile = serde_json::json!({"profiles": [{
        "name": "default", "mode": "AK", "access_key_id": keys.access_key_id,
        "access_key_secret": keys.access_key_secret, "region_id": "cn-hangzhou",
    }]});
    std::fs::write(file.path(), profile.to_string()).unwrap();
    let path = file.path().to_str().unwrap();
    let prepared = |mode, args: &[&str]| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        let mut command = cloud.axt(args);
        command
            .env_remove("ALIBABA_CLOUD_IGNORE_PROFILE")
            .args(["--config-file", path]);
        command
    };
    let open = report(prepared(0o644, &["doctor"]), path);
    let told = "warn | configuration | profile default of ADDRESS: other users of this machine can read its secrets | run `chmod 600 ADDRESS`";
    assert!(open.contains(told), "{open}");
    let closed = report(prepared(0o600, &["doctor"]), path);
    assert!(!closed.contains("chmod"), "{closed}");

    let log = |mode| {
        let mut command = prepared(mode, &["sessions", "list"]);
        command.env_remove("AXT_LOG_FILE");
        run(command, b"").stderr
    };
    let told = "other users can read the secrets in this file";
    assert!(log(0o644).contains(told) && !log(0o600).contains(told));
}

#[test]
fn the_session_itself_is_tried() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let elsewhere = cloud(|options| options.websocket_base = Some(format!("ws://{closed}")));
    let text = troubles(&elsewhere, &["i-fine"]).replace(&closed.to_string(), "GATEWAY");
    assert_snapshot!(text, @r"
    fail | gateway | can't connect to GATEWAY: Connection refused (os error 111) | check that this machine reaches it: network, DNS, HTTPS_PROXY and NO_PROXY, firewalls
    exit 1
    ");
    assert_eq!(elsewhere.emulator.counts().leaked, 0);

    let slow = cloud(|options| options.limits.set("start-delay", "60s").unwrap());
    assert_snapshot!(troubles(&slow, &["i-fine", "--connect-timeout", "500ms"]), @r"
    fail | echo | the echo took longer than 500ms | try again, or give it more time with --connect-timeout
    exit 1
    ");
    assert_eq!(slow.emulator.counts().leaked, 0);

    let silent = cloud(|options| {
        options.limits.set("start-delay", "60s").unwrap();
        options.faults.set("no-status", "").unwrap();
    });
    assert_snapshot!(troubles(&silent, &["i-fine", "--connect-timeout", "500ms"]), @r"
    fail | terminal | the answer of the agent took longer than 500ms | try again, or give it more time with --connect-timeout
    exit 1
    ");
    assert_eq!(silent.emulator.counts().leaked, 0);

    // An agent of old says nothing of being there, and drops what comes before its prompt.
    let old = cloud(|options| options.faults.set("old-agent", "").unwrap());
    assert_snapshot!(troubles(&old, &["i-fine"]), @"exit 0");
}

#[cfg(unix)]
#[test]
fn a_trial_can_be_suspended_and_interrupted_and_leaves_no_session_behind() {
    use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
    let silent = cloud(|options| {
        options.limits.set("start-delay", "60s").unwrap();
        options.faults.set("no-status", "").unwrap();
    });
    let mut command = silent.axt(["doctor", "i-fine", "--connect-timeout", "60s"]);
    let mut child = command.spawn().unwrap();
    // Once it is connected, it waits for an answer that doesn't come.
    while silent.emulator.counts().connected == 0 {
        assert_eq!(child.try_wait().unwrap(), None);
        std::thread::yield_now();
    }
    let pid = Pid::from_child(&child);
    kill_process(pid, Signal::TSTP).unwrap();
    let (_, status) = waitpid(Some(pid), WaitOptions::UNTRACED).unwrap().unwrap();
    assert!(status.stopped(), "{status:?}");
    kill_process(pid, Signal::CONT).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(silent.emulator.counts().leaked, 0);
}

#[test]
fn a_missing_agent_is_installed_on_request_only() {
    let cloud = cloud(|_| {});
    let asked = troubles(&cloud, &["i-bare", "--fix"]);
    assert!(
        asked.contains(
            "warn | fix | nothing was installed | there is no terminal to ask on: give --yes"
        ),
        "{asked}"
    );
    let done = troubles(&cloud, &["i-bare", "--fix", "--yes"]);
    assert!(
        done.contains("warn | fix | the Cloud Assistant agent will be installed | restart i-bare"),
        "{done}"
    );
    let nothing_to_do = troubles(&cloud, &["i-fine", "--fix", "--yes"]);
    assert_eq!(nothing_to_do, "exit 0");
    let denied = troubles(
        &denying("InstallCloudAssistant"),
        &["i-bare", "--fix", "--yes"],
    );
    assert!(denied.contains("ecs:InstallCloudAssistant"), "{denied}");
}

#[test]
fn json_is_of_a_fixed_shape() {
    let cloud = cloud(|_| {});
    for (id, ok) in [("i-fine", true), ("i-stopped", false)] {
        let done = run(cloud.axt(["doctor", id, "--json"]), b"");
        let value: Value = serde_json::from_slice(&done.stdout).unwrap();
        let members: Vec<_> = value.as_object().unwrap().keys().collect();
        assert_eq!(members, ["checks", "ok", "schemaVersion"]);
        assert_eq!(value["ok"], ok);
        let checks = value["checks"].as_array().unwrap();
        for check in checks {
            let members: Vec<_> = check.as_object().unwrap().keys().collect();
            assert_eq!(members, ["finding", "ms", "name", "remedy", "verdict"]);
            assert!(
                check["finding"].is_string() && check["ms"].is_u64() && check["name"].is_string()
            );
            let verdict = check["verdict"].as_str().unwrap();
            assert!(["ok", "warn", "fail", "skip"].contains(&verdict));
            let needs_remedy = ["warn", "fail"].contains(&verdict);
            assert_eq!(check["remedy"].is_string(), needs_remedy, "{check}");
        }
        let names: Vec<_> = checks
            .iter()
            .map(|check| check["name"].as_str().unwrap())
            .collect();
        assert_eq!(names.len(), 18, "{names:?}");
    }
}

/// What a failed connect says.
fn connect(cloud: &Cloud, id: &str) -> String {
    let args = [
        "connect",
        id,
        "--command",
        "true",
        "--connect-timeout",
        "2s",
    ];
    let done = run(cloud.axt(args), b"");
    assert_eq!((done.status, done.text().as_str()), (255, ""));
    without_times(&done.stderr)
}

#[test]
fn a_connect_that_fails_says_why() {
    let cloud = cloud(|_| {});
    let ids = INSTANCES.map(|text| text.split(':').next().unwrap());
    // FreeBSD agents know sessions, as far as anybody says.
    let all = ids[..6].iter().map(|id| connect(&cloud, id));
    assert_snapshot!(all.collect::<String>(), @r"
    axt: the session ended: Aborted: InstanceNotRunning
    axt: hint: the instance is Stopped: start the instance
    axt: StartTerminalSession: InvalidInstance.NotFound: The specified instances not found. (HTTP 404)
    axt: hint: check the instance id, and that --region is the instance's and the credentials are of its account
    axt: hint: the call was made in cn-hangzhou as RAMUser acs:ram::1000000000000001:user/axt
    axt: the session ended: Aborted: AgentNotOnline
    axt: hint: no Cloud Assistant agent is installed: `axt doctor i-bare --fix` installs it; restart the instance then
    axt: the session ended: Aborted: AgentNotOnline
    axt: hint: the agent is not online (last heartbeat at TIME): check that the instance and its aliyun service are running, and that it reaches Cloud Assistant's servers
    axt: the session ended: Aborted: AgentNeedUpgrade
    axt: hint: the agent is 2.2.3.100, and sessions need one newer than 2.2.3.256: update the agent: Cloud Assistant in the ECS console, or its upgrade command on the instance
    axt: the session ended: Aborted: AgentNeedUpgrade
    axt: hint: the agent is 2.1.3.100, and sessions need one newer than 2.1.3.256: update the agent: Cloud Assistant in the ECS console, or its upgrade command on the instance
    ");
}

#[test]
fn a_connect_that_is_not_allowed_or_not_answered_says_why() {
    let off = self::cloud(|options| options.session_manager_off = true);
    assert_snapshot!(connect(&off, "i-fine"), @r"
    axt: StartTerminalSession: UserBehavior.SessionManagerDisabled: The api is disabled by user behavior. (HTTP 403)
    axt: hint: an administrator of the account has to switch Session Manager on, in the ECS console or by ModifyCloudAssistantSettings
    ");
    assert_snapshot!(connect(&denying("StartTerminalSession"), "i-fine"), @r"
    axt: StartTerminalSession: Forbidden.RAM: User not authorized to operate on the specified resource, or this API doesn't support RAM. (HTTP 403)
    axt: hint: an administrator of the account has to grant this identity ecs:StartTerminalSession in RAM, on this resource
    axt: hint: the call was made in cn-hangzhou as RAMUser acs:ram::1000000000000001:user/axt
    ");
    let both = self::cloud(|options| {
        options.deny("StartTerminalSession").unwrap();
        options.deny("GetCallerIdentity").unwrap();
    });
    assert_snapshot!(connect(&both, "i-fine"), @r"
    axt: StartTerminalSession: Forbidden.RAM: User not authorized to operate on the specified resource, or this API doesn't support RAM. (HTTP 403)
    axt: hint: an administrator of the account has to grant this identity ecs:StartTerminalSession in RAM, on this resource
    axt: hint: can't check the identity: an administrator of the account has to grant this identity sts:GetCallerIdentity in RAM, on this resource
    ");
    let silent = self::cloud(|options| {
        options.limits.set("start-delay", "60s").unwrap();
        options.faults.set("no-status", "").unwrap();
    });
    assert_snapshot!(connect(&silent, "i-fine"), @r"
    axt: the answer of the agent took longer than 2s
    axt: hint: the API says that the instance and the agent are ready: try again; `axt doctor i-fine` tries each step
    ");
    // The gateway takes any agent here, but the API says that this one is too old.
    let slow = self::cloud(|options| {
        options.limits.set("start-delay", "60s").unwrap();
        options.faults.set("no-status", "").unwrap();
        options.instances = vec!["i-fine:version=2.2.3.100".parse().unwrap()];
    });
    assert_snapshot!(connect(&slow, "i-fine"), @r"
    axt: no answer yet: the agent is 2.2.3.100, and sessions need one newer than 2.2.3.256: update the agent: Cloud Assistant in the ECS console, or its upgrade command on the instance
    axt: the answer of the agent took longer than 2s
    axt: hint: the agent is 2.2.3.100, and sessions need one newer than 2.2.3.256: update the agent: Cloud Assistant in the ECS console, or its upgrade command on the instance
    ");
    // What it may not look at it says.
    let blind = self::cloud(|options| {
        options.deny("DescribeInstances").unwrap();
        options.deny("DescribeCloudAssistantStatus").unwrap();
    });
    assert_snapshot!(connect(&blind, "i-stopped"), @r"
    axt: the session ended: Aborted: InstanceNotRunning
    axt: hint: the instance was not running: start it
    axt: hint: can't check the instance: an administrator of the account has to grant this identity ecs:DescribeInstances in RAM, on this resource
    axt: hint: can't check the agent: an administrator of the account has to grant this identity ecs:DescribeCloudAssistantStatus in RAM, on this resource
    ");
}

/// The error codes of the API pages of StartTerminalSession (all versions), DescribeTerminalSessions
/// and GetWebshellToken, with their HTTP status.
const CODES: &[(u16, &str)] = &[
    (400, "RegionId.ApiNotSupported"),
    (400, "PortNumber.Invalid"),
    (400, "InvalidParameter.ConnectionType"),
    (400, "InvalidClientToken.Malformed"),
    (500, "InternalError.Dispatch"),
    (403, "InstanceIds.ExceedLimit"),
    (403, "SessionCount.ExceedLimit"),
    (403, "Operation.Forbidden"),
    (403, "PortForwarding.NotSupported"),
    (403, "UserBehavior.SessionManagerDisabled"),
    (403, "InvalidCommandLine.Conflict"),
    (403, "InvalidTargetServer.MissingPortNumber"),
    (403, "InvalidCommandLine.LengthLimitExceeded"),
    (403, "InvalidInstanceIds.CountLimitExceeded"),
    (403, "Username.ExceedLimit"),
    (403, "InvalidOperation.SecurityGroupRuleDenied"),
    (403, "InvalidTargetServer.LengthLimitExceeded"),
    (403, "InvalidOperation.ConnectionTypeUnsupported"),
    (403, "InvalidPasswordName.LengthLimitExceeded"),
    (403, "InvalidEncryptionOptionsMode.EncryptionDisabled"),
    (403, "InvalidParameter.EncryptionOptionsKMSKeyId"),
    (403, "InvalidParameter.EncryptionOptionsMode"),
    (403, "MissingParameter.EncryptionOptionsKMSKeyId"),
    (403, "UnsupportedAgentVersion.Encryption"),
    (403, "InvalidEncryptionOptions.Conflict"),
    (403, "IdempotentParameterMismatch"),
    (403, "IdempotentProcessing"),
    (404, "InvalidRegionId.NotFound"),
    (404, "InvalidInstance.NotFound"),
    (400, "InvalidParameter.NextToken"),
    (400, "InvalidParameter.MaxResults"),
    (500, "InternalError"),
    (400, "InvalidApplication.NotFound"),
    (400, "InvalidParameter.NotEmpty"),
    (400, "InvalidParameter.Obviously"),
    (400, "InvalidParameter.WithMessage"),
    (500, "OperationFailed.RPCError"),
];

#[tokio::test]
async fn every_code_is_produced_and_explained() {
    let cloud = cloud(|options| {
        for (_, code) in CODES {
            options
                .faults
                .set("api-error", &format!("{code}:1"))
                .unwrap();
        }
    });
    let client = client(&cloud.emulator);
    let client = client.with_retry(Retry {
        attempts: 1,
        ..Retry::default()
    });
    for (status, code) in CODES {
        let error = client
            .call(&StartTerminalSession::new("i-1"), HANG)
            .await
            .unwrap_err();
        let Error::Api(api) = &error else {
            panic!("{code}: {error}")
        };
        assert_eq!((api.status, api.code.as_str()), (*status, *code));
        assert!(
            api.message.len() > 10 && api.message != "The request was refused.",
            "{error}"
        );
        assert!(error.hint().is_some_and(|hint| !hint.is_empty()), "{code}");
    }
    assert!(
        client
            .call(&StartTerminalSession::new("i-1"), HANG)
            .await
            .is_ok()
    );
}
