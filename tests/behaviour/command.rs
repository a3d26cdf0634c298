//! `--command`, scripts and pipes: exit statuses, exact bytes, no terminal needed.

use crate::support::axt::{Cloud, Done, axt, finish, run, unlimited};
use crate::support::need;
use crate::support::tap::Tap;
use axt::emulator::agent::{AgentOptions, Generation};
use axt::emulator::{Cut, Options};
use axt::protocol::frame::Kind;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A remote side whose `sh` is the one named, with the tools that come with it.
struct Remote {
    cloud: Cloud,
    _path: TempDir,
}

/// The shells that the bootstrap must get along with, as far as they are installed.
fn remotes() -> Vec<(&'static str, Remote)> {
    ["dash", "bash", "busybox"]
        .into_iter()
        .filter_map(|shell| Some((shell, remote(shell, AgentOptions::default())?)))
        .collect()
}

fn remote(shell: &str, agent: AgentOptions) -> Option<Remote> {
    let program = need(shell)?;
    let dir = tempfile::tempdir().unwrap();
    let mut path = dir.path().as_os_str().to_owned();
    if shell == "busybox" {
        // Nothing but BusyBox's own tools.
        let install = Command::new(&program)
            .args(["--install", "-s"])
            .arg(dir.path())
            .status();
        assert!(install.unwrap().success());
    } else {
        symlink(program, dir.path().join("sh")).unwrap();
        path.push(":/usr/bin:/bin");
    }
    let mut options = unlimited();
    options.agent = AgentOptions {
        path: Some(path),
        ..agent
    };
    let cloud = Cloud::with(options);
    Some(Remote { cloud, _path: dir })
}

impl Remote {
    fn run(&self, command: &str, stdin: &[u8]) -> Done {
        self.cloud.connect(["--command", command], stdin)
    }
}

/// Text with everything that a terminal would change.
fn awkward_text(len: usize) -> Vec<u8> {
    let line = "tab\there, return\r\nbell\x07 bs\x08 ^D\x04 ^C\x03 ^Z\x1a ^S\x13 ^Q\x11 nul\0 esc\x1b[31m ünïcödé 你好 end\n";
    line.as_bytes().iter().copied().cycle().take(len).collect()
}

/// Bytes without any order, the same in every run.
fn random_bytes(len: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(7);
    std::iter::repeat_with(|| random.u8(..)).take(len).collect()
}

#[test]
fn a_variable_set_to_nothing_counts_as_unset() {
    let cloud = Cloud::new();
    let mut axt = cloud.axt(["connect", "i-test", "--command", "echo $((6*7))"]);
    for name in [
        "REGION",
        "PROFILE",
        "CONFIG_FILE",
        "CONNECTION_TYPE",
        "CLIENT_TOKEN",
        "KEEPALIVE",
        "ESCAPE_CHAR",
        "WSS_URL",
        "LOG_FILE",
        "COLOR",
    ] {
        axt.env(format!("AXT_{name}"), "");
    }
    let done = crate::support::axt::run(axt, b"");
    assert_eq!((done.status, done.text().as_str()), (0, "42\n"), "{done:?}");
}

#[test]
fn the_status_is_the_commands_own() {
    for (shell, remote) in remotes() {
        for status in [0, 1, 2, 7, 42, 126, 127, 130, 137, 143, 254] {
            let done = remote.run(&format!("exit {status}"), b"");
            assert_eq!(
                (done.status, done.text().as_str()),
                (status, ""),
                "{shell}: {done:?}"
            );
            assert_eq!(done.stderr, "");
        }
        remote.cloud.assert_all_ended();
    }
}

#[test]
fn a_death_by_signal_and_a_missing_program_have_their_status() {
    for (shell, remote) in remotes() {
        for (command, status) in [
            ("kill -9 $$", 137),
            ("sh -c 'kill -9 $$'; exit $?", 137),
            ("kill -TERM $$", 143),
            ("no-such-program", 127),
            ("/", 126),
        ] {
            let done = remote.run(command, b"");
            assert_eq!(done.status, status, "{shell}: {command}: {done:?}");
            let silent = command.starts_with("kill");
            assert!(
                !silent || done.stdout.is_empty(),
                "{shell}: {command}: {done:?}"
            );
        }
    }
}

