//! The same command lines through real ssh to an sshd on this machine and through axt to its emulator:
//! standard output, standard error and status must be the same.

use crate::support::axt::{Cloud, Done, run, unlimited};
use crate::support::sshd::Sshd;
use std::sync::Mutex;

/// What may differ, and why: the text of ssh's side and of axt's are changed by it before they are
/// compared.
fn without_differences(done: Done) -> (i32, String, String) {
    let text = |bytes: &[u8]| {
        let text: String = bytes.iter().map(|b| b.escape_ascii().to_string()).collect();
        // sshd gives the shell its name without the folder as its own; a shell can't do that.
        text.replace("/bin/bash", "bash")
            .replace("/usr/bin/bash", "bash")
    };
    (
        done.status,
        text(&done.stdout),
        text(done.stderr.as_bytes()),
    )
}

/// Command lines whose status alone differs: ssh has 255 for a death by signal, axt 128+n, as shells.
const DEATHS: [(&str, i32); 4] = [
    ("kill -TERM $$", 143),
    ("kill -9 $$", 137),
    ("echo before; kill -INT $$", 130),
    ("exec sh -c 'kill -HUP $$'", 129),
];

/// Command lines, and what is on their standard input.
const SAME: &[(&str, &str)] = &[
    // Statuses.
    ("true", ""),
    ("false", ""),
    ("exit 3", ""),
    ("exit 254", ""),
    ("(exit 7)", ""),
    ("sh -c 'exit 42'", ""),
    ("true | false", ""),
    ("false | true", ""),
    ("! true", ""),
    ("exit 256", ""),
    ("{ sh -c 'kill -9 $$'; } 2>/dev/null; echo $?", ""),
    ("sh -c 'kill -TERM $$'; exit 9", ""),
    // What can't be run.
    ("no-such-program", ""),
    ("/no/such/file", ""),
    ("/etc/passwd", ""),
    ("/", ""),
    ("cd /no/such/folder", ""),
    ("if", ""),
    ("echo 'unbalanced", ""),
    ("cat /no/such/file; echo after", ""),
    ("set -u; echo $no_such_variable", ""),
    // The two streams.
    ("echo out; echo err >&2", ""),
    ("echo only err >&2", ""),
    ("printf 'no newline'", ""),
    ("printf 'no newline' >&2", ""),
    ("printf ''", ""),
    ("for i in 1 2 3; do echo o$i; echo e$i >&2; done", ""),
    ("echo to both | tee /dev/stderr", ""),
    ("exec 1>&-; echo nowhere", ""),
    ("exec 2>&-; echo here; echo nowhere >&2", ""),
    ("exec 0<&- 1>&- 2>&-; exit 8", ""),
    ("ls /etc/passwd /no/such/file", ""),
    // Bytes.
    (r"printf '\000\001\377\376'", ""),
    (r"printf 'a\rb\r\nc\td\033[31me\n'", ""),
    (r"printf '\357\277\275'", ""),
    (r"printf '\344\275'", ""),
    ("printf '%0100000d' 7", ""),
    ("seq 1 20000", ""),
    ("head -c 300000 /dev/zero", ""),
    ("echo ünïcödé 你好", ""),
    // Standard input.
    ("cat", ""),
    ("cat", "one\ntwo\n"),
    ("cat", "no newline"),
    ("wc -c", "\0\u{1}\u{3}\u{4}\u{1a}\u{7f}"),
    ("read x; echo \"got $x\"; cat", "first\nsecond\nthird"),
    ("head -n 1", "one\ntwo\nthree\n"),
    ("true", "nobody reads this"),
    ("cat >&2", "to the other\n"),
    ("sort -r", "a\nc\nb\n"),
    ("cat <&-; echo after", "closed"),
    ("while read l; do echo \"<$l>\"; done", "a b\n  c\nd"),
    ("sh", "echo from a script\nexit 5\n"),
    ("cat - /dev/null | wc -l", "1\n2\n"),
    // What a shell makes of a line.
    ("echo $((6 * 7))", ""),
    ("echo 'single' \"double $HOME\"", ""),
    ("echo a  b   c", ""),
    ("echo \\$HOME '*' \"*\"", ""),
    ("x='a b'; echo $x \"$x\"", ""),
    ("echo one; echo two & wait", ""),
    ("echo a && echo b || echo c", ""),
    ("cat <<'E'\nhere $x\nE", ""),
    ("f() { echo \"in $1\"; return 4; }; f x", ""),
    ("echo $(echo nested `echo deep`)", ""),
    ("trap 'echo bye' EXIT; exit 6", ""),
    ("echo {a,b}{1,2}", ""),
    ("# a comment", ""),
    ("", "echo from the input\nexit 2\n"),
    ("echo -n; echo -e 'a\\tb'", ""),
    ("printf '%s\\n' \"it's\" '\"q\"' \\\\", ""),
    ("eval 'echo e'; (cd / && pwd)", ""),
    // Where it runs.
    ("pwd", ""),
    ("id -un; id -u", ""),
    ("echo $HOME $SHELL $USER $LOGNAME", ""),
    ("umask", ""),
    ("echo $-", ""),
    ("echo ${TERM-none} ${PS1-none}", ""),
    ("ulimit -c", ""),
    // No terminal, so no pager, no columns, no colours, no questions.
    (
        "test -t 0; echo $?; test -t 1; echo $?; test -t 2; echo $?",
        "",
    ),
    ("tty", ""),
    ("stty size", ""),
    ("(echo secret? >/dev/tty)", ""),
    ("ls /usr", ""),
    ("ls --color=auto /usr", ""),
    ("echo match | grep --color=auto match", ""),
    (
        "d=$(mktemp -d) && cd $d && git init -q . && git -c user.name=n -c user.email=e@e commit -q --allow-empty --date=2020-01-01T00:00:00Z -m message && git log --format=%s && git branch -a && git diff; cd / && rm -rf $d",
        "",
    ),
    ("command -v man >/dev/null && man true; echo", ""),
    ("command -v less >/dev/null && less /etc/hostname; echo", ""),
    // What stays behind.
    ("sleep 30 >/dev/null 2>&1 & echo started", ""),
    ("(sleep 0.2; echo late) & echo early; wait", ""),
    ("nohup sleep 0.1 >/dev/null 2>&1; echo $?", ""),
    ("kill -0 $PPID && echo a parent lives", ""),
    ("set -e; false; echo not reached", ""),
    ("yes | head -n 100000 | tail -n 1", ""),
    ("(echo a; sleep 0.1; echo b) | cat", ""),
    ("exec cat", "replaced\n"),
];

