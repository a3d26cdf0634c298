//! Tests of what the configuration file says to a run.

use super::*;
use crate::cli::parse::grammar;

/// The options in force for this host, with these options given already, or the error.
fn found(text: &str, host: Option<&str>, taken: &[&str]) -> Result<Configured, Vec<Error>> {
    let blocks = Blocks::parse("c.toml".into(), text).expect("TOML");
    let mut axt = grammar();
    axt.build();
    let taken = taken.iter().map(|id| (*id).to_owned()).collect();
    Configured::of(&blocks, &axt, taken, host)
}

/// The same, as `id=values@line`.
fn said(text: &str, host: Option<&str>, taken: &[&str]) -> String {
    let found = found(text, host, taken).unwrap_or_else(|wrong| panic!("{wrong:?}"));
    let line = |source: &Source| source.to_string().replace("c.toml:", "@");
    let values = found.values.iter().map(|(id, given)| {
        let values: Vec<_> = given
            .value
            .iter()
            .map(|value| value.to_string_lossy())
            .collect();
        format!("{id}={}{}", values.join(","), line(&given.source))
    });
    let instance = found.instance.iter();
    let instance = instance.map(|found| format!("instance={}{}", found.value, line(&found.source)));
    values.chain(instance).collect::<Vec<_>>().join(" ")
}

fn wrong(text: &str) -> String {
    let wrong = found(text, None, &[]).expect_err(text);
    let lines = wrong.iter().map(|error| format!("{error}\n"));
    lines.collect()
}

const FILE: &str = "\
region = 'cn-qingdao'
user = 'ops'
eager = true
[host.'web-*']
user = 'www'
env = ['A=1', 'B']
[host.web-1]
instance = 'i-1'
user = 'root'
region = 'cn-beijing'
eager = false
verbose = 2
local-forward = '8080:80'
";

#[test]
fn the_first_block_that_sets_an_option_wins() {
    let defaults = "eager=true@3 region=cn-qingdao@1 user=ops@2";
    assert_eq!(said(FILE, None, &[]), defaults);
    assert_eq!(said(FILE, Some("db"), &[]), defaults);
    assert_eq!(
        said(FILE, Some("web-2"), &[]),
        "eager=true@3 env=A=1,B@6 region=cn-qingdao@1 user=www@5"
    );
    assert_eq!(
        said(FILE, Some("web-1"), &["env"]),
        "eager=false@11 local=8080:80@13 region=cn-beijing@10 user=www@5 verbose=2@12 instance=i-1@8"
    );
}

#[test]
fn what_is_taken_and_what_does_not_go_with_it_is_left_out() {
    let file = "emulator = true\nshell = '/bin/sh'\n[host.a]\nendpoint = 'https://x'\ndefault-shell = true";
    assert_eq!(said(file, None, &[]), "emulator=true@1 shell=/bin/sh@2");
    assert_eq!(
        said(file, Some("a"), &[]),
        "default_shell=true@5 endpoint=https://x@4"
    );
    assert_eq!(
        said(file, Some("a"), &["emulator", "words"]),
        "shell=/bin/sh@2"
    );
}

#[test]
fn mistakes_are_told_with_their_lines_and_what_may_be_meant() {
    for (text, expected) in [
        (
            "\nkeepaliv = '3s'",
            "c.toml: line 2: there is no option \"keepaliv\"; did you mean keepalive?",
        ),
        (
            "[host.a]\nlocal_forward = '1:2'",
            "line 2: there is no option \"local_forward\"; did you mean local-forward?",
        ),
        (
            "zzzz = 1",
            "there is no option \"zzzz\"; keys are the names of options",
        ),
        (
            "command = 'ls'",
            "line 1: command is an option for a single run",
        ),
        (
            "wss-url = 'wss://x'",
            "line 1: wss-url is an option for a single run",
        ),
        (
            "instance = 'i-1'",
            "line 1: instance belongs in a host block",
        ),
        ("[host.a]\ninstance = 3", "line 2: instance takes a TARGET"),
        (
            "keepalive = 'fast'",
            "line 1: keepalive: a duration has the form 500ms, 90s or 5m",
        ),
        (
            "keepalive = true",
            "line 1: keepalive takes DURATION as a string",
        ),
        (
            "keepalive = ['3s']",
            "line 1: keepalive takes DURATION as a string",
        ),
        (
            "compress = 'often'",
            "line 1: compress: it is one of auto, never",
        ),
        (
            "max-sessions = 0",
            "line 1: max-sessions: 0 is not in 1..=100",
        ),
        ("eager = 'yes'", "line 1: eager takes true or false"),
        ("verbose = 'much'", "line 1: verbose takes a number"),
        (
            "env = [['A']]",
            "line 1: env takes NAME[=VALUE] as a string, as in env = \"…\", or a list",
        ),
        ("user = 2020-01-01", "line 1: user takes NAME as a string"),
        (
            "env = ['1A=x']",
            "line 1: env: a variable's name has letters",
        ),
    ] {
        let said = wrong(text);
        assert!(said.contains(expected), "{text}: {said}");
    }
    let both = wrong("a = 1\n[host.b]\nc = 2");
    assert_eq!(both.lines().count(), 2, "{both}");
}

#[test]
fn every_option_that_lasts_is_a_key() {
    let axt = grammar();
    let names = options(&axt);
    let names: Vec<_> = names.iter().filter_map(Arg::get_long).collect();
    for name in [
        "region",
        "profile",
        "user",
        "shell",
        "env",
        "local",
        "escape-char",
        "linger",
        "verbose",
    ] {
        assert!(names.contains(&name), "{name}");
    }
    for name in [
        "command",
        "tty",
        "json",
        "wss-url",
        "client-token",
        "listen",
        "help",
    ] {
        assert!(!names.contains(&name), "{name}");
    }
}

#[test]
fn values_of_the_file_are_defaults_and_fulfil_what_is_required() {
    let configured =
        found("local = '1:2 3:4'\napp-id = 'a'\neager = true", None, &[]).expect("no mistake");
    let read = |line: &str| {
        let axt = configured.apply(grammar());
        axt.try_get_matches_from(line.split(' '))
    };
    let matches = read("axt forward i-1").expect("it has its forwards");
    let forward = matches
        .subcommand_matches("forward")
        .expect("it was chosen");
    assert_eq!(forward.get_raw("local").map(Iterator::count), Some(2));
    assert!(forward.get_flag("eager"));
    let typed = read("axt forward i-1 -L 5:6").expect("a good line");
    let forward = typed.subcommand_matches("forward").expect("it was chosen");
    assert_eq!(forward.get_raw("local").map(Iterator::count), Some(1));
    assert!(read("axt webshell --pod p").is_ok());
    assert!(read("axt webshell").is_err());
}