#[test]
fn output_is_exact_and_without_echo_prompt_or_return() {
    for (shell, remote) in remotes() {
        let done = remote.run(
            r"printf 'one\ntwo\r\n\tthree'; printf '\001\002\003\n' >&2",
            b"",
        );
        assert_eq!(done.text(), "one\ntwo\r\n\tthree", "{shell}: {done:?}");
        assert_eq!(done.stderr, "\u{1}\u{2}\u{3}\n", "{shell}");
    }
}

#[test]
fn ten_megabytes_of_text_come_and_go_unchanged() {
    for (shell, remote) in remotes() {
        let text = awkward_text(10 * 1024 * 1024);
        let done = remote.run("cat", &text);
        assert_eq!(done.status, 0, "{shell}: {}", done.stderr);
        assert!(done.stdout == text, "{shell}: {} bytes", done.stdout.len());
    }
}

#[test]
fn a_megabyte_of_random_bytes_comes_and_goes_unchanged_with_binary() {
    for (shell, remote) in remotes() {
        let mut bytes = random_bytes(1024 * 1024);
        // What agents garble: a literal U+FFFD, and a sequence without its end.
        bytes.extend_from_slice("\u{fffd}".as_bytes());
        bytes.extend_from_slice(b"\xe4\xbd");
        let done = remote
            .cloud
            .connect(["--binary", "-c", "cat; exit 3"], &bytes);
        assert_eq!(done.status, 3, "{shell}: {}", done.stderr);
        assert!(done.stdout == bytes, "{shell}: {} bytes", done.stdout.len());
    }
}

#[test]
fn output_streams_as_it_is_printed() {
    use std::io::{BufRead, BufReader, Write};
    for (shell, remote) in remotes() {
        for option in ["--binary", "-v"] {
            let args = [
                "connect",
                "i-test",
                option,
                "-c",
                "while read l; do echo \"got $l\"; done",
            ];
            let mut axt = remote.cloud.axt(args);
            axt.stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null());
            let mut child = axt.spawn().unwrap();
            let mut stdin = child.stdin.take().unwrap();
            let mut stdout = BufReader::new(child.stdout.take().unwrap());
            // The answer to each line comes before the next is sent, or never.
            for i in 0..3 {
                writeln!(stdin, "{i}").unwrap();
                let mut line = String::new();
                stdout.read_line(&mut line).unwrap();
                assert_eq!(line, format!("got {i}\n"), "{shell} {option}");
            }
            drop(stdin);
            assert_eq!(finish(child).status, 0);
        }
    }
}

#[test]
fn stdin_that_nobody_reads_does_not_hinder() {
    for (shell, remote) in remotes() {
        let done = remote.run("echo done; exit 5", &awkward_text(500_000));
        assert_eq!(
            (done.status, done.text().as_str()),
            (5, "done\n"),
            "{shell}: {done:?}"
        );
        let done = remote.run(
            "exec <&-; sleep 0.2; echo still here",
            &awkward_text(500_000),
        );
        assert_eq!(
            (done.status, done.text().as_str()),
            (0, "still here\n"),
            "{shell}: {done:?}"
        );
        let done = remote
            .cloud
            .connect(["-n", "-c", "cat; echo end"], b"not for you");
        assert_eq!(
            (done.status, done.text().as_str()),
            (0, "end\n"),
            "{shell}: {done:?}"
        );
    }
}

#[test]
fn only_what_is_asked_for_is_read_from_stdin() {
    // More than the remote side asks for before its command ends stays for the next reader.
    let Some(remote) = remote("dash", AgentOptions::default()) else {
        return;
    };
    let (reader, mut writer) = std::io::pipe().unwrap();
    let feeding = std::thread::spawn(move || {
        use std::io::Write;
        let _ = writer.write_all(&vec![b'x'; 1_000_000]);
    });
    let mut axt = remote.cloud.axt(["connect", "i-test", "-c", "sleep 0.3"]);
    let child = axt.stdin(reader.try_clone().unwrap()).spawn().unwrap();
    assert_eq!(finish(child).status, 0);
    let left = std::io::Read::bytes(reader).count();
    feeding.join().unwrap();
    assert!(left >= 1_000_000 - 6 * 32 * 1024, "{left} bytes left");
}

#[test]
fn a_script_runs_from_stdin() {
    for (shell, remote) in remotes() {
        let script = b"x='a b'\nfor i in 1 2; do echo \"$i $x\"; done\nexit 9\n";
        let done = remote.cloud.connect(&[] as &[&str], script);
        assert_eq!(
            (done.status, done.text().as_str()),
            (9, "1 a b\n2 a b\n"),
            "{shell}: {done:?}"
        );
    }
}

