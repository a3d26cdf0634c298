//! What ends or hinders shared sessions: each costs at most the command that runs there.

#![allow(clippy::print_stderr, reason = "what can't be tested here is said")]

use crate::support::axt::{AXT, Done, finish, run, success, until};
use crate::support::need;
use crate::support::screen::Screen;
use crate::support::sharing::{Sharing, is_running, lines};
use axt::emulator::{Cut, Options};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

fn sharing(limits: &[(&str, &str)]) -> Sharing {
    let mut options = Options::default();
    for (name, value) in limits {
        options.limits.set(name, value).unwrap();
    }
    Sharing::with(options)
}

#[test]
fn a_session_that_the_service_ends_fails_its_command_once_and_hinders_no_other() {
    let sharing = sharing(&[("session-length", "1s")]);
    let mut running = sharing.starts("echo runs; exec sleep 1000");
    let mut stdout = BufReader::new(running.stdout.take().unwrap()).lines();
    assert_eq!(stdout.next().unwrap().unwrap(), "runs");
    let done = finish(running);
    assert_eq!(done.status, 255);
    assert!(done.stderr.contains("3 hours"), "{}", done.stderr);
    let errors = done.stderr.lines().filter(|line| !line.contains("hint: "));
    assert_eq!(errors.count(), 1, "{}", done.stderr);
    // One that ends while no command runs: the process that held it goes too.
    assert_eq!(sharing.sh("echo next").text(), "next\n");
    let holder = sharing.holder();
    until("its session has ended", || !is_running(holder));
    assert_eq!(sharing.sh("echo last").text(), "last\n");
    assert_eq!(sharing.started(), 3);
}

#[test]
fn a_broken_connection_is_resumed_whether_a_command_runs_or_not() {
    let sharing = Sharing::new();
    let connections = || sharing.cloud.emulator.sessions()[0].connections.len();
    let is_up = || {
        let status = success(sharing.axt(&["share", "status", "--json"]));
        let status: serde_json::Value = serde_json::from_slice(&status).unwrap();
        status["holders"][0]["broken"] == 0
    };
    sharing.sh("true");
    for (n, cut) in [Cut::Drop, Cut::Reset].into_iter().enumerate() {
        sharing.cloud.emulator.cut_connections(cut);
        until("it is connected again", || connections() == 2 + n);
        until("it is known to go on", is_up);
        assert_eq!(sharing.sh("echo there").text(), "there\n");
    }
    let file = sharing.runtime.path().join("go");
    let waits = format!(
        "echo one; while ! test -e {}; do sleep 0.05; done; echo two",
        file.display()
    );
    let mut running = sharing.starts(&waits);
    let mut stdout = BufReader::new(running.stdout.take().unwrap()).lines();
    assert_eq!(stdout.next().unwrap().unwrap(), "one");
    sharing.cloud.emulator.restart_gateway();
    until("it is connected again", || connections() == 4);
    fs::write(file, "").unwrap();
    assert_eq!(stdout.next().unwrap().unwrap(), "two");
    assert_eq!(finish(running).status, 0);
    assert_eq!(sharing.started(), 1);
}

#[test]
fn a_session_whose_network_is_dead_takes_no_command() {
    let sharing = Sharing::new();
    sharing.sh("true");
    sharing.cloud.emulator.cut_connections(Cut::BlackHole);
    // Shorter silences are trusted.
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(sharing.sh("echo next").text(), "next\n");
    assert_eq!((sharing.started(), sharing.holders().len()), (2, 1));
}

