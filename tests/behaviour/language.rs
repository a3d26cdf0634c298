//! The language of what axt says: chosen by the environment, and English where programs read.

use crate::support::axt::{Cloud, Done, axt, run};
use axt::emulator::Options;
use serde_json::Value;

/// Runs `axt WORDS…` without a service, in this environment alone.
fn told(variables: &[(&str, &str)], words: &str) -> Done {
    let mut command = axt(words.split_whitespace());
    for locale in ["AXT_LANG", "LC_ALL", "LC_MESSAGES", "LANG"] {
        command.env_remove(locale);
    }
    command.envs(variables.iter().copied());
    run(command, b"")
}

const CHINESE: &[(&str, &str)] = &[("AXT_LANG", "zh")];

#[test]
fn the_variable_of_axt_or_the_locale_chooses_the_language() {
    let english = "axt: no region given\n\
        axt: hint: give --region, set ALIBABA_CLOUD_REGION_ID, or put region_id into the profile\n";
    let chinese = "axt: 未指定地域\n\
        axt: 提示：请指定 --region、设置 ALIBABA_CLOUD_REGION_ID，或在 profile 中写入 region_id\n";
    let keys = [
        ("ALIBABA_CLOUD_ACCESS_KEY_ID", "a"),
        ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "b"),
    ];
    for (variables, expected) in [
        (&[][..], english),
        (CHINESE, chinese),
        (&[("LC_ALL", "zh_CN.UTF-8")], chinese),
        (
            &[("LANG", "zh_CN.UTF-8"), ("LC_MESSAGES", "de_DE")],
            english,
        ),
        (&[("AXT_LANG", "en"), ("LC_ALL", "zh_CN.UTF-8")], english),
        (&[("AXT_LANG", ""), ("LANG", "zh_TW")], chinese),
    ] {
        let done = told(&[variables, &keys].concat(), "sessions list");
        assert_eq!((done.status, &*done.stderr), (1, expected), "{variables:?}");
    }
}

#[test]
fn a_language_that_axt_does_not_have_is_a_usage_error() {
    for (words, status) in [("sessions list", 2), ("connect i-1", 255)] {
        let done = told(&[("AXT_LANG", "xx"), ("LANG", "zh_CN.UTF-8")], words);
        let said = "axt: AXT_LANG is \"xx\", and not en or zh\n";
        assert_eq!((done.status, &*done.stderr), (status, said));
    }
    // What needs no configuration goes on.
    assert_eq!(told(&[("AXT_LANG", "xx")], "--version").status, 0);
}

#[test]
fn usage_errors_of_axt_are_said_in_the_language() {
    let done = told(CHINESE, "connect i-1 --raw-command");
    assert_eq!(
        (done.status, &*done.stderr),
        (255, "axt: --raw-command 需要一个命令\n")
    );
    let done = told(CHINESE, "ssh -N -s i-1 sftp");
    assert_eq!(
        (done.status, &*done.stderr),
        (255, "axt: -N 和 -s 不能同时使用\n")
    );
    // The parser's own errors stay as they are.
    let done = told(CHINESE, "connect --bogus");
    assert!(
        done.stderr
            .starts_with("axt: unexpected argument '--bogus' found\n"),
        "{done:?}"
    );
}

#[test]
fn a_refused_session_is_said_in_the_language_with_its_code_as_it_is() {
    let mut options = Options::default();
    options
        .faults
        .set("api-error", "PortForwarding.NotSupported")
        .unwrap();
    let cloud = Cloud::with(options);
    let mut command = cloud.axt(["proxy", "i-test", "22"]);
    command.env("AXT_LANG", "zh");
    let done = run(command, b"");
    assert_eq!(done.status, 255);
    let [what, hint] = done.stderr.lines().collect::<Vec<_>>()[..] else {
        panic!("{done:?}");
    };
    assert!(
        what.starts_with("axt: StartTerminalSession: PortForwarding.NotSupported: "),
        "{what}"
    );
    assert!(what.ends_with("）") && what.contains("（HTTP 4"), "{what}");
    assert_eq!(
        hint,
        "axt: 提示：实例上的云助手 Agent 版本过低或不支持端口转发：请升级"
    );
}

#[test]
fn sentences_are_put_together_as_chinese_is_written() {
    let cloud = Cloud::new();
    for (words, expected) in [
        (
            "sessions list --instance i-test",
            "最近四周内，地域 cn-hangzhou 的实例 i-test 上没有会话",
        ),
        ("sessions list", "最近四周内，地域 cn-hangzhou 中没有会话"),
        (
            "instances nothing-like-it",
            "没有实例符合 nothing-like-it（搜索范围：cn-hangzhou）",
        ),
        (
            "--endpoint http://example.com sessions list",
            "接入点（http://example.com/）必须使用 https：http 只用于回环地址",
        ),
    ] {
        let mut command = cloud.axt(words.split_whitespace());
        command.env("AXT_LANG", "zh");
        let done = run(command, b"");
        let said = done.stderr.lines().find(|line| line.contains(expected));
        assert_eq!(
            said,
            Some(&*format!("axt: {expected}")),
            "{words}: {done:?}"
        );
    }
}

#[test]
fn what_programs_read_is_english() {
    let cloud = Cloud::new();
    for words in [
        "doctor i-none --json",
        "sessions list --limit 1 --json",
        "doctor i-test --json",
    ] {
        let mut command = cloud.axt(words.split_whitespace());
        command.env("AXT_LANG", "zh").env("LC_ALL", "zh_CN.UTF-8");
        let done = run(command, b"");
        let printed = done.text() + &done.stderr;
        let json: Value = serde_json::from_str(&done.text()).expect(&printed);
        let chinese = printed.chars().any(|c| ('\u{3000}'..).contains(&c));
        assert!(json.is_object() && !chinese, "{printed}");
    }
    // The same without JSON has findings in Chinese.
    let mut command = cloud.axt(["doctor", "i-test"]);
    command.env("AXT_LANG", "zh");
    let done = run(command, b"");
    assert!(
        done.text().contains("实例处于运行中（Running）"),
        "{done:?}"
    );
    assert!(done.text().contains("session manager"), "{done:?}");
}
