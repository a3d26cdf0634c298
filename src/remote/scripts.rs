//! The scripts that run at the remote side: the first stage, the runner, and what sets a command up.

use super::tools::Tools;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;

/// The first stage, in its readable form.
const BOOTSTRAP: &str = include_str!("scripts/bootstrap.sh");

/// The beginning of every second stage.
const SHELL: &str = include_str!("scripts/shell.sh");

/// The second stage that runs commands.
const RUNNER: &str = include_str!("scripts/runner.sh");

/// The second stage of a program that has the terminal.
const TERMINAL: &str = include_str!("scripts/terminal.sh");

/// A login shell on a terminal.
const LOGIN: &str = include_str!("scripts/login.sh");

/// The shell that becomes a command of the runner.
const COMMAND: &str = include_str!("scripts/command.sh");

/// The script that joins the pieces of a command that is too long for one argument.
const PIECES: &str = include_str!("scripts/pieces.sh");

/// The option that makes a shell a login shell.
const LOGIN_OPTION: &str = include_str!("scripts/login_option.sh");

/// The script that becomes an sftp-server.
const SFTP_SERVER: &str = include_str!("scripts/sftp_server.sh");

/// The service's limit for CommandLine, in characters.
const LONGEST_COMMAND_LINE: usize = 512;

/// Encoded chunks longer than this, in characters, are followed by compressed ones.
const GZIP_FROM: &str = "5000";

/// No chunk is that long.
const GZIP_NEVER: &str = "200000";

/// Chunks that go uncompressed at first where all are to.
const UNCOMPRESSED: &str = "999999999";

/// An argument may hold no more than 128 KiB on Linux, a NUL included; pieces of a longer command hold this
/// much.
const PIECE: usize = 128 * 1024 - 1;

/// A command, and how it is to run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteCommand {
    /// The command.
    pub what: What,
    /// The shell to run it with instead of the user's.
    pub shell: Option<Vec<u8>>,
    /// True for a login shell.
    pub login: bool,
    /// Environment variables, by name and value; each name is one that a shell takes.
    pub env: Vec<(String, Vec<u8>)>,
    /// Compress nothing of it, even if the runner could.
    pub uncompressed: bool,
}

/// The command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// A shell command line: any bytes but NUL.
    Line(Vec<u8>),
    /// The script on standard input, or, on a terminal, what is typed; by this program with these
    /// arguments, if they are given.
    Script(Option<Vec<Vec<u8>>>),
}

impl Default for What {
    fn default() -> Self {
        Self::Script(None)
    }
}

/// The command line for the agent, which splits words as a shell would, expands nothing and starts `sh`.
/// `nonce` announces the answer.
pub(super) fn command_line(nonce: &str) -> String {
    format!("sh -c '{}'", one_line(BOOTSTRAP).replace("NONCE", nonce))
}

/// The command line for any shell of a user that becomes an sftp-server.
#[must_use]
pub(crate) fn sftp_server() -> String {
    format!("exec sh -c '{}'", one_line(SFTP_SERVER))
}

/// The command line that makes the agent run a login shell with these variables; its status comes after a
/// control character and `word`. Variables that can't be written there, or for which there is no room, are
/// left out, the longest first; their names are returned.
pub(super) fn login(word: &str, env: &[(String, Vec<u8>)]) -> (String, Vec<String>) {
    let (first, second) = word.split_at(word.len() / 2);
    let text = one_line(LOGIN)
        .replace("FIRST", first)
        .replace("SECOND", second);
    let mut left_out = Vec::new();
    let mut kept = Vec::new();
    for (name, value) in env {
        match in_double_quotes(value) {
            Some(value) => kept.push(format!("{name}={value}")),
            None => left_out.push(name.clone()),
        }
    }
    loop {
        let line = format!("sh -c '{}'", text.replace("VARIABLES", &kept.join(" ")));
        let longest = (0..kept.len()).max_by_key(|at| kept.get(*at).map(String::len));
        match longest {
            Some(at) if line.chars().count() > LONGEST_COMMAND_LINE => {
                let variable = kept.remove(at);
                let name = variable.split('=').next().unwrap_or_default();
                left_out.push(name.to_owned());
            }
            _ => return (line, left_out),
        }
    }
}

