//! Signals, limits and jobs: what the process gets from its parent, and what its children get.
#![allow(clippy::print_stderr, reason = "what can't be tested here is said")]

use crate::support::axt::{Cloud, Done, finish, run, until};
use crate::support::peer;
use crate::support::screen::Screen;
use axt::emulator::Options;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

const AXT: &str = env!("CARGO_BIN_EXE_axt");

/// Runs axt after the shell has run `first`.
fn after(cloud: &Cloud, first: &str, args: &[&str]) -> Command {
    let mut command = cloud.outside("sh");
    let script = format!("{first}; exec \"$@\"");
    command.args(["-c", &script, "sh", AXT]).args(args);
    command
}

fn piped(mut command: Command) -> Child {
    command.stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

#[test]
fn a_signal_that_was_ignored_at_the_start_stays_ignored() {
    let cloud = Cloud::new();
    let port = peer::serve(|mut stream| stream.write_all(b"here").unwrap());
    let local = format!("0:127.0.0.1:{port}");
    let args = ["forward", "i-test", "--json", "-L", &local];
    let mut child = piped(after(&cloud, "trap '' HUP", &args));
    let mut events = BufReader::new(child.stdout.take().unwrap());
    let mut listening = String::new();
    events.read_line(&mut listening).unwrap();
    let listening: serde_json::Value = serde_json::from_str(&listening).unwrap();
    let port = u16::try_from(listening["port"].as_u64().unwrap()).unwrap();
    let pid = Pid::from_child(&child);
    kill_process(pid, Signal::HUP).unwrap();
    let mut text = String::new();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.read_to_string(&mut text).unwrap();
    assert_eq!(text, "here");
    kill_process(pid, Signal::TERM).unwrap();
    assert_eq!(finish(child).status, 0);
}

#[test]
fn what_the_emulator_runs_ignores_nothing_because_the_emulator_does() {
    let cloud = Cloud::new();
    let args = ["connect", "i-demo", "--emulator", "--"];
    let mut command = after(&cloud, "trap '' INT QUIT USR1", &args);
    command.args(["grep", "SigIgn", "/proc/self/status"]);
    let done = run(command, b"");
    let text = done.text();
    let mask = text.trim().strip_prefix("SigIgn:").map(str::trim);
    let mask = u64::from_str_radix(mask.unwrap(), 16).unwrap();
    let ignored = [Signal::INT, Signal::QUIT, Signal::USR1];
    let ignored = ignored.map(|signal| mask >> (signal.as_raw() - 1) & 1);
    assert_eq!(ignored, [0; 3], "{text}");
}

#[test]
fn there_is_no_core_dump_of_axt_and_its_children_may_make_theirs() {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Core);
    if limit.maximum.is_some_and(|maximum| maximum < 1 << 20) {
        eprintln!("skipped: this system lets nothing dump core");
        return;
    }
    let soft = |done: &Done| done.text().split_whitespace().nth(4).map(str::to_owned);
    let caller = Some("51200".to_owned());
    let cloud = Cloud::new();
    // The limit is the child's for the moment in which axt starts it.
    let own = "until grep -q '^Max core file size *0 ' /proc/$PPID/limits; do sleep 0.01; done; \
               grep '^Max core' /proc/self/limits";
    let args = [
        "forward",
        "i-test",
        "-L",
        "0:127.0.0.1:1",
        "--exec",
        "--",
        "sh",
        "-c",
        own,
    ];
    let done = run(after(&cloud, "ulimit -S -c 100", &args), b"");
    assert_eq!(soft(&done), caller, "{done:?}");
    // The guests of an emulator in the same process.
    let own = "grep '^Max core' /proc/self/limits";
    let args = ["connect", "i-test", "--emulator", "-T", "-c", own];
    let done = run(after(&cloud, "ulimit -S -c 100", &args), b"");
    assert_eq!(soft(&done), caller, "{done:?}");
}

#[test]
fn a_command_without_input_runs_in_the_background_of_a_terminal() {
    let cloud = Cloud::new();
    let mut shell = cloud.outside("sh");
    shell.args(["-i"]).env("PS1", "$ ");
    let screen = Screen::start(&shell, 24, 100);
    screen.type_text(&format!(
        "{AXT} connect i-test -n -c 'echo do\"\"ne; sleep 0.2; echo la\"\"ter' &\r"
    ));
    screen.wait_text("done");
    screen.wait_text("later");
    screen.type_text("wait; exit\r");
    let _ = screen.end();
    cloud.assert_all_ended();
}

#[test]
fn a_stopped_process_keeps_its_session() {
    let mut options = Options::default();
    // Which can't be resumed.
    options.faults.set("old-agent", "").unwrap();
    let cloud = Cloud::with(options);
    let mut command = cloud.axt(["connect", "i-test", "--dead-after", "2s", "--raw-command"]);
    command.args([
        "-T",
        "-c",
        "sh -c 'stty -echo; echo ready; while read -r line; do echo got $line; done'",
    ]);
    let mut child = piped(command);
    let (mut stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut lines = BufReader::new(stdout).lines().map(Result::unwrap);
    assert_eq!(lines.next().unwrap().trim(), "ready");
    let pid = Pid::from_child(&child);
    for word in ["one", "two"] {
        kill_process(pid, Signal::STOP).unwrap();
        until("it is stopped", || state(&child) == 'T');
        std::thread::sleep(std::time::Duration::from_secs(4));
        kill_process(pid, Signal::CONT).unwrap();
        stdin.write_all(format!("{word}\n").as_bytes()).unwrap();
        assert_eq!(lines.next().unwrap().trim(), format!("got {word}"));
    }
    kill_process(pid, Signal::TERM).unwrap();
    drop(stdin);
    assert_eq!(finish(child).status, 143);
}

fn state(child: &Child) -> char {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
    let (_, after_name) = stat.rsplit_once(") ").unwrap();
    after_name.chars().next().unwrap()
}
