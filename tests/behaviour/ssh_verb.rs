//! `axt ssh` itself: statuses, streams, forwards, files, and what it refuses.

use crate::support::axt::{Cloud, Done, axt, finish, run, success, until};
use crate::support::need;
use crate::support::screen::Screen;
use crate::support::sshd::{Sshd, free_port};
use axt::cli::ssh::{Here, LocalFiles, SshRequest, request};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

fn ssh(cloud: &Cloud, args: &[&str], stdin: &[u8]) -> Done {
    run(command(cloud, args), stdin)
}

fn command(cloud: &Cloud, args: &[&str]) -> Command {
    let mut command = cloud.axt(["ssh"]);
    command.args(args);
    command
}

#[test]
fn a_command_has_its_streams_and_its_status() {
    let cloud = Cloud::new();
    let done = ssh(
        &cloud,
        &["i-1", "cat; echo apart >&2; exit 3"],
        b"to the command",
    );
    assert_eq!((done.status, done.text().as_str()), (3, "to the command"));
    assert_eq!(done.stderr, "apart\n");
    let done = ssh(&cloud, &["-n", "i-1", "cat"], b"not to the command");
    assert_eq!((done.status, done.text().as_str()), (0, ""));
    let done = ssh(&cloud, &["i-1", "kill -TERM $$"], b"");
    assert_eq!(done.status, 143, "{}", done.stderr);
    let mut variables = command(
        &cloud,
        &["-oSendEnv=A*", "-oSetEnv=B='x y'", "i-1", "echo $AB $B"],
    );
    variables.env("AB", "sent");
    assert_eq!(run(variables, b"").text(), "sent x y\n");
    // The words are joined, as by ssh.
    let done = ssh(&cloud, &["i-1", "echo", "a  b", "'a  b'"], b"");
    assert_eq!(done.text(), "a b a  b\n");
    // Without a command and without a terminal, the shell reads its commands.
    let done = ssh(
        &cloud,
        &["-T", "i-1"],
        b"echo one\nread line\ntwo\necho $line; exit 4\n",
    );
    assert_eq!((done.status, done.text().as_str()), (4, "one\ntwo\n"));
    cloud.assert_all_ended();
}

#[test]
fn a_terminal_gets_a_shell_and_a_command_one_only_by_option() {
    let cloud = Cloud::new();
    let on_terminal = |args: &[&str]| Screen::start(&command(&cloud, args), 24, 80);
    let shell = on_terminal(&["i-1"]);
    shell.wait("a prompt", |s| {
        s.contents().trim_end().ends_with(['$', '#', '>'])
    });
    shell.type_text("tty; echo the answer is $((6 * 7))\rexit 3\r");
    let (ended, seen) = shell.end_seen();
    assert!(
        seen.contains("/dev/pts/") && seen.contains("the answer is 42"),
        "{seen}"
    );
    assert_eq!(ended.code(), Some(3), "{seen}");
    let with = on_terminal(&["-t", "i-1", "tty; exit 4"]);
    let (ended, seen) = with.end_seen();
    assert!(
        ended.code() == Some(4) && seen.contains("/dev/pts/"),
        "{seen}"
    );
    let without = on_terminal(&["-n", "i-1", "tty; exit 5"]);
    let (ended, seen) = without.end_seen();
    assert!(
        ended.code() == Some(5) && seen.contains("not a tty"),
        "{seen}"
    );
    let left = on_terminal(&["-e", "%", "i-1"]);
    left.wait("a prompt", |s| {
        s.contents().trim_end().ends_with(['$', '#', '>'])
    });
    left.type_text("\r%.");
    assert_eq!(left.end().code(), Some(255));
}

