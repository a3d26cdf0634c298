//! The choice of an instance on a terminal, as its user sees it.

use crate::support::axt::{AXT, Cloud};
use crate::support::need;
use crate::support::screen::Screen;
use axt::emulator::{Instance, Options};

fn cloud(instances: impl IntoIterator<Item = String>) -> Cloud {
    let instances = instances.into_iter();
    let instances: Vec<Instance> = instances.map(|text| text.parse().unwrap()).collect();
    Cloud::with(Options {
        instances,
        ..Options::default()
    })
}

fn twins() -> Cloud {
    cloud([
        "i-a:name=web:ip=10.0.0.1".to_owned(),
        "i-b:name=web:ip=10.0.0.2".to_owned(),
        "i-c:name=web:ip=10.0.0.3:stopped".to_owned(),
    ])
}

/// Starts `axt WORDS…` in a terminal.
fn start(cloud: &Cloud, words: &str, rows: u16, cols: u16) -> Screen {
    Screen::start(&cloud.axt(words.split(' ')), rows, cols)
}

/// The ids of the instances on which sessions were started.
fn reached(cloud: &Cloud) -> Vec<String> {
    let sessions = cloud.emulator.sessions().into_iter();
    sessions.map(|session| session.instance_id).collect()
}

#[test]
fn of_several_the_user_chooses_one_and_what_he_types_then_is_the_shells() {
    let cloud = twins();
    let screen = start(&cloud, "connect web", 10, 60);
    screen.wait_text("Which instance is \"web\"? (3 of 3)");
    screen.wait_text("2  i-b  web  10.0.0.2  Running  cn-hangzhou");
    screen.type_text("0.2");
    screen.wait_text("(1 of 3)");
    // The rest is typed before there is a shell.
    screen.type_text("\recho a$((40 + 2))b; exit 7\r");
    screen.wait_text("a42b");
    assert_eq!(screen.end().code(), Some(7));
    assert_eq!(reached(&cloud), ["i-b"]);
    cloud.assert_all_ended();
}

#[test]
fn a_remembered_name_that_a_second_instance_has_by_now_is_chosen_from() {
    let cloud = cloud(["i-a:name=web".to_owned()]);
    let words = "connect web --name-cache 0 -c true";
    let screen = start(&cloud, words, 10, 60);
    assert_eq!(screen.end().code(), Some(0));
    let instances = ["i-a:name=web", "i-b:name=web"];
    let instances = instances.map(|text| text.parse().unwrap());
    cloud.emulator.set_instances(instances.to_vec());
    for _ in 0..2 {
        let screen = start(&cloud, words, 10, 60);
        screen.wait_text("Which instance is \"web\"? (2 of 2)");
        screen.type_text("i-b\r");
        assert_eq!(screen.end().code(), Some(0));
    }
    // What was chosen is not remembered, and nothing ran in the session that was started meanwhile.
    let mut ids = reached(&cloud);
    ids.sort();
    assert_eq!(ids, ["i-a", "i-a", "i-b", "i-b"]);
    let sessions = cloud.emulator.sessions().into_iter();
    let connected = sessions.filter(|session| !session.connections.is_empty());
    let mut ids: Vec<_> = connected.map(|session| session.instance_id).collect();
    ids.sort();
    assert_eq!(ids, ["i-a", "i-b", "i-b"]);
    cloud.assert_all_ended();
}

#[test]
fn a_choice_that_is_left_gives_the_terminal_back() {
    let cloud = twins();
    for (keys, status) in [("we\x03", 130), ("\x1b", 130), ("3\r", 255)] {
        let screen = start(&cloud, "connect web", 10, 60);
        screen.wait_text("(3 of 3)");
        let raw = screen.termios();
        assert!(
            !raw.local_modes
                .contains(rustix::termios::LocalModes::ICANON)
        );
        let terminal = screen.terminal();
        screen.type_text(keys);
        let (end, seen) = screen.end_seen();
        assert_eq!(end.code(), Some(status), "{keys:?}");
        assert!(!seen.contains("Which instance"), "{seen}");
        assert_eq!(
            seen.contains("which is \"Stopped\""),
            status == 255,
            "{seen}"
        );
        let modes = rustix::termios::tcgetattr(&terminal).unwrap();
        assert!(
            modes
                .local_modes
                .contains(rustix::termios::LocalModes::ICANON)
        );
    }
    assert_eq!(reached(&cloud), [""; 0]);
}

