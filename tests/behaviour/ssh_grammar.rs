//! The grammar of `axt ssh` beside that of the installed ssh: keywords, arguments, configuration files.

use crate::support::need;
use axt::cli::ssh::{LocalFiles, SshRequest, request};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::process::{Command, Stdio};

fn ask(words: &[&str]) -> Result<SshRequest, String> {
    let words = words.iter().map(OsString::from).collect();
    request(words, &LocalFiles::default())
}

/// What ssh prints for these arguments, or `None` if it refuses them.
fn ssh(words: &[&str]) -> Option<BTreeSet<String>> {
    let asked = Command::new("ssh")
        .args(words)
        .stdin(Stdio::null())
        .output();
    let asked = asked.unwrap();
    let text = String::from_utf8(asked.stdout).unwrap();
    let lines = text.lines().map(str::to_owned);
    asked.status.success().then(|| lines.collect())
}

/// Fails unless both refuse the arguments, or all that axt prints for them is printed by ssh.
fn compare(words: &[&str]) {
    match (ask(words), ssh(words)) {
        (Ok(SshRequest::Settings(own)), Some(theirs)) => {
            // Debian's ssh changes the interval in batch mode.
            let is_patched = |line: &&str| {
                line.starts_with("serveraliveinterval") && own.contains("\nbatchmode yes\n")
            };
            for line in own.lines().filter(|line| !is_patched(line)) {
                assert!(theirs.contains(line), "{words:?}: {line}\n{theirs:#?}");
            }
        }
        (Err(_), None) => {}
        (own, theirs) => panic!("{words:?}: {own:?}\n{theirs:#?}"),
    }
}

