//! Hints for command lines of ssh and of other clients: the command line of axt that does the same.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::ffi::OsString;

/// The hint for a command line that was refused, if it looks like a habit. `knows` tells whether axt has a
/// command: a hint names only commands that exist.
pub(super) fn hint(
    error: &clap::Error,
    args: &[OsString],
    knows: impl Fn(&str) -> bool,
) -> Option<String> {
    let kind = match error.kind() {
        ErrorKind::InvalidSubcommand => ContextKind::InvalidSubcommand,
        ErrorKind::UnknownArgument => ContextKind::InvalidArg,
        _ => return None,
    };
    let Some(ContextValue::String(word)) = error.get(kind) else {
        return None;
    };
    let typed = TypedLine(args);
    match error.kind() {
        ErrorKind::InvalidSubcommand => command(word, &typed, knows),
        _ if typed.has("connect") || typed.has("webshell") => option(word, &typed),
        _ => None,
    }
}

/// The hint for a word in place of a command.
fn command(word: &str, typed: &TypedLine, knows: impl Fn(&str) -> bool) -> Option<String> {
    let target = typed.target().unwrap_or("TARGET");
    let known = |command: &str, line: String| knows(command).then_some(line);
    let line = match word {
        "session" if typed.has("list") => known("sessions", "axt sessions list".into())?,
        "session" if typed.has("end") => known("sessions", "axt sessions end ID".into())?,
        "exec" | "run" | "shell" | "login" | "session" | "attach" | "console" => {
            format!("axt connect {target}")
        }
        "portforward" | "port-forward" | "tunnel" => {
            let remote = typed.value(&["-r", "--remote-port"]).unwrap_or("PORT");
            let local = typed.value(&["-l", "--local-port"]).unwrap_or(remote);
            format!("axt forward {target} -L {local}:{remote}")
        }
        "socks" => format!("axt forward {target} -D 1080"),
        "send_public_key" | "send-public-key" => {
            return Some(tr!(
                "no key is needed: `axt connect {target}`, or `axt ssh {target}` for what calls ssh",
                target
            ));
        }
        "scp" | "copy" => "axt cp SRC… DST".into(),
        "sftp" => "sftp -S axt-ssh …".into(),
        "rsync" => "rsync -e 'axt ssh' …".into(),
        "ls" | "list" | "hosts" => known("instances", "axt instances".into())?,
        "version" => "axt -V".into(),
        // A target by itself, as ssh takes it.
        _ if is_instance(word) => format!("axt connect {word}"),
        _ => return None,
    };
    Some(tr!("try `{line}`", line))
}

/// The hint for an option that `axt connect` does not have.
fn option(word: &str, typed: &TypedLine) -> Option<String> {
    let target = typed.target().unwrap_or("TARGET");
    let letter = word.strip_prefix('-').filter(|letter| letter.len() == 1)?;
    let value = typed.value(&[word]);
    Some(match letter {
        "L" | "D" => {
            let default = if letter == "L" { "PORT:HOSTPORT" } else { "PORT" };
            tr!(
                "try `axt forward {target} {word} {default}`",
                target,
                word,
                default = value.unwrap_or(default)
            )
        }
        "p" => tr!(
            "axt does not connect to sshd's port: leave -p out; `axt forward` and `axt proxy` reach ports"
        )
            .into(),
        "i" => match value.filter(|value| is_instance(value)) {
            Some(instance) => tr!("try `axt connect {instance}`", instance),
            None => tr!("no key is needed: leave -i out").into(),
        },
        "R" => tr!(
            "the service opens no ports on the instance: there are no remote forwards"
        ).into(),
        "A" => tr!("the service carries no agent connections: leave -A out").into(),
        "X" | "Y" => tr!("the service carries no X11 connections: leave {word} out", word),
        "f" => tr!(
            "axt stays in the foreground: leave -f out, and end the line with & if it is to wait for nothing"
        ).into(),
        "J" => tr!(
            "instances are reached through the service, and not through other hosts: leave -J out"
        ).into(),
        "C" | "E" | "F" | "N" | "O" | "S" | "W" | "g" | "o" | "s" => {
            tr!("`axt ssh {word} …` takes ssh's options", word)
        }
        _ => return None,
    })
}

/// The command line before it is parsed.
struct TypedLine<'a>(&'a [OsString]);

