//! Sessions that outlive their connections: the real binary over real sockets, cut again and again.

use crate::support::axt::{Cloud, Done, finish};
use crate::support::screen::Screen;
use crate::support::sshd::Sshd;
use axt::emulator::{Cut, Options};
use sha2::{Digest, Sha256};
use std::io::{Read as _, Write as _};
use std::process::Stdio;
use std::time::Duration;

/// An emulator without bandwidth limits and with these faults.
fn cloud(faults: &[(&str, &str)]) -> Cloud {
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
    Cloud::with(options)
}

fn connections(cloud: &Cloud) -> usize {
    cloud.emulator.sessions()[0].connections.len()
}

/// A script sees nothing of what happens to its connections.
fn assert_quiet(done: &Done, status: i32) {
    assert_eq!((done.status, &*done.stderr), (status, ""));
}

fn numbers(last: u32) -> String {
    (1..=last).map(|n| format!("{n}\n")).collect()
}

#[test]
fn a_download_through_many_cuts_is_exact() {
    let cloud = cloud(&[("drop-after-out", "24KiB:20")]);
    let done = cloud.connect(["--compress", "never", "--command", "seq 1 80000"], b"");
    assert_quiet(&done, 0);
    assert!(done.stdout == numbers(80_000).as_bytes());
    assert_eq!(connections(&cloud), 21);
}

#[test]
fn an_upload_through_many_cuts_is_exact() {
    let cloud = cloud(&[("drop-after-in", "96KiB:20")]);
    let mut bytes = vec![0; 2_000_000];
    fastrand::Rng::with_seed(7).fill(&mut bytes);
    let digest = Sha256::digest(&bytes);
    let sum: String = digest.iter().map(|b| format!("{b:02x}")).collect();
    let done = cloud.connect(["--command", "sha256sum"], &bytes);
    assert_quiet(&done, 0);
    assert_eq!(done.text(), format!("{sum}  -\n"));
    assert_eq!(connections(&cloud), 21);
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
        let cloud = cloud(faults);
        let done = cloud.connect(["--command", "seq 1 10000; exit 7"], b"");
        assert_quiet(&done, 7);
        assert!(done.stdout == numbers(10_000).as_bytes(), "{faults:?}");
        assert!(connections(&cloud) > 2, "{faults:?}");
        cloud.assert_all_ended();
    }
}

#[test]
fn a_connection_that_goes_dead_is_found_and_replaced() {
    let cloud = cloud(&[("blackhole-after", "8KiB:1")]);
    let args = ["--dead-after", "2s", "--command", "seq 1 10000"];
    let done = cloud.connect(args, b"");
    assert_quiet(&done, 0);
    assert!(done.stdout == numbers(10_000).as_bytes());
    assert_eq!(connections(&cloud), 2);
}

#[test]
fn attempts_that_arrive_late_cost_no_session() {
    let cloud = cloud(&[]);
    let args = [
        "connect",
        "i-test",
        "--dead-after=1s",
        "--connect-timeout=1s",
        "--command=cat; seq 1 2000; sleep 10; seq 1 2000",
    ];
    let begun: Vec<_> = (0..4)
        .map(|_| {
            let mut command = cloud.axt(args);
            command.stdin(Stdio::piped());
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = command.spawn().unwrap();
            child.stdin.take().unwrap().write_all(b"x\n").unwrap();
            // It has begun.
            let stdout = child.stdout.as_mut().unwrap();
            stdout.read_exact(&mut [0; 2]).unwrap();
            child
        })
        .collect();
    for _ in 0..2 {
        let stall = cloud.emulator.stall();
        std::thread::sleep(Duration::from_secs(4));
        stall.release();
        std::thread::sleep(Duration::from_secs(2));
    }
    for child in begun {
        let done = finish(child);
        assert_quiet(&done, 0);
        assert!(done.text() == numbers(2000).repeat(2));
    }
    cloud.assert_all_ended();
}

#[test]
fn what_can_not_be_resumed_ends_with_the_reason() {
    let cut = ("drop-after-out", "2");
    for (fault, args, reason) in [
        (("expire-url", ""), &[][..], "the URL has expired"),
        (("refuse-resume", ""), &[], "the session can't be resumed"),
        (
            ("old-agent", ""),
            &[],
            "the agent is too old to resume a session",
        ),
        (
            ("delay", "1ms"),
            &["--no-resume"],
            "the connection was lost",
        ),
    ] {
        let cloud = cloud(&[fault, cut]);
        let args = [args, &["--command", "cat; sleep 1000"]].concat();
        let done = cloud.connect(args, b"x");
        assert_eq!(done.status, 255, "{}", done.stderr);
        assert!(done.stderr.contains(reason), "{}", done.stderr);
        cloud.assert_all_ended();
    }
}

/// The service's shell in a terminal, with a prompt that nothing else shows.
fn shell(cloud: &Cloud) -> Screen {
    shell_with(cloud, &["--default-shell"])
}

