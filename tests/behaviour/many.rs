//! Many commands and many hosts: what the engines that README names make of shared sessions and limits.
//! Those that are ignored are the same at full size, and print what they cost.

#![allow(
    clippy::print_stdout,
    reason = "those at full size print their figures"
)]

use crate::support::axt::{AXT, Cloud, Done, run, unlimited, until};
use crate::support::place::{Place, by_ansible, clush};
use axt::emulator::Options;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long a program may take at many hosts.
const LONG: Duration = Duration::from_secs(900);

/// Commands that are run by several workers at targets with shared sessions.
#[derive(Clone, Copy)]
struct Load {
    commands: usize,
    workers: usize,
    targets: usize,
    /// After how many commands a process that holds sessions is killed; 0 for never.
    kills_after: usize,
}

/// What a command of this number is, and what it has to print and to end with.
fn command(number: usize, log: &str) -> (String, Done) {
    let command = format!(
        "echo {number} >>{log}; echo out {number}; echo err {number} >&2; exit {}",
        number % 5
    );
    let done = Done {
        status: i32::try_from(number % 5).unwrap(),
        stdout: format!("out {number}\n").into_bytes(),
        stderr: format!("err {number}\n"),
    };
    (command, done)
}

/// The processes that hold sessions for this emulator.
fn holders(place: &Place) -> Vec<Pid> {
    let mut status = place.command(AXT);
    status.args(["share", "status", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&run(status, b"").stdout).unwrap();
    let holders = json["holders"].as_array().unwrap().iter();
    let pids = holders.map(|holder| i32::try_from(holder["pid"].as_i64().unwrap()).unwrap());
    pids.filter_map(Pid::from_raw).collect()
}

impl Load {
    /// Runs all commands; returns how many ended with 255 since their session's process was killed.
    fn run(self, place: &Place) -> usize {
        let log = place.text("log");
        let (next, lost) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let work = || {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= self.commands {
                    return;
                }
                let (line, expected) = command(number, &log);
                let mut axt = place.command(AXT);
                let target = format!("i-{}", number % self.targets);
                axt.args(["connect", &target, "--share", "5s", "-n", "-c", &line]);
                // So many processes may have little of a processor each.
                axt.args(["--connect-timeout", "60s"]);
                let done = run(axt, b"");
                let is_exact = (done.status, &done.stdout, &done.stderr)
                    == (expected.status, &expected.stdout, &expected.stderr);
                if !is_exact {
                    assert_eq!((done.status, self.kills_after > 0), (255, true), "{done:?}");
                    // What has come of its output is right.
                    assert!(expected.stdout.starts_with(&done.stdout), "{done:?}");
                    lost.fetch_add(1, Ordering::Relaxed);
                }
            }
        };
        thread::scope(|scope| {
            let workers: Vec<_> = (0..self.workers).map(|_| scope.spawn(work)).collect();
            let mut killed = 0;
            while !workers.iter().all(thread::ScopedJoinHandle::is_finished) {
                let due = self.kills_after > 0
                    && next.load(Ordering::Relaxed) / self.kills_after.max(1) > killed;
                match holders(place).get(killed % self.targets).filter(|_| due) {
                    Some(holder) => {
                        killed += 1;
                        let _ = kill_process(*holder, Signal::KILL);
                    }
                    None => thread::sleep(Duration::from_millis(20)),
                }
            }
            assert!(self.kills_after == 0 || killed > 0);
        });
        self.each_ran_once(&log, lost.load(Ordering::Relaxed));
        lost.into_inner()
    }

    /// No command ran twice, and all that were not lost ran.
    fn each_ran_once(self, log: &str, lost: usize) {
        let log = fs::read_to_string(log).unwrap();
        let mut ran: Vec<usize> = log.lines().map(|line| line.parse().unwrap()).collect();
        let all = ran.len();
        ran.sort_unstable();
        ran.dedup();
        assert_eq!(ran.len(), all, "some ran twice");
        assert!(all + lost >= self.commands && all <= self.commands);
    }
}

fn sessions_of_each_target(cloud: &Cloud) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for session in cloud.emulator.sessions() {
        *counts.entry(session.instance_id).or_default() += 1;
    }
    counts
}

/// Nothing is lost, no target has more than four sessions, and all end by themselves.
fn shared_by_all(load: Load) {
    let place = Place::with(unlimited());
    assert_eq!(load.run(&place), 0);
    let counts = sessions_of_each_target(&place.cloud);
    println!("sessions: {counts:?}");
    assert!(counts.values().all(|count| *count <= 4), "{counts:?}");
    until("all sessions end", || {
        place
            .cloud
            .emulator
            .sessions()
            .iter()
            .all(|session| session.ended)
    });
}

/// Each command runs once and whole, or ends with 255.
fn shared_though_holders_are_killed(load: Load) {
    let mut options = unlimited();
    // Nobody ends the sessions of what was killed.
    options.limits.set("per-region", "none").unwrap();
    options.limits.set("resume-window", "1s").unwrap();
    let place = Place::with(options);
    println!("lost with their holders: {}", load.run(&place));
    let mut stop = place.command(AXT);
    stop.args(["share", "stop"]);
    assert_eq!(run(stop, b"").status, 0);
    until("nothing holds sessions", || holders(&place).is_empty());
    let sessions = place.cloud.emulator.sessions();
    let left = sessions.iter().filter(|session| !session.ended).count();
    place.left.store(left, Ordering::Relaxed);
}

const SMALL: Load = Load {
    commands: 60,
    workers: 6,
    targets: 2,
    kills_after: 0,
};

#[test]
fn commands_of_many_processes_share_few_sessions() {
    shared_by_all(SMALL);
}

