//! Sessions that outlive their connections: the real binary over real sockets, cut again and again.
#![cfg(all(feature = "emulator", unix))]
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use axt::emulator::{Cut, Emulator, Options};
use pty_process::blocking::Pty;
use sha2::{Digest, Sha256};
use std::io::{Read, Write};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// Longer than anything takes; only a hang reaches it.
const HANG: Duration = Duration::from_secs(120);

/// An emulator without bandwidth limits and with these faults.
fn emulator(faults: &[(&str, &str)]) -> Emulator {
    let mut options = Options::default();
    for limit in ["rate-bytes", "burst-bytes"] {
        options.limits.set(limit, "none").unwrap();
    }
    // The client's rate follows it.
    options.limits.set("stream-bits", "4000000000").unwrap();
    for (name, value) in faults {
        options.faults.set(name, value).unwrap();
    }
    options.agent.shell = Some("/bin/sh".into());
    Emulator::on_loopback(options).unwrap()
}

/// Takes whatever could steer it out of a program's environment.
macro_rules! lead {
    ($command:expr, $emulator:expr) => {{
        let mut command = $command;
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy().to_ascii_uppercase();
            if text.starts_with("AXT_") || text.starts_with("ALI") || text.ends_with("_PROXY") {
                command = command.env_remove(&name);
            }
        }
        command = command.env("ALIBABA_CLOUD_IGNORE_PROFILE", "TRUE");
        for (name, value) in $emulator.exports() {
            command = command.env(name, value);
        }
        command
    }};
}

/// What a command run by axt ends with.
fn run(emulator: &Emulator, command: &str, stdin: Vec<u8>) -> Output {
    let mut axt = Command::new(env!("CARGO_BIN_EXE_axt"));
    {
        let axt = lead!(&mut axt, emulator);
        axt.args(["connect", "i-test", "--command", command]);
        axt.stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
    }
    let mut child = axt.spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || pipe.write_all(&stdin));
    let output = child.wait_with_output().unwrap();
    // A command that ends early takes no more.
    let _ = writer.join().unwrap();
    output
}

fn connections(emulator: &Emulator) -> usize {
    emulator.sessions()[0].connections.len()
}

fn assert_quiet_success(output: &Output) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && stderr.is_empty(),
        "{}: {stderr}",
        output.status
    );
}

fn numbers(last: u32) -> String {
    (1..=last).map(|n| format!("{n}\n")).collect()
}

#[test]
fn a_download_through_fifty_cuts_is_exact() {
    let emulator = emulator(&[("drop-after-out", "24KiB:50")]);
    let output = run(&emulator, "seq 1 200000", Vec::new());
    assert_quiet_success(&output);
    assert!(output.stdout == numbers(200_000).as_bytes());
    assert_eq!(connections(&emulator), 51);
}

#[test]
fn an_upload_through_fifty_cuts_is_exact() {
    let emulator = emulator(&[("drop-after-in", "96KiB:50")]);
    let mut bytes = vec![0; 5_000_000];
    fastrand::Rng::with_seed(7).fill(&mut bytes);
    let sum: String = Sha256::digest(&bytes)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    let output = run(&emulator, "sha256sum", bytes);
    assert_quiet_success(&output);
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        format!("{sum}  -\n")
    );
    assert_eq!(connections(&emulator), 51);
}

#[test]
fn every_kind_of_cut_and_disorder_leaves_a_command_exact() {
    for faults in [
        &[("freeze-after", "8KiB:3"), ("duplicate", "3")][..],
        &[("reset-after", "8KiB:3"), ("reorder", "4")],
        &[
            ("drop-after-out", "9:2"),
            ("swallow", "5"),
            ("delay", "20ms"),
        ],
    ] {
        let emulator = emulator(faults);
        let output = run(&emulator, "seq 1 10000; exit 7", Vec::new());
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            (output.status.code(), &*stderr),
            (Some(7), ""),
            "{faults:?}"
        );
        assert!(output.stdout == numbers(10_000).as_bytes(), "{faults:?}");
        assert!(connections(&emulator) > 2, "{faults:?}");
    }
}

#[test]
fn what_can_not_be_resumed_ends_with_the_reason() {
    for (faults, reason) in [
        (
            &[("refuse-resume", ""), ("drop-after-out", "2")][..],
            "the session can't be resumed",
        ),
        (
            &[("old-agent", ""), ("drop-after-out", "2")],
            "the agent is too old to resume a session",
        ),
    ] {
        let emulator = emulator(faults);
        let output = run(&emulator, "cat; sleep 1000", b"x".to_vec());
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(255), "{stderr}");
        assert!(stderr.contains(reason), "{stderr}");
        assert!(
            emulator.sessions()[0].ended,
            "EndTerminalSession was called"
        );
    }
}
