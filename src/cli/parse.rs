//! Reads the command line: arguments, variables, help, and usage errors.

mod configured;
mod conflicts;
mod habits;
mod usage;
pub(super) mod verb;
mod words;

use super::grammar::variables::{command, command_with, without_commands};
use super::grammar::{Config, OptionSetting};
use super::manual;
use super::{Cli, Command as Chosen, Global};
use crate::config::env::process_env;
use crate::config::settings::Source;
use crate::copy::Endpoint;
use crate::error::Error;
use crate::exit::Exit;
use crate::language;
use crate::names::target::Target;
use clap::builder::{BoolishValueParser, Resettable};
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, FromArgMatches as _};
use configured::Configured;
#[cfg(feature = "fuzzing")]
pub(crate) use configured::file_problems;
use conflicts::{Ids, overruled};
use std::collections::BTreeMap;
use std::env::var_os;
use std::ffi::OsString;
use std::io::{self, IsTerminal as _};

/// Reads a command line in axt's own grammar.
///
/// # Errors
/// The exit status when there is nothing to run: after help, a version or a usage error was printed.
pub(super) fn read(args: &[OsString]) -> Result<Cli, Exit> {
    let axt = grammar_of(args);
    let typed = typed(axt.clone(), args);
    let configured = configured(&axt, args, &typed)?;
    let grammar = configured.apply(with_variables(axt, &typed.ids));
    let mut command = grammar.clone();
    let mut apart = None;
    let read = command.try_get_matches_from_mut(args);
    let read = read.and_then(|matches| {
        let mut cli = Cli::from_arg_matches(&matches)?;
        if words::begin_with_an_option(&mut cli) {
            map_args(grammar, &words::refuse_an_option).try_get_matches_from(args)?;
            apart = words::with_value_apart(&mut cli, &command, args);
        }
        words::join(&mut cli, &mut command)?;
        cli.global.sources = sources(&command, &matches, &configured);
        if let Chosen::Config(Config::Show(show)) = &mut cli.command {
            show.settings = settings(&matches, &cli.global.sources);
        }
        cli.global.alias.clone_from(&configured.instance);
        Ok(cli)
    });
    if let Some(args) = apart {
        return self::read(&args);
    }
    read.map_err(|mut error| {
        let failed = usage_error(&command, args);
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
                let hint = habits::hint(&error, args, self::grammar);
                let hint = hint.or_else(|| usage::wanted(&error, &command));
                let variables = variables(&command, &typed.ids);
                usage::without_far_tips(&mut error);
                usage::with_whole_usage(&mut error, &mut command);
                let as_json = asks_for_json(args);
                let error = error.format(&mut command);
                usage::show(&error, &variables, hint.as_deref(), as_json);
                failed
            }
        }
    })
}

/// The options of every command, as far as they are typed, set or configured on an unfinished command line.
/// Mistakes are for the command itself to tell.
pub(super) fn global(unfinished: &[OsString]) -> Option<Global> {
    let axt = grammar_of(unfinished);
    let typed = typed(axt.clone(), unfinished);
    let configured = Configured::read(grammar, &typed.ids, None).unwrap_or_default();
    let axt = configured.apply(with_variables(axt, &typed.ids));
    let matches = axt.ignore_errors(true).try_get_matches_from(unfinished);
    Global::from_arg_matches(&matches.ok()?).ok()
}

/// Prints help or version.
fn print(asked: &clap::Error) {
    // A closed output is no failure here.
    let _ = asked.print();
}

fn print_help_without_variables(args: &[OsString]) {
    let command = without_variables(command());
    let _ = command
        .try_get_matches_from(args)
        .map_err(|asked| print(&asked));
}

/// The part of the command line that can be understood before it is parsed as a whole.
#[derive(Default)]
struct TypedArgs {
    /// The ids of the arguments.
    ids: Ids,
    /// The target.
    target: Option<String>,
    /// True if help or a version was requested.
    informs: bool,
}

