//! Tests of the grammar by itself; `tests/behaviour/ssh_grammar.rs` compares it with the installed ssh.

use super::{Files, Here, MasterCommand, SshPlan, SshRequest, Task, TtyRequest, request};
use crate::cli::grammar::values::forward::Remote;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::time::Duration;

/// Configuration files that exist in a test only.
struct Written<'a>(BTreeMap<&'a str, &'a str>);

impl Files for Written<'_> {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        let text = self.0.get(path).copied();
        text.map(|text| text.as_bytes().to_vec())
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    fn included(&self, pattern: &str) -> Vec<String> {
        vec![pattern.to_owned()]
    }
}

fn ask(words: &[&str]) -> Result<SshRequest, String> {
    ask_with(&[], words)
}

fn ask_with(files: &[(&str, &str)], words: &[&str]) -> Result<SshRequest, String> {
    let files = Written(files.iter().copied().collect());
    request(words.iter().map(OsString::from).collect(), &files)
}

#[track_caller]
fn plan(words: &[&str]) -> SshPlan {
    run(ask(words))
}

#[track_caller]
fn run(request: Result<SshRequest, String>) -> SshPlan {
    match request {
        Ok(SshRequest::Run(plan)) => *plan,
        other => panic!("{other:?}"),
    }
}

fn command(text: &str) -> Task {
    Task::Command(text.into())
}

#[test]
fn options_hosts_and_commands() {
    for (line, target, user, task) in [
        ("i-1", "i-1", None, Task::Shell),
        ("bob@i-1 ls -l", "i-1", Some("bob"), command("ls -l")),
        ("-l bob i-1 -v ls -v", "i-1", Some("bob"), command("ls -v")),
        ("-lbob al@i-1", "i-1", Some("bob"), Task::Shell),
        ("-l=x i-1", "i-1", Some("=x"), Task::Shell),
        ("a@b@i-1", "i-1", Some("a@b"), Task::Shell),
        ("i-1 -- ls -- -l", "i-1", None, command("ls -- -l")),
        ("-- i-1 -v", "i-1", None, command("-v")),
        ("i-1 ls --", "i-1", None, command("ls --")),
        ("-vTnp22 i-1 true", "i-1", None, command("true")),
        ("-oUser=bob i-1", "i-1", Some("bob"), Task::Shell),
        (
            "-o User=bob -o User=al i-1",
            "i-1",
            Some("bob"),
            Task::Shell,
        ),
        ("-o User=\"bob\" i-1", "i-1", Some("bob"), Task::Shell),
        ("ssh://bob@i-1", "i-1", Some("bob"), Task::Shell),
        ("ssh://i-1:22/", "i-1", None, Task::Shell),
        ("-s i-1 sftp", "i-1", None, Task::Subsystem("sftp".into())),
        ("i-1 -s sftp", "i-1", None, Task::Subsystem("sftp".into())),
        ("-N -D 1080 i-1", "i-1", None, Task::Forward),
        ("-oRemoteCommand=none i-1", "i-1", None, Task::Shell),
        ("i-1 -l DOM\\bob", "i-1", Some("DOM\\bob"), Task::Shell),
        ("-l $bob i-1", "i-1", Some("$bob"), Task::Shell),
        ("name:bob@web", "name:bob@web", None, Task::Shell),
        ("al@name:bob@web", "name:bob@web", Some("al"), Task::Shell),
        (
            "tag:team/role=x.cn-beijing",
            "tag:team/role=x.cn-beijing",
            None,
            Task::Shell,
        ),
        (
            "-o HostName=%h.cn-beijing i-1",
            "i-1.cn-beijing",
            None,
            Task::Shell,
        ),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let plan = plan(&words);
        let user = user.map(str::to_owned);
        assert_eq!((plan.target.as_str(), plan.user), (target, user), "{line}");
        assert_eq!(plan.task, task, "{line}");
    }
    // An empty command is none.
    assert_eq!(plan(&["i-1", ""]).task, Task::Shell);
    assert_eq!(plan(&["i-1", "", ""]).task, command(" "));
    assert_eq!(plan(&["-oRemoteCommand=ls", "i-1", ""]).task, command("ls"));
    let remote = plan(&["-W", "db:3306", "i-1"]);
    assert_eq!(remote.task, Task::Proxy(Remote::new(Some("db"), 3306)));
    let master = plan(&["-O", "check", "-S/tmp/x", "i-1"]);
    let path = Some("/tmp/x".to_owned());
    assert_eq!(master.task, Task::Master(MasterCommand::Check, path));
    let configured = plan(&["-o", "RemoteCommand echo '%h'  100%% # all", "i-1"]);
    assert_eq!(configured.task, command("echo 'i-1'  100% # all"));
}

