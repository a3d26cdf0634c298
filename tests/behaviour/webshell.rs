//! Shells and commands in pods: what a user types, sees and gets back.

use crate::support::axt::{Cloud, Done, run};
use crate::support::screen::Screen;
use axt::emulator::{Frames, Options, Sae};
use rustix::process::Signal;
use std::process::Command;
use std::time::Duration;

const SUCCESS: &str = r#"{"metadata":{},"status":"Success"}"#;

/// An emulator whose shells greet with a prompt that no configuration changes.
fn cloud(sae: Sae) -> Cloud {
    let mut options = Options {
        sae,
        ..Options::default()
    };
    options.agent.shell = Some("/bin/sh".into());
    Cloud::with(options)
}

fn axt(cloud: &Cloud, args: &[&str]) -> Command {
    let mut axt = cloud.axt(["webshell", "--app-id", "app", "--pod", "pod"]);
    axt.args(args);
    axt
}

/// A user at a terminal of 50 rows and 200 columns, with the pod's prompt before them.
fn shell(cloud: &Cloud, args: &[&str]) -> Screen {
    let screen = Screen::start(&axt(cloud, args), 50, 200);
    screen.wait("a prompt", |s| {
        s.contents().trim_end().ends_with(['$', '#', '>'])
    });
    screen
}

fn command(cloud: &Cloud, args: &[&str], stdin: &[u8]) -> Done {
    run(axt(cloud, args), stdin)
}

#[test]
fn a_shell_takes_keys_knows_its_size_and_ends_with_its_status() {
    for (exit, status) in [("exit", 0), ("exit 7", 7)] {
        let cloud = cloud(Sae::default());
        let screen = shell(&cloud, &[]);
        screen.type_text("stty size\r");
        screen.wait_text("50 200");
        screen.type_text("echo 你好, wörld {} [\"metadata\"]\r");
        screen.wait_text("你好, wörld {} [metadata]");
        screen.type_text(&format!("{exit}\r"));
        assert_eq!(screen.end().code(), Some(status));
    }
}

#[test]
fn control_characters_reach_the_program() {
    let cloud = cloud(Sae::default());
    let screen = shell(&cloud, &[]);
    screen.type_text("sh -c 'echo rea\"\"dy; exec sleep 1000'\r");
    screen.wait_text("ready");
    screen.type_text("\x03");
    screen.wait_text("^C");
    screen.type_text("echo was $?\r");
    screen.wait_text("was 130");
    screen.type_text("\x04");
    let _ = screen.end();
}

#[test]
fn the_closing_status_is_taken_out_wherever_it_is_cut() {
    let cuts = (0..=SUCCESS.len()).map(|cut| ("exit", 0, cut));
    let cuts = cuts.chain([1, 30, 60, 150].map(|cut| ("exit 7", 7, cut)));
    for (exit, status, cut) in cuts {
        let cloud = cloud(Sae {
            cut_status: Some(cut),
            ..Sae::default()
        });
        let screen = shell(&cloud, &[]);
        screen.type_text(&format!("{exit}\r"));
        let (ended, seen) = screen.end_seen();
        assert_eq!(ended.code(), Some(status), "cut at {cut}");
        assert!(!seen.contains("metadata"), "cut at {cut}: {seen}");
    }
}

#[test]
fn a_socket_that_stays_open_after_the_status_is_left() {
    let cloud = cloud(Sae {
        stay_open: true,
        ..Sae::default()
    });
    let screen = shell(&cloud, &[]);
    screen.type_text("exit 3\r");
    assert_eq!(screen.end().code(), Some(3));
}

#[test]
fn what_only_looks_like_a_status_is_shown() {
    let cloud = cloud(Sae::default());
    let screen = shell(&cloud, &[]);
    screen.type_text(&format!("echo '{SUCCESS}'\r"));
    screen.wait_times(SUCCESS, 2);
    screen.type_text("exit 4\r");
    assert_eq!(screen.end().code(), Some(4));
    let done = command(&cloud, &["--command", &format!("printf '{SUCCESS}'")], b"");
    assert_eq!((done.status, done.text().as_str()), (0, SUCCESS));
}

#[test]
fn a_command_has_its_bytes_and_its_status() {
    for frames in [Frames::Either, Frames::Text, Frames::Binary] {
        let cloud = cloud(Sae {
            frames,
            ..Sae::default()
        });
        for status in [0, 7, 130, 254] {
            let line = format!("printf '\\tä\\r\\n'; exit {status}");
            let done = command(&cloud, &["--command", &line], b"");
            assert_eq!((done.status, done.text().as_str()), (status, "\tä\r\n"));
            assert_eq!(done.stderr, "");
        }
        // What goes as text may lose a character that the bootstrap's own words are in the midst of.
        let line = if frames == Frames::Text {
            "0123456789\n"
        } else {
            "0123456789 ä\n"
        };
        let stdin = line.repeat(20_000);
        let done = command(&cloud, &["--command", "cat"], stdin.as_bytes());
        assert_eq!(done.status, 0, "{}", done.stderr);
        assert!(done.text() == stdin, "{frames:?}: the bytes changed");
    }
}

#[test]
fn a_command_has_two_streams_and_its_signals() {
    let cloud = cloud(Sae::default());
    let line = "trap 'echo caught; exit 9' TERM; cat; echo err >&2; kill -TERM $$; sleep 1";
    let done = command(&cloud, &["--command", line], b"in\n");
    assert_eq!((done.status, done.text().as_str()), (9, "in\ncaught\n"));
    assert_eq!(done.stderr, "err\n");
}

