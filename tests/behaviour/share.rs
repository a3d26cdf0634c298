//! Shared sessions: a process holds the session of the first command for later ones.

use crate::support::axt::{AXT, finish, noise, run, success, unlimited, until};
use crate::support::sharing::{Sharing, is_running, lines};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

#[test]
fn later_commands_run_in_the_session_of_the_first() {
    let sharing = Sharing::new();
    for (command, status, stdout, stderr) in [
        ("echo one; echo two >&2; exit 3", 3, "one\n", "two\n"),
        ("cd /tmp; export LEFT=behind; umask 0; exit 0", 0, "", ""),
        ("pwd | grep -x /tmp; echo \"$LEFT.\"", 0, ".\n", ""),
        ("kill -9 $$", 137, "", ""),
        ("cat; exit 7", 7, "", ""),
    ] {
        let done = sharing.sh(command);
        let expected = (status, stdout.to_owned(), stderr);
        assert_eq!(
            (done.status, done.text(), &*done.stderr),
            expected,
            "{command}"
        );
    }
    let bytes = noise(1_000_000, 5);
    let done = run(sharing.command(&["-c", "cat"]), &bytes);
    assert!(done.status == 0 && done.stdout == bytes, "{}", done.stderr);
    let script = b"#!/bin/sh\necho \"of a script: $A\"\n";
    let done = run(
        sharing.command(&["--env", "A=b c", "--shell", "/bin/sh"]),
        script,
    );
    assert_eq!(
        (done.status, done.text()),
        (0, "of a script: b c\n".into()),
        "{done:?}"
    );
    let done = run(sharing.command(&["-n", "--", "cat"]), b"not for it");
    assert_eq!((done.status, done.text()), (0, String::new()));
    assert_eq!(sharing.started(), 1);
}

#[test]
fn commands_at_once_have_sessions_of_their_own_but_not_too_many() {
    let sharing = Sharing::new();
    let file = sharing.runtime.path().join("go");
    let waits = format!(
        "while ! test -e {}; do sleep 0.05; done; echo $0",
        file.display()
    );
    let first: Vec<Child> = (0..3).map(|_| sharing.starts(&waits)).collect();
    until("three sessions run", || sharing.started() == 3);
    let more: Vec<Child> = (0..5).map(|_| sharing.starts(&waits)).collect();
    until("four sessions run", || sharing.started() == 4);
    fs::write(&file, "").unwrap();
    for child in first.into_iter().chain(more) {
        let done = finish(child);
        assert_eq!(done.status, 0, "{}", done.stderr);
        assert!(!done.stdout.is_empty());
    }
    assert_eq!(sharing.started(), 4);
}

#[test]
fn a_command_takes_a_session_that_is_free_before_its_own_is_open() {
    let mut options = unlimited();
    options.limits.set("per-instance", "1").unwrap();
    let sharing = Sharing::with(options);
    let mut first = sharing.command(&["-c", "cat"]);
    first.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut first = first.spawn().unwrap();
    until("the first session runs", || sharing.started() == 1);
    let second = sharing.starts("echo second");
    // One of its own, for which the instance has no room.
    until("another session is started", || sharing.started() > 1);
    drop(first.stdin.take());
    assert_eq!(finish(first).status, 0);
    let done = finish(second);
    assert_eq!((done.status, done.text()), (0, "second\n".into()));
    assert_eq!(sharing.cloud.emulator.counts().agents, 1);
}

#[test]
fn the_holder_has_nothing_of_whoever_started_it() {
    let sharing = Sharing::new();
    let mut axt = sharing.axt(&[]);
    let inherited = sharing.runtime.path().join("inherited");
    let line = format!(
        "exec 7>{}; exec {AXT} connect i-test --share 1m -c true",
        inherited.display()
    );
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &line])
        .current_dir(sharing.runtime.path());
    for (name, value) in axt.args([""; 0]).get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    assert_eq!(run(shell, b"").status, 0);
    let process = PathBuf::from(format!("/proc/{}", sharing.holder().as_raw_pid()));
    assert_eq!(fs::read_link(process.join("cwd")).unwrap(), Path::new("/"));
    for file in fs::read_dir(process.join("fd")).unwrap() {
        let file = fs::read_link(file.unwrap().path()).unwrap_or_default();
        assert_ne!(file, inherited);
    }
    let stat = fs::read_to_string(process.join("stat")).unwrap();
    let fields: Vec<_> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    // Its session is its own, and has no terminal.
    assert_eq!(
        (fields[3], fields[4]),
        (&*sharing.holder().as_raw_pid().to_string(), "0")
    );
    let words = fs::read_to_string(process.join("cmdline")).unwrap();
    assert!(words.ends_with("axt\0share\0hold\0"), "{words:?}");
    let secret = &sharing.cloud.emulator.credentials().access_key_secret;
    let variables = fs::read(process.join("environ")).unwrap();
    assert!(!String::from_utf8_lossy(&variables).contains(secret));
}