#[test]
fn terminals() {
    for (line, terminal) in [
        ("i-1", TtyRequest::IfLocal),
        ("i-1 ls", TtyRequest::Never),
        ("-t i-1 ls", TtyRequest::IfLocal),
        ("-tt i-1 ls", TtyRequest::Always),
        ("-t -t i-1 ls", TtyRequest::Always),
        ("-ttt i-1 ls", TtyRequest::IfLocal),
        ("-oRequestTTY=force -t i-1 ls", TtyRequest::IfLocal),
        ("-T i-1", TtyRequest::Never),
        ("-tt -T i-1", TtyRequest::Never),
        ("-T -t i-1 ls", TtyRequest::IfLocal),
        ("-n i-1", TtyRequest::Never),
        ("-ntt i-1", TtyRequest::Always),
        ("-o RequestTTY=force i-1 ls", TtyRequest::Always),
        ("-tt -N -L 1:x:1 i-1", TtyRequest::Never),
        ("-tt -W x:1 i-1", TtyRequest::Never),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(plan(&words).terminal, terminal, "{line}");
    }
}

#[test]
fn times_and_levels() {
    let plan = plan(&[
        "-vv",
        "-oConnectTimeout=1m",
        "-oServerAliveInterval=20",
        "-oServerAliveCountMax=6",
        "i-1",
    ]);
    assert_eq!(plan.connect_timeout, Some(Duration::from_secs(60)));
    assert_eq!(plan.keepalive, Some(Duration::from_secs(20)));
    assert_eq!(plan.dead_after, Some(Duration::from_secs(120)));
    assert_eq!(plan.log_level, super::LogLevel::Debug2);
}

/// Each plan in axt's own arguments.
#[test]
fn plans_in_axts_own_arguments() {
    for (line, words) in [
        ("i-1", "connect -T --login i-1"),
        (
            "-l bob i-1.cn-beijing ls -l",
            "connect --user=bob -T --command=ls -l i-1.cn-beijing",
        ),
        ("-tt i-1 top", "connect -t --command=top i-1"),
        (
            "-qn -e ^] i-1 ls",
            "connect -q -T -n --escape-char=^] --command=ls i-1",
        ),
        (
            "-vv -E log i-1 ls",
            "connect -vv --log-file=log -T --command=ls i-1",
        ),
        (
            "-oConnectTimeout=9 -oServerAliveInterval=600 i-1 ls",
            "connect --connect-timeout=9s --keepalive=170s --dead-after=1800s -T --command=ls i-1",
        ),
        ("-C i-1 ls", "connect -T --compress=auto --command=ls i-1"),
        (
            "-oCompression=no i-1 ls",
            "connect -T --compress=never --command=ls i-1",
        ),
        ("-W [::1]:22 i-1", "proxy --target-server=::1 i-1 22"),
        ("-W localhost:22 i-1", "proxy i-1 22"),
    ] {
        let args: Vec<&str> = line.split(' ').collect();
        let plan = plan(&args);
        let task = plan
            .task_words(&Here::default())
            .unwrap()
            .join(" ".as_ref());
        assert_eq!(task, words, "{line}");
        assert_eq!(plan.forward_words(), None, "{line}");
    }
    let terminal = Here {
        stdin_is_terminal: true,
        ..Here::default()
    };
    let shell = plan(&["i-1"]).task_words(&terminal).unwrap();
    assert_eq!(shell.join(" ".as_ref()), "connect -t --login i-1");
    let forwards = plan(&["-NgL80:db:1", "-L[::1]:81:x:2", "-Dlocalhost:3", "i-1"]);
    assert_eq!(forwards.task_words(&Here::default()), None);
    assert_eq!(
        forwards.forward_words().unwrap().join(" ".as_ref()),
        "forward --max-sessions=20 -L*:80:[db]:1 -L[::1]:81:[x]:2 -D3 i-1"
    );
}

