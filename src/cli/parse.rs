//! Reading the command line: arguments, variables, and how to exit when there is nothing to run.

use super::Cli;
use super::habits;
use super::usage;
use super::words;
use crate::exit::Exit;
use clap::builder::BoolishValueParser;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory as _, FromArgMatches as _};
use std::collections::BTreeSet;
use std::env::var_os;
use std::ffi::OsString;

/// Ids of arguments.
type Ids = BTreeSet<String>;

/// Reads a command line in axt's own grammar.
///
/// # Errors
/// How to exit when there is nothing to run: after printing help or a version, or a usage error.
pub(super) fn read(args: &[OsString]) -> Result<Cli, Exit> {
    let typed = typed(args);
    let mut command = with_variables(Cli::command(), &typed);
    let read = command.try_get_matches_from_mut(args);
    let read = read.and_then(|matches| {
        let mut cli = Cli::from_arg_matches(&matches)?;
        if words::begin_with_an_option(&mut cli) {
            let command = with_variables(Cli::command(), &typed);
            map_args(command, &words::refuse_an_option).try_get_matches_from(args)?;
        }
        words::join(&mut cli, &mut command)?;
        cli.global.from_environment = ids(&matches, ValueSource::EnvVariable);
        Ok(cli)
    });
    read.map_err(|error| {
        let failed = if passes_status(&command, args) {
            Exit::Failed
        } else {
            Exit::Usage
        };
        match error.kind() {
            ErrorKind::DisplayHelp if is_short_help(&command, args) => {
                print_help_without_variables(args);
                Exit::Ok
            }
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                print_help_without_variables(args);
                failed
            }
            _ if !error.use_stderr() => {
                print(&error);
                Exit::Ok
            }
            _ => {
                command.build();
                let knows = |name: &str| command.find_subcommand(name).is_some();
                let hint = habits::hint(&error, args, knows);
                let variables = variables(&command, &typed);
                usage::show(&error.format(&mut command), &variables, hint.as_deref());
                failed
            }
        }
    })
}

/// Prints help or version.
fn print(asked: &clap::Error) {
    // A reader that has gone away has seen enough.
    let _ = asked.print();
}

fn print_help_without_variables(args: &[OsString]) {
    let command = without_variables(Cli::command());
    let _ = command
        .try_get_matches_from(args)
        .map_err(|asked| print(&asked));
}

/// The ids of the arguments that stand on the command line, as far as it can be understood.
fn typed(args: &[OsString]) -> Ids {
    let command = without_variables(Cli::command()).ignore_errors(true);
    let matches = command.try_get_matches_from(args);
    matches.map_or_else(
        |_| Ids::new(),
        |matches| ids(&matches, ValueSource::CommandLine),
    )
}

/// The ids of the arguments whose values come from `source`, the command's own among them.
fn ids(matches: &ArgMatches, source: ValueSource) -> Ids {
    let here = matches.ids().map(clap::Id::as_str);
    let here = here.filter(|id| matches.value_source(id) == Some(source));
    let mut found: Ids = here.map(str::to_owned).collect();
    if let Some((_, below)) = matches.subcommand() {
        found.extend(ids(below, source));
    }
    found
}

/// The command without the variables that don't count: those that say nothing, and those that what was
/// typed speaks against. A switch takes the usual words for yes and no.
fn with_variables(mut command: Command, typed: &Ids) -> Command {
    command.build();
    let overruled = overruled(&command, typed);
    map_args(Cli::command(), &|arg| {
        let counts = !says_nothing(&arg) && !overruled.contains(arg.get_id().as_str());
        let arg = if counts { arg } else { without_variable(arg) };
        // A value may be a secret, such as a password in a URL.
        let arg = arg.hide_env_values(true);
        match arg.get_action() {
            ArgAction::SetTrue => arg.value_parser(BoolishValueParser::new()),
            _ => arg,
        }
    })
}

fn without_variables(command: Command) -> Command {
    map_args(command, &without_variable)
}

