//! The README's examples, run one after the other as they are there, and the same ones in the Chinese README.

use crate::support::axt::{AXT, run};
use std::path::Path;
use std::process::Command;

const README: &str = include_str!("../../README.md");
const CHINESE: &str = include_str!("../../README.zh-CN.md");

/// Each example is shown before it is run, so that a failure says where it was. The emulator that the first ones
/// start ends with the shell.
const BEFORE: &str = "set -ev; trap 'kill $!' EXIT";

/// A command that reads standard input takes the examples that follow it, and this line with them.
const AFTER: &str = "echo all were read";

#[test]
fn the_examples_work_from_the_first_to_the_last() {
    let home = tempfile::tempdir().unwrap();
    let examples = blocks(README, &["sh"]);
    assert!(examples.len() >= 8, "the blocks are gone");
    let script = format!("{BEFORE}\n{}\n{AFTER}\n", examples.join("\n"));
    // From standard input, as when they are pasted.
    let mut shell = Command::new("sh");
    shell.current_dir(home.path());
    shell
        .env_clear()
        .env("HOME", home.path())
        .env("PATH", path());
    let done = run(shell, script.as_bytes());
    let out = done.text();
    assert_eq!(done.status, 0, "{out}{}", done.stderr);
    assert!(out.ends_with("all were read\n"), "{out}{}", done.stderr);
    let said: Vec<&str> = done
        .stderr
        .lines()
        .filter(|line| line.starts_with("axt: "))
        .collect();
    assert!(said.is_empty(), "{said:?}");
}

#[test]
fn the_two_commands_are_there() {
    assert!(README.contains("\n$ cargo run --release -- connect i-demo --emulator\n"));
    assert!(README.contains("\n$ cargo test\n"));
}

#[test]
fn the_chinese_one_has_the_same_examples() {
    let without_comments = |block: String| {
        let lines = block.lines().filter(|line| !line.starts_with('#'));
        lines.map(|line| format!("{line}\n")).collect::<String>()
    };
    let examples = |readme| blocks(readme, &["sh", "console", "text"]).into_iter();
    let english: Vec<String> = examples(README).map(without_comments).collect();
    let chinese: Vec<String> = examples(CHINESE).map(without_comments).collect();
    assert_eq!(english, chinese);
}

/// An interactive zsh takes `#` for a word, and what follows for arguments.
#[test]
fn no_command_has_a_comment_on_its_line() {
    for block in [README, CHINESE]
        .map(|readme| blocks(readme, &["sh", "console"]))
        .concat()
    {
        let mut end = None;
        for line in block.lines() {
            match end {
                Some(word) if line == word => end = None,
                Some(_) => {}
                None => {
                    assert!(!line.starts_with('#') && !line.contains(" #"), "{line}");
                    let words = line
                        .split_once("<<'")
                        .and_then(|(_, rest)| rest.split_once('\''));
                    end = words.map(|(word, _)| word);
                }
            }
        }
    }
}

#[test]
fn it_is_no_longer_than_one_reads() {
    assert!(README.lines().count() <= 400);
}

/// The blocks of these languages.
fn blocks(readme: &str, languages: &[&str]) -> Vec<String> {
    let mut lines = readme.lines();
    let mut blocks = Vec::new();
    while let Some(fence) = lines.by_ref().find(|line| line.starts_with("```")) {
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        if languages.contains(&fence.trim_start_matches('`')) {
            blocks.push(block.join("\n"));
        }
    }
    blocks
}

/// `PATH` with the binary under test first.
fn path() -> std::ffi::OsString {
    let own = Path::new(AXT).parent().unwrap().to_owned();
    let others = std::env::var_os("PATH").unwrap_or_default();
    let all = std::iter::once(own).chain(std::env::split_paths(&others));
    std::env::join_paths(all).unwrap()
}