#[test]
fn forwards_and_their_addresses() {
    let binds = |words: &[&str]| -> Vec<Option<String>> {
        let plan = plan(words);
        plan.forwards.into_iter().map(|f| f.bind).collect()
    };
    let all = Some("*".to_owned());
    assert_eq!(binds(&["-L", "80:x:1", "-D", "1080", "i-1"]), [None, None]);
    assert_eq!(
        binds(&["-g", "-L80:x:1", "-Llocalhost:81:x:1", "i-1"]),
        [all.clone(), None]
    );
    assert_eq!(binds(&["-o", "LocalForward *:80 x:1", "i-1"]), [all]);
    assert!(binds(&["-L80:x:1", "-oClearAllForwardings=yes", "i-1"]).is_empty());
    assert!(binds(&["-L80:x:1", "-W", "x:1", "i-1"]).is_empty());
}

#[test]
fn variables_are_chosen_by_pattern() {
    let plan = plan(&[
        "-oSendEnv=LC_* LANG GIT_PROTOCOL",
        "-oSendEnv=-LC_*",
        "-oSetEnv=A='x y' LANG=C",
        "-oSetEnv=B=ignored",
        "i-1",
    ]);
    let here = Here {
        variables: ["LC_ALL", "LANG", "GIT_PROTOCOL", "A"]
            .map(str::to_owned)
            .into(),
        ..Here::default()
    };
    let words = plan.task_words(&here).unwrap();
    let words = words.iter().filter_map(|word| word.to_str());
    let sent: Vec<&str> = words
        .filter_map(|word| word.strip_prefix("--env="))
        .collect();
    assert_eq!(sent, ["LANG", "GIT_PROTOCOL", "A=x y", "LANG=C"]);
}