#[test]
fn arguments_arrive_as_they_are() {
    let words = [
        "it's",
        "a  b",
        "$HOME",
        "`x`",
        "new\nline",
        "*",
        "\\",
        "\"",
        "",
        "-n",
        "ü你",
    ];
    for (shell, remote) in remotes() {
        let mut args = vec!["--", "printf", "<%s>"];
        args.extend(words);
        let done = remote.cloud.connect(args, b"");
        let expected: String = words.map(|word| format!("<{word}>")).concat();
        assert_eq!(done.text(), expected, "{shell}: {done:?}");
    }
}

#[test]
fn commands_of_any_length_arrive_unchanged() {
    use std::os::unix::ffi::OsStrExt;
    for (shell, remote) in remotes() {
        for len in [600, 5_000, 100_000] {
            let text = "x'\"$y\n\\ü".repeat(len / 10);
            let quoted = text.replace('\'', "'\\''");
            let done = remote.run(&format!("printf %s '{quoted}'"), b"");
            assert!(done.text() == text, "{shell}, {len}: {}", done.stderr);
        }
        // All bytes but NUL and the quote, as a word of an argument.
        let bytes: Vec<u8> = (1..=255).filter(|b| *b != b'\'').collect();
        let command = [b"printf %s '", &bytes[..], b"'"].concat();
        let args = [
            "--binary".as_ref(),
            "-c".as_ref(),
            std::ffi::OsStr::from_bytes(&command),
        ];
        let done = remote.cloud.connect(args, b"");
        assert!(
            done.stdout == bytes,
            "{shell}: {:?}",
            done.stdout.escape_ascii().to_string()
        );
    }
}

#[test]
fn many_words_make_a_long_command() {
    for (shell, remote) in remotes() {
        let words: Vec<String> = (0..40_000).map(|i| format!("word{i}")).collect();
        let mut args = vec!["--".to_owned(), "printf".into(), "%s\n".into()];
        args.extend(words.clone());
        let done = remote.cloud.connect(args, b"");
        assert!(
            done.text() == words.join("\n") + "\n",
            "{shell}: {} bytes {}",
            done.stdout.len(),
            done.stderr
        );
    }
}

#[test]
fn children_that_hold_the_terminal_do_not_hold_axt() {
    for (shell, remote) in remotes() {
        for option in ["-v", "--binary"] {
            let done = remote
                .cloud
                .connect([option, "-c", "sleep 1000 & echo started; exit 4"], b"");
            assert_eq!(
                (done.status, done.text().as_str()),
                (4, "started\n"),
                "{shell} {option}"
            );
        }
    }
}

#[test]
fn a_signal_interrupts_the_command_and_names_the_status() {
    use rustix::process::{Pid, Signal, kill_process};
    use std::io::{BufRead, BufReader};
    for (shell, remote) in remotes() {
        for (signal, name, status) in [
            (Signal::INT, "INT", 130),
            (Signal::TERM, "TERM", 143),
            (Signal::HUP, "HUP", 129),
            (Signal::QUIT, "QUIT", 131),
        ] {
            let command = format!(
                "trap 'echo caught {name}; exit 1' {name}; echo ready; while :; do sleep 0.05; done"
            );
            let mut axt = remote.cloud.axt(["connect", "i-test", "-c", &command]);
            axt.stdin(Stdio::piped()).stdout(Stdio::piped());
            let mut child = axt.spawn().unwrap();
            let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
            assert_eq!(stdout.next().unwrap().unwrap(), "ready", "{shell}");
            kill_process(Pid::from_child(&child), signal).unwrap();
            let rest: Vec<_> = stdout.map(Result::unwrap).collect();
            // The shell may also say that its sleep was terminated.
            assert_eq!(rest.last(), Some(&format!("caught {name}")), "{shell}");
            assert_eq!(finish(child).status, status, "{shell}");
        }
        remote.cloud.assert_all_ended();
    }
}

#[test]
fn a_time_limit_ends_with_124() {
    let Some(remote) = remote("dash", AgentOptions::default()) else {
        return;
    };
    let done = remote
        .cloud
        .connect(["--timeout", "300ms", "-c", "echo on; sleep 1000"], b"");
    assert_eq!(
        (done.status, done.text().as_str()),
        (124, "on\n"),
        "{done:?}"
    );
    remote.cloud.assert_all_ended();
}