#[test]
fn the_holder_ends_after_its_time_and_on_a_signal() {
    let sharing = Sharing::new();
    let mut axt = sharing.axt(&["connect", "i-test", "--share", "300ms", "-c", "true"]);
    assert!(axt.output().unwrap().status.success());
    until("its time is over", || sharing.holders().is_empty());
    until("its session is ended", || sharing.all_ended());
    assert_eq!(fs::read_dir(sharing.folder()).unwrap().count(), 0);
    sharing.sh("true");
    let holder = sharing.holder();
    let mut running = sharing.starts("echo runs; exec sleep 1000");
    let mut stdout = BufReader::new(running.stdout.take().unwrap());
    stdout.read_line(&mut String::new()).unwrap();
    kill_process(holder, Signal::TERM).unwrap();
    let done = finish(running);
    assert_eq!(done.status, 255, "{done:?}");
    until("it has ended", || !is_running(holder));
    assert!(sharing.all_ended());
    assert_eq!(sharing.sh("echo again").text(), "again\n");
}

#[test]
fn a_killed_holder_fails_its_command_once_and_hinders_no_other() {
    let sharing = Sharing::new();
    let file = sharing.runtime.path().join("runs");
    sharing.sh("true");
    let holder = sharing.holder();
    let running = sharing.starts(&format!("echo ran >>{}; exec sleep 1000", file.display()));
    until("it runs", || lines(&file).len() == 1);
    kill_process(holder, Signal::KILL).unwrap();
    let done = finish(running);
    assert_eq!(done.status, 255);
    assert!(
        done.stderr
            .contains("the process that held the session has ended"),
        "{}",
        done.stderr
    );
    assert_eq!(done.stderr.lines().count(), 1);
    // Its socket is still there, and nobody listens.
    assert_eq!(sharing.sockets().len(), 1);
    assert_eq!(sharing.sh("echo next").text(), "next\n");
    assert_ne!(sharing.holder(), holder);
    assert_eq!(lines(&file), ["ran"]);
    // Nobody has ended the session of the one that was killed.
    sharing.left.set(1);
}

#[test]
fn a_holder_that_hangs_or_is_of_another_version_hinders_nobody() {
    let sharing = Sharing::new();
    sharing.sh("true");
    let holder = sharing.holder();
    kill_process(holder, Signal::STOP).unwrap();
    let mut axt = sharing.command(&["-v", "-c", "echo own"]);
    axt.env_remove("AXT_LOG_FILE");
    let done = run(axt, b"");
    kill_process(holder, Signal::CONT).unwrap();
    let said = "no shared session (the process that holds the session does not answer): this command has its own";
    assert!(done.stderr.contains(said), "{}", done.stderr);
    assert_eq!((done.status, done.text()), (0, "own\n".into()));
    assert_eq!(sharing.started(), 2);
    let socket = sharing.sockets().remove(0);
    success(sharing.axt(&["share", "stop"]));
    until("it has ended", || !is_running(holder));
    let listener = UnixListener::bind(&socket).unwrap();
    let other = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let hello = br#"{"Hello":{"version":"0.0.1","pid":1}}"#;
        let length = u32::try_from(hello.len()).unwrap().to_be_bytes();
        stream.write_all(&[&length[..], hello].concat()).unwrap();
    });
    let mut axt = sharing.command(&["-c", "echo own"]);
    axt.env_remove("AXT_LOG_FILE");
    let done = run(axt, b"");
    other.join().unwrap();
    assert_eq!((done.status, done.text()), (0, "own\n".into()));
    let said = "no shared session (the process that holds the session is axt 0.0.1): this command has its own";
    assert!(done.stderr.contains(said), "{}", done.stderr);
    fs::remove_file(socket).unwrap();
}