#[test]
fn what_can_not_be_had_is_named() {
    for (line, named) in [
        ("-A i-1", "-A"),
        ("-X i-1", "-X"),
        ("-Y i-1", "-Y"),
        ("-f i-1 ls", "--exec"),
        ("-R 1:x:1 i-1", "-R"),
        ("-J jump i-1", "-J"),
        ("-w 0 i-1", "-w"),
        ("-p 2222 i-1", "2222"),
        ("ssh://i-1:2222", "2222"),
        ("-o ForwardAgent=yes i-1", "ForwardAgent"),
        ("-o ProxyJump=jump i-1", "ProxyJump"),
        ("-o ProxyCommand=nc i-1", "ProxyCommand"),
        ("-o PermitLocalCommand=yes i-1", "PermitLocalCommand"),
        ("-o Bogus=1 i-1", "Bogus"),
        ("-o RequestTTY=maybe i-1", "RequestTTY"),
        ("-o User= i-1", "User"),
        ("-o Host=x i-1", "Host"),
        ("-O forward i-1", "forward"),
        ("-O proxy i-1", "proxy"),
        ("-s i-1 netconf", "netconf"),
        ("-s i-1", "-s"),
        ("-N i-1", "without -L or -D"),
        ("-M -N -S /tmp/%C i-1", "ControlPersist"),
        ("-L /a:/b i-1", "-L: sockets in the file system"),
        ("-L /a:x:1 i-1", "-L: sockets in the file system"),
        ("-D /a i-1", "-D: sockets in the file system"),
        ("-L 80:81 i-1", "-L: expected [BIND:]PORT:HOST:HOSTPORT"),
        ("-L localhost:80:81 i-1", "-L: expected [BIND:]PORT:HOST"),
        (
            "-oLocalForward=80:x:1 i-1",
            "LocalForward: expected [BIND:]PORT HOST:HOSTPORT",
        ),
        ("-D x i-1", "-D"),
        ("-D 0 i-1", "the local port can't be 0"),
        ("-L 0:x:1 i-1", "the local port can't be 0"),
        ("-oLocalForward=0=x:1 i-1", "LocalForward"),
        ("-W x i-1", "-W"),
        ("-e xyz i-1", "-e"),
        ("-Q cipher i-1", "-Q"),
        ("-z i-1", "-z"),
        ("--version", "--version"),
        ("-l", "-l"),
        ("-l  i-1", "-l: a value is missing"),
        ("-l a\\ i-1", "can't be the name of a user"),
        ("a`b@i-1", "can't be the name of a user"),
        ("-oHostName=al@i-1 i-1", "can't be the name of an instance"),
        ("-v", "host is missing"),
        (
            "-i i-1",
            "\nhint: -i names a key, as with ssh; try `axt ssh i-1`",
        ),
        ("-i i-1 -u root", "try `axt ssh root@i-1`"),
        ("-u root -i i-1", "try `axt ssh root@i-1`"),
        ("--instance i-1", "try `axt ssh i-1`"),
        ("--instance=i-1 ls", "try `axt ssh i-1`"),
        ("@i-1", "@i-1"),
        ("-N -s i-1 sftp", "-N"),
        ("-oRemoteCommand=x i-1 ls", "RemoteCommand"),
        ("-oRemoteCommand=%Z i-1", "%Z"),
        ("-- -i-1", "-i-1"),
        ("-F nowhere i-1", "nowhere"),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let problem = ask(&words).expect_err(line);
        assert!(problem.contains(named), "{line}: {problem}");
    }
    // A command that leads elsewhere than axt does.
    for (command, named) in [
        (
            "axt --profile=nobody proxy other 2222",
            "not through a program",
        ),
        ("axt proxy %h 2222", "not through a program"),
        ("axt proxy %h %p; id", "not through a program"),
        ("axt proxy", "not through a program"),
        ("axt-2 proxy %h %p", "not through a program"),
        (
            "/opt/axt --profile=a%%b '--region=cn x' proxy %h %p",
            "`axt '--profile=a%b' '--region=cn x' ssh -o ProxyCommand=none …`",
        ),
    ] {
        let option = format!("-oProxyCommand={command}");
        let problem = ask(&[&option, "i-1"]).expect_err(command);
        assert!(problem.starts_with("ProxyCommand: "), "{problem}");
        assert!(problem.contains(named), "{command}: {problem}");
        assert!(ask(&["-oProxyCommand=none", &option, "i-1"]).is_ok());
    }
    // Each of several.
    let problem = ask(&["-A", "-X", "-p1", "i-1"]).unwrap_err();
    assert_eq!(problem.lines().count(), 3, "{problem}");
}

#[test]
fn sessions_are_shared_by_the_control_path() {
    use crate::cli::ControlOptions;
    assert_eq!(plan(&["i-1"]).control, None);
    for words in [["-S", "none"], ["-o", "ControlPath=none"]] {
        let words = [&words[..], &["-oControlMaster=auto", "i-1"]].concat();
        assert_eq!(plan(&words).control, Some(ControlOptions::off()));
    }
    let control = plan(&["-S", "/c", "i-1"]).control.expect("a control");
    assert_eq!((control.path.as_deref(), control.keep), (Some("/c"), None));
}