#[test]
fn the_time_limit_holds_while_connecting_too() {
    // It takes connections into its backlog and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let cloud = Cloud::new();
    let mut axt = cloud.axt(["connect", "i-test", "-c", "true", "--timeout", "200ms"]);
    axt.env("AXT_ENDPOINT", endpoint);
    let done = crate::support::axt::run(axt, b"");
    assert_eq!((done.status, done.stderr.as_str()), (124, ""));
}

#[test]
fn a_reader_that_goes_away_ends_both_sides_quietly() {
    use std::io::{BufRead, BufReader};
    let Some(remote) = remote("dash", AgentOptions::default()) else {
        return;
    };
    let mut axt = remote.cloud.axt(["connect", "i-test", "-n", "-c", "yes"]);
    axt.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = axt.spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    drop(stdout);
    let done = finish(child);
    assert_eq!(
        (line.as_str(), done.status, done.stderr.as_str()),
        ("y\n", 141, "")
    );
    remote.cloud.assert_all_ended();
}

#[test]
fn raw_commands_go_as_they_are() {
    let Some(remote) = remote("dash", AgentOptions::default()) else {
        return;
    };
    let done = remote
        .cloud
        .connect(["--raw-command", "-c", "echo 'no  shell' $HOME"], b"");
    assert_eq!(
        (done.status, done.text().as_str()),
        (0, "no  shell $HOME\r\n"),
        "{done:?}"
    );
    let long = "x".repeat(513);
    let done = remote.cloud.connect(["--raw-command", "-c", &long], b"");
    assert_eq!(done.status, 255);
    assert!(
        done.stderr
            .contains("InvalidCommandLine.LengthLimitExceeded"),
        "{}",
        done.stderr
    );
}

#[test]
fn two_hundred_in_a_row_and_twenty_at_once_get_their_own_status() {
    let Some(remote) = remote("dash", AgentOptions::default()) else {
        return;
    };
    for i in 0..200 {
        let done = remote.run(&format!("echo {i}; exit {}", i % 250), b"");
        assert_eq!(
            (done.status, done.text()),
            (i % 250, format!("{i}\n")),
            "{}",
            done.stderr
        );
    }
    std::thread::scope(|scope| {
        for i in 0..20 {
            let remote = &remote;
            scope.spawn(move || {
                let done = remote.run(&format!("seq 1 2000; exit {i}"), b"");
                let expected: String = (1..=2000).map(|n| format!("{n}\n")).collect();
                assert_eq!((done.status, done.text()), (i, expected), "{}", done.stderr);
            });
        }
    });
    remote.cloud.assert_all_ended();
}

#[test]
fn a_command_that_says_nothing_for_long_is_waited_for() {
    let mut options = Options::default();
    options.limits.set("idle", "4s").unwrap();
    let cloud = Cloud::with(options);
    let url = cloud.session_url();
    let late = "sleep 6; echo late";
    let raw = format!("sh -c '{late}'");
    // Heartbeats go although nobody reads the command's input.
    let unread = vec![0; 500_000];
    let cases = [
        (&["i-test", "-c", late][..], &unread[..]),
        (&["i-test", "-t", "-c", late], b""),
        (&["--wss-url", &url, "-c", late], b""),
        // A program that may have to be spoken to, 3 s after the session is open.
        (&["i-test", "--raw-command", "-T", "-c", &raw], b""),
    ];
    std::thread::scope(|threads| {
        for (args, stdin) in cases {
            let mut axt = cloud.axt(["connect", "--connect-timeout", "4s", "--keepalive", "1s"]);
            axt.args(args);
            threads.spawn(move || {
                let done = run(axt, stdin);
                let said = (done.status, done.text().trim().to_owned());
                assert_eq!(said, (0, "late".into()), "{args:?} {done:?}");
            });
        }
    });
}

#[test]
fn an_agent_that_is_slow_or_old_changes_nothing() {
    let realistic = AgentOptions::realistic();
    let old = AgentOptions {
        generation: Generation::Old,
        ..AgentOptions::realistic()
    };
    for agent in [realistic, old] {
        let Some(remote) = remote("dash", agent) else {
            return;
        };
        let text = awkward_text(20_000);
        let done = remote.run("cat; exit 42", &text);
        assert_eq!(done.status, 42, "{}", done.stderr);
        assert!(done.stdout == text, "{} bytes", done.stdout.len());
    }
}