impl<'a> TypedLine<'a> {
    fn words(&self) -> impl Iterator<Item = &'a str> {
        let words = self
            .0
            .iter()
            .skip(1)
            .map(|arg| arg.to_str().unwrap_or_default());
        words.take_while(|word| *word != "--")
    }

    fn has(&self, word: &str) -> bool {
        self.words().any(|other| other == word)
    }

    /// The first word that looks like an instance, with a user before it or not.
    fn target(&self) -> Option<&'a str> {
        let mut values = self
            .words()
            .map(|word| word.rsplit('=').next().unwrap_or(word));
        values.find(|word| is_instance(word))
    }

    /// The value of the first of these options: the next argument, or the rest of its own, with or without
    /// `=`.
    fn value(&self, names: &[&str]) -> Option<&'a str> {
        let mut words = self.words();
        while let Some(word) = words.next() {
            for name in names {
                match word.strip_prefix(name) {
                    Some("") => return words.next(),
                    Some(value) => return Some(value.strip_prefix('=').unwrap_or(value)),
                    None => {}
                }
            }
        }
        None
    }
}

fn is_instance(word: &str) -> bool {
    let id = word.rsplit_once('@').map_or(word, |(_, id)| id);
    (id.starts_with("i-") || id.starts_with("mi-")) && !id.contains(':')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use crate::cli::parse::words;
    use clap::CommandFactory as _;

    fn answer(line: &str, commands: &[&str]) -> Option<String> {
        let args: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let axt = Cli::command().mut_subcommand("connect", |connect| {
            connect.mut_args(words::refuse_an_option)
        });
        let error = axt.try_get_matches_from(&args).expect_err(line);
        hint(&error, &args, |command| commands.contains(&command))
    }

    #[test]
    fn habits_are_answered() {
        for (line, expected) in [
            ("axt session i-1", "try `axt connect i-1`"),
            ("axt exec root@i-1 ls", "try `axt connect root@i-1`"),
            ("axt login -i i-1", "try `axt connect i-1`"),
            ("axt i-1", "try `axt connect i-1`"),
            ("axt tunnel", "try `axt forward TARGET -L PORT:PORT`"),
            (
                "axt portforward -i i-1 -r 22 -l 9000",
                "try `axt forward i-1 -L 9000:22`",
            ),
            (
                "axt portforward --instance=i-1 --remote-port=22",
                "try `axt forward i-1 -L 22:22`",
            ),
            ("axt version", "try `axt -V`"),
            ("axt copy a i-1:b", "try `axt cp SRC… DST`"),
            ("axt scp a i-1:b", "try `axt cp SRC… DST`"),
            ("axt connect i-1 -L 80:81", "try `axt forward i-1 -L 80:81`"),
            ("axt connect i-1 -D1080", "try `axt forward i-1 -D 1080`"),
            ("axt connect -i i-1", "try `axt connect i-1`"),
        ] {
            assert_eq!(answer(line, &[]).as_deref(), Some(expected), "{line}");
        }
        for (line, part) in [
            ("axt connect i-1 -p 22", "`axt forward`"),
            ("axt connect -i key.pem i-1", "no key"),
            ("axt connect -o User=x i-1", "`axt ssh -o …`"),
            ("axt send_public_key -i i-1", "no key"),
            ("axt connect -A i-1", "leave -A out"),
            ("axt connect i-1 -Y", "leave -Y out"),
            ("axt connect -J jump i-1", "leave -J out"),
            ("axt connect -f i-1", "leave -f out"),
        ] {
            let said = answer(line, &[]).expect(line);
            assert!(said.contains(part), "{line}: {said}");
        }
        for line in [
            "axt bogus",
            "axt list",
            "axt connect i-1 --bogus",
            "axt doctor -L 1",
        ] {
            assert_eq!(answer(line, &[]), None, "{line}");
        }
    }

    #[test]
    fn only_commands_that_are_there_are_named() {
        let said = answer("axt ls", &["instances"]);
        assert_eq!(said.as_deref(), Some("try `axt instances`"));
        for verb in ["list", "end"] {
            let said = answer(&format!("axt session {verb}"), &["sessions"]);
            let said = said.expect("a hint");
            assert!(
                said.starts_with(&format!("try `axt sessions {verb}")),
                "{said}"
            );
        }
    }
}