#[test]
fn signals_reach_the_command_and_a_killed_client_hangs_it_up() {
    let sharing = Sharing::new();
    for (signal, status) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let mut child = sharing.starts(
            "trap 'echo caught; exit 1' INT TERM; echo ready; while :; do sleep 0.05; done",
        );
        let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(stdout.next().unwrap().unwrap(), "ready");
        kill_process(Pid::from_child(&child), signal).unwrap();
        let rest: Vec<_> = stdout.map(Result::unwrap).collect();
        assert_eq!(rest, ["caught"]);
        assert_eq!(finish(child).status, status);
    }
    let file = sharing.runtime.path().join("hung-up");
    let command = format!(
        "trap 'echo hung up >{0}; exit' HUP; echo ready; while :; do sleep 0.05; done",
        file.display()
    );
    let mut child = sharing.starts(&command);
    let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(stdout.next().unwrap().unwrap(), "ready");
    child.kill().unwrap();
    child.wait().unwrap();
    until("the command is hung up", || lines(&file) == ["hung up"]);
    let timed = run(
        sharing.command(&["--timeout", "300ms", "-c", "sleep 1000"]),
        b"",
    );
    assert_eq!(timed.status, 124);
    assert_eq!(sharing.sh("echo still there").text(), "still there\n");
    assert_eq!(sharing.started(), 1);
}

#[test]
fn a_reader_that_goes_away_ends_its_command_alone() {
    let sharing = Sharing::new();
    let mut child = sharing.starts("while echo y; do :; done");
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    drop(stdout);
    assert_eq!((line.as_str(), finish(child).status), ("y\n", 141));
    // A reader that takes its time holds up nobody else.
    let slow = sharing.starts("head -c 1000000 /dev/zero; echo end >&2");
    until("it writes", || sharing.started() >= 1);
    assert_eq!(sharing.sh("echo other").text(), "other\n");
    let done = finish(slow);
    assert_eq!(
        (done.status, done.stdout.len(), &*done.stderr),
        (0, 1_000_000, "end\n")
    );
}

#[test]
fn what_is_never_shared_says_so() {
    let sharing = Sharing::new();
    let url = sharing.cloud.session_url();
    // Whoever has given the URL ends its session.
    sharing.left.set(1);
    let verbatim = ["connect", "i-test", "--raw-command", "-c", "sh -c true"];
    let given = ["connect", "--wss-url", &url, "-c", "true"];
    for (args, why) in [
        (
            &["connect", "i-test", "-t", "-c", "true"][..],
            "a terminal is never shared",
        ),
        (&verbatim[..], "--raw-command leaves no room for the runner"),
        (&given[..], "--wss-url names a session"),
        (
            &["connect", "i-test", "--emulator", "-c", "true"][..],
            "the emulator ends with this process",
        ),
    ] {
        let mut axt = sharing.axt(args);
        axt.env("AXT_SHARE", "1m").env_remove("AXT_LOG_FILE");
        let done = run(axt, b"");
        assert_eq!(done.status, 0, "{args:?}: {done:?}");
        assert!(
            done.stderr.contains(&format!("no shared session ({why})")),
            "{}",
            done.stderr
        );
    }
    assert!(sharing.sockets().is_empty());
    let mut axt = sharing.axt(&["connect", "i-test", "--share", "0", "-c", "true"]);
    axt.env("AXT_SHARE", "1m");
    assert_eq!(run(axt, b"").status, 0);
    assert!(sharing.sockets().is_empty());
}

