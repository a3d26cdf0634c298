//! The README's recipes for programs that call ssh, with the real programs and no sshd: rsync, scp,
//! sftp, git, Ansible, ClusterShell, tar, an editor's probe. Those that are ignored run the same over a
//! slow connection, and over one that is cut in the middle.

use crate::support::axt::{AXT, run, success, unlimited, until};
use crate::support::need;
use crate::support::place::{Line, Place, by_ansible, clush, of_ansible};
use crate::support::sshd::{free_port, same};
use axt::emulator::Options;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// The instance.
const HOST: &str = "i-demo";

/// A recipe as a test, and over worse connections as ignored ones.
macro_rules! recipe {
    ($($name:ident)*) => {$(
        mod $name {
            use super::Line;

            #[test]
            fn works() {
                super::$name(Line::Plain);
            }

            #[test]
            #[ignore = "takes long: cargo test --test behaviour recipes:: -- --ignored"]
            fn works_over_a_slow_connection() {
                super::$name(Line::Slow);
            }

            #[test]
            #[ignore = "takes long: cargo test --test behaviour recipes:: -- --ignored"]
            fn works_though_the_connection_breaks() {
                super::$name(Line::Cut);
            }
        }
    )*};
}

recipe! {
    rsync_pushes_and_pulls
    rsync_moves_odd_names_and_many_files
    rsync_goes_on_after_a_kill
    scp_copies_by_both_protocols
    sftp_copies
    git_clones_and_pushes
    tar_goes_through_pipes
    ansible_runs_its_modules
    ansible_runs_at_twelve_hosts
    clustershell_runs_and_copies
    an_editor_finds_its_way
}

fn rsync(place: &Place, args: &[&str]) -> Command {
    let mut rsync = place.command("rsync");
    rsync.args(["-a", "-s", "-e", "axt ssh"]).args(args);
    rsync
}

fn rsync_pushes_and_pulls(line: Line) {
    let Some(_) = need("rsync") else { return };
    let place = Place::new(line);
    place.file("original", 1_000_000);
    let _ = success(rsync(
        &place,
        &[&place.text("original"), &place.remote("there")],
    ));
    assert!(same(&place.path("original"), &place.path("there")));
    let _ = success(rsync(
        &place,
        &[&place.remote("there"), &place.text("back")],
    ));
    assert!(same(&place.path("original"), &place.path("back")));
    // What is missing there is said where it belongs.
    let mut missing = rsync(&place, &[&place.remote("there"), &place.text("back")]);
    missing.arg("--rsync-path=no-such-rsync");
    let done = run(missing, b"");
    assert!(done.stderr.contains("no-such-rsync"), "{}", done.stderr);
    assert!(
        !done.stderr.contains("protocol version mismatch"),
        "{}",
        done.stderr
    );
}

fn rsync_moves_odd_names_and_many_files(line: Line) {
    let Some(_) = need("rsync") else { return };
    let place = Place::new(line);
    for n in 0..300 {
        place.file(&format!("tree/{}/{n}", n % 7), n * 13);
    }
    for name in [
        "with space",
        "中文 名字.txt",
        "quo'te\"s",
        "-dash",
        "tab\there",
    ] {
        place.file(&format!("tree/odd names/{name}"), 100);
    }
    let (tree, copy) = (place.text("tree/"), place.remote("the copy/"));
    let _ = success(rsync(&place, &[&tree, &copy]));
    let _ = success(rsync(&place, &[&copy, &place.text("回来/")]));
    let diff = |other: &str| {
        let mut diff = place.command("diff");
        diff.args(["-r", &place.text("tree"), &place.text(other)]);
        let _ = success(diff);
    };
    diff("the copy");
    diff("回来");
}

/// A transfer that was killed goes on where it was.
fn rsync_goes_on_after_a_kill(line: Line) {
    let Some(_) = need("rsync") else { return };
    // At the service's own rate there is time to kill it.
    let place = Place::over(line, Options::default());
    let original = place.file("original", 1_500_000);
    fs::create_dir(place.path("there")).unwrap();
    let args = [
        "--partial",
        &place.text("original"),
        &place.remote("there/"),
    ];
    let mut first = rsync(&place, &args);
    first.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = first.spawn().unwrap();
    let received = || -> u64 {
        let entries = fs::read_dir(place.path("there")).unwrap();
        entries
            .filter_map(|entry| entry.ok()?.metadata().ok())
            .map(|meta| meta.len())
            .sum()
    };
    until("a part of the file", || received() > 300_000);
    child.kill().unwrap();
    child.wait().unwrap();
    until("the part that stays", || {
        place.path("there/original").exists()
    });
    let mut again = rsync(&place, &["--stats"]);
    again.args(args);
    let told = String::from_utf8(success(again)).unwrap();
    let matched = told
        .lines()
        .find_map(|line| line.strip_prefix("Matched data: "));
    let matched: String = matched
        .unwrap()
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    assert!(matched.parse::<u64>().unwrap() > 200_000, "{told}");
    assert!(same(&original, &place.path("there/original")));
}