#[test]
fn a_session_that_dies_in_mid_command_is_a_failure() {
    use std::io::{BufRead, BufReader};
    for how in ["agent", "gateway"] {
        let Some(remote) = remote("dash", AgentOptions::default()) else {
            return;
        };
        // The process that waits for the command is gone, and with it the status.
        let command = "echo on; read x; kill -9 $PPID";
        let args = ["connect", "i-test", "--no-resume", "-c", command];
        let mut axt = remote.cloud.axt(args);
        axt.stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = axt.spawn().unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        if how == "agent" {
            std::io::Write::write_all(child.stdin.as_mut().unwrap(), b"go\n").unwrap();
        } else {
            remote.cloud.emulator.cut_connections(Cut::Drop);
        }
        let done = finish(child);
        assert_eq!(done.status, 255, "{how}: {done:?}");
        assert!(done.stderr.starts_with("axt: "), "{how}: {done:?}");
    }
}

#[test]
fn a_terminal_on_both_ends_makes_a_terminal_session_with_a_status() {
    let Some(remote) = remote("dash", AgentOptions::default()) else {
        return;
    };
    let axt = remote.cloud.axt([
        "connect",
        "i-test",
        "-t",
        "-c",
        "tty -s && stty size; read x; exit 6",
    ]);
    let screen = crate::support::screen::Screen::start(&axt, 31, 97);
    screen.wait_text("31 97");
    screen.type_text("\r");
    assert_eq!(screen.end().code(), Some(6));
}

#[test]
fn a_command_at_a_terminal_gets_none_without_being_asked() {
    let Some(remote) = remote("dash", AgentOptions::default()) else {
        return;
    };
    let command = "tty; ls -d / /etc; read x; echo got $x; exit 6";
    let axt = remote.cloud.axt(["connect", "i-test", "-c", command]);
    let screen = crate::support::screen::Screen::start(&axt, 31, 97);
    // The terminal on this side is left as it is: it echoes and edits what is typed.
    screen.wait_text("not a tty\n/\n/etc");
    screen.type_text("tpo\x7f\x7fyped\r");
    let (status, seen) = screen.end_seen();
    assert_eq!(status.code(), Some(6));
    assert!(seen.ends_with("\ntyped\ngot typed"), "{seen:?}");
}

#[test]
fn the_login_shell_starts_at_home_and_tells_its_status() {
    let Some(remote) = remote("dash", AgentOptions::default()) else {
        return;
    };
    let mut axt = remote.cloud.axt(["connect", "i-test", "--login"]);
    axt.env("LANG", "C.UTF-8").env("COLORTERM", "truecolor");
    let screen = crate::support::screen::Screen::start(&axt, 24, 80);
    screen.type_text("cd; echo \"$PWD is ${HOME}, $COLORTERM, $LOGNAME\"; exit 12\r");
    screen.wait_text(", truecolor, ");
    assert_eq!(screen.end().code(), Some(12));
    let done = remote
        .cloud
        .connect(["--login", "-c", "echo $0; pwd; exit 3"], b"");
    assert_eq!(done.status, 3, "{done:?}");
}

#[test]
fn what_is_missing_at_the_remote_side_is_named() {
    let Some(dash) = need("dash") else { return };
    let dir = tempfile::tempdir().unwrap();
    symlink(dash, dir.path().join("sh")).unwrap();
    let mut options = unlimited();
    options.agent.path = Some(dir.path().into());
    let cloud = Cloud::with(options);
    let done = cloud.connect(["-c", "true"], b"");
    assert_eq!(done.status, 255);
    assert_eq!(
        done.stderr,
        "axt: on the instance: stty is missing on the instance, and commands need it\n"
    );
    let nothing: PathBuf = dir.path().join("empty");
    std::fs::create_dir(&nothing).unwrap();
    let mut options = unlimited();
    options.agent.path = Some(nothing.into());
    let done = Cloud::with(options).connect(["-c", "true"], b"");
    assert_eq!(done.status, 255);
    assert!(
        done.stderr.contains("ShellCommandNotFound") || done.stderr.contains("shell"),
        "{done:?}"
    );
}

#[test]
fn on_windows_only_a_raw_command_runs() {
    let mut options = unlimited();
    options.instances = vec!["i-test:windows".parse().unwrap()];
    let cloud = Cloud::with(options);
    let done = cloud.connect(["-c", "true"], b"");
    assert_eq!(done.status, 255);
    assert!(done.stderr.contains("--raw-command"), "{done:?}");
    let done = cloud.connect(["--raw-command", "-c", "echo hello"], b"");
    assert!(done.stdout.starts_with(b"hello"), "{done:?}");
    // Without a command, the service's own shell takes the place of the login shell.
    let done = cloud.connect(["-t"], b"echo hello; exit\n");
    let shown = String::from_utf8_lossy(&done.stdout);
    assert!(shown.contains("hello\r\n"), "{shown}");
}