#[test]
fn the_holder_renews_its_credentials_by_their_source() {
    // The emulator's clock is going to be wrong.
    let sharing = sharing(&[("clock-skew", "none")]);
    let roles = || sharing.cloud.emulator.calls("AssumeRole");
    let command = |words: &str| {
        let mut axt = sharing.command(&["--no-cache", "-c", words]);
        let role = "acs:ram::1000000000000001:role/dev";
        axt.env("ALIBABA_CLOUD_ROLE_ARN", role);
        axt.stdin(Stdio::piped());
        axt.stdout(Stdio::piped()).stderr(Stdio::piped());
        axt
    };
    let mut first = command("echo runs; cat").spawn().unwrap();
    let mut stdout = BufReader::new(first.stdout.take().unwrap()).lines();
    assert_eq!(stdout.next().unwrap().unwrap(), "runs");
    assert_eq!(roles(), 1);
    // They have expired by then.
    sharing
        .cloud
        .emulator
        .clock()
        .advance(Duration::from_secs(2 * 60 * 60));
    // The holder starts a session: this command itself needs no credentials.
    let done = run(command("echo second"), b"");
    assert_eq!((done.status, &*done.text()), (0, "second\n"), "{done:?}");
    assert_eq!((sharing.started(), sharing.holders().len()), (2, 1));
    assert_eq!(roles(), 2);
    assert_eq!(finish(first).status, 0);
}

#[test]
fn a_master_that_is_told_to_stop_takes_no_more_and_finishes_what_runs() {
    let sharing = Sharing::new();
    let ssh = |words: &[&str]| {
        let mut axt = sharing.axt(&["ssh", "-S", "/tmp/%h", "-o", "ControlMaster=auto"]);
        axt.args(["-o", "ControlPersist=60", "-T"]).args(words);
        axt.stdin(Stdio::piped());
        axt.stdout(Stdio::piped()).stderr(Stdio::piped());
        axt
    };
    let mut running = ssh(&["i-test", "echo runs; cat"]).spawn().unwrap();
    let mut stdout = BufReader::new(running.stdout.take().unwrap()).lines();
    assert_eq!(stdout.next().unwrap().unwrap(), "runs");
    let holder = sharing.holder();
    let stop = run(ssh(&["-O", "stop", "i-test"]), b"");
    assert_eq!(
        (stop.status, &*stop.stderr),
        (0, "Stop listening request sent.\n")
    );
    until("its socket is gone", || sharing.sockets().is_empty());
    assert_eq!(run(ssh(&["i-test", "echo new"]), b"").text(), "new\n");
    assert!(is_running(holder) && sharing.holder() != holder);
    running
        .stdin
        .take()
        .unwrap()
        .write_all(b"to its end")
        .unwrap();
    assert_eq!(stdout.next().unwrap().unwrap(), "to its end");
    assert_eq!(finish(running).status, 0);
    until("it has ended", || !is_running(holder));
}

/// A command whose runtime directory is another one; messages are on stderr.
fn command_at(sharing: &Sharing, runtime: &Path, temporary: &Path) -> Command {
    let mut axt = sharing.command(&["-v", "-c", "echo done"]);
    axt.env("XDG_RUNTIME_DIR", runtime).env("TMPDIR", temporary);
    axt.env_remove("AXT_LOG_FILE").env_remove("AXT_VERBOSE");
    axt
}

/// A short directory for temporary files, in which sessions end up that can't be held elsewhere.
fn shares_below(sharing: &Sharing, runtime: &Path) {
    let temporary = tempfile::tempdir_in("/tmp").unwrap();
    for _ in 0..2 {
        let done = run(command_at(sharing, runtime, temporary.path()), b"");
        assert_eq!((done.status, &*done.text()), (0, "done\n"), "{done:?}");
    }
    assert_eq!(sharing.started(), 1);
    let user = fs::metadata("/proc/self").unwrap().uid();
    let folder = temporary.path().join(format!("axt-{user}"));
    assert!(fs::read_dir(folder).unwrap().count() >= 2);
    let mut stop = sharing.axt(&["share", "stop"]);
    stop.env("XDG_RUNTIME_DIR", runtime)
        .env("TMPDIR", temporary.path());
    assert_eq!(run(stop, b"").status, 0);
    until("no session is left", || sharing.all_ended());
}

#[test]
fn a_runtime_directory_whose_path_is_too_long_is_passed_over() {
    let sharing = Sharing::new();
    let long = sharing.runtime.path().join("x".repeat(90));
    fs::create_dir(&long).unwrap();
    shares_below(&sharing, &long);
    assert_eq!(fs::read_dir(long).unwrap().count(), 0);
}

