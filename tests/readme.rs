//! The README's examples, run one after the other as they stand there.

#![cfg(all(unix, feature = "emulator"))]
#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

mod support;

use std::path::Path;
use std::process::Command;
use support::axt::{AXT, run};

const README: &str = include_str!("../README.md");

/// Each example is shown before it is run, so that a failure says where it was. The emulator that the first ones
/// start ends with the shell.
const BEFORE: &str = "set -ev; trap 'kill $!' EXIT";

#[test]
fn the_examples_work_from_the_first_to_the_last() {
    let home = tempfile::tempdir().unwrap();
    let examples: Vec<String> = examples().collect();
    assert!(examples.len() >= 8, "the blocks are gone");
    let script = format!("{BEFORE}\n{}\n", examples.join("\n"));
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(&script).current_dir(home.path());
    shell
        .env_clear()
        .env("HOME", home.path())
        .env("PATH", path());
    let done = run(shell, b"");
    let out = done.text();
    assert_eq!(done.status, 0, "{out}{}", done.stderr);
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
fn it_is_no_longer_than_one_reads() {
    assert!(README.lines().count() <= 400);
}

/// The blocks of the shell's language.
fn examples() -> impl Iterator<Item = String> {
    let mut lines = README.lines();
    std::iter::from_fn(move || {
        lines.by_ref().find(|line| *line == "```sh")?;
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        Some(block.join("\n"))
    })
}

/// `PATH` with the binary under test first.
fn path() -> std::ffi::OsString {
    let own = Path::new(AXT).parent().unwrap().to_owned();
    let others = std::env::var_os("PATH").unwrap_or_default();
    let all = std::iter::once(own).chain(std::env::split_paths(&others));
    std::env::join_paths(all).unwrap()
}
