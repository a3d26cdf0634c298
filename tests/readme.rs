//! The README's examples, run as they stand there: every block marked `sh test`.

#![cfg(all(unix, feature = "emulator"))]
#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

mod support;

use std::path::Path;
use support::axt::{AXT, Cloud, run};

const README: &str = include_str!("../README.md");

#[test]
fn every_example_does_what_it_says() {
    let cloud = Cloud::new();
    let examples: Vec<(usize, String)> = examples().collect();
    assert!(examples.len() >= 4, "the marks are gone");
    for (line, example) in examples {
        let mut shell = cloud.outside("sh");
        shell.args(["-e", "-c", &example]).env("PATH", path());
        let done = run(shell, b"");
        let out = done.text();
        assert_eq!(done.status, 0, "README.md:{line}: {out}{}", done.stderr);
        assert_eq!(done.stderr, "", "README.md:{line} is not quiet");
    }
    cloud.assert_all_ended();
}

#[test]
fn the_two_commands_are_there() {
    assert!(README.contains("\n$ cargo run --release -- connect i-demo --emulator\n"));
    assert!(README.contains("\n$ cargo test\n"));
}

/// The marked blocks, with the number of the line where each begins.
fn examples() -> impl Iterator<Item = (usize, String)> {
    let mut lines = README.lines().enumerate();
    std::iter::from_fn(move || {
        let (number, _) = lines.find(|(_, line)| *line == "```sh test")?;
        let block = lines.by_ref().map(|(_, line)| line);
        let block: Vec<&str> = block.take_while(|line| *line != "```").collect();
        Some((number + 2, block.join("\n")))
    })
}

/// `PATH` with the binary under test first.
fn path() -> std::ffi::OsString {
    let own = Path::new(AXT).parent().unwrap().to_owned();
    let others = std::env::var_os("PATH").unwrap_or_default();
    let all = std::iter::once(own).chain(std::env::split_paths(&others));
    std::env::join_paths(all).unwrap()
}
