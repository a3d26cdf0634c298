//! Hints for command lines of ssh and of other clients: the command line of axt that does the same.

use super::{verb, words};
use crate::cli::Cli;
use crate::cli::grammar::values::forward;
use crate::names::target::Target;
use crate::openapi::ecs::check_instance_id;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, FromArgMatches as _};
use lexopt::Arg;
use std::ffi::OsString;
use std::net::IpAddr;

/// The options of the official client that take a value, and axt's own where they don't mean something else.
const OFFICIAL: &str = "ceklrtu";

const OFFICIAL_LONG: [&str; 5] = [
    "remote-port",
    "local-port",
    "target-server",
    "user-name",
    "public-key",
];

/// The options of ssh that take a value.
const OF_SSH: &str = "BDEFIJLOQRSWbceilmopw";

/// The hint for a command line that was refused, if it looks like a habit. `axt` makes the whole grammar.
pub(super) fn hint(
    error: &clap::Error,
    args: &[OsString],
    axt: impl FnOnce() -> Command,
) -> Option<String> {
    let kind = match error.kind() {
        ErrorKind::InvalidSubcommand => ContextKind::InvalidSubcommand,
        ErrorKind::UnknownArgument => ContextKind::InvalidArg,
        _ => return None,
    };
    let Some(ContextValue::String(word)) = error.get(kind) else {
        return None;
    };
    // A hint repeats what was typed, and the URL of a session or a proxy is a secret.
    let is_url = |arg: &OsString| arg.to_string_lossy().contains("://");
    if args.iter().any(is_url) {
        return None;
    }
    let (before, rest) = args.split_at_checked(verb::index(args)?)?;
    let (verb, rest) = rest.split_first()?;
    let typed = TypedLine {
        before,
        verb: verb.to_str()?,
        rest,
        axt: axt(),
    };
    match error.kind() {
        ErrorKind::InvalidSubcommand if typed.verb == word => command(&typed),
        ErrorKind::UnknownArgument if matches!(typed.verb, "connect" | "webshell") => {
            option(word, &typed)
        }
        _ => None,
    }
}

/// The hint for a word in place of a command.
fn command(typed: &TypedLine) -> Option<String> {
    let line = match typed.verb {
        "session" if typed.begins_with("list") || typed.begins_with("end") => {
            let line = typed.by(&["sessions"]);
            line.unwrap_or_else(|| match typed.begins_with("end") {
                true => "axt sessions end ID".into(),
                false => "axt sessions list".into(),
            })
        }
        "exec" | "run" | "shell" | "login" | "session" | "attach" | "console" => {
            typed.by(&["connect"]).unwrap_or_else(|| {
                let named = typed.named(OFFICIAL);
                let words = quoted(named.command.iter().map(String::as_str));
                format!("{} {words}", typed.line("connect", &named))
            })
        }
        "portforward" | "port-forward" | "tunnel" => {
            let line = typed.by(&["forward"]);
            line.unwrap_or_else(|| {
                let named = typed.named(OFFICIAL);
                format!("{} -L {}", typed.line("forward", &named), ports(&named))
            })
        }
        "socks" => typed.by(&["forward"]).unwrap_or_else(|| {
            let line = typed.line("forward", &typed.named(OFFICIAL));
            format!("{line} -D 1080")
        }),
        "send_public_key" | "send-public-key" => {
            return Some(tr!(
                "no key is needed: `axt connect {target}`, or `axt ssh {target}` for what calls ssh",
                target = typed.named(OFFICIAL).target()
            ));
        }
        "configure" | "config_ecs" | "config-ecs" => {
            return Some(
                tr!("`aliyun configure` writes the profiles that axt uses; `axt config show` shows what axt uses")
                    .into(),
            );
        }
        "scp" | "copy" => typed
            .by(&["cp"])
            .unwrap_or_else(|| "axt cp SRC… DST".into()),
        "sftp" => format!("sftp -S axt-ssh {}", typed.rest()),
        "rsync" => format!("rsync -e 'axt ssh' {}", typed.rest()),
        "ls" | "list" | "hosts" => typed
            .by(&["instances"])
            .unwrap_or_else(|| "axt instances".into()),
        "version" => "axt -V".into(),
        // A target by itself, as ssh takes it.
        target if is_target(target) => typed
            .by(&["connect", target])
            .unwrap_or_else(|| format!("axt connect {}", quoted([target]))),
        _ => return None,
    };
    Some(tr!("try `{line}`", line = line.trim_end()))
}