#[test]
fn what_makes_no_difference_is_accepted() {
    let plan = plan(&[
        "-4axk2",
        "-i/key",
        "-caes",
        "-oStrictHostKeyChecking=no",
        "-oForwardX11 no",
        "-oForwardAgent=no",
        "-oPermitLocalCommand=no",
        "-oClearAllForwardings=yes",
        "-oProxyCommand=/usr/bin/axt proxy %h %p",
        "-oProxyCommand=axt proxy %h 22",
        "-oProxyCommand=axt proxy %h",
        "-oIgnoreUnknown=Foo*",
        "-oFooBar=1",
        "-oControlMaster=ask",
        "i-1",
    ]);
    let names = [
        "-4",
        "-a",
        "-x",
        "-k",
        "-2",
        "-i",
        "-c",
        "StrictHostKeyChecking",
        "ForwardX11",
        "ForwardAgent",
        "PermitLocalCommand",
        "ProxyCommand",
        "FooBar",
        "ControlMaster=ask",
        "ClearAllForwardings",
    ];
    assert_eq!(plan.without_effect, names);
    // What has an effect is not named.
    for words in [
        &["-oClearAllForwardings=yes", "-D1", "i-1"][..],
        &["-W", "x:1", "i-1"],
    ] {
        assert!(self::plan(words).without_effect.is_empty(), "{words:?}");
    }
    // The last flag counts, and beats a keyword.
    for words in [
        &["-A", "-a", "i-1"][..],
        &["-oForwardAgent=yes", "-a", "i-1"],
    ] {
        assert!(ask(words).is_ok(), "{words:?}");
    }
}

#[test]
fn a_file_counts_for_the_hosts_that_it_names() {
    const FILE: &str = "
        User everyone-first
        Host web-* !web-9
          HostName i-%h
          ForwardAgent yes
          SendEnv LC_*
        Host web-1
          HostName late
          SendEnv LANG
        Match originalhost db user everyone-first
          RemoteCommand psql
        ";
    let files = [("f", FILE)];
    let web = run(ask_with(&files, &["-F", "f", "web-1"]));
    assert_eq!(web.target, "i-web-1");
    assert_eq!(web.user.as_deref(), Some("everyone-first"));
    assert_eq!(web.warnings.len(), 1, "{:?}", web.warnings);
    let other = run(ask_with(&files, &["-Ff", "web-9"]));
    assert_eq!((other.target.as_str(), other.task), ("web-9", Task::Shell));
    let db = run(ask_with(&files, &["-Ff", "db"]));
    assert_eq!(db.task, command("psql"));
    let named = run(ask_with(&files, &["-Ff", "bob@db"]));
    assert_eq!(named.task, Task::Shell);
    // The content of a block for others is checked all the same.
    let files = [("f", "Host others\n  Bogus yes\n")];
    let problem = ask_with(&files, &["-Ff", "db"]).unwrap_err();
    assert!(problem.starts_with("f line 2: "), "{problem}");
}

#[test]
fn a_match_line_is_judged_as_ssh_does() {
    for (criteria, matches) in [
        ("host=I-WEB-*", true),
        ("Host i-web-1", true),
        ("host web-1", false),
        ("originalhost=WEB-1 user=bob", true),
        ("user BOB", false),
        ("canonical", true),
        ("final all", true),
        ("!final host i-web-1", true),
        ("final host other", false),
    ] {
        let text = format!(
            "User bob\nHost web-*\n HostName i-%h\n LocalForward 1 x:1\nMatch {criteria}\n RemoteCommand ls\n"
        );
        let plan = run(ask_with(&[("f", &text)], &["-Ff", "web-1"]));
        // Without `final` the file is read once, and `canonical` is never so.
        let matches = matches && criteria != "canonical";
        let task = if matches { command("ls") } else { Task::Shell };
        assert_eq!(plan.task, task, "{criteria}");
        assert_eq!(plan.forwards.len(), 1, "{criteria}");
    }
    for criteria in ["final user bob all", "all final", "user=bob all"] {
        let text = format!("User bob\nMatch {criteria}\n");
        let problem = ask_with(&[("f", &text)], &["-Ff", "web-1"]).unwrap_err();
        assert!(
            problem.contains("the only criterion"),
            "{criteria}: {problem}"
        );
    }
}