#[test]
fn commands_behave_as_over_ssh() {
    let Some(sshd) = Sshd::start() else { return };
    let cloud = Cloud::with(unlimited());
    assert!(SAME.len() >= 80);
    let same = SAME.iter().map(|(line, stdin)| (*line, *stdin, None));
    let deaths = DEATHS
        .iter()
        .map(|(line, status)| (*line, "", Some(*status)));
    let all: Vec<_> = same.chain(deaths).collect();
    let differences = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for part in all.chunks(all.len().div_ceil(4)) {
            let (sshd, cloud, differences) = (&sshd, &cloud, &differences);
            scope.spawn(move || {
                let found = part
                    .iter()
                    .filter_map(|case| difference(sshd, cloud, *case));
                differences.lock().unwrap().extend(found);
            });
        }
    });
    let differences = differences.into_inner().unwrap();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// Compares one command; `death` is axt's status of one that dies by a signal.
fn difference(
    sshd: &Sshd,
    cloud: &Cloud,
    (line, stdin, death): (&str, &str, Option<i32>),
) -> Option<String> {
    let mut by_ssh = by_ssh(sshd, cloud, line, stdin);
    let by_axt = by_axt(cloud, line, stdin);
    if let Some(status) = death.filter(|_| by_ssh.0 == 255) {
        by_ssh.0 = status;
    }
    (by_ssh != by_axt).then(|| format!("{line}\n  ssh {by_ssh:?}\n  axt {by_axt:?}"))
}

fn by_ssh(sshd: &Sshd, cloud: &Cloud, line: &str, stdin: &str) -> (i32, String, String) {
    let mut ssh = sshd.client(cloud, "ssh");
    ssh.arg("direct").arg(line);
    without_differences(run(ssh, stdin.as_bytes()))
}

fn by_axt(cloud: &Cloud, line: &str, stdin: &str) -> (i32, String, String) {
    let mut axt = cloud.axt(["connect", "i-test"]);
    if !line.is_empty() {
        axt.arg("--command").arg(line);
    }
    without_differences(run(axt, stdin.as_bytes()))
}