/// Prints how much of the service's rate the bytes of a file get: of 200,000 bytes a second towards the
/// instance, and of three quarters of it back, where Base64 takes the fourth. A session's start is taken
/// off. The figures are of use from a release build on an idle machine.
#[test]
#[ignore = "takes long: cargo test --release --test behaviour recipes::rsync_figures -- --ignored --nocapture"]
#[expect(clippy::print_stdout, reason = "figures are what it is for")]
fn rsync_figures_at_the_services_rate() {
    const LENGTH: u32 = 3_000_000;
    let Some(_) = need("rsync") else { return };
    let mut options = Options::default();
    options.limits.set("output-bits", "1600000").unwrap();
    let place = Place::with(options);
    place.file("original", LENGTH as usize);
    let timed = |command: Command| {
        let begun = Instant::now();
        let _ = success(command);
        begun.elapsed().as_secs_f64()
    };
    let mut nothing = place.command("axt");
    nothing.args(["ssh", HOST, "true"]);
    let start = timed(nothing);
    for (what, from, to, rate) in [
        (
            "push",
            place.text("original"),
            place.remote("there"),
            200_000.0,
        ),
        ("pull", place.remote("there"), place.text("back"), 150_000.0),
    ] {
        let took = timed(rsync(&place, &[&from, &to])) - start;
        let share = f64::from(LENGTH) / took / rate * 100.0;
        println!(
            "rsync {what}: {took:.2} s, {share:.1} % of {rate} B/s (start {start:.2} s apart)"
        );
    }
    assert!(same(&place.path("original"), &place.path("back")));
}

fn scp_copies_by_both_protocols(line: Line) {
    let Some(_) = need("scp") else { return };
    let place = Place::new(line);
    place.file("original", 700_000);
    for protocol in ["-s", "-O"] {
        let scp = |from: &str, to: &str| {
            let mut scp = place.command("scp");
            scp.args([protocol, "-p", "-S", "axt-ssh", from, to]);
            let _ = success(scp);
        };
        scp(&place.text("original"), &place.remote("there"));
        assert!(same(&place.path("original"), &place.path("there")));
        scp(&place.remote("there"), &place.text("back"));
        assert!(same(&place.path("original"), &place.path("back")));
        fs::remove_file(place.path("there")).unwrap();
    }
    let mut missing = place.command("scp");
    missing.args([
        "-S",
        "axt-ssh",
        &place.remote("missing"),
        &place.text("back"),
    ]);
    let done = run(missing, b"");
    assert_eq!(done.status, 1, "{}", done.stderr);
    assert!(done.stderr.contains("No such file"), "{}", done.stderr);
}

fn sftp_copies(line: Line) {
    let Some(_) = need("sftp") else { return };
    let place = Place::new(line);
    place.file("original", 700_000);
    let commands = format!(
        "put {0}/original {0}/there\nget {0}/there {0}/back\n",
        place.text("").trim_end_matches('/')
    );
    fs::write(place.path("batch"), commands).unwrap();
    let mut sftp = place.command("sftp");
    sftp.args(["-S", "axt-ssh", "-b", &place.text("batch"), HOST]);
    let _ = success(sftp);
    assert!(same(&place.path("original"), &place.path("back")));
}

fn git_clones_and_pushes(line: Line) {
    let Some(_) = need("git") else { return };
    let place = Place::new(line);
    let git = |args: &[&str]| {
        let mut git = place.command("git");
        git.args(["-c", "user.name=T", "-c", "user.email=t@example.com"]);
        git.args(["-c", "init.defaultBranch=main"]).args(args);
        git.env("GIT_SSH_COMMAND", "axt ssh")
            .env("GIT_CONFIG_GLOBAL", "/dev/null");
        String::from_utf8(success(git)).unwrap()
    };
    let (bare, first, second) = (
        place.text("bare.git"),
        place.text("first"),
        place.text("second"),
    );
    let url = format!("ssh://{HOST}{bare}");
    git(&["init", "-q", "--bare", &bare]);
    git(&["clone", "-q", &url, &first]);
    let original = place.file("first/file", 800_000);
    git(&["-C", &first, "add", "file"]);
    git(&["-C", &first, "commit", "-q", "-m", "one"]);
    git(&["-C", &first, "push", "-q", "origin", "HEAD:main"]);
    git(&[
        "clone",
        "-q",
        "-b",
        "main",
        &format!("{HOST}:{bare}"),
        &second,
    ]);
    assert!(same(&original, &place.path("second/file")));
    // The port of an address would be lost if git took axt for a plain program.
    let mut refused = place.command("git");
    refused.args(["ls-remote", &format!("ssh://{HOST}:2222{bare}")]);
    refused.env("GIT_SSH_COMMAND", "axt ssh");
    let done = run(refused, b"");
    assert!(done.stderr.contains("port 2222"), "{}", done.stderr);
}