#[test]
fn another_users_runtime_directory_is_passed_over_as_under_sudo() {
    let sharing = Sharing::new();
    let others = sharing.runtime.path().join("others");
    fs::create_dir(&others).unwrap();
    if chown(&others, Some(65534), None).is_err() {
        eprintln!("skipped: only root can give a directory to another user");
        return;
    }
    shares_below(&sharing, &others);
    assert_eq!(fs::read_dir(others).unwrap().count(), 0);
}

/// A file system without room for anything, until it is dropped.
#[cfg(target_os = "linux")]
struct FullDisk(tempfile::TempDir);

#[cfg(target_os = "linux")]
impl FullDisk {
    /// `None` where it can't be mounted.
    fn new(options: &str) -> Option<Self> {
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "axt-test"]);
        let mounted = mount.arg(folder.path()).stderr(Stdio::null()).status();
        mounted
            .is_ok_and(|status| status.success())
            .then_some(Self(folder))
    }
}

#[cfg(target_os = "linux")]
impl Drop for FullDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(self.0.path()).status();
        assert!(unmounted.unwrap().success());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_hinders_nobody() {
    // No room for a file, and none for a block: a folder and the lock fit, what is written does not.
    for options in ["nr_inodes=1,mode=700", "size=4k,mode=700"] {
        let sharing = Sharing::new();
        let Some(full) = FullDisk::new(options) else {
            eprintln!("skipped: only root can mount a file system");
            return;
        };
        let place = full.0.path();
        let _ = fs::write(place.join("fills it"), [0; 8192]);
        for _ in 0..2 {
            let mut axt = command_at(&sharing, place, place);
            axt.env("XDG_CACHE_HOME", place)
                .env("XDG_STATE_HOME", place);
            let done = run(axt, b"");
            assert_eq!((done.status, &*done.text()), (0, "done\n"), "{done:?}");
            let said = done.stderr.contains("no shared session (");
            assert!(said || options.starts_with("size"), "{}", done.stderr);
        }
        let mut stop = sharing.axt(&["share", "stop"]);
        stop.env("XDG_RUNTIME_DIR", place).env("TMPDIR", place);
        assert_eq!(run(stop, b"").status, 0);
        until("no session is left", || sharing.all_ended());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_write_that_fails_at_the_very_end_is_told_instead_of_the_status() {
    let sharing = Sharing::new();
    let full = || fs::File::options().write(true).open("/dev/full").unwrap();
    let mut to_nowhere = sharing.command(&["-n", "-c", "echo hi"]);
    let done = to_nowhere.stdout(full()).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(255), "{said}");
    assert!(said.contains("writing output failed"), "{said}");
    let mut errors = sharing.command(&["-n", "-c", "echo hi >&2"]);
    let done = errors.stderr(full()).output().unwrap();
    assert_eq!(done.status.code(), Some(255));
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut unread = sharing.command(&["-n", "-c", "echo hi"]);
    let done = unread.stdout(writer).output().unwrap();
    assert_eq!(done.status.code(), Some(141));
    assert_eq!(sharing.started(), 1);
}

#[test]
fn under_sshs_name_sessions_are_shared_too() {
    let sharing = Sharing::new();
    // Not a symbolic link, which leads to axt's own name.
    let folder = tempfile::tempdir_in(Path::new(AXT).parent().unwrap()).unwrap();
    let program = folder.path().join("axt-ssh");
    fs::hard_link(AXT, &program).unwrap();
    for _ in 0..2 {
        let mut ssh = sharing.cloud.outside(&program);
        ssh.env("XDG_RUNTIME_DIR", sharing.runtime.path());
        ssh.args(["-S", "/tmp/%h", "-o", "ControlMaster=auto"]);
        ssh.args(["-o", "ControlPersist=60", "-T", "i-test", "echo shared"]);
        assert_eq!(run(ssh, b"").text(), "shared\n");
    }
    assert_eq!((sharing.started(), sharing.holders().len()), (1, 1));
}

#[test]
fn what_is_typed_reaches_the_command_where_nothing_can_be_shared() {
    let sharing = Sharing::new();
    fs::create_dir(sharing.folder()).unwrap();
    let open = |mode| fs::set_permissions(sharing.folder(), fs::Permissions::from_mode(mode));
    open(0o755).unwrap();
    let screen = Screen::start(&sharing.command(&["-c", "cat"]), 10, 80);
    for line in ["one", "two", "three"] {
        screen.type_text(&format!("{line}\n"));
        // As it is typed, and from the command.
        screen.wait_times(line, 2);
    }
    screen.type_text("\u{4}");
    assert!(screen.end().success());
    open(0o700).unwrap();
}

#[test]
fn a_limit_of_the_service_is_waited_for_once() {
    let sharing = sharing(&[("per-region", "1")]);
    let file = sharing.runtime.path().join("go");
    let mut other = sharing.axt(&["connect", "i-other", "-c"]);
    other.arg(format!(
        "until test -e {}; do sleep 0.05; done",
        file.display()
    ));
    let other = other.stdin(Stdio::null()).spawn().unwrap();
    until("the region is full", || sharing.started() == 1);
    let mut second = sharing.command(&["--queue-timeout", "1s", "-c", "true"]);
    second.env_remove("AXT_LOG_FILE").env_remove("AXT_VERBOSE");
    let done = run(second, b"");
    assert_eq!(done.status, 255, "{done:?}");
    waited_once(&done);
    let name = format!("i-test:{}", file.with_extension("copy").display());
    let mut copy = sharing.axt(&["cp", "--share", "1m", "--queue-timeout", "1s", "-", &name]);
    copy.env_remove("AXT_LOG_FILE").env_remove("AXT_VERBOSE");
    waited_once(&run(copy, b"copied"));
    fs::write(&file, "").unwrap();
    assert_eq!(finish(other).status, 0);
}

/// It has failed for want of a session, and has said so once while it waited.
fn waited_once(done: &Done) {
    assert_eq!(done.status, 255, "{done:?}");
    let said = |what| done.stderr.matches(what).count();
    assert_eq!(said("waiting for up to"), 1, "{}", done.stderr);
    assert_eq!(said("SessionCount.ExceedLimit"), 2, "{}", done.stderr);
}

/// `axt connect i-test -c cat`, which ends with its input, and these options.
fn cat(sharing: &Sharing, options: &[&str]) -> Child {
    let mut axt = sharing.axt(&["connect", "i-test", "-c", "cat"]);
    axt.args(options).stdin(Stdio::piped());
    axt.stdout(Stdio::piped()).stderr(Stdio::piped());
    axt.spawn().unwrap()
}

#[test]
fn how_long_a_command_waits_for_a_session_is_its_own_matter() {
    let sharing = sharing(&[("per-instance", "1")]);
    let first = cat(&sharing, &["--share", "1m", "--queue-timeout", "0"]);
    until("the first session runs", || sharing.started() == 1);
    let third = sharing.command(&["--queue-timeout", "0", "-c", "true"]);
    let second = sharing.starts("echo second");
    until("it waits", || sharing.started() > 1);
    let refused = run(third, b"");
    assert_eq!(refused.status, 255, "{refused:?}");
    let why = "ConnectionCountExceedLimit";
    assert!(refused.stderr.contains(why), "{}", refused.stderr);
    assert_eq!(finish(first).status, 0);
    let done = finish(second);
    assert_eq!((done.status, done.text()), (0, "second\n".into()));
}

#[test]
fn a_start_that_its_command_has_left_is_waited_for_no_longer_than_others() {
    let sharing = sharing(&[("per-instance", "1")]);
    let first = cat(&sharing, &["--share", "1m", "--queue-timeout", "0"]);
    until("the first session runs", || sharing.started() == 1);
    let left = sharing.starts("echo left");
    until("it waits", || sharing.started() > 1);
    kill_process(Pid::from_child(&left), Signal::TERM).unwrap();
    assert_eq!(finish(left).status, 143);
    let short = ["--queue-timeout", "100ms", "--connect-timeout", "1s"];
    let done = run(
        sharing.command(&[&short[..], &["-c", "true"]].concat()),
        b"",
    );
    let why = "the start of a shared session took longer than 1.1s";
    assert_eq!(done.status, 255, "{done:?}");
    assert!(done.stderr.contains(why), "{}", done.stderr);
    assert_eq!(finish(first).status, 0);
}

#[test]
fn the_last_command_says_for_how_long_sessions_are_held() {
    let sharing = Sharing::new();
    let first = cat(&sharing, &["--share", "100ms"]);
    until("it runs", || sharing.started() == 1);
    let holder = sharing.holder();
    let long = sharing.axt(&["connect", "i-test", "--share", "1h", "-c", "true"]);
    success(long);
    assert_eq!(finish(first).status, 0);
    let status = success(sharing.axt(&["share", "status", "--json"]));
    let status: serde_json::Value = serde_json::from_slice(&status).unwrap();
    let held = &status["holders"][0];
    assert_eq!(held["pid"], holder.as_raw_pid());
    assert!(held["secondsLeft"].as_u64() > Some(3000), "{held}");
    let short = sharing.axt(&["connect", "i-test", "--share", "100ms", "-c", "true"]);
    success(short);
    until("its time is over", || !is_running(holder));
}

#[test]
fn another_user_has_no_word_with_a_holder() {
    use std::os::unix::process::CommandExt as _;
    let Some(perl) = need("perl") else { return };
    let sharing = Sharing::new();
    sharing.sh("true");
    let socket = sharing.sockets().remove(0);
    let open = |mode, path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(mode));
    // As if the directory did not keep others out.
    for folder in [sharing.runtime.path(), &sharing.folder()] {
        open(0o711, folder).unwrap();
    }
    open(0o666, &socket).unwrap();
    let talk = "$s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die $!; \
                $s->recv($said, 100); print length $said";
    let said = |user: Option<u32>| {
        let mut peer = Command::new(&perl);
        peer.args(["-MIO::Socket::UNIX", "-e", talk]).arg(&socket);
        if let Some(user) = user {
            peer.uid(user).gid(user);
        }
        peer.output()
    };
    let Ok(others) = said(Some(65534)) else {
        eprintln!("skipped: only root can be another user");
        return;
    };
    assert_eq!(String::from_utf8_lossy(&others.stdout), "0", "{others:?}");
    let own = said(None).unwrap();
    assert_ne!(String::from_utf8_lossy(&own.stdout), "0", "{own:?}");
    open(0o700, &sharing.folder()).unwrap();
}