#[test]
fn usage_errors_are_255_too() {
    for args in [
        &["connect"][..],
        &["connect", "i-1", "--keepalive", "1h"],
        &["connect", "web-1"],
    ] {
        let done = finish(
            axt(args)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap(),
        );
        assert_eq!(done.status, 255, "{args:?}: {done:?}");
        assert!(
            !done.stderr.is_empty() && done.stdout.is_empty(),
            "{done:?}"
        );
    }
}

#[test]
fn a_given_session_runs_the_command_and_what_follows_its_url_is_the_commands() {
    let mut options = unlimited();
    options.agent.shell = Some("/bin/sh".into());
    let cloud = Cloud::with(options);
    let mut stdin = cloud.session_url().into_bytes();
    stdin.push(b'\n');
    stdin.extend(awkward_text(20_000));
    let axt = axt(["connect", "--wss-url", "-", "-c", "cat; exit 3"]);
    let done = run(axt, &stdin);
    assert_eq!((done.status, &*done.stderr), (3, ""));
    assert!(done.stdout == awkward_text(20_000), "{}", done.text());
}

#[test]
fn a_given_session_is_joined_as_it_is() {
    let mut options = unlimited();
    options.agent.shell = Some("/bin/sh".into());
    let cloud = Cloud::with(options);
    let mut axt = axt(["connect", "--wss-url", &cloud.session_url()]);
    axt.env("AXT_SHELL", "/no/such/shell");
    let screen = crate::support::screen::Screen::start(&axt, 24, 80);
    screen.type_text("echo it is $0\r");
    screen.wait_text("it is /bin/sh");
    screen.type_text("exit\r");
    assert_eq!(screen.end().code(), Some(0));
}

#[test]
fn a_signal_ends_the_wait_for_a_url() {
    use rustix::process::{Pid, Signal, kill_process};
    let mut axt = axt(["connect", "--wss-url", "-", "-c", "true"]);
    let mut child = axt.stdin(Stdio::piped()).spawn().unwrap();
    // It has read this much only when it listens for signals.
    let mut stdin = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, b"ws://").unwrap();
    let unread = || rustix::io::ioctl_fionread(&stdin).unwrap();
    crate::support::axt::until("the URL is read", || unread() == 0);
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(finish(child).status, 130);
}

#[test]
fn a_command_costs_two_round_trips_more_than_its_session() {
    let cloud = Cloud::new();
    let tap = Tap::before(cloud.emulator.address());
    let mut axt = cloud.axt(["connect", "i-test", "--command", "true"]);
    axt.env("AXT_ENDPOINT", format!("http://{}", tap.address));
    let done = run(axt, b"");
    assert_eq!((done.status, &*done.stderr), (0, ""));
    // No round trip without a message of the client's that is waited for.
    let sent = tap.payloads(Kind::Input).len();
    let lengths: Vec<_> = tap.payloads(Kind::Input).iter().map(|p| p.len()).collect();
    assert!((1..=2).contains(&sent), "messages of {lengths:?} bytes");
    assert!(tap.payloads(Kind::Resize).is_empty());
    // One to the API, and one to the gateway that was made before the API answered.
    assert_eq!(tap.connections(), 2);
}

/// `axt connect i-test ARGS…` whose standard input stays open, and its output's lines once it runs.
fn start(
    remote: &Remote,
    args: &[&str],
) -> (
    std::process::Child,
    std::io::BufReader<std::process::ChildStdout>,
) {
    let mut axt = remote.cloud.axt(["connect", "i-test"]);
    axt.args(args).stdin(Stdio::piped());
    axt.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = axt.spawn().unwrap();
    let stdout = child.stdout.take().unwrap();
    (child, std::io::BufReader::new(stdout))
}

fn line(reader: &mut impl std::io::BufRead) -> String {
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    line
}