#[test]
fn a_directory_that_is_not_the_users_alone_is_not_used() {
    use std::os::unix::fs::PermissionsExt as _;
    let sharing = Sharing::new();
    fs::create_dir(sharing.folder()).unwrap();
    fs::set_permissions(sharing.folder(), fs::Permissions::from_mode(0o755)).unwrap();
    let mut axt = sharing.command(&["-c", "echo own"]);
    axt.env_remove("AXT_LOG_FILE");
    let done = run(axt, b"");
    assert_eq!((done.status, done.text()), (0, "own\n".into()));
    assert!(
        done.stderr.contains("is open to other users"),
        "{}",
        done.stderr
    );
    fs::set_permissions(sharing.folder(), fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn status_and_stop_tell_what_is_held() {
    let sharing = Sharing::new();
    for command in ["status", "stop"] {
        let none = run(sharing.axt(&["share", command]), b"");
        let expected = (0, String::new(), "axt: there are no shared sessions\n");
        assert_eq!((none.status, none.text(), &*none.stderr), expected);
    }
    sharing.sh("true");
    let status = String::from_utf8(success(sharing.axt(&["share", "status"]))).unwrap();
    let pid = sharing.holder().as_raw_pid().to_string();
    let cells: Vec<_> = status.trim_end().split('\t').collect();
    assert_eq!(
        cells[..5],
        ["i-test", "", "cn-hangzhou", "1", "0"],
        "{status}"
    );
    assert!(cells[5].ends_with('s') && cells[6] == pid, "{status}");
    let stopped = success(sharing.axt(&["share", "stop", "--instance", "i-other"]));
    assert_eq!(stopped, b"");
    let stopped = success(sharing.axt(&["share", "stop", "--instance", "i-test"]));
    assert_eq!(
        String::from_utf8(stopped).unwrap(),
        format!("i-test\t{pid}\tended\n")
    );
    until("no session is left", || sharing.all_ended());
}

#[test]
fn control_master_shares_sessions_as_with_ssh() {
    let sharing = Sharing::new();
    let ssh = |options: &str, words: &[&str]| {
        let options: Vec<&str> = options.split(' ').collect();
        let mut axt = sharing.axt(&["ssh", "-S", "/tmp/%r@%h"]);
        axt.args(options).arg("i-test").args(words);
        run(axt, b"")
    };
    let check = || ssh("-O check", &[]);
    let none = check();
    assert_eq!(none.status, 255);
    let said = "Control socket connect(/tmp/%r@%h): No such file or directory";
    assert!(none.stderr.contains(said), "{}", none.stderr);
    // Without ControlMaster, a master is used, and none is started.
    assert_eq!(ssh("-T", &["echo own"]).text(), "own\n");
    assert_eq!((sharing.started(), check().status), (1, 255));
    let persist = "-T -o ControlMaster=auto -o ControlPersist=60";
    for _ in 0..3 {
        assert_eq!(ssh(persist, &["echo shared"]).text(), "shared\n");
    }
    assert_eq!(ssh("-T", &["exit 3"]).status, 3);
    assert_eq!(sharing.started(), 2);
    let running = check();
    let pid = sharing.holder().as_raw_pid();
    let said = (running.status, running.stderr);
    assert_eq!(said, (0, format!("Master running (pid={pid})\n")));
    // Another ControlPath is another master.
    let other = run(
        sharing.axt(&["ssh", "-S", "/tmp/other", "-O", "check", "i-test"]),
        b"",
    );
    assert_eq!(other.status, 255);
    let exit = ssh("-O exit", &[]);
    assert_eq!((exit.status, &*exit.stderr), (0, "Exit request sent.\n"));
    until("the master has ended", || check().status == 255);
    // Without ControlPersist it ends with its last command.
    assert_eq!(ssh("-T -o ControlMaster=auto", &["true"]).status, 0);
    until("the master has ended", || check().status == 255);
    assert_eq!(sharing.started(), 3);
}

#[test]
fn files_are_copied_in_a_shared_session() {
    let sharing = Sharing::new();
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let remote = |name: &str| format!("i-test:{}", at(name).display());
    fs::create_dir(at("top")).unwrap();
    for (name, length) in [("small", 1000), ("large", 500_000), ("empty", 0)] {
        fs::write(at("top").join(name), noise(length, 3)).unwrap();
    }
    for (from, to) in [
        (at("top").display().to_string(), remote("there")),
        (remote("there"), at("back").display().to_string()),
        (at("top/large").display().to_string(), remote("alone")),
        (remote("alone"), at("again").display().to_string()),
    ] {
        let mut axt = sharing.axt(&["cp", "-r", "--share", "1m", &from, &to]);
        axt.env("XDG_STATE_HOME", at("state"));
        let done = run(axt, b"");
        assert_eq!((done.status, &*done.stderr), (0, ""), "{done:?}");
    }
    for name in ["small", "large", "empty"] {
        let (one, other) = (at("top").join(name), at("back").join(name));
        assert!(fs::read(one).unwrap() == fs::read(other).unwrap(), "{name}");
    }
    assert!(fs::read(at("again")).unwrap() == fs::read(at("top/large")).unwrap());
    let mut gone = sharing.axt(&["cp", "--share", "1m", &remote("gone"), "x"]);
    gone.current_dir(dir.path());
    let done = run(gone, b"");
    assert_eq!(done.status, 1, "{done:?}");
    assert!(done.stderr.contains("No such file"), "{done:?}");
    assert_eq!(sharing.started(), 1);
}