#[test]
fn sessions_are_ended_with_a_hangup_of_their_commands() {
    let sharing = Sharing::new();
    let file = sharing.runtime.path().join("hung-up");
    let mut running = sharing.starts(&format!(
        "trap 'echo hung up >{}; exit' HUP; echo ready; while :; do sleep 0.05; done",
        file.display()
    ));
    let mut stdout = BufReader::new(running.stdout.take().unwrap()).lines();
    assert_eq!(stdout.next().unwrap().unwrap(), "ready");
    success(sharing.axt(&["share", "stop"]));
    // All is over when it says so.
    assert!(sharing.sockets().is_empty() && sharing.all_ended());
    assert_eq!(lines(&file), ["hung up"]);
    let done = finish(running);
    assert_eq!(done.status, 255);
    assert!(done.stderr.contains("was told to end"), "{}", done.stderr);
}

#[test]
fn a_command_that_waits_for_a_session_of_a_holder_that_ends_has_its_own() {
    let sharing = sharing(&[("per-instance", "1")]);
    let mut first = sharing.command(&["-c", "cat"]);
    first.stdin(Stdio::piped()).stderr(Stdio::null());
    let mut first = first.spawn().unwrap();
    until("the first session runs", || sharing.started() == 1);
    let second = sharing.starts("echo second");
    until("it waits", || sharing.started() > 1);
    success(sharing.axt(&["share", "stop"]));
    first.wait().unwrap();
    let done = finish(second);
    assert_eq!((done.status, done.text()), (0, "second\n".into()));
}