#[test]
fn both_streams_come_out_exact_and_apart() {
    for (shell, remote) in remotes() {
        let bytes = random_bytes(500_000);
        let command = "tee /dev/stderr | cat; exit 3";
        let mut axt = remote
            .cloud
            .axt(["connect", "i-test", "--command", command]);
        axt.stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = axt.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let sent = bytes.clone();
        let writing = std::thread::spawn(move || std::io::Write::write_all(&mut stdin, &sent));
        let done = child.wait_with_output().unwrap();
        writing.join().unwrap().unwrap();
        assert_eq!(done.status.code(), Some(3), "{shell}");
        assert!(done.stdout == bytes && done.stderr == bytes, "{shell}");
    }
}

#[test]
fn a_full_stderr_does_not_lose_or_mix_anything() {
    let Some(remote) = remote("dash", AgentOptions::default()) else {
        return;
    };
    // More than the pipes hold, read one after the other.
    let command = "seq 1 100000 >&2 & seq 1 100; wait";
    let (mut child, mut stdout) = start(&remote, &["-n", "-c", command]);
    let mut stderr = child.stderr.take().unwrap();
    let mut errors = String::new();
    std::io::Read::read_to_string(&mut stderr, &mut errors).unwrap();
    let expected: String = (1..=100_000).map(|n| format!("{n}\n")).collect();
    assert!(errors == expected);
    let mut output = String::new();
    std::io::Read::read_to_string(&mut stdout, &mut output).unwrap();
    assert!(output.ends_with("\n100\n"));
    assert_eq!(finish(child).status, 0);
}

#[test]
fn a_command_that_takes_no_notice_of_a_signal_is_left_by_the_second() {
    use rustix::process::{Pid, Signal, kill_process};
    let Some(remote) = remote("dash", AgentOptions::default()) else {
        return;
    };
    let command = "trap '' INT TERM; echo $$; while :; do sleep 0.1; done";
    let (child, mut stdout) = start(&remote, &["-c", command]);
    let command = Pid::from_raw(line(&mut stdout).trim().parse().unwrap()).unwrap();
    let axt = Pid::from_child(&child);
    kill_process(axt, Signal::INT).unwrap();
    // A signal that comes before the first is taken would be the same.
    std::thread::sleep(std::time::Duration::from_millis(200));
    kill_process(axt, Signal::TERM).unwrap();
    assert_eq!(finish(child).status, 130);
    // Nothing is left behind: the session's end hangs it up.
    crate::support::axt::until("the command is gone", || {
        rustix::process::test_kill_process(command).is_err()
    });
}

#[test]
fn a_command_that_takes_no_notice_of_a_signal_is_left_after_a_while() {
    use rustix::process::{Pid, Signal, kill_process};
    let Some(remote) = remote("dash", AgentOptions::default()) else {
        return;
    };
    // It is heard until then.
    let command = "trap 'echo heard' TERM; echo on; while :; do sleep 0.1; done";
    let (child, mut stdout) = start(&remote, &["-c", command]);
    assert_eq!(line(&mut stdout), "on\n");
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(line(&mut stdout), "heard\n");
    assert_eq!(finish(child).status, 143);
    remote.cloud.assert_all_ended();
}

#[test]
fn a_command_that_outlives_its_time_is_killed() {
    let Some(remote) = remote("dash", AgentOptions::default()) else {
        return;
    };
    let command = "trap 'echo asked' TERM; echo on; while :; do sleep 0.1; done";
    let done = remote
        .cloud
        .connect(["--timeout", "300ms", "-c", command], b"");
    assert_eq!(
        (done.status, done.text().as_str()),
        (124, "on\nasked\n"),
        "{done:?}"
    );
}

#[test]
fn an_axt_that_is_killed_leaves_no_command_behind() {
    let Some(remote) = remote("dash", AgentOptions::default()) else {
        return;
    };
    let (mut child, mut stdout) =
        start(&remote, &["--no-resume", "-c", "echo $$; exec sleep 1000"]);
    let command = line(&mut stdout).trim().parse().unwrap();
    let command = rustix::process::Pid::from_raw(command).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    // The service ends a session whose client is gone after a while; here somebody does.
    for session in remote.cloud.emulator.sessions() {
        let end = remote.cloud.axt(["sessions", "end", &session.session_id]);
        assert_eq!(run(end, b"").status, 0);
    }
    crate::support::axt::until("the command is gone", || {
        rustix::process::test_kill_process(command).is_err()
    });
}

