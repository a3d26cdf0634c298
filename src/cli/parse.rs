//! Reading the command line: arguments, variables, and how to exit when there is nothing to run.

use super::Cli;
use crate::exit::Exit;
use clap::{CommandFactory as _, FromArgMatches as _};
use std::ffi::{OsStr, OsString};

/// Reads the command line of this process.
///
/// # Errors
/// How to exit when there is nothing to run: after printing help or a version, or a usage error.
pub fn parse() -> Result<Cli, Exit> {
    let args: Vec<OsString> = std::env::args_os().collect();
    let mut command = without_idle_variables(Cli::command(), &overruled(&args));
    let parsed = command
        .try_get_matches_from_mut(&args)
        .and_then(|matches| Cli::from_arg_matches(&matches));
    parsed.map_err(|error| {
        let error = error.format(&mut command);
        let _ = error.print();
        if !error.use_stderr() {
            Exit::Ok
        } else if passes_status(&command, &args) {
            Exit::Failed
        } else {
            Exit::Usage
        }
    })
}

/// The command with every variable forgotten that is set to nothing, which counts as unset, as with
/// Alibaba Cloud's own, or that something on the command line overrules.
fn without_idle_variables(command: clap::Command, overruled: &[&str]) -> clap::Command {
    let is_idle = |name: &OsStr| {
        let is_empty = std::env::var_os(name).is_some_and(|value| value.is_empty());
        is_empty || overruled.iter().any(|other| name == *other)
    };
    command
        .mut_args(|arg| match arg.get_env() {
            Some(name) if is_idle(name) => arg.env(None::<&'static str>),
            _ => arg,
        })
        .mut_subcommands(|command| without_idle_variables(command, overruled))
}

/// Words of the command line with the variables that they overrule: options that exclude each other.
const OVERRULES: [(&[&str], &[&str]); 7] = [
    (&["--emulator"], &["AXT_ENDPOINT", "AXT_WSS_URL"]),
    (&["--endpoint", "--wss-url"], &["AXT_EMULATOR"]),
    (&["-t", "--tty"], &["AXT_NO_TTY"]),
    (&["-T", "--no-tty"], &["AXT_TTY"]),
    (&["--raw-command"], &["AXT_LOGIN", "AXT_BINARY"]),
    (&["--login", "--binary"], &["AXT_RAW_COMMAND"]),
    (&["--"], &["AXT_COMMAND"]),
];

/// The variables that this command line overrules.
fn overruled(args: &[OsString]) -> Vec<&'static str> {
    let own = args.iter().position(|arg| arg == "--");
    let own = args.get(..own.map_or(args.len(), |at| at + 1));
    let words = own
        .unwrap_or_default()
        .iter()
        .filter_map(|arg| arg.to_str());
    let words: Vec<&str> = words
        .map(|word| word.split('=').next().unwrap_or(word))
        .collect();
    let given = |flags: &[&str]| flags.iter().any(|flag| words.contains(flag));
    let rules = OVERRULES.iter().filter(|(flags, _)| given(flags));
    rules
        .flat_map(|(_, variables)| variables.iter().copied())
        .collect()
}

/// Whether the command is one whose exit status is the remote's, so that its usage errors are 255.
/// The first word that is a command's name counts: later ones may be values.
fn passes_status(axt: &clap::Command, args: &[OsString]) -> bool {
    let mut words = args.iter().skip(1).filter_map(|arg| arg.to_str());
    let command = words.find(|word| axt.find_subcommand(word).is_some());
    matches!(command, Some("connect" | "proxy" | "webshell"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_errors_end_as_their_command_does() {
        let passes = |line: &str| {
            let args: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            passes_status(&Cli::command(), &args)
        };
        assert!(passes("axt -v connect --bogus"));
        assert!(passes("axt proxy sessions --bogus"));
        assert!(!passes("axt sessions end connect --bogus"));
        assert!(!passes("axt doctor --profile proxy --bogus"));
    }

    #[test]
    fn what_is_typed_overrules_what_is_set() {
        let rules = |words: &[&str]| {
            let args: Vec<OsString> = words.iter().map(OsString::from).collect();
            overruled(&args)
        };
        assert_eq!(
            rules(&["axt", "connect", "--emulator"]),
            ["AXT_ENDPOINT", "AXT_WSS_URL"]
        );
        assert_eq!(rules(&["axt", "--endpoint=https://x"]), ["AXT_EMULATOR"]);
        assert_eq!(
            rules(&["axt", "connect", "--", "ls", "-t"]),
            ["AXT_COMMAND"]
        );
        assert!(rules(&["axt", "connect", "i-1"]).is_empty());
    }
}