#[test]
fn its_own_failures_are_255() {
    let cloud = Cloud::new();
    for (args, reason) in [
        (&["-A", "i-1", "true"][..], "-A: "),
        (&["-p", "2222", "i-1"], "port 2222: "),
        (&["-J", "jump", "i-1"], "-J: "),
        (&["-o", "Bogus=1", "i-1"], "Bogus"),
        (&["--bogus", "i-1"], "--bogus"),
        (&["web-1", "true"], "web-1"),
        (&["-F", "/nowhere/at/all", "i-1"], "/nowhere/at/all"),
        (&["-O", "check", "i-1"], "No ControlPath"),
        (
            &["-O", "exit", "-S", "/tmp/none", "i-1"],
            "connect(/tmp/none)",
        ),
        (&["-s", "i-1", "netconf"], "netconf"),
        (&[], "usage: "),
    ] {
        let done = ssh(&cloud, args, b"");
        assert_eq!((done.status, done.text().as_str()), (255, ""), "{args:?}");
        assert!(done.stderr.contains(reason), "{args:?}: {}", done.stderr);
        assert!(done.stderr.lines().all(|line| line.starts_with("axt: ")));
    }
    // What leads nowhere: no credentials.
    let done = run(axt(["ssh", "i-1.cn-beijing", "true"]), b"");
    assert_eq!(done.status, 255, "{}", done.stderr);
}

/// As with ssh, `-E` takes what ssh would say itself, and leaves the command's words where they were.
#[test]
fn the_file_of_e_gets_every_message() {
    use std::os::unix::fs::PermissionsExt as _;
    let cloud = Cloud::new();
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let file = log.to_str().unwrap();
    let logged = |args: &[&str]| {
        let mut command = command(&cloud, &["-E", file]);
        command.args(args).env_remove("AXT_VERBOSE");
        let done = run(command, b"");
        let said = fs::read_to_string(&log).unwrap();
        fs::write(&log, "").unwrap();
        (done, said)
    };
    let (done, said) = logged(&["i-1", "echo theirs >&2; exit 3"]);
    assert_eq!((done.status, done.stderr.as_str()), (3, "theirs\n"));
    assert_eq!(said, "");
    let (done, said) = logged(&["web-1", "true"]);
    assert_eq!((done.status, done.stderr.as_str()), (255, ""));
    assert!(
        said.starts_with("axt: ") && said.contains("web-1"),
        "{said}"
    );
    // What goes wrong with a forward, too.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (done, said) = logged(&["-D", &port, "i-1", "true"]);
    assert_eq!((done.status, done.stderr.as_str()), (0, ""));
    assert!(said.contains(&format!("port {port}")), "{said}");
    let (done, said) = logged(&["-v", "-oForwardX11=no", "i-1", "true"]);
    assert_eq!((done.status, done.stderr.as_str()), (0, ""));
    assert!(said.contains("session started"), "{said}");
    let mode = fs::metadata(&log).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
}

/// axt's own file has forwards for `axt forward`, and ssh's arguments have theirs.
#[test]
fn only_what_was_asked_for_is_forwarded() {
    let cloud = Cloud::new();
    let dir = tempfile::tempdir().unwrap();
    let (port, other) = (free_port().to_string(), free_port().to_string());
    let config = format!("[host.i-1]\nlocal-forward = '{other}:80'\n");
    fs::write(dir.path().join("config.toml"), config).unwrap();
    let log = dir.path().join("log");
    let file = log.to_str().unwrap();
    let args = ["-v", "-E", file, "-D", &port, "i-1", "true"];
    let mut forwards = command(&cloud, &args);
    forwards.env("AXT_CONFIG_DIR", dir.path());
    let done = run(forwards, b"");
    assert_eq!((done.status, done.stderr.as_str()), (0, ""));
    let said = fs::read_to_string(&log).unwrap();
    let listening = |port: &str| said.contains(&format!("listening on 127.0.0.1:{port} "));
    assert!(listening(&port) && !listening(&other), "{said}");
}

#[test]
fn an_empty_command_is_a_shell_as_with_ssh() {
    let Some(sshd) = Sshd::start() else { return };
    let cloud = Cloud::new();
    let mut theirs = sshd.client(&cloud, "ssh");
    theirs.args(["direct", ""]);
    for command in [theirs, command(&cloud, &["i-1", ""])] {
        let done = run(command, b"echo one\nread line\ntwo\necho $line; exit 4\n");
        assert_eq!((done.status, done.text().as_str()), (4, "one\ntwo\n"));
    }
}