#[test]
fn a_holder_that_hangs_is_listed_and_killed() {
    let sharing = Sharing::new();
    sharing.sh("true");
    let holder = sharing.holder();
    let pid = holder.as_raw_pid();
    kill_process(holder, Signal::STOP).unwrap();
    let status = String::from_utf8(success(sharing.axt(&["share", "status"]))).unwrap();
    assert_eq!(status, format!("no answer\t\t\t\t\t\t{pid}\n"));
    let another = run(sharing.axt(&["share", "stop", "--instance", "i-1"]), b"");
    assert_eq!(another.status, 1, "{another:?}");
    assert!(another.stderr.contains("does not answer"), "{another:?}");
    let stopped = String::from_utf8(success(sharing.axt(&["share", "stop"]))).unwrap();
    assert_eq!(stopped, format!("\t{pid}\tkilled\n"));
    until("it has ended", || !is_running(holder));
    for socket in sharing.sockets() {
        fs::remove_file(socket).unwrap();
    }
    // Nobody has ended its session.
    sharing.left.set(1);
}

#[test]
fn a_directory_that_can_not_be_looked_into_is_reported() {
    let sharing = Sharing::new();
    sharing.sh("true");
    let user = fs::metadata("/proc/self").unwrap().uid();
    let open = sharing.runtime.path().join(format!("axt-{user}"));
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
    let mut stop = sharing.axt(&["share", "stop"]);
    stop.env("TMPDIR", sharing.runtime.path());
    let done = run(stop, b"");
    assert_eq!(done.status, 1, "{done:?}");
    assert!(done.text().ends_with("\tended\n"), "{done:?}");
    assert!(done.stderr.contains("is open to other users"), "{done:?}");
}