/// Every word in ssh's own binary that axt does not know as a keyword is none of ssh's either.
#[test]
fn every_keyword_of_the_installed_ssh_is_known() {
    if need("ssh").is_none() {
        return;
    }
    let which = Command::new("sh").args(["-c", "command -v ssh"]).output();
    let path = String::from_utf8(which.unwrap().stdout).unwrap();
    let binary = fs::read(path.trim()).unwrap();
    let mut words = BTreeSet::new();
    let is_letter = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    for text in binary.split(|byte| *byte == 0) {
        let letters = text.iter().rev().take_while(|byte| is_letter(byte)).count();
        // A linker lets a short text be the end of a longer one.
        for length in 3..=letters.min(40) {
            let word = text.get(text.len() - length..).unwrap_or_default();
            words.insert(String::from_utf8(word.to_vec()).unwrap());
        }
    }
    let known = |word: &str| {
        let option = format!("-o{word}=none");
        let problem = ask(&["-G", &option, "host"]).err().unwrap_or_default();
        !problem.contains("is not an option of ssh's")
    };
    let (known, unknown): (Vec<String>, Vec<String>) = words.into_iter().partition(|w| known(w));
    for word in ["host", "port", "user", "macs", "forwardagent"] {
        assert!(
            known.iter().any(|k| k == word),
            "{word} is not in the binary"
        );
    }
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("config");
    let lines: Vec<String> = unknown
        .iter()
        .map(|word| format!("{word} none\n"))
        .collect();
    fs::write(&config, lines.concat()).unwrap();
    let asked = Command::new("ssh")
        .arg("-F")
        .arg(&config)
        .args(["-G", "host"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&asked.stderr);
    let bad: BTreeSet<&str> = said
        .lines()
        .filter_map(|line| line.rsplit_once("Bad configuration option: "))
        .map(|(_, word)| word)
        .collect();
    let missed: Vec<_> = unknown
        .iter()
        .filter(|w| !bad.contains(w.as_str()))
        .collect();
    assert!(missed.is_empty(), "ssh knows {missed:?}");
}

#[test]
fn arguments_are_read_as_ssh_reads_them() {
    if need("ssh").is_none() {
        return;
    }
    for line in [
        "host",
        "bob@host",
        "a@b@host",
        "-l bob host",
        "-l bob al@host",
        "-l=x host",
        "-lx host",
        "-l -v host",
        "-p 2222 host",
        "-p2222 host -p 2223",
        "-p 0 host",
        "-p x host",
        "ssh://bob@host:2222",
        "ssh://host/",
        "ssh://host/path",
        "ssh://host:x",
        "host -l bob",
        "host -l bob ls -l al",
        "host -- -l bob",
        "-- host -l bob",
        "-Nv host",
        "-NsT host",
        "-vvv host",
        "-q host",
        "-q -v host",
        "-v -q host",
        "-tt host",
        "-t -t host",
        "-ttt host",
        "-oRequestTTY=force -t host",
        "-tT host",
        "-Tt host",
        "-n host",
        "-M -S /tmp/x host",
        "-M -M host",
        "-MMM host",
        "-M -oControlMaster=no -M host",
        "-l DOM\\bob host",
        "-l a$b host",
        "-l a\\ host",
        "-l a`b host",
        "-C host",
        "-g -L 80:x:1 -L localhost:81:x:1 -L *:82:[::1]:1 -D 1080 host",
        "-L 80 host",
        "-L 80:x host",
        "-L 80:81 host",
        "-L localhost:80:81 host",
        "-oLocalForward=80:x:1 host",
        "-D x host",
        "-W x:1 -L 80:x:1 host",
        "-W x host",
        "-e ^] host",
        "-e none host",
        "-e x -e y host",
        "-e xyz host",
        "-o User=bob host",
        "-oUser=bob -oUser=al host",
        "-ouser=\"bob\" host",
        "-oUser=bob' host",
        "-o user=bob#x host",
        "-oUser= host",
        "-o Bogus=1 host",
        "-o IgnoreUnknown=Bog* -o Bogus=1 host",
        "-o RequestTTY=force host",
        "-o RequestTTY=FORCE host",
        "-o RequestTTY=maybe host",
        "-o requesttty=true host",
        "-o ConnectTimeout=1m30s host",
        "-o ConnectTimeout=none host",
        "-o ConnectTimeout=soon host",
        "-o ServerAliveInterval=20 -o ServerAliveCountMax=0 host",
        "-o ServerAliveCountMax=x host",
        "-o BatchMode=yes host",
        "-o LogLevel=debug2 host",
        "-o LogLevel=silent host",
        "-o LogLevel=loud host",
        "-o Compression=yes -C host",
        "-o ExitOnForwardFailure=true host",
        "-o ControlMaster=auto -o ControlPersist=60s -o ControlPath=/tmp/x host",
        "-o ControlMaster=often host",
        "-o ControlPersist=0 host",
        "-o ControlPersist=no host",
        "-o ClearAllForwardings=yes host",
        "-o StdinNull=yes host",
        "-o SessionType=none host",
        "-o SessionType=some host",
        "-o HostName=%h.example host",
        "-o ForwardAgent=no -o ForwardX11=no host",
        "-z host",
        "--bogus host",
        "-v",
        "@host",
        "-l",
        "-b",
    ] {
        let mut words = vec!["-G", "-F", "none"];
        words.extend(line.split(' '));
        compare(&words);
    }
    for words in [
        &["-oSendEnv A B*", "-oSendEnv=-B*", "host"][..],
        &["-oSetEnv A=1 B='x y'", "-oSetEnv=C=3", "host"],
        &["-oSetEnv A", "host"],
        &["-o", " User = bob # x", "host"],
        &["-oUser bob al", "host"],
        &["-oLocalForward 80 x:1", "host"],
        &["-oLocalForward 80 81", "host"],
        &["-oLocalForward 80 x:1 y", "host"],
        &["-oDynamicForward=*:80", "host"],
    ] {
        compare(&[&["-G", "-F", "none"], words].concat());
    }
}

/// Combinations that nobody thought of, in a fixed order.
#[test]
fn mixed_arguments_are_read_as_ssh_reads_them() {
    if need("ssh").is_none() {
        return;
    }
    const PIECES: [&str; 26] = [
        "-v",
        "-q",
        "-t",
        "-T",
        "-n",
        "-N",
        "-g",
        "-C",
        "-vt",
        "-Tv",
        "-l",
        "-lbob",
        "-p2",
        "-p",
        "p2",
        "-e",
        "x",
        "-oUser=al",
        "-oPort=5",
        "-oLogLevel=ERROR",
        "-o",
        "requesttty=force",
        "host",
        "u@host",
        "--",
        "ls",
    ];
    let mut random = fastrand::Rng::with_seed(5);
    for _ in 0..150 {
        let mut words = vec!["-G", "-F", "none"];
        for _ in 0..random.usize(1..6) {
            words.push(random.choice(PIECES).unwrap());
        }
        compare(&words);
    }
}

#[test]
fn files_are_read_as_ssh_reads_them() {
    if need("ssh").is_none() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("config");
    let included = dir.path().join("included");
    fs::write(
        &included,
        "Host web-1\n  Port 3\nHost *\n  LogLevel ERROR\n",
    )
    .unwrap();
    let text = format!(
        "# for all\nSendEnv LC_*\n\nHost web-? \"db one\" !web-9\n\tUser=web\n  HostName %h.example\n\
         Host *\n  Include {}\n  Port 4\nMatch originalhost db* user web\n  RequestTTY force\n\
         Match host *.example\n  BatchMode yes\nMatch !originalhost web-1\n  StdinNull yes\n\
         Match all\n  SetEnv A=1 # comment\n",
        included.display()
    );
    fs::write(&config, text).unwrap();
    let config = config.to_str().unwrap();
    for host in [
        "web-1",
        "web-9",
        "web-12",
        "db",
        "web@db",
        "bob@web-2",
        "web",
    ] {
        compare(&["-G", "-F", config, host]);
    }
    // What a pattern finds beside files for ssh, and bytes that are no text.
    let folder = dir.path().join("folder");
    fs::create_dir_all(folder.join("below")).unwrap();
    fs::write(folder.join(".hidden"), "User hidden\n").unwrap();
    fs::write(folder.join("seen"), b"# caf\xe9\nUser seen # caf\xe9\n").unwrap();
    fs::write(config, format!("Include {}/*\n", folder.display())).unwrap();
    compare(&["-G", "-F", config, "web"]);
    for wrong in [
        "Host",
        "Bogus 1",
        "User",
        "Host x\nPort y",
        "User \"a",
        "Match",
        "Match all host x",
    ] {
        fs::write(config, wrong).unwrap();
        compare(&["-G", "-F", config, "host"]);
    }
    compare(&["-G", "-F", "/nowhere/at/all", "host"]);
}