#[test]
fn questions_are_answered_without_a_session() {
    let cloud = Cloud::new();
    let version = ssh(&cloud, &["-V"], b"");
    assert_eq!((version.status, version.text().as_str()), (0, ""));
    let expected = format!(
        "OpenSSH_9.2p1 compatible, axt {}\n",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(version.stderr, expected);
    let settings = ssh(&cloud, &["-G", "-p", "2222", "bob@i-1"], b"");
    assert_eq!((settings.status, settings.stderr.as_str()), (0, ""));
    assert!(
        settings
            .text()
            .starts_with("host i-1\nuser bob\nhostname i-1\nport 2222\n")
    );
    assert!(cloud.emulator.sessions().is_empty());
}

#[test]
fn a_file_tells_the_instance_and_only_warns_of_agents() {
    let cloud = Cloud::new();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config");
    fs::write(
        &file,
        "Host web\n  HostName i-7.cn-qingdao\n  ForwardAgent yes\n  IdentityFile ~/.ssh/id\n",
    )
    .unwrap();
    let file = file.to_str().unwrap();
    let done = ssh(&cloud, &["-F", file, "web", "echo here"], b"");
    assert_eq!((done.status, done.text().as_str()), (0, "here\n"));
    let warning = "axt: warning: ForwardAgent: the service carries no agent connections\n";
    assert_eq!(done.stderr, warning);
    assert_eq!(cloud.emulator.sessions()[0].instance_id, "i-7");
    let quiet = ssh(&cloud, &["-q", "-F", file, "web", "echo here"], b"");
    assert_eq!((quiet.status, quiet.stderr.as_str()), (0, ""));
    let mut told = command(&cloud, &["-v", "-F", file, "web", "true"]);
    told.env_remove("AXT_LOG_FILE");
    let told = run(told, b"");
    assert!(told.stderr.contains("IdentityFile"), "{}", told.stderr);
}

/// Something that says hello to everyone.
fn greeter() -> u16 {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    std::thread::spawn(move || {
        while let Ok((mut client, _)) = server.accept() {
            let _ = client.write_all(b"hello");
        }
    });
    port
}

fn greeting(port: u16) -> String {
    let mut text = String::new();
    let mut client = TcpStream::connect(("127.0.0.1", port)).unwrap();
    client.read_to_string(&mut text).unwrap();
    text
}

fn listens(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

fn start(mut command: Command) -> Child {
    command.stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn kill(child: &Child, signal: &str) {
    let _ = success({
        let mut kill = Command::new("kill");
        kill.args([signal, &child.id().to_string()]);
        kill
    });
}

#[test]
fn forwards_alone_last_until_a_signal() {
    let cloud = Cloud::new();
    let (port, target) = (free_port(), greeter());
    let forward = format!("{port}:localhost:{target}");
    let child = start(command(&cloud, &["-N", "-L", &forward, "i-1"]));
    until("the forward", || listens(port));
    assert_eq!(greeting(port), "hello");
    kill(&child, "-TERM");
    let done = finish(child);
    assert_eq!((done.status, done.stderr.as_str()), (143, ""));
    until("the end of every session", || {
        cloud.emulator.sessions().iter().all(|s| s.ended)
    });
}

#[test]
fn a_port_in_use_is_told_or_the_end() {
    let cloud = Cloud::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let done = ssh(&cloud, &["-D", &port, "i-1", "echo ran"], b"");
    assert_eq!((done.status, done.text().as_str()), (0, "ran\n"));
    let args = [
        "-o",
        "ExitOnForwardFailure=yes",
        "-D",
        &port,
        "i-1",
        "echo ran",
    ];
    let done = ssh(&cloud, &args, b"");
    assert_eq!((done.status, done.text().as_str()), (255, ""));
    assert!(done.stderr.contains(&port), "{}", done.stderr);
}

#[test]
fn a_program_that_gives_credentials_runs_once_for_command_and_forwards() {
    let cloud = Cloud::new();
    let home = tempfile::tempdir().unwrap();
    let at = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
    let keys = cloud.emulator.credentials();
    let printed = format!(
        r#"{{"mode":"AK","access_key_id":"{}","access_key_secret":"{}"}}"#,
        keys.access_key_id, keys.access_key_secret
    );
    let program = format!("echo run >>'{}'; cat '{}'", at("runs"), at("printed"));
    fs::write(at("printed"), printed).unwrap();
    fs::write(at("program"), program).unwrap();
    let config = format!(
        r#"{{"profiles":[{{"name":"p","mode":"External","process_command":"sh '{}'"}}]}}"#,
        at("program")
    );
    fs::write(at("config.json"), config).unwrap();
    let mut both = cloud.axt(["--profile=p", "--config-file", &at("config.json"), "ssh"]);
    both.args(["-L", &format!("{}:localhost:1", free_port())]);
    both.args(["i-1", "echo done"]);
    assert_eq!(success(both), b"done\n");
    assert_eq!(fs::read_to_string(at("runs")).unwrap(), "run\n");
}

/// As with ssh: the command's end takes no connection away.
#[test]
fn connections_outlive_the_command_beside_them() {
    let cloud = Cloud::new();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = server.local_addr().unwrap().port();
    let port = free_port();
    let forward = format!("{port}:127.0.0.1:{target}");
    let mut child = start(command(&cloud, &["-L", &forward, "i-1", "echo ready; cat"]));
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    let mut client = TcpStream::connect(("127.0.0.1", port)).unwrap();
    client.write_all(b"ping").unwrap();
    let (mut served, _) = server.accept().unwrap();
    let mut got = [0; 4];
    served.read_exact(&mut got).unwrap();
    // The command ends here.
    drop(child.stdin.take());
    until("no new connections", || !listens(port));
    served.write_all(b"still here").unwrap();
    drop(served);
    let mut text = String::new();
    client.read_to_string(&mut text).unwrap();
    assert_eq!(text, "still here");
    drop(client);
    assert_eq!(finish(child).status, 0);
    cloud.assert_all_ended();
}

#[test]
fn a_port_is_joined_to_the_standard_streams() {
    let cloud = Cloud::new();
    let target = format!("localhost:{}", greeter());
    let done = ssh(&cloud, &["-W", &target, "i-1"], b"");
    assert_eq!((done.status, done.text().as_str()), (0, "hello"));
}

#[test]
fn the_printed_block_leads_ssh_to_an_sshd() {
    let Some(sshd) = Sshd::start() else { return };
    let cloud = Cloud::new();
    let printed = success(cloud.axt(["ssh-config", "bob@i-9.cn-beijing", "i-8"]));
    let text = String::from_utf8(printed).unwrap();
    assert!(
        text.contains("Host i-9.cn-beijing\n") && text.contains("User bob\n"),
        "{text}"
    );
    let config = sshd.path("printed");
    fs::write(&config, success(cloud.axt(["ssh-config"]))).unwrap();
    let mut asked = Command::new("ssh");
    asked.arg("-F").arg(config).args(["-G", "i-8"]);
    let settings = String::from_utf8(success(asked)).unwrap();
    assert!(
        settings.contains("\nproxycommand axt proxy %h %p\n"),
        "{settings}"
    );
    let wrong = run(cloud.axt(["ssh-config", "web one"]), b"");
    assert_eq!((wrong.status, wrong.text().as_str()), (2, ""));
}

/// The text that looks for sftp-server is for the user's shell, whatever that is.
#[test]
fn every_shell_starts_the_sftp_server() {
    if need("sftp").is_none() {
        return;
    }
    let args = ["-s", "i-1", "sftp"].map(Into::into).to_vec();
    let Ok(SshRequest::Run(plan)) = request(args, &LocalFiles::default()) else {
        panic!("it is a plan");
    };
    let words = plan.task_words(&Here::default()).unwrap();
    let text = words.iter().filter_map(|word| word.to_str());
    let text = text
        .filter_map(|word| word.strip_prefix("--command="))
        .next()
        .unwrap();
    for shell in ["sh", "bash", "mksh", "zsh", "ksh93", "fish", "tcsh"] {
        let mut command = Command::new(shell);
        command.args(["-c", text]).stdin(Stdio::null());
        // The server ends at the end of its input; a shell that is not there is passed over.
        if let Ok(done) = command.output() {
            assert!(done.status.success(), "{shell}: {done:?}");
        }
    }
}