#[test]
fn a_time_that_can_not_be_counted_never_comes() {
    let sharing = Sharing::new();
    for _ in 0..2 {
        let mut axt = sharing.axt(&["connect", "i-test", "--share", "9223372036854775807s"]);
        axt.args(["-c", "echo held"]);
        assert_eq!(run(axt, b"").text(), "held\n");
    }
    assert_eq!(sharing.started(), 1);
}

/// A message as it is on a holder's socket.
fn framed(json: &str) -> Vec<u8> {
    let length = u32::try_from(json.len()).unwrap().to_be_bytes();
    [&length[..], json.as_bytes()].concat()
}

#[test]
fn each_fact_is_said_once() {
    let sharing = Sharing::new();
    sharing.sh("true");
    let socket = sharing.sockets().remove(0);
    success(sharing.axt(&["share", "stop"]));
    let listener = UnixListener::bind(&socket).unwrap();
    let other = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let hello = format!(
            r#"{{"Hello":{{"version":"{}","pid":1}}}}"#,
            env!("CARGO_PKG_VERSION")
        );
        stream.write_all(&framed(&hello)).unwrap();
        stream.read_exact(&mut [0; 4]).unwrap();
        for answer in [
            r#"{"Say":"waiting for up to 60s"}"#,
            r#"{"Say":"waiting for up to 59s"}"#,
            r#"{"Say":"no answer yet: no agent"}"#,
            r#"{"Refused":"enough"}"#,
        ] {
            stream.write_all(&framed(answer)).unwrap();
        }
    });
    let mut axt = sharing.command(&["-c", "echo own"]);
    axt.env_remove("AXT_LOG_FILE").env_remove("AXT_VERBOSE");
    let done = run(axt, b"");
    other.join().unwrap();
    assert_eq!((done.status, done.text()), (0, "own\n".into()));
    let said = "axt: waiting for up to 60s\naxt: no answer yet: no agent\n";
    assert_eq!(done.stderr, said);
    fs::remove_file(socket).unwrap();
}
