//! The whole grammar, with the environment variable of each option.

use super::{Cli, Global};
use clap::{Arg, Args as _, Command, CommandFactory as _};

/// The options without a variable, because they make sense for one run only.
const FOR_ONE_RUN: [&str; 24] = [
    "recursive",
    "preserve",
    "all-regions",
    "inventory",
    "list",
    "host",
    "groups",
    "command",
    "login",
    "binary",
    "env",
    "no-stdin",
    "tty",
    "no-tty",
    "raw-command",
    "print-url",
    "exec",
    "local",
    "dynamic",
    "client-token",
    "json",
    "yes",
    "fix",
    "origin",
];

/// The grammar of axt. The variable of an option is `AXT_` and its name, for the options of `axt emulator`
/// `AXT_EMULATOR_` and its name.
pub(crate) fn command() -> Command {
    with_variables(Cli::command(), "AXT_")
}

/// The grammar in which only this command has arguments; the others have their names. Most of what it takes to
/// start axt is building the arguments again and again. The whole grammar, if there is no such command.
pub(crate) fn command_with(name: &str) -> Command {
    let axt = Cli::command();
    if axt.find_subcommand(name).is_none() {
        return with_variables(axt, "AXT_");
    }
    let only = axt.mut_subcommands(|command| match command.get_name() == name {
        true => command,
        false => named(&command),
    });
    with_variables(only, "AXT_")
}

/// The grammar without its commands, as far as the version needs it.
pub(crate) fn without_commands() -> Command {
    Global::augment_args(Command::new("axt").version(env!("CARGO_PKG_VERSION")))
}

fn named(command: &Command) -> Command {
    let name = Command::new(command.get_name().to_owned()).hide(command.is_hide_set());
    match command.get_about() {
        Some(about) => name.about(about.clone()),
        None => name,
    }
}

fn with_variables(command: Command, prefix: &str) -> Command {
    let variable = |arg: &Arg| {
        let long = arg.get_long().filter(|long| !FOR_ONE_RUN.contains(long))?;
        Some(prefix.to_owned() + &long.to_ascii_uppercase().replace('-', "_"))
    };
    let command = command.mut_args(|arg| match variable(&arg) {
        Some(name) => arg.env(name),
        None => arg,
    });
    command.mut_subcommands(|command| match command.get_name() {
        "emulator" => with_variables(command, "AXT_EMULATOR_"),
        _ => with_variables(command, prefix),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn the_variable_of_an_option_has_its_name_unless_it_is_for_one_run() {
        fn see(command: &Command, found: &mut BTreeMap<String, Option<String>>) {
            for arg in command.get_arguments() {
                let Some(long) = arg.get_long() else { continue };
                let variable = arg.get_env().map(|name| name.to_string_lossy().into());
                found.insert(format!("{} --{long}", command.get_name()), variable);
            }
            let below = command.get_subcommands();
            below.for_each(|command| see(command, found));
        }
        let mut found = BTreeMap::new();
        see(&command(), &mut found);
        for (option, variable) in [
            ("axt --connection-type", Some("AXT_CONNECTION_TYPE")),
            ("connect --user", Some("AXT_USER")),
            ("list --limit", Some("AXT_LIMIT")),
            ("emulator --limit", Some("AXT_EMULATOR_LIMIT")),
            ("connect --emulator", Some("AXT_EMULATOR")),
            ("connect --command", None),
        ] {
            assert_eq!(found[option].as_deref(), variable, "{option}");
        }
        for option in FOR_ONE_RUN {
            let is_of = |name: &&String| name.ends_with(&format!(" --{option}"));
            assert!(found.keys().any(|name| is_of(&name)), "{option}");
        }
    }
}
