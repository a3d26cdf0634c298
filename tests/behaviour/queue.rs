//! The start of sessions: the pace that all processes keep, and the service's limits, which are waited for.

use crate::support::axt::{Cloud, Done, finish, run, until};
use crate::support::peer;
use axt::emulator::Options;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::SystemTime;

/// An emulator with these limits.
fn limited(limits: &[(&str, &str)]) -> Cloud {
    let mut options = Options::default();
    for (name, value) in limits {
        options.limits.set(name, value).unwrap();
    }
    Cloud::with(options)
}

/// Starts a run whose messages are on its stderr.
fn start(mut command: Command) -> Child {
    command.env_remove("AXT_LOG_FILE").env_remove("AXT_VERBOSE");
    command.stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn connect(cloud: &Cloud, instance: &str, command: &str) -> Command {
    cloud.axt(["connect", instance, "-c", command])
}

/// A session that ends once its standard input does.
fn first(cloud: &Cloud, instance: &str) -> Child {
    let child = start(connect(cloud, instance, "cat"));
    until("it runs", || cloud.emulator.counts().agents == 1);
    child
}

/// Lets the first session end, after others were refused.
fn end(first: Child) {
    let done = finish(first);
    assert_eq!((done.status, &*done.stderr), (0, ""));
}

/// The file in which the starts are noted.
fn noted(cloud: &Cloud) -> PathBuf {
    let folder = cloud.cache().join("axt").join("starts");
    let mut files = fs::read_dir(folder).unwrap();
    let file = files.next().unwrap().unwrap().path();
    assert!(files.next().is_none());
    file
}

#[test]
fn a_full_region_and_a_full_instance_are_waited_for_and_said_once() {
    for (limit, code) in [
        ("per-region", "SessionCount.ExceedLimit"),
        ("per-instance", "ConnectionCountExceedLimit"),
    ] {
        let cloud = limited(&[(limit, "1")]);
        let running = first(&cloud, "i-1");
        let mut second = connect(&cloud, "i-1", "cat; echo too >&2; exit 3");
        second.env_remove("AXT_LOG_FILE").env_remove("AXT_VERBOSE");
        let second = std::thread::spawn(move || run(second, b"its input"));
        let calls = || cloud.emulator.calls("StartTerminalSession");
        until("it was refused and has tried again", || calls() >= 3);
        end(running);
        let done = second.join().unwrap();
        assert_eq!((done.status, &*done.text()), (3, "its input"), "{done:?}");
        let lines: Vec<_> = done.stderr.lines().collect();
        assert_eq!(lines.len(), 2, "{lines:?}");
        let waiting = "axt: waiting for up to 59s: the service takes no more sessions for now in cn-hangzhou (";
        let said = lines[0].replace("60s", "59s");
        assert!(said.starts_with(waiting) && said.contains(code), "{said}");
        assert_eq!(lines[1], "too");
        cloud.assert_all_ended();
    }
}

#[test]
fn what_goes_through_a_port_waits_too_and_loses_nothing() {
    let cloud = limited(&[("per-instance", "1")]);
    let port = peer::serve(peer::echo).to_string();
    let running = first(&cloud, "i-1");
    let mut proxy = cloud.axt(["proxy", "i-1", &port, "--target-server", "127.0.0.1"]);
    proxy.args(["--linger", "2s"]);
    let proxy = std::thread::spawn(move || run(proxy, b"through a port"));
    let calls = || cloud.emulator.calls("StartTerminalSession");
    until("it was refused", || calls() >= 3);
    end(running);
    assert_eq!(proxy.join().unwrap().text(), "through a port");
    cloud.assert_all_ended();
}

#[test]
fn calls_that_are_too_many_are_made_later_and_that_is_said_once() {
    for count in [1, 5] {
        let mut options = Options::default();
        let fault = format!("Throttling.User:{count}");
        options.faults.set("api-error", &fault).unwrap();
        let cloud = Cloud::with(options);
        let done = finish(start(connect(&cloud, "i-1", "echo done")));
        assert_eq!((done.status, &*done.text()), (0, "done\n"), "{done:?}");
        assert_eq!(done.stderr.lines().count(), 1, "{}", done.stderr);
        assert!(done.stderr.contains("Throttling.User"), "{}", done.stderr);
    }
}

#[test]
fn a_wait_has_an_end_with_the_services_reason() {
    let cloud = limited(&[("per-region", "1")]);
    let running = first(&cloud, "i-1");
    for (limit, lines) in [("0", 2), ("1s", 3)] {
        let mut second = connect(&cloud, "i-2", "true");
        second.env("AXT_QUEUE_TIMEOUT", limit);
        let done = finish(start(second));
        assert_eq!(done.status, 255);
        let said: Vec<_> = done.stderr.lines().collect();
        assert_eq!(said.len(), lines, "{said:?}");
        let reason = "axt: StartTerminalSession: SessionCount.ExceedLimit";
        assert!(said[lines - 2].starts_with(reason), "{said:?}");
    }
    end(running);
}

#[test]
fn a_signal_ends_a_wait() {
    use rustix::process::{Pid, Signal, kill_process};
    let cloud = limited(&[("per-region", "1")]);
    let running = first(&cloud, "i-1");
    let second = start(connect(&cloud, "i-2", "true"));
    let calls = || cloud.emulator.calls("StartTerminalSession");
    until("it was refused", || calls() >= 2);
    kill_process(Pid::from_child(&second), Signal::TERM).unwrap();
    assert_eq!(finish(second).status, 143);
    end(running);
    cloud.assert_all_ended();
}

#[test]
fn all_processes_keep_one_pace() {
    let cloud = Cloud::new();
    let run = |args: &[&str]| -> Done {
        let mut command = connect(&cloud, "i-1", "echo done");
        command.args(args);
        finish(start(command))
    };
    assert_eq!(run(&[]).text(), "done\n");
    let file = noted(&cloud);
    // As others would leave it that start sessions for half an hour.
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = now.unwrap().as_micros();
    let busy = format!("{now} {}", now + 1_800_000_000);
    fs::write(&file, &busy).unwrap();
    let refused = run(&[]);
    assert_eq!(refused.status, 255);
    let said = "longer than --queue-timeout 60s, as others are started before it";
    assert!(refused.stderr.contains(said), "{}", refused.stderr);
    assert_eq!(fs::read_to_string(&file).unwrap().split(' ').count(), 2);
    // Another region or account, and who wants no pace, are not concerned.
    assert_eq!(run(&["--region", "cn-beijing"]).text(), "done\n");
    assert_eq!(run(&["--start-rate", "0"]).text(), "done\n");
    assert_eq!(run(&["--no-cache"]).text(), "done\n");
    fs::write(&file, "damaged").unwrap();
    assert_eq!(run(&[]).text(), "done\n");
}

#[test]
fn no_lock_and_no_file_hinder_nobody() {
    let cloud = Cloud::new();
    let said = |mut command: Command| {
        command.env_remove("AXT_LOG_FILE").env("AXT_VERBOSE", "1");
        let done = run(command, b"");
        assert_eq!((done.status, &*done.text()), (0, "done\n"), "{done:?}");
        done.stderr
    };
    let not_kept = "the pace at which sessions are started is not kept";
    assert!(!said(connect(&cloud, "i-1", "echo done")).contains(not_kept));
    let file = File::options().write(true).open(noted(&cloud)).unwrap();
    // A process that was stopped while it had the lock.
    file.lock().unwrap();
    assert!(said(connect(&cloud, "i-1", "echo done")).contains(not_kept));
    // One that was killed.
    drop(file);
    assert!(!said(connect(&cloud, "i-1", "echo done")).contains(not_kept));
    let mut command = connect(&cloud, "i-1", "echo done");
    command.env("XDG_CACHE_HOME", "/dev/null");
    assert!(said(command).contains(not_kept));
}

/// Starts so many commands at once at so many instances, and compares what each prints.
fn at_once(cloud: &Cloud, count: usize, instances: usize, seconds: &str) {
    let children: Vec<_> = (0..count)
        .map(|n| {
            let instance = format!("i-{}", n % instances);
            let command = format!("echo {n}; sleep {seconds}; exit {}", n % 7);
            let mut axt = connect(cloud, &instance, &command);
            // So many processes may have little of a processor each.
            axt.args(["-n", "--connect-timeout", "60s"]);
            start(axt)
        })
        .collect();
    // None is left behind if one fails.
    let all: Vec<_> = children.into_iter().map(finish).collect();
    let mut waited = 0;
    for (n, done) in all.into_iter().enumerate() {
        let status = i32::try_from(n % 7).unwrap();
        assert_eq!(
            (done.status, done.text()),
            (status, format!("{n}\n")),
            "{}",
            done.stderr
        );
        assert!(done.stderr.lines().count() <= 1, "{}", done.stderr);
        waited += done.stderr.lines().count();
    }
    assert!(waited > 0, "nobody had to wait for the service");
    cloud.assert_all_ended();
}

#[test]
fn many_commands_at_once_all_succeed() {
    let cloud = limited(&[("per-instance", "3"), ("per-region", "8")]);
    at_once(&cloud, 24, 2, "0.2");
}

#[test]
#[ignore = "takes long: cargo test --test behaviour queue:: -- --ignored"]
fn three_hundred_commands_at_once_all_succeed_within_the_services_limits() {
    at_once(&Cloud::new(), 300, 5, "6");
}