#[test]
fn a_script_runs_by_the_interpreter_that_it_names() {
    let Some(remote) = remote("dash", AgentOptions::default()) else {
        return;
    };
    for (script, needs, expected) in [
        (
            "#!/usr/bin/perl -w\nprint \"perl @ARGV $]\\n\" =~ s/ .*//r; exit 4;\n",
            "perl",
            "perl\n",
        ),
        (
            "#!/usr/bin/env python3\nimport sys; print('python'); sys.exit(4)\n",
            "python3",
            "python\n",
        ),
        (
            "#!/bin/sh -e\ncase $- in *e*) echo e; esac; exit 4",
            "sh",
            "e\n",
        ),
        ("exit 4", "sh", ""),
    ] {
        if need(needs).is_none() {
            continue;
        }
        let done = remote.cloud.connect(&[] as &[&str], script.as_bytes());
        assert_eq!(
            (done.status, done.text().as_str()),
            (4, expected),
            "{done:?}"
        );
    }
}

#[test]
fn shell_and_variables_are_chosen() {
    let Some(remote) = remote("dash", AgentOptions::default()) else {
        return;
    };
    let args = [
        "--shell", "sh", "--env", "A=it's", "--env", "HERE", "--env", "NOT_HERE",
    ];
    let mut axt = remote.cloud.axt(["connect", "i-test"]);
    axt.args(args)
        .args(["-c", "echo $0 $A $HERE ${NOT_HERE-none}"]);
    axt.env("HERE", "and there").env_remove("NOT_HERE");
    let done = run(axt, b"");
    assert_eq!(
        (done.status, done.text().as_str()),
        (0, "sh it's and there none\n"),
        "{done:?}"
    );
    let done = remote.cloud.connect(["--env", "1A=x", "-c", "true"], b"");
    assert!(
        done.status == 255 && done.stderr.contains("variable's name"),
        "{done:?}"
    );
    let done = remote
        .cloud
        .connect(["--shell", "/no/such/shell", "-c", "true"], b"");
    assert!(
        done.status == 127 && done.stderr.contains("/no/such/shell"),
        "{done:?}"
    );
}

#[test]
fn a_sudo_that_can_not_ask_is_explained() {
    let Some(remote) = remote("dash", AgentOptions::default()) else {
        return;
    };
    let sudo = "sudo() { echo 'sudo: a terminal is required' >&2; exit 1; }; sudo id";
    let done = remote.cloud.connect(["-n", "-c", sudo], b"");
    assert_eq!(done.status, 1);
    assert!(
        done.stderr.contains("axt: hint: ") && done.stderr.contains("-t"),
        "{done:?}"
    );
}

#[test]
fn what_a_remote_side_lacks_is_said_only_on_request() {
    let Some(dash) = need("dash") else { return };
    let dir = tempfile::tempdir().unwrap();
    for tool in ["stty", "dd", "base64", "id", "getent", "setsid"] {
        symlink(need(tool).unwrap(), dir.path().join(tool)).unwrap();
    }
    symlink(dash, dir.path().join("sh")).unwrap();
    let mut options = unlimited();
    options.agent.path = Some(dir.path().into());
    let cloud = Cloud::with(options);
    let done = cloud.connect(["-c", "echo x"], b"");
    assert_eq!((done.status, &*done.stderr), (0, ""));
    let mut axt = cloud.axt(["connect", "i-test", "-v", "-c", "echo x"]);
    axt.env_remove("AXT_LOG_FILE");
    let done = run(axt, b"");
    assert!(
        done.stderr.contains("gzip is missing on the instance"),
        "{done:?}"
    );
}

/// As with ssh: nohup opens /dev/null for writing only.
#[test]
fn a_standard_input_that_cannot_be_read_has_ended() {
    let cloud = Cloud::new();
    let share = tempfile::tempdir().unwrap();
    let unreadable = || {
        let write_only = std::fs::File::options().write(true).open("/dev/null");
        [write_only.unwrap(), std::fs::File::open("/").unwrap()]
    };
    for args in [&["-c"][..], &["--share", "1m", "-c"]] {
        for stdin in unreadable() {
            let mut axt = cloud.axt(["connect", "i-test"]);
            axt.args(args).arg("cat; echo end").stdin(stdin);
            axt.env("XDG_RUNTIME_DIR", share.path());
            axt.stdout(Stdio::piped()).stderr(Stdio::piped());
            let done = finish(axt.spawn().unwrap());
            assert_eq!((done.status, &*done.text()), (0, "end\n"), "{done:?}");
        }
    }
    let mut stop = cloud.axt(["share", "stop"]);
    stop.env("XDG_RUNTIME_DIR", share.path());
    assert_eq!(run(stop, b"").status, 0);
}