fn typed(axt: Command, args: &[OsString]) -> TypedArgs {
    let command = without_variables(axt).ignore_errors(true);
    match command.try_get_matches_from(args) {
        Ok(matches) => {
            let mut ids = ids(&matches, ValueSource::CommandLine);
            let target = target(&matches);
            let parts = target.as_deref().map(Target::parse);
            // Who is named before the target is typed, as with --user.
            if parts.is_some_and(|parts| parts.user.is_some()) {
                ids.insert("user".into());
            }
            TypedArgs {
                ids,
                target,
                informs: false,
            }
        }
        Err(error) => TypedArgs {
            informs: !error.use_stderr(),
            ..TypedArgs::default()
        },
    }
}

/// The target that the command has been given, if it takes one.
fn target(matches: &ArgMatches) -> Option<String> {
    if let Some((_, below)) = matches.subcommand() {
        return target(below);
    }
    if let Ok(Some(mut paths)) = matches.try_get_raw("paths") {
        return paths.find_map(|path| match Endpoint::parse(path) {
            Ok(Endpoint::Remote { target, .. }) => Some(target),
            _ => None,
        });
    }
    let names = ["target", "instance"].into_iter();
    let mut values = names.filter_map(|id| matches.try_get_raw(id).ok().flatten()?.next());
    Some(values.next()?.to_string_lossy().into_owned())
}

/// The options that axt's own file sets for this run. A run that only prints something about axt needs
/// none.
fn configured(axt: &Command, args: &[OsString], typed: &TypedArgs) -> Result<Configured, Exit> {
    let command = first_command(axt, args);
    if typed.informs || matches!(command, Some("completion" | "man" | "help" | "emulator")) {
        return Ok(Configured::default());
    }
    let host = typed.target.as_deref().map(Target::parse);
    let host = host.map(|target| target.instance);
    let configured = match language::chosen(process_env) {
        Ok(_) => Configured::read(grammar, &typed.ids, host.as_deref()),
        Err(problem) => Err(vec![Error::Usage(problem)]),
    };
    configured.map_err(|mistakes| {
        usage::show_mistakes(&mistakes, asks_for_json(args));
        usage_error(axt, args)
    })
}

/// The whole grammar. `axt config show` has the options of all commands, to show their values.
pub(super) fn grammar() -> Command {
    let axt = with_choice(manual::with_help(command()));
    let options = configured::options(&axt).into_iter();
    let options: Vec<Arg> = options
        .filter(|option| !option.is_global_set())
        .map(|option| option.hide(true))
        .collect();
    axt.mut_subcommand("config", |config| {
        config.mut_subcommand("show", |show| show.args(options))
    })
}

/// The part of the grammar that this command line needs.
pub(super) fn grammar_of(args: &[OsString]) -> Command {
    match args.get(1).and_then(|word| word.to_str()) {
        Some("config") | None => grammar(),
        Some("--version" | "-V") => without_commands(),
        Some(word) => with_choice(manual::with_help(command_with(word))),
    }
}

/// `axt connect` needs no target where the user can choose one.
fn with_choice(axt: Command) -> Command {
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return axt;
    }
    axt.mut_subcommand("connect", |connect| {
        connect.mut_args(|arg| match arg.get_id().as_str() {
            "target" => arg.required_unless_present(Resettable::Reset),
            _ => arg,
        })
    })
}

/// The source of each value that was not typed.
fn sources(
    command: &Command,
    matches: &ArgMatches,
    configured: &Configured,
) -> BTreeMap<String, Source> {
    let is_set = ids(matches, ValueSource::EnvVariable);
    let mut sources = BTreeMap::new();
    for_args(command, &mut |arg| {
        let id = arg.get_id().as_str();
        if let Some(variable) = arg.get_env().filter(|_| is_set.contains(id)) {
            let name = variable.to_string_lossy().into_owned();
            sources.insert(id.to_owned(), Source::Env(name));
        }
    });
    for id in ids(matches, ValueSource::DefaultValue) {
        if let Some(source) = configured.source(&id) {
            sources.insert(id, source.clone());
        }
    }
    sources
}