#[test]
fn any_bytes_go_in_and_out() {
    let cloud = cloud(Sae::default());
    let bytes: Vec<u8> = (0..60_000_u32).map(|n| (n * 31 % 251) as u8).collect();
    let done = command(&cloud, &["--command", "cat"], &bytes);
    assert_eq!(done.status, 0, "{}", done.stderr);
    assert!(done.stdout == bytes, "the bytes changed");
    let text = cloud_of(Frames::Text);
    let done = command(&text, &["--binary", "--command", "cat"], &bytes);
    assert!(done.stdout == bytes, "the bytes changed");
}

fn cloud_of(frames: Frames) -> Cloud {
    cloud(Sae {
        frames,
        ..Sae::default()
    })
}

#[test]
fn stdin_that_is_no_terminal_is_a_script() {
    let cloud = cloud(Sae::default());
    let done = command(&cloud, &[], b"echo one\necho two\nexit 5\n");
    assert_eq!((done.status, done.text().as_str()), (5, "one\ntwo\n"));
    let done = command(&cloud, &["--", "printf", "%s|", "a b", "'"], b"");
    assert_eq!((done.status, done.text().as_str()), (0, "a b|'|"));
}

#[test]
fn a_time_limit_ends_a_command() {
    let cloud = cloud(Sae::default());
    let args = ["--timeout", "1s", "--command", "sleep 1000"];
    assert_eq!(command(&cloud, &args, b"").status, 124);
}

#[test]
fn a_shell_that_is_none_is_named() {
    let mut options = Options::default();
    options.agent.shell = Some("/bin/false".into());
    let cloud = Cloud::with(options);
    let done = command(&cloud, &["--command", "true"], b"");
    assert_eq!(done.status, 255);
    assert!(done.stderr.contains("no POSIX shell"), "{}", done.stderr);

    let mut options = Options::default();
    options.agent.shell = Some("/no/such/shell".into());
    let done = command(&Cloud::with(options), &["--command", "true"], b"");
    assert_eq!(done.status, 255);
    assert!(done.stderr.contains("InternalError"), "{}", done.stderr);
    assert!(!done.stderr.contains("metadata"), "{}", done.stderr);
}

#[test]
fn refusals_are_explained() {
    let named = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let refused = [
        (
            Sae {
                unknown_apps: named(&["app"]),
                ..Sae::default()
            },
            "InvalidApplication.NotFound",
            "--app-id",
        ),
        (
            Sae {
                unknown_pods: named(&["pod"]),
                ..Sae::default()
            },
            "there is no pod",
            "correct the value",
        ),
        (
            Sae {
                token_validity: Some(Duration::ZERO),
                ..Sae::default()
            },
            "HTTP 403: the token is unknown or has expired",
            "start a new session",
        ),
    ];
    for (sae, what, hint) in refused {
        let done = command(&cloud(sae), &["--command", "true"], b"");
        assert_eq!((done.status, done.text().as_str()), (255, ""));
        assert!(done.stderr.contains(what), "{}", done.stderr);
        assert!(done.stderr.contains("axt: hint: "), "{}", done.stderr);
        assert!(done.stderr.contains(hint), "{}", done.stderr);
    }
    let cloud = cloud(Sae::default());
    let mut empty = cloud.axt(["webshell", "--app-id", "", "--pod", "pod", "-c", "true"]);
    empty.env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "not this one");
    let done = run(empty, b"");
    assert_eq!(done.status, 255);
    assert!(
        done.stderr.contains("SignatureDoesNotMatch"),
        "{}",
        done.stderr
    );
    let empty = cloud.axt(["webshell", "--app-id", "", "--pod", "pod", "-c", "true"]);
    let done = run(empty, b"");
    assert_eq!(done.status, 255);
    assert!(
        done.stderr.contains("InvalidParameter.NotEmpty"),
        "{}",
        done.stderr
    );
    assert!(done.stderr.contains("AppId"), "{}", done.stderr);
    assert_eq!(run(cloud.axt(["webshell", "--pod", "p"]), b"").status, 255);
}

#[test]
fn the_page_is_printed_on_request_and_nothing_else_is() {
    let cloud = cloud(Sae::default());
    let done = command(&cloud, &["--print-url"], b"");
    let page =
        "https://saenext.console.aliyun.com/cn-hangzhou/app-list/app/micro-app/shell/pod?tokenId=";
    let token = done.text().trim_end().replace(page, "");
    assert_eq!((done.status, token.len()), (0, 64), "{done:?}");
    assert_eq!(done.stderr, "");
    let screen = Screen::start(&axt(&cloud, &["--print-url"]), 24, 200);
    screen.wait_text("axt: anyone with this address has the shell");
    screen.wait_text(page);
    assert_eq!(screen.end().code(), Some(0));
}

#[test]
fn no_log_holds_a_secret() {
    let cloud = cloud(Sae::default());
    let mut shown = axt(&cloud, &["--command", "echo typed; exit 2"]);
    shown.env_remove("AXT_LOG_FILE");
    let done = run(shown, b"");
    assert_eq!(done.status, 2);
    assert!(done.stderr.contains("GetWebshellToken"), "{}", done.stderr);
    let secret = &cloud.emulator.credentials().access_key_secret;
    for hidden in ["tokenId", "typed", secret] {
        assert!(!done.stderr.contains(hidden), "{hidden}: {}", done.stderr);
    }
}

#[test]
fn escapes_and_signals_end_it_and_give_the_terminal_back() {
    let cloud = cloud(Sae::default());
    let screen = shell(&cloud, &[]);
    screen.type_text("~s");
    screen.wait_text("uncompressed, can't be resumed");
    screen.type_text("~.");
    screen.wait_text("axt: session ended");
    assert_eq!(screen.end().code(), Some(255));

    let screen = shell(&cloud, &[]);
    screen.signal(Signal::TERM);
    assert_eq!(screen.end().code(), Some(143));
}