/// A value for a script in single quotes: as it is, or in double quotes.
fn in_double_quotes(value: &[u8]) -> Option<String> {
    let value = std::str::from_utf8(value).ok()?;
    if value.contains(['\'', '!']) || value.chars().any(char::is_control) {
        return None;
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.,:/@%+".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        return Some(value.to_owned());
    }
    let mut quoted = String::from("\"");
    for c in value.chars() {
        if "\\\"$`".contains(c) {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    Some(quoted)
}

/// The line to type at the prompt of a shell, which is replaced by the runner, so that both end as one. The
/// space keeps the line out of histories that ignore such lines.
#[must_use]
pub fn typed_line(command_line: &str) -> Vec<u8> {
    format!(" exec {command_line}\r").into_bytes()
}

/// The runner for these tools, which must not lack any that is needed.
pub(super) fn runner(tools: &Tools, compress: bool, mark: &str, sentinel: &str) -> String {
    let mut text = second_stage(RUNNER);
    // Long names are for readers.
    for (long, short) in [
        ("_guard", "_g"),
        ("_relay", "_a"),
        ("_enc", "_e"),
        ("_work", "_b"),
        ("_feed", "_f"),
        ("_stop", "_j"),
        ("_one", "_o"),
        ("HUP INT TERM QUIT", "1 2 15 3"),
        ("HUP USR2", "1 USR2"),
        ("-HUP", "-1"),
    ] {
        text = text.replace(long, short);
    }
    let gzip = if compress { GZIP_FROM } else { GZIP_NEVER };
    text = text.replace("GZIP_FROM", gzip);
    text = text.replace("base64 -w3900", tools.encoder().unwrap_or("false"));
    text = match tools.own_session() {
        Some(starter) => text.replace("setsid sh", &format!("{starter} sh")),
        // In one group with the command, which may have asked to go on.
        None => text
            .replace("setsid sh", "sh")
            .replace("_j\nkill -9 0\n", "_j\n"),
    };
    if !tools.has("full") {
        // Byte by byte: others may give up a block before it is whole.
        let (whole, single) = ("dd iflag=fullblock count=1 bs=", "dd bs=1 count=");
        text = text.replace(whole, single);
        // What nobody reads must be taken all the same.
        for (reads, short) in [("_r $_l;;", "_r $_l|(dd||"), ("gzip -dc;;", "(gzip -dc||")] {
            text = text.replace(reads, &format!("{short}(dd >/dev/null;false));;"));
        }
    }
    text.replace("MARK", mark).replace("SENTINEL", sentinel)
}

/// The second stage that gives the terminal to a program.
pub(super) fn terminal(command: &RemoteCommand, mark: &str) -> Vec<u8> {
    let mut text = second_stage(TERMINAL).replace("MARK", mark);
    if !command.login {
        text = text.replace("cd||cd /\n", "");
    }
    let text = filled(&text, "PROGRAM", &words("exec", command));
    filled(&text, "EXPORTS", &exports(&command.env))
}

/// The beginning and this.
fn second_stage(text: &str) -> String {
    [lines(SHELL), lines(text)].join("\n")
}

/// The code of a script in lines.
fn lines(script: &str) -> String {
    tight(&code(script).collect::<Vec<_>>().join("\n"))
}

/// The code of a script in one line.
fn one_line(script: &str) -> String {
    tight(&code(script).collect::<Vec<_>>().join(";"))
}

/// The text with bytes in place of a word, which it has at most once.
fn filled(text: impl AsRef<[u8]>, word: &str, bytes: &[u8]) -> Vec<u8> {
    let text = text.as_ref();
    match memchr::memmem::find(text, word.as_bytes()) {
        Some(at) => {
            let (before, after) = text.split_at(at);
            let after = after.get(word.len()..).unwrap_or_default();
            [before, bytes, after].concat()
        }
        None => text.to_vec(),
    }
}

/// Sets and exports variables.
fn exports(env: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut text = Vec::new();
    for (name, value) in env {
        text.extend(format!("{name}=").bytes());
        text.extend(quote(value));
        text.extend(format!(";export {name};").bytes());
    }
    text
}

/// The script that runs one command in the runner with this mark. `group`: its process leads a group.
pub(super) fn setup(command: &RemoteCommand, group: bool, mark: &str) -> Vec<u8> {
    let mut shell = lines(COMMAND).replace("GROUP", if group { "-" } else { "" });
    if group {
        shell = shell.replace("trap '' USR2\n", "");
    }
    if command.env.is_empty() {
        shell = shell.replace("exec 2>&5\nEXPORTS\n", "");
    }
    let shell = filled(&shell, "EXPORTS", &exports(&command.env));
    let mut text = mark.as_bytes().to_vec();
    if command.uncompressed {
        text.extend(format!("_w={UNCOMPRESSED}\n").bytes());
    }
    text.extend(b"_i=");
    text.extend(quote(&shell));
    text.push(b'\n');
    text.extend(words("_o", command));
    text
}

/// The words of the program, behind `run`.
fn words(run: &str, command: &RemoteCommand) -> Vec<u8> {
    let shell = match &command.shell {
        Some(shell) => quote(shell),
        None => b"\"$SHELL\"".to_vec(),
    };
    let mut text = Vec::new();
    let login: &[u8] = if command.login { b" $_l" } else { b"" };
    if command.login {
        let alone = matches!(command.what, What::Script(_));
        let option = lines(LOGIN_OPTION).replace("ALONE", if alone { "-l" } else { "" });
        text.extend(filled(&option, "INTERPRETER", &shell));
        text.push(b'\n');
    }
    let mut run = |shell: &[u8], rest: &[&[u8]]| {
        text.extend(format!("{run} ").bytes());
        text.extend(shell);
        rest.iter().for_each(|part| text.extend(*part));
    };
    match &command.what {
        What::Line(line) if line.len() <= PIECE => run(&shell, &[login, b" -c ", &quote(line)]),
        What::Line(line) => {
            let pieces: Vec<_> = line.chunks(PIECE).map(quote).collect();
            let joined = format!(" -c '{}' sh ", one_line(PIECES));
            run(&shell, &[login, joined.as_bytes(), &pieces.join(&b' ')]);
        }
        What::Script(None) => run(&shell, &[login]),
        What::Script(Some(program)) => {
            let words: Vec<_> = program.iter().map(|word| quote(word)).collect();
            run(&words.join(&b' '), &[]);
        }
    }
    text
}

/// The program that a script names in its first line, made to read the script from standard input:
/// an sh, a python or a perl with its arguments. `None` leaves it to the user's shell.
#[must_use]
pub fn interpreter(first_line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let line = first_line.strip_prefix(b"#!")?;
    let words = line.split(|b| b.is_ascii_whitespace());
    let mut words: Vec<Vec<u8>> = words
        .filter(|w| !w.is_empty())
        .map(<[u8]>::to_vec)
        .collect();
    let name = |word: &Vec<u8>| {
        let word = String::from_utf8_lossy(word);
        word.rsplit('/').next().unwrap_or_default().to_owned()
    };
    if words.first().map(name).as_deref() == Some("env") {
        words.remove(0);
        if words.first().is_some_and(|word| word == b"-S") {
            words.remove(0);
        }
    }
    let program = words.first().map(name)?;
    let shells = ["sh", "ash", "bash", "dash", "ksh", "ksh93", "mksh", "zsh"];
    if shells.contains(&program.as_str()) {
        // An end of options, which would make a file name of what follows.
        words.pop_if(|word| word == b"-" || word == b"--");
        words.push(b"-s".to_vec());
    } else if program.starts_with("python") || program.starts_with("perl") {
        words.push(b"-".to_vec());
    } else {
        return None;
    }
    Some(words)
}

/// Words quoted for the user's shell, joined by spaces. fish and csh know other special characters between
/// quotes than `sh`, so these are outside of them.
#[must_use]
pub fn quote_all(words: &[OsString]) -> Vec<u8> {
    let quoted = words.iter().map(|word| {
        let mut quoted = vec![b'\''];
        for &byte in word.as_encoded_bytes() {
            match byte {
                b'\'' | b'\\' | b'!' => quoted.extend([b'\'', b'\\', byte, b'\'']),
                other => quoted.push(other),
            }
        }
        quoted.push(b'\'');
        quoted
    });
    quoted.collect::<Vec<_>>().join(&b' ')
}

/// Bytes as one shell word.
#[must_use]
pub fn quote(word: &[u8]) -> Vec<u8> {
    let mut quoted = vec![b'\''];
    for &byte in word {
        match byte {
            b'\'' => quoted.extend(b"'\\''"),
            other => quoted.push(other),
        }
    }
    quoted.push(b'\'');
    quoted
}

/// The lines of a script that are code, without their indentation.
pub(crate) fn code(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// The script without the spaces that no shell needs.
fn tight(text: &str) -> String {
    let mut text = text.to_owned();
    for (wide, narrow) in [
        (" | ", "|"),
        (" || ", "||"),
        (" && ", "&&"),
        ("; ", ";"),
        (" ;;", ";;"),
        (" >&", ">&"),
        (" </", "</"),
        (" >/", ">/"),
        ("() {", "(){"),
        ("(\n", "("),
        ("\n)", ")"),
        (") ", ")"),
        (";;\n", ";;"),
        ("\n;;", ";;"),
        (";;esac", ";esac"),
    ] {
        text = text.replace(wide, narrow);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usual() -> Tools {
        Tools::parse(b" stty dd id base64 openssl perl python3 setsid gzip fold -w full")
    }

    #[test]
    fn the_command_line_fits_and_holds_no_quote_of_its_own() {
        let line = command_line(&"0".repeat(20));
        assert!(line.len() <= 400, "{}: {line}", line.len());
        assert_eq!(line.matches('\'').count(), 2);
        assert!(!line.contains(['!', '\n', '#']), "{line}");
        assert_eq!(shlex::split(&line).map(|words| words.len()), Some(3));
    }

    #[test]
    fn a_login_shell_fits_whatever_its_variables_are() {
        let variable = |name: &str, len| (name.to_owned(), vec![b'v'; len]);
        let mark = "first0000second0000";
        let (line, left_out) = login(mark, &[variable("TERM", 14), variable("LANG", 10)]);
        assert!(line.len() <= 400, "{}: {line}", line.len());
        assert!(!line.contains(mark) && !line.contains("VARIABLES"));
        assert_eq!(left_out, [""; 0]);
        assert_eq!(shlex::split(&line).map(|words| words.len()), Some(3));
        let mut many = vec![("LC_BAD".to_owned(), b"it's".to_vec())];
        many.extend([
            variable("TERM", 20),
            variable("LC_A", 80),
            variable("LC_B", 160),
        ]);
        let (line, left_out) = login(mark, &many);
        assert!(line.len() <= 512, "{}: {line}", line.len());
        assert_eq!(left_out, ["LC_BAD", "LC_B"]);
        let (line, _) = login(mark, &[("X".to_owned(), br#"a "b" $c \d"#.to_vec())]);
        assert!(line.contains(r#"X="a \"b\" \$c \\d""#), "{line}");
    }

    #[test]
    fn the_runner_and_a_short_command_fit_one_message() {
        let runner = runner(&usual(), true, &"M".repeat(20), &"S".repeat(20));
        let command = RemoteCommand {
            what: What::Line(b"true".to_vec()),
            ..RemoteCommand::default()
        };
        let both = 16 + runner.len() + setup(&command, true, &"M".repeat(20)).len();
        assert!(both <= 2048, "{both}:\n{runner}");
    }

    #[test]
    fn other_tools_take_the_place_of_those_that_are_missing() {
        let minimal = Tools::parse(b" stty dd id perl");
        let text = runner(&minimal, false, "M", "S");
        for word in [
            "base64 -w",
            "setsid sh",
            "fullblock",
            "GZIP_FROM",
            "MARK",
            "SENTINEL",
        ] {
            assert!(!text.contains(word), "{word} in {text}");
        }
        assert!(
            text.contains("MIME::Base64") && text.contains("POSIX"),
            "{text}"
        );
        // The command's own group is killed by nobody.
        let last = "_j\nkill -9 0\n}";
        assert!(text.contains(last));
        let no_group = runner(&Tools::parse(b" stty dd id base64"), false, "M", "S");
        assert!(!no_group.contains(last), "{no_group}");
    }

    #[test]
    fn quoting_survives_every_byte() {
        assert_eq!(quote(b"it's $x"), b"'it'\\''s $x'");
        let words = ["ls", "-l", "a b"].map(OsString::from);
        assert_eq!(quote_all(&words), b"'ls' '-l' 'a b'");
    }

    #[test]
    fn a_script_names_its_interpreter() {
        let words = |line: &str| {
            let words = interpreter(line.as_bytes())?;
            let words: Vec<_> = words.iter().map(|w| String::from_utf8_lossy(w)).collect();
            Some(words.join(" "))
        };
        assert_eq!(words("#!/bin/sh").as_deref(), Some("/bin/sh -s"));
        assert_eq!(
            words("#! /bin/bash -eu\r").as_deref(),
            Some("/bin/bash -eu -s")
        );
        assert_eq!(
            words("#!/usr/bin/env python3").as_deref(),
            Some("python3 -")
        );
        assert_eq!(
            words("#!/usr/bin/env -S perl -w").as_deref(),
            Some("perl -w -")
        );
        for line in ["", "echo", "#!", "#!/usr/bin/awk -f", "#!/usr/bin/env"] {
            assert_eq!(words(line), None, "{line}");
        }
    }
}
