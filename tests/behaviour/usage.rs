//! The command line: what flags and variables mean together, and how a mistake is told.

use crate::support::axt::{Cloud, Done, axt, run};

/// Runs `axt WORDS…` with these variables and without a service.
fn told(variables: &[(&str, &str)], words: &str) -> Done {
    let mut command = axt(words.split_whitespace());
    command.envs(variables.iter().copied());
    run(command, b"")
}

/// What a usage error says, with its status.
fn refused(variables: &[(&str, &str)], words: &str) -> String {
    let done = told(variables, words);
    assert_eq!(done.text(), "", "{words}");
    format!("exit {}\n{}", done.status, done.stderr)
}

#[test]
fn a_usage_error_is_told_in_lines_of_axts() {
    insta::assert_snapshot!(refused(&[], "connect i-1 --bogus"), @r"
    exit 255
    axt: unexpected argument '--bogus' found
    axt: usage: axt connect [OPTIONS] [[USER@]TARGET] [CMD]... [-- <ARGV>...]
    axt: hint: for more, try '--help'.
    ");
    insta::assert_snapshot!(refused(&[], "connect i-1 --timout 3s ls"), @r"
    exit 255
    axt: unexpected argument '--timout' found
    axt: hint: a similar argument exists: '--timeout'
    axt: usage: axt connect [OPTIONS] [[USER@]TARGET] [CMD]... [-- <ARGV>...]
    axt: hint: for more, try '--help'.
    ");
    // What a variable says is not asked for, and what has to be given is.
    let variables = [("AXT_ENDPOINT", "http://127.0.0.1:9"), ("AXT_POD", "pod")];
    insta::assert_snapshot!(refused(&variables, "webshell --rate-limit fast"), @r"
    exit 255
    axt: invalid value 'fast' for '--rate-limit <SIZE/S>': a size has the form 2048, 200K or 1.5M
    axt: hint: for more, try '--help'.
    ");
    insta::assert_snapshot!(refused(&variables, "connect i-1 --keepalive"), @r"
    exit 255
    axt: a value is required for '--keepalive <DURATION>' but none was supplied
    axt: hint: a duration has the form 500ms, 90s or 5m
    ");
    insta::assert_snapshot!(refused(&variables, "sessions list --limit few"), @r"
    exit 2
    axt: invalid value 'few' for '--limit <N>': it takes a whole number
    axt: hint: for more, try '--help'.
    ");
    insta::assert_snapshot!(refused(&[], "sessions list --limit"), @r"
    exit 2
    axt: a value is required for '--limit <N>' but none was supplied
    axt: hint: it takes a whole number
    ");
    insta::assert_snapshot!(refused(&[("AXT_NO_RESUME", "maybe")], "connect i-1"), @r"
    exit 255
    axt: invalid value 'maybe' for AXT_NO_RESUME: it takes 1 or 0, true or false, yes or no, on or off
    axt: hint: for more, try '--help'.
    ");
    insta::assert_snapshot!(refused(&variables, "webshell"), @r"
    exit 255
    axt: the following required arguments were not provided:
    axt:   --app-id <ID>
    axt: usage: axt webshell [OPTIONS] --app-id <ID> [CMD]... [-- <ARGV>...]
    axt: hint: for more, try '--help'.
    ");
    insta::assert_snapshot!(refused(&[("AXT_EMULATOR", "1")], "--emulator connect i-1"), @r"
    exit 255
    axt: unexpected argument '--emulator' found
    axt: hint: 'connect --emulator' exists
    axt: usage: axt [OPTIONS] <COMMAND>
    axt: hint: for more, try '--help'.
    ");
    insta::assert_snapshot!(refused(&[], "sesions list"), @r"
    exit 2
    axt: unrecognized subcommand 'sesions'
    axt: hint: a similar subcommand exists: 'sessions'
    axt: usage: axt [OPTIONS] <COMMAND>
    axt: hint: for more, try '--help'.
    ");
}

#[test]
fn a_value_that_makes_no_sense_is_told_with_the_name_of_its_variable() {
    let first = |variables: &[(&str, &str)], words: &str| {
        let told = refused(variables, words);
        told.lines().nth(1).unwrap_or_default().to_owned()
    };
    let given = first(&[("AXT_KEEPALIVE", "fast")], "connect i-1 --keepalive slow");
    assert!(
        given.starts_with("axt: invalid value 'slow' for '--keepalive <DURATION>': "),
        "{given}"
    );
    let given = first(&[("AXT_KEEPALIVE", "fast")], "connect i-1");
    assert!(
        given.starts_with("axt: invalid value 'fast' for AXT_KEEPALIVE: "),
        "{given}"
    );
    let given = first(&[("AXT_QUIET", "maybe")], "connect i-1");
    assert!(
        given.starts_with("axt: invalid value 'maybe' for AXT_QUIET: "),
        "{given}"
    );
    let both = [
        ("AXT_EMULATOR", "yes"),
        ("AXT_ENDPOINT", "http://me:hush@127.0.0.1"),
    ];
    let given = first(&both, "connect i-1");
    assert_eq!(
        given,
        "axt: the argument AXT_EMULATOR cannot be used with AXT_ENDPOINT"
    );
}

#[test]
fn switches_take_the_usual_words() {
    let cloud = Cloud::new();
    for (word, quiet) in [
        ("1", true),
        ("true", true),
        ("yes", true),
        ("On", true),
        ("0", false),
        ("false", false),
        ("no", false),
        ("off", false),
        ("", false),
    ] {
        let mut command = cloud.axt(["forward", "i-1", "-L", "0:80", "--exec", "--", "true"]);
        command.env("AXT_QUIET", word);
        let done = run(command, b"");
        assert_eq!(
            (done.status, done.stderr.is_empty()),
            (0, quiet),
            "{word}: {done:?}"
        );
    }
}

#[test]
fn what_is_typed_wins_against_a_variable_that_does_not_go_with_it() {
    let variables = [
        ("AXT_ENDPOINT", "http://127.0.0.1:9"),
        ("AXT_WSS_URL", "ws://127.0.0.1:9/"),
        ("AXT_JSON", "true"),
        ("AXT_COMMAND", "false"),
        ("AXT_TTY", "true"),
    ];
    let done = told(&variables, "connect i-1 --emulator -n -- echo there");
    assert_eq!(
        (done.status, done.text().as_str()),
        (0, "there\n"),
        "{done:?}"
    );
    let done = told(
        &variables,
        "forward i-1 --emulator -q -L 0:80 --exec -- echo there",
    );
    assert_eq!(
        (done.status, done.text().as_str()),
        (0, "there\n"),
        "{done:?}"
    );
    let done = told(
        &[("AXT_EMULATOR", "1")],
        "connect i-1 --wss-url ws://127.0.0.1:9/ -n -c true",
    );
    assert_eq!(done.status, 255);
    assert!(done.stderr.contains("127.0.0.1:9"), "{}", done.stderr);
}

#[test]
fn a_user_before_the_target_beats_the_variable() {
    let user = |words: &str| {
        let words = format!("config show {words} --json");
        let shown = told(&[("AXT_USER", "al")], &words).text();
        let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
        shown["settings"]["user"]["value"]
            .as_str()
            .map(str::to_owned)
    };
    assert_eq!(user("i-1").as_deref(), Some("al"));
    assert_eq!(user("bob@i-1").as_deref(), Some("bob"));
    assert_eq!(user("bob@i-1 --user eve").as_deref(), Some("eve"));
    // The session is bob's, whom this machine lacks; al it would lack as well.
    let variables = [("AXT_USER", "no-al")];
    for words in [
        "connect no-bob@i-1 --emulator -n -- true",
        "ssh no-bob@i-1 true",
    ] {
        let mut command = axt(words.split(' '));
        command.envs(variables).env("AXT_EMULATOR", "1");
        let done = run(command, b"");
        assert!(done.stderr.contains("no-bob"), "{words}: {done:?}");
        assert!(!done.stderr.contains("no-al"), "{words}: {done:?}");
    }
}

#[test]
fn the_short_help_names_no_variables_and_none_shows_their_values() {
    let secret = [
        ("AXT_WSS_URL", "wss://host/?token=hush"),
        ("AXT_ENDPOINT", "https://me:hush@host"),
    ];
    for (words, named) in [
        ("connect -h", false),
        ("connect -vh", false),
        ("connect --help", true),
        ("help connect", true),
    ] {
        let done = told(&secret, words);
        let help = done.text() + &done.stderr;
        assert!(help.contains("Usage: axt "), "{words}: {help}");
        assert_eq!(
            help.contains("[env: AXT_ENDPOINT]"),
            named,
            "{words}: {help}"
        );
        assert!(!help.contains("hush"), "{words}: {help}");
    }
}

/// What a command with this verbosity says on its standard error.
fn log(cloud: &Cloud, verbose: &str) -> String {
    let mut command = cloud.axt(["connect", "i-test", "-n", "-c", "echo hi"]);
    command.env_remove("AXT_LOG_FILE");
    command.env("AXT_VERBOSE", verbose);
    let done = run(command, b"");
    assert_eq!(done.status, 0, "{}", done.stderr);
    let all = done.stderr.lines().all(|line| line.starts_with("axt: "));
    assert!(all, "{}", done.stderr);
    done.stderr
}

#[test]
fn each_level_of_the_log_says_more_in_lines_of_axts() {
    let cloud = Cloud::new();
    let (address, keys) = (cloud.emulator.address(), cloud.emulator.credentials());
    let levels = [
        vec![
            "axt: INFO region cn-hangzhou (from ALIBABA_CLOUD_REGION_ID)".to_owned(),
            "axt: INFO credentials: ".to_owned(),
            format!("axt: INFO API: {address} directly, without TLS"),
            "axt: INFO asking for a session with i-test".to_owned(),
            "axt: INFO session started session=\"s-".to_owned(),
            format!("axt: INFO connected to the gateway {address} directly, without TLS took="),
            "axt: INFO the session is open took=".to_owned(),
        ],
        vec![
            "axt: DEBUG received frame=Status ".to_owned(),
            "axt: DEBUG send frame=Input ".to_owned(),
        ],
        vec!["axt: TRACE output written bytes=3".to_owned()],
    ];
    for (level, said) in ["1", "2", "3"].into_iter().zip(1..) {
        let log = log(&cloud, level);
        for (at, lines) in levels.iter().enumerate() {
            for line in lines {
                assert_eq!(log.contains(line), at < said, "-v {level}: {line}: {log}");
            }
        }
        assert!(!log.contains(&keys.access_key_secret));
    }
}

#[cfg(unix)]
#[test]
fn a_log_file_is_for_its_owner_alone_even_if_it_was_there() {
    use std::os::unix::fs::PermissionsExt;
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path();
    std::fs::write(path, "before\n").unwrap();
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o644)).unwrap();
    let cloud = Cloud::new();
    let done = cloud.connect(
        ["--log-file", path.to_str().unwrap(), "-n", "-c", "true"],
        b"",
    );
    assert_eq!((done.status, done.stderr.as_str()), (0, ""));
    let mode = std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let text = std::fs::read_to_string(path).unwrap();
    assert_eq!(mode, 0o600);
    assert!(
        text.starts_with("before\n") && text.contains("session started"),
        "{text}"
    );
}