#[test]
fn a_holder_that_is_killed_costs_at_most_what_runs_there() {
    shared_though_holders_are_killed(Load {
        kills_after: 15,
        ..SMALL
    });
}

const FULL: Load = Load {
    commands: 1000,
    workers: 16,
    targets: 5,
    kills_after: 0,
};

#[test]
#[ignore = "takes long: cargo test --test behaviour many:: -- --ignored"]
fn a_thousand_commands_share_few_sessions() {
    shared_by_all(FULL);
}

#[test]
#[ignore = "takes long: cargo test --test behaviour many:: -- --ignored"]
fn a_thousand_commands_run_once_though_holders_are_killed() {
    shared_though_holders_are_killed(Load {
        kills_after: 40,
        ..FULL
    });
}

#[test]
#[ignore = "takes long: cargo test --test behaviour many:: -- --ignored"]
fn a_playbook_of_ten_tasks_needs_twenty_sessions_for_twenty_hosts() {
    let task = "    - ansible.builtin.command: echo done\n";
    let play = "- hosts: all\n  gather_facts: false\n  tasks:\n";
    let hosts: Vec<String> = (1..=20).map(|n| format!("i-{n}")).collect();
    // Without pipelining its tasks ask for terminals, unless it is told not to.
    for (what, pipelining, options, sessions) in [
        ("pipelining", true, &[][..], Some(20)),
        (
            "no USETTY",
            false,
            &[("ANSIBLE_SSH_USETTY", "False")],
            Some(20),
        ),
        (
            "no sharing",
            true,
            &[("ANSIBLE_SSH_ARGS", "-o ControlMaster=no")],
            Some(200),
        ),
        ("as it comes", false, &[], None),
    ] {
        let mut place = Place::with(Options::default());
        place.limit = LONG;
        fs::write(place.path("play.yml"), format!("{play}{}", task.repeat(10))).unwrap();
        let args = ["-f", "20", &place.text("play.yml")];
        let begun = Instant::now();
        let Some(told) = by_ansible(
            &place,
            "ansible-playbook",
            &hosts.join(","),
            pipelining,
            options,
            &args,
        ) else {
            return;
        };
        let (spent, started) = (begun.elapsed(), place.cloud.emulator.sessions().len());
        println!("10 tasks at 20 hosts, {what}: {started} sessions, {spent:.1?}");
        assert_eq!(told.matches("ok=10").count(), 20, "{told}");
        assert!(
            sessions.is_none_or(|sessions| sessions == started),
            "{started}"
        );
    }
}

/// What the processes of axt that run meanwhile have at most: one of them in memory, and all together in
/// memory of their own and their parts of what is shared, in bytes.
fn memory_of<T>(run: impl FnOnce() -> T) -> (T, u64, u64) {
    let over = Arc::new(AtomicBool::new(false));
    let watching = thread::spawn({
        let over = Arc::clone(&over);
        move || {
            let (mut one, mut all) = (0, 0);
            while !over.load(Ordering::Relaxed) {
                let field = |file: PathBuf, name: &str| {
                    let text = fs::read_to_string(file).unwrap_or_default();
                    let line = text.lines().find_map(|line| line.strip_prefix(name));
                    let number =
                        line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
                    number.unwrap_or(0_u64) * 1024
                };
                let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
                let processes = processes.map(|entry| entry.path());
                let is_axt = |process: &PathBuf| {
                    fs::read_link(process.join("exe")).is_ok_and(|exe| exe == Path::new(AXT))
                };
                let mut sum = 0;
                for process in processes.filter(is_axt) {
                    one = one.max(field(process.join("status"), "VmHWM:"));
                    sum += field(process.join("smaps_rollup"), "Pss:");
                }
                all = all.max(sum);
                thread::sleep(Duration::from_millis(100));
            }
            (one, all)
        }
    });
    let done = run();
    over.store(true, Ordering::Relaxed);
    let (one, all) = watching.join().unwrap();
    (done, one, all)
}

/// ClusterShell at so many hosts: every line is there, once and whole.
fn clustershell_at(hosts: usize, fan_out: usize) {
    let mut place = Place::with(Options::default());
    place.limit = LONG;
    let nodes = format!("i-[1-{hosts}]");
    let fan_out = fan_out.to_string();
    let args = [
        "-f",
        &fan_out,
        "-w",
        &nodes,
        "echo one; echo two; echo three >&2",
    ];
    let begun = Instant::now();
    let (done, one, all) = memory_of(|| clush(&place, &args));
    let Some(done) = done else { return };
    let spent = begun.elapsed();
    let mut lines: Vec<_> = done.text().lines().map(str::to_owned).collect();
    let expected = (1..=hosts).flat_map(|n| [format!("i-{n}: one"), format!("i-{n}: two")]);
    let mut expected: Vec<_> = expected.collect();
    lines.sort();
    expected.sort();
    assert!(lines == expected, "{}", done.stderr);
    assert_eq!(
        done.stderr.matches(": three").count(),
        hosts,
        "{}",
        done.stderr
    );
    assert_eq!(
        (done.status, place.cloud.emulator.sessions().len()),
        (0, hosts)
    );
    println!(
        "{hosts} hosts, fan-out {fan_out}: {spent:.1?}, {:.1} sessions a second, at most {} KiB of one process and {} KiB of all",
        hosts as f64 / spent.as_secs_f64(),
        one / 1024,
        all / 1024,
    );
}

#[test]
fn clustershell_reaches_many_hosts() {
    clustershell_at(25, 8);
}

#[test]
#[ignore = "takes long: cargo test --test behaviour many:: -- --ignored"]
fn clustershell_reaches_five_hundred_hosts() {
    clustershell_at(500, 64);
}