fn shell_with(cloud: &Cloud, args: &[&str]) -> Screen {
    let mut axt = cloud.axt(["connect", "i-test"]);
    axt.args(args);
    let screen = Screen::start(&axt, 24, 80);
    screen.wait("a prompt", |screen| !screen.contents().is_empty());
    screen.type_text("PS1=prompt:; clear\r");
    wait_exactly(&screen, "prompt:");
    screen
}

fn wait_exactly(screen: &Screen, text: &str) {
    screen.wait(text, |screen| screen.contents() == text);
}

const LOST: &str = "axt: connection lost, reconnecting… ~. ends";

#[test]
fn a_shell_sees_one_line_that_goes_away() {
    // The user's login shell has a status, which is kept.
    for (args, exit, status) in [(&["--default-shell"][..], "exit", 0), (&[], "exit 3", 3)] {
        let cloud = cloud(&[]);
        let screen = shell_with(&cloud, args);
        cloud.emulator.cut_connections(Cut::Reset);
        wait_exactly(&screen, &format!("prompt:\n{LOST}"));
        screen.type_text("echo typed mean\"\"while\r");
        let expected = "prompt:echo typed mean\"\"while\ntyped meanwhile\nprompt:";
        wait_exactly(&screen, expected);
        screen.type_text(&format!("{exit}\r"));
        assert_eq!(screen.end().code(), Some(status));
        cloud.assert_all_ended();
    }
}

#[test]
fn a_login_shell_whose_output_and_end_are_cut_keeps_its_screen_and_its_status() {
    let cloud = cloud(&[("drop-after-out", "4KiB:9")]);
    let screen = shell_with(&cloud, &[]);
    screen.type_text("seq 1 9000; exit 7\r");
    let (status, seen) = screen.end_seen();
    assert_eq!(status.code(), Some(7), "{seen}");
    let last: String = (8985..=9000).map(|n| format!("\n{n}")).collect();
    assert!(seen.contains(&last), "{seen}");
    assert!(!seen.contains("axt:"), "{seen}");
    assert!(connections(&cloud) > 5, "{}", connections(&cloud));
    cloud.assert_all_ended();
}

#[test]
fn the_escape_ends_a_session_whose_connection_is_gone() {
    let cloud = cloud(&[("refuse-resume", "")]);
    let screen = shell(&cloud);
    cloud.emulator.cut_connections(Cut::Drop);
    screen.wait_text("reconnecting");
    screen.type_text("\r~.");
    screen.end();
    cloud.assert_all_ended();
}

#[test]
fn vim_survives_a_restart_of_the_gateway() {
    if crate::support::need("vim").is_none() {
        return;
    }
    let screens = [false, true].map(|restart| {
        let cloud = cloud(&[]);
        let screen = shell(&cloud);
        screen.type_text("seq 1 200 | vim -u NONE -i NONE -N -\r");
        screen.wait_text("\n23");
        screen.type_text(":100\r");
        screen.wait_text("\n110");
        if restart {
            cloud.emulator.restart_gateway();
            screen.wait_text("reconnecting");
        }
        screen.type_text("Ityped \x1b");
        screen.wait("what was typed, and no word of axt's", |screen| {
            let text = screen.contents();
            let drawn = text.contains("typed 100") && text.contains("\n110");
            drawn && !text.contains("axt:") && !text.contains("INSERT")
        });
        let seen = screen.contents();
        screen.type_text(":q!\r");
        screen.wait_text("prompt:seq");
        screen.type_text("exit\r");
        assert_eq!(screen.end().code(), Some(0));
        assert_eq!(connections(&cloud), 1 + usize::from(restart));
        seen
    });
    assert_eq!(screens[0], screens[1]);
}

#[test]
fn an_expired_url_ends_a_terminal_session_with_the_terminal_restored() {
    let cloud = cloud(&[]);
    let screen = shell(&cloud);
    let raw = screen.termios().local_modes;
    cloud.emulator.clock().advance(Duration::from_secs(11 * 60));
    cloud.emulator.cut_connections(Cut::Drop);
    screen.wait_text("HTTP 403: the URL has expired");
    assert!(!screen.contents().contains(LOST));
    let terminal = screen.terminal();
    assert_eq!(screen.end().code(), Some(255));
    let modes = rustix::termios::tcgetattr(terminal).unwrap().local_modes;
    let echo = rustix::termios::LocalModes::ECHO;
    assert!(modes.contains(echo) && !raw.contains(echo));
}

#[test]
fn ssh_survives_cuts_of_its_proxy() {
    let Some(sshd) = Sshd::start() else { return };
    let faults = [("drop-after-out", "32KiB:3"), ("reset-after-in", "16KiB:3")];
    let cloud = cloud(&faults);
    let mut ssh = sshd.client(&cloud, "ssh");
    ssh.args(["i-demo", "cat; seq 1 20000; exit 42"]);
    let bytes = crate::support::axt::noise(200_000, 9);
    let done = crate::support::axt::run(ssh, &bytes);
    assert_quiet(&done, 42);
    assert!(done.stdout == [bytes, numbers(20_000).into_bytes()].concat());
    assert!(connections(&cloud) > 3, "{}", connections(&cloud));
}
