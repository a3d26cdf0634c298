//! axt's own configuration file: what it says to the commands, and `axt config show`.

use crate::support::axt::{Cloud, Done, axt, run};
use std::process::Command;
use tempfile::TempDir;

/// A directory with this configuration file.
fn configured(text: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("config.toml"), text).unwrap();
    dir
}

/// Runs the command with this directory's file.
fn with(dir: &TempDir, mut command: Command) -> Done {
    command.env("AXT_CONFIG_DIR", dir.path());
    run(command, b"")
}

/// The lines of `axt config show ARGS… --origin`, with `FILE` for the file.
fn shown(dir: &TempDir, words: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let mut command = axt(["config", "show", "--origin"]);
    command.args(words.split_whitespace());
    command.envs(variables.iter().copied());
    let done = with(dir, command);
    assert_eq!((done.status, &*done.stderr), (0, ""), "{words}");
    let file = dir.path().join("config.toml").display().to_string();
    let text = done.text().replace(&file, "FILE");
    text.lines().map(|line| line.replace('\t', " ")).collect()
}

const FILE: &str = "\
region = 'cn-qingdao'
user = 'ops'
[host.'web-*']
instance = 'i-web'
user = 'www'
region = 'cn-beijing'
env = ['TOKEN=secret']
keepalive = '30s'
";

#[test]
fn each_value_is_shown_with_its_origin() {
    let dir = configured(FILE);
    let has = |lines: &[String], line: &str| {
        assert!(
            lines.iter().any(|other| other == line),
            "{line}: {lines:#?}"
        );
    };
    let lines = shown(&dir, "", &[("ALIBABA_CLOUD_ENDPOINT_TYPE", "vpc")]);
    has(&lines, "region cn-qingdao FILE:1");
    has(&lines, "user ops FILE:2");
    has(&lines, "connect-timeout 15s default");
    has(
        &lines,
        "connection-type intranet ALIBABA_CLOUD_ENDPOINT_TYPE",
    );
    let variables = [
        ("AXT_KEEPALIVE", "9s"),
        ("ALIBABA_CLOUD_REGION_ID", "cn-hangzhou"),
    ];
    let lines = shown(&dir, "web-7", &variables);
    has(&lines, "instance i-web FILE:4");
    has(&lines, "user www FILE:5");
    has(&lines, "region cn-beijing FILE:6");
    has(&lines, "env TOKEN=(hidden) FILE:7");
    has(&lines, "keepalive 9s AXT_KEEPALIVE");
    let lines = shown(&dir, "bob@web-7.cn-shanghai --dead-after 1m", &[]);
    has(&lines, "region cn-shanghai TARGET");
    has(&lines, "user bob TARGET");
    has(&lines, "dead-after 1m --dead-after");
    let lines = shown(&dir, "web-7 --region cn-hongkong", &[]);
    has(&lines, "region cn-hongkong --region");
    let contrary = [
        "config",
        "show",
        "web-7.cn-shanghai",
        "--region=cn-hongkong",
    ];
    assert_eq!(with(&dir, axt(contrary)).status, 2);
}