#[test]
fn tokens_of_a_command_are_those_of_ssh() {
    let file = "Host web\n HostName i-1\n RemoteCommand echo %n %h %p %r%%\n";
    let plan = run(ask_with(&[("f", file)], &["-Ff", "bob@web"]));
    assert_eq!(plan.task, command("echo web i-1 22 bob%"));
}

#[test]
fn a_nul_in_a_file_is_refused() {
    let files = [("f", "Host *\n User a\0b\n")];
    let problem = ask_with(&files, &["-Ff", "x"]).unwrap_err();
    assert_eq!(problem, "f line 2: it holds a NUL character");
}

#[test]
fn files_include_each_other() {
    let files = [
        (
            "f",
            "Host a\n Include g\nUser outer\nHost *\n Include missing\n Port 22",
        ),
        ("g", "Host b\n User wrong\nHost a\n User inner"),
        ("loop", "Include loop"),
        ("tree", "Include a a a a\nInclude a a a a"),
        ("a", "Include b b b b\nInclude b b b b"),
        ("b", "Include c c c c\nInclude c c c c"),
        ("c", ""),
    ];
    let plan = run(ask_with(&files, &["-Ff", "a"]));
    assert_eq!(plan.user.as_deref(), Some("inner"));
    let plan = run(ask_with(&files, &["-Ff", "b"]));
    assert_eq!(plan.user, None);
    let problem = ask_with(&files, &["-Floop", "a"]).unwrap_err();
    assert!(problem.contains("16"), "{problem}");
    let problem = ask_with(&files, &["-Ftree", "a"]).unwrap_err();
    assert!(problem.contains("256"), "{problem}");
}

#[test]
fn what_only_ssh_can_judge_is_refused_where_it_matters() {
    let files = [("f", "Match host x exec true\n User a\n")];
    assert!(ask_with(&files, &["-Ff", "y"]).is_ok());
    let problem = ask_with(&files, &["-Ff", "x"]).unwrap_err();
    assert!(problem.contains("exec"), "{problem}");
}

#[test]
fn version_and_settings_are_answered_at_once() {
    assert_eq!(ask(&["-V", "--bogus"]), Ok(SshRequest::Version));
    assert!(super::VERSION.starts_with("OpenSSH_9.2p1 compatible, axt "));
    // Even with what would be refused.
    assert!(matches!(
        ask(&["-G", "-p2222", "-A", "i-1"]),
        Ok(SshRequest::Settings(text)) if text.contains("\nport 2222\n")
    ));
}

proptest! {
    #[test]
    fn the_command_stays_as_it_is(
        options in prop::collection::vec(
            prop::sample::select(vec!["-v", "-vT", "-l", "-oBatchMode=yes", "-4", "-e", "-S"]), 0..5),
        words in prop::collection::vec("[a-z -]{0,6}", 1..6),
    ) {
        let mut args: Vec<OsString> = Vec::new();
        for option in options {
            args.push(option.into());
            if matches!(option, "-l" | "-e" | "-S") {
                args.push("x".into());
            }
        }
        args.extend(["i-1".into(), "--".into()]);
        args.extend(words.iter().map(OsString::from));
        let plan = run(request(args, &Written(BTreeMap::new())));
        let task = match words.join(" ").as_str() {
            "" => Task::Shell,
            words => command(words),
        };
        prop_assert_eq!(plan.task, task);
    }

    #[test]
    fn anything_is_read_or_refused(
        args in prop::collection::vec("(-[a-zA-Z0-9]{1,3}|-o[a-zA-Z]{1,8}[= ].{0,8}|.{0,8})", 0..8),
    ) {
        let args = args.into_iter().map(OsString::from).collect();
        let _ = request(args, &Written(BTreeMap::new()));
    }
}