fn tar_goes_through_pipes(line: Line) {
    let Some(_) = need("tar") else { return };
    let place = Place::new(line);
    place.file("tree/a", 300_000);
    place.file("tree/b c/d", 5);
    fs::create_dir(place.path("out")).unwrap();
    fs::create_dir(place.path("back")).unwrap();
    let script = format!(
        "cd '{0}' && tar cf - tree | axt ssh {HOST} tar xf - -C '{0}/out' &&
         axt ssh {HOST} tar cf - -C '{0}/out' tree | tar xf - -C back && diff -r tree back/tree",
        place.dir.path().display()
    );
    let mut shell = place.command("sh");
    shell.args(["-c", &script]);
    let _ = success(shell);
}

/// An ad-hoc run of a module at these hosts.
fn ansible(place: &Place, hosts: &str, pipelining: bool, args: &[&str]) -> Option<String> {
    let args = [&["all"], args].concat();
    by_ansible(place, "ansible", hosts, pipelining, &[], &args)
}

/// A place with instances of two roles, in two regions.
fn fleet() -> Place {
    let instances = [
        "i-1:name=web-1:tag=role=web",
        "i-2:name=web 2:tag=role=web:region=cn-beijing",
        "i-3:name=数据库:tag=role=db",
    ];
    Place::with(Options {
        instances: instances.map(|text| text.parse().unwrap()).into(),
        ..unlimited()
    })
}

#[test]
fn ansible_runs_at_the_hosts_of_the_inventory() {
    let place = fleet();
    let script = place.path("inventory");
    let text = "#!/bin/sh\nexec axt instances --all-regions --inventory \"$@\"\n";
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let echo = "echo {{ inventory_hostname }} is {{ axt_id }}";
    let run = |hosts: &str| {
        let args = [hosts, "-m", "command", "-a", echo];
        let ansible = of_ansible(&place, "ansible", script.to_str().unwrap(), &args)?;
        Some(String::from_utf8(success(ansible)).unwrap())
    };
    let Some(told) = run("all") else { return };
    for line in ["web-1 is i-1", "i-2.cn-beijing is i-2", "数据库 is i-3"] {
        assert!(told.contains(line), "{told}");
    }
    let told = run("tag_role_web:!region_cn_beijing").unwrap();
    assert_eq!(told.matches(" is ").count(), 1, "{told}");
    assert!(told.contains("web-1 is i-1"), "{told}");
}

fn ansible_runs_its_modules(line: Line) {
    let place = Place::new(line);
    let original = place.file("original", 100_000);
    for pipelining in [true, false] {
        let run = |args: &[&str]| ansible(&place, HOST, pipelining, args);
        let Some(pong) = run(&["-m", "ping"]) else {
            return;
        };
        assert!(pong.contains("\"ping\": \"pong\""), "{pong}");
        let copied = place.text(&format!("copied {pipelining}"));
        let copy = format!("src='{}' dest='{copied}'", original.display());
        let told = run(&["-m", "copy", "-a", &copy]).unwrap();
        assert!(told.contains("CHANGED"), "{told}");
        assert!(same(&original, Path::new(&copied)));
        let told = run(&["-m", "shell", "-a", "echo out; echo err >&2; exit 0"]).unwrap();
        assert!(told.contains("out"), "{told}");
    }
}

fn ansible_runs_at_twelve_hosts(line: Line) {
    let place = Place::new(line);
    let hosts: Vec<String> = (1..=12).map(|n| format!("i-{n}")).collect();
    let args = [
        "-f",
        "12",
        "-m",
        "command",
        "-a",
        "echo {{ inventory_hostname }} here",
    ];
    let Some(told) = ansible(&place, &hosts.join(","), true, &args) else {
        return;
    };
    for host in hosts {
        assert!(told.contains(&format!("{host} here")), "{told}");
    }
}

#[test]
fn a_playbook_needs_one_session_for_each_host() {
    let place = Place::new(Line::Plain);
    let task = "    - ansible.builtin.command: echo done\n";
    let play = "- hosts: all\n  gather_facts: false\n  tasks:\n";
    fs::write(place.path("play.yml"), format!("{play}{}", task.repeat(3))).unwrap();
    let args = ["-f", "4", &place.text("play.yml")];
    let hosts = "i-1,i-2,i-3,i-4";
    let Some(told) = by_ansible(&place, "ansible-playbook", hosts, true, &[], &args) else {
        return;
    };
    assert_eq!(told.matches("ok=3").count(), 4, "{told}");
    assert_eq!(place.cloud.emulator.sessions().len(), 4);
}

