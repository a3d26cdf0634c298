//! Programs that print credentials.
#![cfg(unix)]

use super::support::*;
use crate::config::source::{CredentialSource, Mode};
use crate::providers::external;
use crate::providers::world::Occasion;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

/// A profile whose program is this shell script.
fn script(home: &Home, text: &str) -> CredentialSource {
    let path = home.path().join("it's a program");
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("permissions");
    let mut source = home.source(&[]);
    source.mode = Mode::External {
        command: format!(r#""{}" 'two words' $HOME"#, path.display()),
        profile: "p".into(),
    };
    source
}

fn home() -> Home {
    Home::new(r#""mode":"External","process_command":"x""#)
}

const PRINTED: &str = r#"{"mode":"StsToken","access_key_id":"STS.e","access_key_secret":"hush","sts_token":"hush-t","expiration":"2026-01-01T01:00:00Z"}"#;

#[tokio::test]
async fn a_program_is_run_without_a_shell() {
    let server = Server::new(|_| (404, String::new())).await;
    let home = home();
    let check = format!(r#"[ "$#:$1:$2" = '2:two words:$HOME' ] && echo '{PRINTED}'"#);
    let got = obtained(&world(&server), script(&home, &check))
        .await
        .expect("credentials");
    assert_eq!(got, "STS.e hush hush-t");
    let ak = r#"echo '{"mode":"AK","access_key_id":"e","access_key_secret":"hush"}'"#;
    let got = obtained(&world(&server), script(&home, ak))
        .await
        .expect("credentials");
    assert_eq!(got, "e hush ");
}

#[tokio::test]
async fn what_a_program_may_do_instead() {
    let server = Server::new(|_| (404, String::new())).await;
    let home = home();
    for (text, words) in [
        ("exit 3", "failed: exit status: 3"),
        ("kill -9 $$", "failed: signal: 9"),
        (
            "echo hush",
            "printed something other than a JSON object of strings (line 1, column 1)",
        ),
        ("echo '{}'", "process_command printed no mode"),
        (
            r#"echo '{"mode":"AK","access_key_id":"e"}'"#,
            "process_command printed no access_key_secret",
        ),
        (
            r#"echo '{"mode":"StsToken","access_key_id":"e","access_key_secret":"hush"}'"#,
            "process_command printed no sts_token",
        ),
        (
            r#"echo '{"mode":"External"}'"#,
            "printed a mode other than AK and StsToken",
        ),
        (
            "head -c 2000000 /dev/zero",
            "process_command printed more than 1 MiB",
        ),
        (
            r#"echo '{"mode":"AK","access_key_id":"e","access_key_secret":"hush","expiration":"2025-01-01T00:00:00Z"}'"#,
            "process_command: the credentials have expired already",
        ),
    ] {
        let told = refused(&world(&server), script(&home, text)).await;
        assert!(told.contains(words), "{told}");
    }
    for (command, words) in [
        (
            "/nonexistent/program",
            "/nonexistent/program can't be run: No such file",
        ),
        (
            "'half a quote",
            "process_command has a quote that is not closed",
        ),
        (" ", "process_command is empty"),
    ] {
        let mut source = home.source(&[]);
        source.mode = Mode::External {
            command: command.into(),
            profile: "p".into(),
        };
        let told = refused(&world(&server), source).await;
        assert!(told.contains(words), "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_program_that_hangs_is_ended_with_its_children() {
    for is_given_up in [false, true] {
        let server = Server::new(|_| (404, String::new())).await;
        let home = home();
        let child = home.path().join("child");
        let text = format!("sleep 1000 & echo $! >'{}'; wait", child.display());
        // The time runs ahead, but not before the program has said whom it has started.
        let still = StandStill::new();
        let (world, mode) = (world(&server), script(&home, &text).mode);
        // At the start of a run it would belong to the terminal, if there is one, so that it could ask.
        let running = tokio::spawn(async move {
            let Mode::External { command, profile } = mode else {
                panic!("it is a program");
            };
            let given = external::obtain(&world, &command, &profile, Occasion::Renewal).await;
            given.expect_err("it hangs").to_string()
        });
        let pid = loop {
            tokio::task::yield_now().await;
            let text = fs::read_to_string(&child).unwrap_or_default();
            if let Ok(pid) = text.trim().parse::<i32>() {
                break pid;
            }
        };
        drop(still);
        if is_given_up {
            running.abort();
        } else {
            let told = running.await.expect("no panic");
            assert!(told.contains("took longer than 60s"), "{told}");
        }
        let pid = rustix::process::Pid::from_raw(pid).expect("a process id");
        // A process that has ended stays visible until its new parent has taken notice.
        while rustix::process::test_kill_process(pid).is_ok() {
            let state = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
            if state.is_ok_and(|state| state.contains(") Z ")) {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn at_a_renewal_nobody_can_be_asked() {
    let server = Server::new(|_| (404, String::new())).await;
    let home = home();
    let asks = format!("read answer && exit 9\necho 'say yes' >&2\necho '{PRINTED}'");
    let Mode::External { command, profile } = script(&home, &asks).mode else {
        panic!("it is a program");
    };
    let world = world(&server);
    let renewed = external::obtain(&world, &command, &profile, Occasion::Renewal).await;
    assert_eq!(told(&renewed.expect("credentials")), "STS.e hush hush-t");
}