/// A place that a setting may come from.
#[derive(Clone, Copy)]
enum Level {
    Flag(&'static str),
    Variable(&'static str),
    Host,
    Defaults,
    Profile,
}

/// An option that every level has, with each level's value; the highest level stands first.
type Levels = (&'static str, &'static [(Level, &'static str)]);

const LEVELS: [Levels; 4] = {
    use Level::{Defaults, Flag, Host, Profile, Variable};
    [
        (
            "region",
            &[
                (Flag("--region"), "cn-beijing"),
                (Variable("AXT_REGION"), "cn-shanghai"),
                (Host, "cn-qingdao"),
                (Defaults, "cn-shenzhen"),
                (Variable("ALIBABA_CLOUD_REGION_ID"), "cn-hongkong"),
                (Variable("ALIBABACLOUD_REGION_ID"), "cn-chengdu"),
                (Variable("ALICLOUD_REGION_ID"), "cn-heyuan"),
                (Profile, "cn-hangzhou"),
            ],
        ),
        (
            "endpoint",
            &[
                (Flag("--endpoint"), "https://flag.example"),
                (Variable("AXT_ENDPOINT"), "https://axt.example"),
                (Host, "https://host.example"),
                (Defaults, "https://defaults.example"),
                (Variable("ALIBABA_CLOUD_ENDPOINT"), "https://cloud.example"),
                (Profile, "https://profile.example"),
            ],
        ),
        (
            "connection-type",
            &[
                (Flag("--connection-type"), "internet"),
                (Variable("AXT_CONNECTION_TYPE"), "intranet"),
                (Host, "internet"),
                (Defaults, "intranet"),
                (Variable("ALIBABA_CLOUD_ENDPOINT_TYPE"), "internet"),
                (Variable("ALIBABACLOUD_ENDPOINT_TYPE"), "intranet"),
                (Variable("ALICLOUD_ENDPOINT_TYPE"), "internet"),
                (Profile, "intranet"),
            ],
        ),
        (
            "profile",
            &[
                (Flag("--profile"), "one"),
                (Variable("AXT_PROFILE"), "two"),
                (Host, "one"),
                (Defaults, "two"),
                (Variable("ALIBABA_CLOUD_PROFILE"), "one"),
                (Variable("ALIBABACLOUD_PROFILE"), "two"),
                (Variable("ALICLOUD_PROFILE"), "one"),
            ],
        ),
    ]
};

#[test]
fn a_higher_level_beats_all_below_it() {
    for (option, levels) in LEVELS {
        for top in 0..levels.len() {
            let levels = &levels[top..];
            let value_of = |is: fn(&Level) -> bool| {
                let found = levels.iter().find(|(level, _)| is(level));
                found.map(|(_, value)| *value)
            };
            let line = |value: Option<&str>| value.map(|value| format!("{option} = '{value}'"));
            let defaults = line(value_of(|level| matches!(level, Level::Defaults)));
            let host = line(value_of(|level| matches!(level, Level::Host)));
            let dir = configured(&format!(
                "{}\n[host.web]\n{}\n",
                defaults.unwrap_or_default(),
                host.unwrap_or_default()
            ));
            let field = match option {
                "region" => "region_id",
                "connection-type" => "endpoint_type",
                other => other,
            };
            let of_profile = value_of(|level| matches!(level, Level::Profile));
            let of_profile = of_profile.map(|value| format!(r#","{field}":"{value}""#));
            let profiles = ["one", "two"].map(|name| {
                let more = of_profile.as_deref().unwrap_or_default();
                format!(r#"{{"name":"{name}","mode":"AK"{more}}}"#)
            });
            let profiles = profiles.join(",");
            let aliyun = dir.path().join("aliyun.json");
            let text = format!(r#"{{"current":"one","profiles":[{profiles}]}}"#);
            std::fs::write(&aliyun, text).unwrap();

            let mut command = axt(["config", "show", "web", "--origin"]);
            command.env_remove("ALIBABA_CLOUD_IGNORE_PROFILE");
            command.env("ALIBABA_CLOUD_CONFIG_FILE", &aliyun);
            for (level, value) in levels {
                match level {
                    Level::Flag(flag) => command.args([flag, value]),
                    Level::Variable(name) => command.env(name, value),
                    _ => &mut command,
                };
            }
            let done = with(&dir, command);
            assert_eq!((done.status, &*done.stderr), (0, ""), "{option} {top}");
            let file = dir.path().join("config.toml").display().to_string();
            let text = done.text().replace(&file, "FILE");
            let (level, value) = levels[0];
            let origin = match level {
                Level::Flag(name) | Level::Variable(name) => name,
                Level::Host => "FILE:3",
                Level::Defaults => "FILE:1",
                Level::Profile => "profile one",
            };
            let expected = format!("{option}\t{value}\t{origin}");
            assert!(
                text.lines().any(|line| line == expected),
                "{expected}: {text}"
            );
        }
    }
}

#[test]
fn a_block_s_instance_holds_for_names_and_not_for_ids() {
    let dir = configured("[host.'*']\ninstance = 'i-other.cn-beijing'\nuser = 'ops'\n");
    for (target, is_shown) in [("web", true), ("i-1", false), ("name:web", false)] {
        let lines = shown(&dir, target, &[]);
        let has = |start: &str| lines.iter().any(|line| line.starts_with(start));
        assert_eq!(has("instance "), is_shown, "{target}: {lines:?}");
        assert_eq!(has("region cn-beijing"), is_shown, "{target}: {lines:?}");
        assert!(has("user ops FILE:3"), "{target}: {lines:?}");
    }
}

#[test]
fn a_script_gets_json() {
    let dir = configured(FILE);
    let done = with(&dir, axt(["config", "show", "web-1", "--json"]));
    let shown: serde_json::Value = serde_json::from_str(&done.text()).unwrap();
    assert_eq!(shown["schemaVersion"], 1);
    assert_eq!(shown["settings"]["user"]["value"], "www");
    assert_eq!(shown["settings"]["connectTimeout"]["value"], "15s");
    assert_eq!(shown["settings"]["env"]["value"], "TOKEN=(hidden)");
    let origin = shown["settings"]["region"]["origin"].as_str().unwrap();
    assert!(origin.ends_with("config.toml:6"), "{origin}");
}

#[test]
fn a_session_has_what_the_file_sets() {
    let cloud = Cloud::new();
    let dir = configured(
        "shell = '/nowhere'\n[host.i-a]\nshell = '/bin/sh'\nenv = ['A=from the file', 'B=2']\n",
    );
    let said = |words: &[&str]| {
        let done = with(&dir, cloud.axt(words));
        format!("{} {}", done.status, done.text())
    };
    let show = "printf %s \"$A$B\"";
    assert_eq!(
        said(&["connect", "i-a", "--command", show]),
        "0 from the file2"
    );
    assert_eq!(said(&["ssh", "i-a.cn-hangzhou", show]), "0 from the file2");
    assert_eq!(
        said(&["connect", "i-a", "--env=A=x", "--command", show]),
        "0 x"
    );
    assert_eq!(said(&["ssh", "-o", "SetEnv=A=x", "i-a", show]), "0 x");
    assert_ne!(said(&["connect", "i-b", "--command", "true"]), "0 ");
    cloud.assert_all_ended();
}

#[test]
fn mistakes_end_every_command_that_reads_the_file() {
    let dir = configured("keepaliv = '3s'\n[host.x]\ndead-after = 'soon'\ninstance = 'bob@web'\n");
    for (words, status) in [
        (&["connect", "i-1"][..], 255),
        (&["ssh", "i-1"], 255),
        (&["forward", "i-1", "-L", "0:1"], 2),
        (&["config", "show"], 2),
    ] {
        let done = with(&dir, axt(words));
        let file = dir.path().join("config.toml").display().to_string();
        let said = done.stderr.replace(&file, "FILE");
        assert_eq!(done.status, status, "{words:?}: {said}");
        assert_eq!(
            said,
            "axt: FILE: line 1: there is no option \"keepaliv\"; did you mean keepalive?\n\
             axt: FILE: line 3: dead-after: a duration has the form 500ms, 90s or 5m\n\
             axt: FILE: line 4: instance takes no user: the key for it is user\n",
            "{words:?}"
        );
    }
    for words in [
        &["--help"][..],
        &["connect", "--help"],
        &["completion", "bash"],
        &["-V"],
    ] {
        assert_eq!(with(&dir, axt(words)).status, 0, "{words:?}");
    }
}