#[test]
fn clustershell_runs_at_the_nodes_of_a_group() {
    let place = fleet();
    let run = |nodes: &[&str]| {
        let args = [nodes, &["-S", "echo here"]].concat();
        let done = clush(&place, &args)?;
        assert_eq!(done.status, 0, "{}", done.stderr);
        let mut lines: Vec<String> = done.text().lines().map(str::to_owned).collect();
        lines.sort();
        Some(lines)
    };
    let line = |node: &str| format!("{node}: here");
    let (web, db) = (["i-1.cn-hangzhou", "i-2.cn-beijing"], "i-3.cn-hangzhou");
    let Some(told) = run(&["-g", "tag_role_web"]) else {
        return;
    };
    assert_eq!(told, web.map(line));
    let reached = place.cloud.emulator.sessions().into_iter();
    let mut reached: Vec<_> = reached.map(|session| session.instance_id).collect();
    reached.sort();
    assert_eq!(reached, ["i-1", "i-2"]);
    let told = run(&["-a"]).unwrap();
    assert_eq!(told, [web[0], web[1], db].map(line));
}

fn clustershell_runs_and_copies(line: Line) {
    let place = Place::new(line);
    place.file("original", 50_000);
    fs::create_dir(place.path("there")).unwrap();
    let nodes = "i-[1-5]";
    let Some(done) = clush(&place, &["-w", nodes, "-b", "echo one; echo two"]) else {
        return;
    };
    assert_eq!(done.status, 0, "{}", done.stderr);
    assert!(done.text().contains("i-[1-5] (5)"), "{}", done.text());
    assert!(done.text().ends_with("one\ntwo\n"), "{}", done.text());
    let status = clush(&place, &["-w", nodes, "-S", "exit 3"]).unwrap();
    assert_eq!(status.status, 3, "{}", status.stderr);
    let (from, to) = (place.text("original"), place.text("there/"));
    let copied = clush(&place, &["-w", "i-1", "-c", &from, "--dest", &to]).unwrap();
    assert_eq!(copied.status, 0, "{}", copied.stderr);
    assert!(same(&place.path("original"), &place.path("there/original")));
}

/// What VS Code's Remote-SSH does: it asks for the version and the settings, then talks to a shell
/// over pipes and to a server through a SOCKS proxy.
fn an_editor_finds_its_way(line: Line) {
    let Some(bash) = need("bash") else { return };
    let place = Place::new(line);
    symlink(AXT, place.path("bin/ssh")).unwrap();
    let ssh = |args: &[&str]| {
        let mut ssh = place.command(place.path("bin/ssh"));
        ssh.args(args);
        ssh
    };
    let version = run(ssh(&["-V"]), b"");
    assert_eq!((version.status, version.text()), (0, String::new()));
    assert!(
        version.stderr.starts_with("OpenSSH_9.2"),
        "{}",
        version.stderr
    );
    let settings = String::from_utf8(success(ssh(&["-G", HOST]))).unwrap();
    assert!(settings.contains("\nport 22\n"), "{settings}");

    // A server that the instance can reach.
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = server.local_addr().unwrap().port();
    let serving = std::thread::spawn(move || {
        let (mut client, _) = server.accept().unwrap();
        client.write_all(b"from the server").unwrap();
    });
    let port = free_port();
    let bash = bash.display().to_string();
    let forward = port.to_string();
    let mut shell = ssh(&[
        "-v",
        "-T",
        "-D",
        &forward,
        "-o",
        "ConnectTimeout=15",
        HOST,
        &bash,
    ]);
    shell
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = shell.spawn().unwrap();
    let mut script = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    script.write_all(b"echo \"running: $((6 * 7))\"\n").unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "running: 42");
    let mut client = TcpStream::connect(("127.0.0.1", port)).unwrap();
    client.write_all(&[5, 1, 0]).unwrap();
    let mut answer = [0; 2];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(answer, [5, 0]);
    let mut connect = vec![5, 1, 0, 1, 127, 0, 0, 1];
    connect.extend(target.to_be_bytes());
    client.write_all(&connect).unwrap();
    let mut answer = [0; 10];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(answer[..2], [5, 0]);
    let mut text = String::new();
    client.read_to_string(&mut text).unwrap();
    assert_eq!(text, "from the server");
    serving.join().unwrap();
    script.write_all(b"exit 7\n").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(7));
}