/// The options of `axt config show` that have a value, with the value's source.
fn settings(matches: &ArgMatches, sources: &BTreeMap<String, Source>) -> Vec<OptionSetting> {
    let mut below = matches;
    while let Some((_, next)) = below.subcommand() {
        below = next;
    }
    let options = configured::options(&command()).into_iter();
    let options = options.filter_map(|option| {
        let id = option.get_id().as_str();
        let name = option.get_long()?.to_owned();
        let values = below.try_get_raw(id).ok().flatten()?;
        let origin = match (sources.get(id), below.value_source(id)?) {
            (Some(source), _) => source.to_string(),
            (None, ValueSource::CommandLine) => format!("--{name}"),
            (None, _) => Source::Default.to_string(),
        };
        Some(OptionSetting {
            name,
            values: values
                .map(|value| value.to_string_lossy().into_owned())
                .collect(),
            origin,
        })
    });
    options.collect()
}

/// Shows every argument of a command and of those below it.
fn for_args(command: &Command, see: &mut impl FnMut(&Arg)) {
    command.get_arguments().for_each(&mut *see);
    for below in command.get_subcommands() {
        for_args(below, see);
    }
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

/// The command without the variables that don't count: empty ones, those of typed arguments, and those that
/// conflict with one. A switch takes the usual words for yes and no.
fn with_variables(axt: Command, typed: &Ids) -> Command {
    let mut command = axt.clone();
    command.build();
    let overruled = overruled(&command, typed);
    map_args(axt, &|arg| {
        let id = arg.get_id().as_str();
        let counts = !is_ignored(&arg) && !overruled.contains(id) && !typed.contains(id);
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

pub(super) fn map_args(command: Command, change: &impl Fn(Arg) -> Arg) -> Command {
    let command = command.mut_args(change);
    command.mut_subcommands(|command| map_args(command, change))
}

/// True if the argument's variable has no effect although it is set: an empty one counts as unset, as with
/// Alibaba Cloud's own, and so does a switch that is off.
fn is_ignored(arg: &Arg) -> bool {
    let value = arg.get_env().and_then(var_os);
    let is_switch = matches!(arg.get_action(), ArgAction::SetTrue);
    let off = |value: &OsString| {
        let words = ["0", "false", "f", "no", "n", "off"];
        is_switch && words.iter().any(|word| value.eq_ignore_ascii_case(word))
    };
    value.is_some_and(|value| value.is_empty() || off(&value))
}

/// The variables of arguments that were not typed, each with the name of its argument in errors.
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

/// The exit status of a usage error.
fn usage_error(axt: &Command, args: &[OsString]) -> Exit {
    if passes_status(axt, args) {
        Exit::Failed
    } else {
        Exit::Usage
    }
}

/// The arguments before `--`.
fn own_args(args: &[OsString]) -> impl Iterator<Item = &OsString> {
    args.iter().take_while(|arg| *arg != "--")
}

/// Looks for `--json` among arguments that may be wrong as a whole.
pub(super) fn asks_for_json(args: &[OsString]) -> bool {
    own_args(args).any(|arg| arg == "--json")
}

/// True if the short help was requested, by `-h`.
fn is_short_help(axt: &Command, args: &[OsString]) -> bool {
    let is_long = own_args(args).any(|arg| arg == "--help");
    !is_long && first_command(axt, args) != Some("help")
}

/// True if the command is one whose exit status is the remote's, so that its usage errors are 255.
fn passes_status(axt: &Command, args: &[OsString]) -> bool {
    let command = first_command(axt, args);
    matches!(
        command,
        Some("connect" | "cp" | "proxy" | "ssh" | "webshell")
    )
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
        let passes = |line: &str| passes_status(&command(), &words(line));
        assert!(passes("axt -v connect --bogus"));
        assert!(passes("axt proxy sessions --bogus"));
        assert!(!passes("axt sessions end connect --bogus"));
        assert!(!passes("axt doctor --profile proxy --bogus"));
    }

    #[test]
    fn what_is_typed_overrules_what_is_set() {
        let overruled = |line: &str| {
            let mut command = command();
            command.build();
            let ids = overruled(&command, &typed(grammar(), &words(line)).ids);
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