/// The value of `-L` for the options of the official client, or for `PORT:HOSTPORT` after the target.
fn ports(named: &NamedParts) -> String {
    let given = named.command.first();
    let given = given.filter(|ports| forward::local(ports).is_ok());
    let remote = named.value(&["r", "remote-port"]).unwrap_or("PORT");
    let local = named.value(&["l", "local-port"]).unwrap_or(remote);
    let ports = match (named.value(&["t", "target-server"]), given) {
        (Some(host), _) if host.contains(':') => format!("{local}:[{host}]:{remote}"),
        (Some(host), _) => format!("{local}:{host}:{remote}"),
        (None, Some(given)) => given.clone(),
        (None, None) => format!("{local}:{remote}"),
    };
    quoted([&*ports])
}

/// The hint for an option that `axt connect` does not have.
fn option(word: &str, typed: &TypedLine) -> Option<String> {
    let named = typed.named(OF_SSH);
    if word == "--instance" {
        let line = typed.by(&["connect"])?;
        return Some(tr!("try `{line}`", line));
    }
    let letter = word.strip_prefix('-').filter(|letter| letter.len() == 1)?;
    Some(match letter {
        "L" | "D" => {
            let default = if letter == "L" { "PORT:HOSTPORT" } else { "PORT" };
            let value = quoted([named.value(&[letter]).unwrap_or(default)]);
            let line = typed.by(&["forward"]).unwrap_or_else(|| {
                format!("{} {word} {value}", typed.line("forward", &named))
            });
            tr!("try `{line}`", line)
        }
        "p" => tr!(
            "axt does not connect to sshd's port: leave -p out; `axt forward` and `axt proxy` reach ports"
        )
            .into(),
        "i" => match (named.instance_by_option, typed.by(&["connect"])) {
            (true, Some(line)) => tr!("try `{line}`", line),
            (true, None) => tr!("try `{line}`", line = typed.line("connect", &named)),
            (false, _) => tr!("no key is needed: leave -i out").into(),
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

/// The command line, cut at the word that stands for the command.
struct TypedLine<'a> {
    /// The program and axt's own options.
    before: &'a [OsString],
    verb: &'a str,
    rest: &'a [OsString],
    axt: Command,
}

impl TypedLine<'_> {
    fn begins_with(&self, word: &str) -> bool {
        self.rest.first().is_some_and(|first| first == word)
    }

    /// The same line with these words in place of the verb, if axt understands that: nothing that was typed is
    /// lost. An instance that was named by an option is named as axt takes it.
    fn by(&self, verb: &[&str]) -> Option<String> {
        let rests = [self.rest.to_vec(), by_target(self.rest)];
        rests.iter().find_map(|rest| {
            let verb = verb.iter().map(OsString::from);
            let words = self.before.iter().cloned().chain(verb);
            let words: Vec<OsString> = words.chain(rest.iter().cloned()).collect();
            let axt = self.axt.clone();
            let matches = axt.try_get_matches_from(&words).ok()?;
            let mut cli = Cli::from_arg_matches(&matches).ok()?;
            if words::begin_with_an_option(&mut cli) {
                return None;
            }
            let words: Option<Vec<&str>> = words.iter().skip(1).map(|word| word.to_str()).collect();
            Some(format!("axt {}", quoted(words?)))
        })
    }

    /// A line with this verb and what axt itself understands of the typed one: its own options, and the target.
    fn line(&self, verb: &str, named: &NamedParts) -> String {
        let before = self.before.iter().skip(1).filter_map(|word| word.to_str());
        let own = named.options.iter().filter(|(name, _)| self.is_own(name));
        let own = own.flat_map(|(name, value)| [format!("--{name}"), value.clone()]);
        let own: Vec<String> = own.collect();
        let words = before.chain([verb]).chain(own.iter().map(String::as_str));
        format!("axt {} {}", quoted(words), named.target())
    }

    /// The arguments as they were typed.
    fn rest(&self) -> String {
        let words: Option<Vec<&str>> = self.rest.iter().map(|word| word.to_str()).collect();
        match words {
            Some(words) if !words.is_empty() => quoted(words),
            _ => "…".into(),
        }
    }

    /// The parts of the arguments, if those short options take values.
    fn named(&self, with_value: &str) -> NamedParts {
        let mut named = NamedParts::default();
        let mut parser = lexopt::Parser::from_args(self.rest);
        parser.set_short_equals(false);
        while let Ok(Some(arg)) = parser.next() {
            let name = match arg {
                Arg::Value(_) if named.is_unclear => continue,
                Arg::Value(target) if named.target.is_none() => {
                    named.target = target.into_string().ok();
                    continue;
                }
                Arg::Value(word) => {
                    let rest = parser.raw_args().into_iter().flatten();
                    let words = std::iter::once(word).chain(rest);
                    named.command = words.filter_map(|word| word.into_string().ok()).collect();
                    break;
                }
                Arg::Short(short) => short.to_string(),
                Arg::Long(long) => long.to_owned(),
            };
            if matches!(name.as_str(), "i" | "instance") {
                named.take_instance(&mut parser, with_value.contains('i'));
                continue;
            }
            let value = match self.takes_value(&name, with_value) {
                true => parser.value().ok(),
                false if name.len() > 1 => parser.optional_value(),
                false => None,
            };
            let value = value.and_then(|value| value.into_string().ok());
            named.options.extend(value.map(|value| (name, value)));
        }
        named
    }

    fn takes_value(&self, name: &str, with_value: &str) -> bool {
        match name.len() {
            1 => with_value.contains(name),
            _ => OFFICIAL_LONG.contains(&name) || self.is_own(name),
        }
    }

    /// True for the long name of an option with a value that every command of axt has.
    fn is_own(&self, name: &str) -> bool {
        let mut own = self.axt.get_arguments();
        own.any(|arg| arg.get_long() == Some(name) && arg.get_action().takes_values())
    }
}

/// The parts of arguments for a command of another client.
#[derive(Default)]
struct NamedParts {
    target: Option<String>,
    /// The target is an instance that was named by an option.
    instance_by_option: bool,
    /// The first word may be the value of an option, and not the target.
    is_unclear: bool,
    /// The words after the target.
    command: Vec<String>,
    options: Vec<(String, String)>,
}

impl NamedParts {
    /// The target for a command line, or a word that stands for it.
    fn target(&self) -> String {
        quoted([self.target.as_deref().unwrap_or("TARGET")])
    }

    /// The value of the first of these options.
    fn value(&self, names: &[&str]) -> Option<&str> {
        let mut options = self.options.iter();
        let (_, value) = options.find(|(name, _)| names.contains(&name.as_str()))?;
        Some(value)
    }

    /// Takes the value of `-i` or `--instance`. With other clients, `-i` has no value, or that of a key: `or_key`
    /// tells that it is a key if it is no instance.
    fn take_instance(&mut self, parser: &mut lexopt::Parser, or_key: bool) {
        if let Some(glued) = parser.optional_value() {
            let id = glued.into_string().ok().filter(|id| is_instance(id));
            self.instance_by_option |= id.is_some();
            self.target = self.target.take().or(id);
            return;
        }
        let Some(mut words) = parser.try_raw_args() else {
            return;
        };
        match words.peek().and_then(|word| word.to_str()) {
            Some(id) if is_instance(id) => {
                self.target = Some(id.to_owned());
                self.instance_by_option = true;
                words.next();
            }
            Some(_) if or_key => drop(words.next()),
            next => self.is_unclear |= self.target.is_none() && next.is_some(),
        }
    }
}

/// The arguments, with an instance that was named by an option in a target's place.
fn by_target(args: &[OsString]) -> Vec<OsString> {
    let words: Vec<&str> = args
        .iter()
        .map(|word| word.to_str().unwrap_or_default())
        .collect();
    for (at, word) in words.iter().enumerate() {
        let (id, end) = match (*word, word.strip_prefix("--instance=")) {
            ("-i" | "--instance", _) => (words.get(at + 1).copied(), at + 2),
            (_, Some(id)) => (Some(id), at + 1),
            _ => continue,
        };
        return match id.filter(|id| is_instance(id)) {
            Some(id) => [&args[..at], &[id.into()], &args[end..]].concat(),
            None => args.to_vec(),
        };
    }
    args.to_vec()
}

fn is_instance(word: &str) -> bool {
    check_instance_id(&Target::parse(word).instance).is_ok()
}

/// True for a word that can only be meant for a target.
fn is_target(word: &str) -> bool {
    let target = Target::parse(word);
    let begins = |prefix: &&str| target.instance.starts_with(prefix);
    let is_address = target.instance.parse::<IpAddr>().is_ok();
    let is_named = is_address || ["name:", "tag:"].iter().any(begins);
    is_instance(word) || is_named || target.user.is_some_and(|user| !user.is_empty())
}

/// The words, for a shell.
fn quoted<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    // A NUL, which can't be quoted, is in no argument.
    shlex::try_join(words).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    fn answer(line: &str) -> Option<String> {
        let args = shlex::split(line).expect("words of a shell");
        let args: Vec<OsString> = args.into_iter().map(OsString::from).collect();
        let axt = Cli::command().mut_subcommand("connect", |connect| {
            connect.mut_args(words::refuse_an_option)
        });
        let error = axt.try_get_matches_from(&args).expect_err(line);
        hint(&error, &args, Cli::command)
    }

    #[test]
    fn habits_are_answered() {
        for (line, expected) in [
            ("axt session i-1", "axt connect i-1"),
            ("axt session -i i-1", "axt connect i-1"),
            (
                "axt session -i i-1.cn-beijing",
                "axt connect i-1.cn-beijing",
            ),
            ("axt session list", "axt sessions list"),
            ("axt session end", "axt sessions end ID"),
            ("axt session end s-1 -q", "axt sessions end s-1 -q"),
            ("axt exec root@i-1 ls", "axt connect root@i-1 ls"),
            ("axt exec web-1 ls -l", "axt connect web-1 ls -l"),
            ("axt exec web-1 'a b'", "axt connect web-1 'a b'"),
            ("axt exec -it web-1 -- ls -l", "axt connect web-1 ls -l"),
            ("axt exec -i web-1 ls", "axt connect TARGET"),
            (
                "axt --region x run -n web-1 ls",
                "axt --region x connect -n web-1 ls",
            ),
            ("axt session --instance=i-1 -u a", "axt connect i-1"),
            ("axt login -i i-1", "axt connect i-1"),
            ("axt shell", "axt connect TARGET"),
            ("axt i-1", "axt connect i-1"),
            ("axt i-1 ls -l", "axt connect i-1 ls -l"),
            ("axt bob@web-1", "axt connect bob@web-1"),
            ("axt 10.0.0.1", "axt connect 10.0.0.1"),
            ("axt tunnel", "axt forward TARGET -L PORT:PORT"),
            ("axt tunnel web-1 -L 80:81", "axt forward web-1 -L 80:81"),
            ("axt port-forward web-1 80:81", "axt forward web-1 -L 80:81"),
            (
                "axt portforward -i i-1 -r 22 -l 9000",
                "axt forward i-1 -L 9000:22",
            ),
            (
                "axt portforward -i i-1 -t 10.0.0.5 -r 3306 -l 3307",
                "axt forward i-1 -L 3307:10.0.0.5:3306",
            ),
            (
                "axt portforward --instance=i-1 --remote-port=22",
                "axt forward i-1 -L 22:22",
            ),
            (
                "axt --profile p portforward -i i-1 -r 1 --region cn-x",
                "axt --profile p forward --region cn-x i-1 -L 1:1",
            ),
            (
                "axt exec -it web-1 sh -c 'a b'",
                "axt connect web-1 sh -c 'a b'",
            ),
            ("axt socks web-1", "axt forward web-1 -D 1080"),
            ("axt version", "axt -V"),
            ("axt ls --all-regions", "axt instances --all-regions"),
            ("axt list --bogus", "axt instances"),
            ("axt copy a i-1:b", "axt cp a i-1:b"),
            ("axt scp", "axt cp SRC… DST"),
            ("axt rsync -a x web-1:", "rsync -e 'axt ssh' -a x web-1:"),
            ("axt sftp", "sftp -S axt-ssh …"),
            ("axt connect i-1 -L 80:81", "axt forward i-1 -L 80:81"),
            ("axt connect web-1 -L 80:81", "axt forward web-1 -L 80:81"),
            ("axt connect -L 80:81 web-1", "axt forward -L 80:81 web-1"),
            (
                "axt connect -L 80:81 -N web-1",
                "axt forward web-1 -L 80:81",
            ),
            ("axt connect i-1 -D1080", "axt forward i-1 -D1080"),
            ("axt connect -i i-1", "axt connect i-1"),
            (
                "axt connect -i i-1 grep -i i-2 f",
                "axt connect i-1 grep -i i-2 f",
            ),
            (
                "axt connect -L 80:81 -i key.pem web-1",
                "axt forward web-1 -L 80:81",
            ),
            ("axt connect --instance i-1 ls -l", "axt connect i-1 ls -l"),
        ] {
            let expected = format!("try `{expected}`");
            assert_eq!(answer(line), Some(expected), "{line}");
        }
        for (line, part) in [
            ("axt connect i-1 -p 22", "`axt forward`"),
            ("axt connect -i key.pem i-1", "no key"),
            ("axt connect -o User=x i-1", "`axt ssh -o …`"),
            (
                "axt send_public_key -i i-1 -k key -u a",
                "`axt connect i-1`",
            ),
            ("axt configure", "`aliyun configure`"),
            ("axt config_ecs", "`aliyun configure`"),
            ("axt connect -A i-1", "leave -A out"),
            ("axt connect i-1 -Y", "leave -Y out"),
            ("axt connect -J jump i-1", "leave -J out"),
            ("axt connect -f i-1", "leave -f out"),
        ] {
            let said = answer(line).expect(line);
            assert!(said.contains(part), "{line}: {said}");
        }
        for line in [
            "axt bogus",
            "axt sessions ls",
            "axt exec --wss-url wss://host/?token=x ls",
            "axt connect i-1 --bogus",
            "axt doctor -L 1",
        ] {
            assert_eq!(answer(line), None, "{line}");
        }
    }
}