fn without_variable(arg: Arg) -> Arg {
    arg.env(None::<&'static str>)
}

fn map_args(command: Command, change: &impl Fn(Arg) -> Arg) -> Command {
    let command = command.mut_args(change);
    command.mut_subcommands(|command| map_args(command, change))
}

/// Whether the argument's variable is set and says nothing: one that is empty counts as unset, as with
/// Alibaba Cloud's own, and a switch that is off could as well be absent.
fn says_nothing(arg: &Arg) -> bool {
    let value = arg.get_env().and_then(var_os);
    let is_switch = matches!(arg.get_action(), ArgAction::SetTrue);
    let off = |value: &OsString| {
        let words = ["0", "false", "f", "no", "n", "off"];
        is_switch && words.iter().any(|word| value.eq_ignore_ascii_case(word))
    };
    value.is_some_and(|value| value.is_empty() || off(&value))
}

/// The arguments that can't go with one that was typed.
fn overruled(command: &Command, typed: &Ids) -> Ids {
    let mut found = Ids::new();
    for arg in command.get_arguments() {
        for other in command.get_arg_conflicts_with(arg) {
            for (one, another) in [(arg, other), (other, arg)] {
                if typed.contains(one.get_id().as_str()) {
                    found.insert(another.get_id().to_string());
                }
            }
        }
    }
    command
        .get_subcommands()
        .for_each(|below| found.extend(self::overruled(below, typed)));
    found
}

/// The variables that stand for arguments which were not typed, each with what errors call its argument.
fn variables(command: &Command, typed: &Ids) -> Vec<(String, String)> {
    let untyped = |arg: &&Arg| !typed.contains(arg.get_id().as_str());
    let pair = |arg: &Arg| {
        let name = arg.get_env()?.to_str()?;
        Some((arg.to_string(), name.to_owned()))
    };
    let here = command.get_arguments().filter(untyped).filter_map(pair);
    let below = command.get_subcommands();
    here.chain(below.flat_map(|below| variables(below, typed)))
        .collect()
}

/// Whether the help that was asked for is that of `-h`.
fn is_short_help(axt: &Command, args: &[OsString]) -> bool {
    let own = args.iter().take_while(|arg| *arg != "--");
    let is_long = own.clone().any(|arg| arg == "--help");
    !is_long && first_command(axt, args) != Some("help")
}

/// Whether the command is one whose exit status is the remote's, so that its usage errors are 255.
fn passes_status(axt: &Command, args: &[OsString]) -> bool {
    let command = first_command(axt, args);
    matches!(command, Some("connect" | "proxy" | "ssh" | "webshell"))
}

/// The first word that is a command's name: later ones may be values.
fn first_command<'a>(axt: &Command, args: &'a [OsString]) -> Option<&'a str> {
    let mut words = args.iter().skip(1).filter_map(|arg| arg.to_str());
    words.find(|word| axt.find_subcommand(word).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn usage_errors_end_as_their_command_does() {
        let passes = |line: &str| passes_status(&Cli::command(), &words(line));
        assert!(passes("axt -v connect --bogus"));
        assert!(passes("axt proxy sessions --bogus"));
        assert!(!passes("axt sessions end connect --bogus"));
        assert!(!passes("axt doctor --profile proxy --bogus"));
    }

    #[test]
    fn what_is_typed_overrules_what_is_set() {
        let overruled = |line: &str| {
            let mut command = Cli::command();
            command.build();
            let ids = overruled(&command, &typed(&words(line)));
            let has_variable = |id: &String| ["emulator", "endpoint", "wss_url"].contains(&&**id);
            ids.into_iter()
                .filter(has_variable)
                .collect::<Vec<_>>()
                .join(" ")
        };
        for (line, expected) in [
            ("axt connect i-1 --emulator", "endpoint wss_url"),
            ("axt --endpoint=https://x connect i-1", "emulator"),
            ("axt doctor --emulator --bogus", "endpoint wss_url"),
            ("axt connect --wss-url -", "emulator"),
            ("axt webshell --app-id 1 --pod p -- ls --emulator", ""),
            ("axt connect i-1", ""),
        ] {
            assert_eq!(overruled(line), expected, "{line}");
        }
    }
}