#[test]
fn ctrl_z_gives_the_terminal_back_until_the_choice_goes_on() {
    let Some(bash) = need("bash") else { return };
    let cloud = twins();
    let mut command = cloud.outside(bash);
    command.args(["--norc", "--noprofile", "-i"]);
    command.env("AXT", AXT).env("PS1", "mine> ");
    let screen = Screen::start(&command, 10, 60);
    screen.type_text("\"$AXT\" connect web\r");
    screen.wait_text("Which instance is \"web\"? (3 of 3)");
    screen.type_text("10.0.0.2");
    screen.wait_text("(1 of 3)");
    screen.type_text("\x1a");
    screen.wait("the shell", |screen| {
        !screen.alternate_screen() && screen.contents().contains("Stopped")
    });
    let modes = screen.termios().local_modes;
    assert!(modes.contains(rustix::termios::LocalModes::ISIG));
    screen.type_text("echo a$((40 + 2))b\r");
    screen.wait_text("a42b");
    // What was typed is still there.
    screen.type_text("fg\r");
    screen.wait("the choice", vt100::Screen::alternate_screen);
    screen.wait_text("(1 of 3)");
    screen.type_text("\r");
    screen.wait("the shell on it, below what was there", |screen| {
        let shown = screen.contents();
        !screen.alternate_screen() && shown.contains("a42b") && !shown.contains("(1 of 3)")
    });
    screen.type_text("exit 7\r");
    screen.wait("the prompt", |screen| {
        screen.contents().trim_end().ends_with("mine>")
    });
    screen.type_text("echo status $((300 + $?))\r");
    screen.wait_text("status 307");
    screen.type_text("exit\r");
    screen.end();
    assert_eq!(reached(&cloud), ["i-b"]);
    cloud.assert_all_ended();
}

#[test]
fn without_a_target_all_are_there_however_many_and_however_named() {
    let names =
        (1..=10_000).map(|n| format!("i-n{n}:name=服务器 {n}:ip=10.1.{}.{}", n / 250, n % 250));
    let cloud = cloud(names);
    let screen = start(&cloud, "connect", 12, 70);
    screen.wait_text("Which instance? (10000 of 10000)");
    screen.type_text("服务器 1234");
    screen.wait_text("(1 of 10000)");
    screen.resize(5, 18);
    screen.wait("a narrow list", |screen| {
        let lines: Vec<_> = screen.rows(0, 18).collect();
        lines[0].starts_with("Which instance? (") && lines[4].starts_with("> 服务器 1234")
    });
    screen.resize(12, 70);
    screen.type_text("\x15\x1b[F");
    screen.wait_text("10000  i-n9999   服务器 9999");
    screen.type_text("\x03");
    assert_eq!(screen.end().code(), Some(130));
}

#[test]
fn nobody_is_asked_where_a_program_may_have_called() {
    let cloud = twins();
    for words in [
        "proxy web",
        "ssh web true",
        "ssh -o BatchMode=yes web",
        "ssh -T web",
        "ssh -W localhost:22 web",
    ] {
        let (end, seen) = start(&cloud, words, 12, 80).end_seen();
        assert_eq!(end.code(), Some(255), "{words}");
        assert!(seen.contains("matches 3 instances"), "{words}: {seen}");
    }
    let screen = start(&cloud, "ssh web", 10, 60);
    screen.wait_text("Which instance is \"web\"?");
    screen.type_text("1\r");
    screen.wait("a shell", |screen| !screen.alternate_screen());
    screen.type_text("exit\r");
    assert_eq!(screen.end().code(), Some(0));
    assert_eq!(reached(&cloud), ["i-a"]);
}

/// The terminal that is left, standard output, is no reason to ask.
#[test]
fn nobody_is_asked_unless_standard_input_and_standard_error_are_terminals() {
    let cloud = twins();
    let list = "matches 3 instances";
    let missing = "TARGET";
    for (words, shell, said) in [
        ("connect web", "\"$@\" </dev/null", list),
        ("connect web -c true", "\"$@\" </dev/null", list),
        (
            "connect web",
            "\"$@\" 2>said; e=$?; cat said; exit $e",
            list,
        ),
        ("connect web", ": | \"$@\"", list),
        ("ssh web", "\"$@\" </dev/null", list),
        ("connect", "\"$@\" </dev/null", missing),
        ("connect", "\"$@\" 2>said; e=$?; cat said; exit $e", missing),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let mut command = cloud.outside("sh");
        let script = format!("cd '{}'; {shell}", dir.path().display());
        command
            .args(["-c", &script, "sh", AXT])
            .args(words.split(' '));
        let (end, seen) = Screen::start(&command, 12, 80).end_seen();
        assert_eq!(end.code(), Some(255), "{words}: {shell}: {seen}");
        assert!(seen.contains(said), "{words}: {shell}: {seen}");
    }
    assert_eq!(reached(&cloud), [""; 0]);
}
