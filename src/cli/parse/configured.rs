//! Turns axt's own configuration file into defaults of the options. A key is the name of an option, and that
//! option's parser reads the value.

use super::conflicts::{Ids, overruled};
use crate::config::blocks::{Blocks, Entry, Value, problem};
use crate::config::env::process_env;
use crate::config::settings::{Source, Sourced};
use crate::error::Error;
use crate::names::meaning::Meaning;
use crate::names::target::Target;
use crate::pattern;
use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, Command};
use std::collections::{BTreeMap, BTreeSet};
use std::env::var_os;
use std::error::Error as _;
use std::ffi::OsString;

/// The key of a host block that says which instance is meant. It is no option.
const INSTANCE: &str = "instance";

/// Options with a variable that can't be in the file: a secret, and the filters of one listing.
const NO_KEYS: [&str; 3] = ["wss-url", INSTANCE, "session"];

/// Names that are at least this similar (Jaro, from 0 to 1) are suggested for a misspelt key.
const ALIKE: f64 = 0.7;

/// The values that the file gives to the options of one run.
#[derive(Debug, Default)]
pub(super) struct Configured {
    /// The values, by the option's id.
    values: BTreeMap<String, Sourced<Vec<OsString>>>,
    /// The instance that the file sets for the target.
    pub(super) instance: Option<Sourced<String>>,
}

impl Configured {
    /// Reads the file. For `host`, a target without user and region, the first block that matches and
    /// sets an option wins, then the defaults. Options in `typed` keep what was typed, and those whose
    /// variable is set keep that. `axt` is the whole grammar.
    ///
    /// # Errors
    /// All mistakes in the file.
    pub(super) fn read(
        axt: impl FnOnce() -> Command,
        typed: &Ids,
        host: Option<&str>,
    ) -> Result<Self, Vec<Error>> {
        let blocks = Blocks::load(&process_env).map_err(|error| vec![error])?;
        let Some(blocks) = blocks else {
            return Ok(Self::default());
        };
        let mut axt = axt();
        axt.build();
        let mut taken = Keys::of(&axt).with_variables();
        taken.extend(typed.iter().cloned());
        Self::of(&blocks, &axt, taken, host)
    }

    /// The values for the options that are not `taken`.
    fn of(
        blocks: &Blocks,
        axt: &Command,
        mut taken: Ids,
        host: Option<&str>,
    ) -> Result<Self, Vec<Error>> {
        let keys = Keys::of(axt);
        keys.check(blocks)?;
        let fits = |block: &str| host.is_some_and(|host| pattern::matches(host, block));
        let hosts = blocks.hosts.iter().filter(|block| fits(&block.pattern));
        let entries = hosts.flat_map(|block| &block.entries);
        let mut found = Self::default();
        taken.extend(overruled(axt, &taken));
        for entry in entries.chain(&blocks.defaults) {
            let source = Source::File(blocks.path.clone(), entry.line);
            if let (INSTANCE, Value::Text(instance)) = (&*entry.key, &entry.value) {
                let value = instance.clone();
                found.instance.get_or_insert(Sourced { value, source });
                continue;
            }
            let Some(arg) = keys.get(&entry.key) else {
                continue;
            };
            let id = arg.get_id().to_string();
            if taken.contains(&id) {
                continue;
            }
            if entry.value != Value::Switch(false) {
                taken.extend(overruled(axt, &Ids::from([id.clone()])));
            }
            taken.insert(id.clone());
            let value = values(arg, &entry.value).unwrap_or_default();
            found.values.insert(id, Sourced { value, source });
        }
        Ok(found)
    }

    /// The grammar, with the file's values as the options' defaults.
    pub(super) fn apply(&self, command: Command) -> Command {
        if self.values.is_empty() || is_apart(&command) {
            return command;
        }
        let command = command.mut_args(|arg| match self.values.get(arg.get_id().as_str()) {
            Some(given) => arg.required(false).default_values(given.value.clone()),
            None => arg,
        });
        let is_given = |id: &clap::Id| self.values.contains_key(id.as_str());
        let groups = command.get_groups();
        let fulfilled = groups.filter(|group| group.get_args().any(is_given));
        let fulfilled: Vec<_> = fulfilled.map(|group| group.get_id().clone()).collect();
        let command = fulfilled.into_iter().fold(command, |command, id| {
            command.mut_group(id, |group| group.required(false))
        });
        command.mut_subcommands(|below| self.apply(below))
    }

    /// The place in the file that gives this option its value, if the file does.
    pub(super) fn source(&self, id: &str) -> Option<&Source> {
        self.values.get(id).map(|given| &given.source)
    }
}

/// The fault in the file if it holds this.
#[cfg(feature = "fuzzing")]
pub(crate) fn file_problems(text: &str) -> Vec<String> {
    static AXT: std::sync::LazyLock<Command> = std::sync::LazyLock::new(|| {
        let mut axt = crate::cli::command();
        axt.build();
        axt
    });
    let read = Blocks::parse("config.toml".into(), text);
    let read = read.map_err(|error| vec![error]);
    let read = read.and_then(|blocks| Configured::of(&blocks, &AXT, Ids::new(), Some("web")));
    let wrong = read.err().unwrap_or_default();
    wrong.iter().map(ToString::to_string).collect()
}

/// The options that can be in the file, each once, without its relations to other options.
pub(super) fn options(axt: &Command) -> Vec<Arg> {
    let keys = Keys::of(axt);
    keys.options.into_values().cloned().map(alone).collect()
}

/// Returns whether a command's options can't be in the file. Those of the emulator can't: they describe instances.
fn is_apart(command: &Command) -> bool {
    command.get_name() == "emulator"
}

/// The options of the grammar, by their names.
struct Keys<'a> {
    options: BTreeMap<&'a str, &'a Arg>,
    /// Other names of them.
    aliases: BTreeMap<&'a str, &'a Arg>,
    /// Names of options that are for one run.
    others: BTreeSet<&'a str>,
}

impl<'a> Keys<'a> {
    fn of(axt: &'a Command) -> Self {
        let mut keys = Self {
            options: BTreeMap::new(),
            aliases: BTreeMap::new(),
            others: BTreeSet::new(),
        };
        keys.add(axt);
        keys
    }

    fn add(&mut self, command: &'a Command) {
        for arg in command.get_arguments() {
            let Some(long) = arg.get_long() else { continue };
            // An option without a variable is a switch for one run, unless it can be repeated.
            let repeats = matches!(arg.get_action(), ArgAction::Append);
            if NO_KEYS.contains(&long) || !(arg.get_env().is_some() || repeats) {
                self.others.insert(long);
                continue;
            }
            self.options.entry(long).or_insert(arg);
            for alias in arg.get_all_aliases().unwrap_or_default() {
                self.aliases.insert(alias, arg);
            }
        }
        let below = command.get_subcommands().filter(|below| !is_apart(below));
        below.for_each(|below| self.add(below));
    }

    fn get(&self, key: &str) -> Option<&'a Arg> {
        let found = self.options.get(key).or_else(|| self.aliases.get(key));
        found.copied()
    }

    /// The ids of the options whose variables have a value.
    fn with_variables(&self) -> Ids {
        let is_set = |arg: &&&Arg| {
            let value = arg.get_env().and_then(var_os);
            value.is_some_and(|value| !value.is_empty())
        };
        let options = self.options.values().filter(is_set);
        options.map(|arg| arg.get_id().to_string()).collect()
    }

    /// Fails if a key in the file is not an option, or a value is not valid for its option.
    fn check(&self, blocks: &Blocks) -> Result<(), Vec<Error>> {
        let defaults = blocks.defaults.iter().map(|entry| (entry, false));
        let hosts = blocks.hosts.iter().flat_map(|host| &host.entries);
        let entries = defaults.chain(hosts.map(|entry| (entry, true)));
        let wrong = entries.filter_map(|(entry, in_block)| {
            let what = self.check_entry(entry, in_block).err()?;
            Some(problem(&blocks.path, entry.line, &what))
        });
        let wrong: Vec<Error> = wrong.collect();
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    fn check_entry(&self, entry: &Entry, in_block: bool) -> Result<(), String> {
        let key = &entry.key;
        if key == INSTANCE {
            return match &entry.value {
                _ if !in_block => Err(tr!("instance belongs in a host block").into()),
                Value::Text(text) => check_instance(text),
                _ => Err(tr!("instance takes a TARGET, as in instance = \"i-…\"").into()),
            };
        }
        let arg = self.get(key).ok_or_else(|| self.unknown(key))?;
        let values = values(arg, &entry.value)?;
        accept(arg, &values).map_err(|problem| format!("{key}: {problem}"))
    }

    fn unknown(&self, key: &str) -> String {
        if self.others.contains(key) {
            return tr!(
                "{key} is an option for a single run and can't be in the configuration file",
                key
            );
        }
        let names = self.options.keys().chain(self.aliases.keys());
        let rated = names.map(|name| (strsim::jaro(name, key), *name));
        let best = rated.max_by(|(one, _), (other, _)| one.total_cmp(other));
        match best.filter(|(alike, _)| *alike > ALIKE) {
            Some((_, name)) => tr!(
                "there is no option {key:?}; did you mean {name}?",
                key,
                name
            ),
            None => tr!(
                "there is no option {key:?}; keys are the names of options, without their dashes",
                key
            ),
        }
    }
}

/// Fails for a text that can't be the instance of a host block.
fn check_instance(text: &str) -> Result<(), String> {
    let target = Target::parse(text);
    if target.user.is_some() {
        return Err(tr!("instance takes no user: the key for it is user").into());
    }
    Meaning::of(&target)
        .map(drop)
        .map_err(|error| format!("{INSTANCE}: {error}"))
}

/// The value as the option's arguments.
///
/// # Errors
/// The message says what the option takes.
fn values(arg: &Arg, value: &Value) -> Result<Vec<OsString>, String> {
    let name = arg.get_long().unwrap_or_default();
    let repeats = matches!(arg.get_action(), ArgAction::Append);
    match (arg.get_action(), value) {
        (ArgAction::SetTrue, Value::Switch(on)) => Ok(vec![on.to_string().into()]),
        (ArgAction::SetTrue, _) => Err(tr!("{name} takes true or false", name)),
        (ArgAction::Count, Value::Number(number)) if number.parse::<u8>().is_ok() => {
            Ok(vec![number.into()])
        }
        (ArgAction::Count, _) => Err(tr!("{name} takes a number, as in {name} = 1", name)),
        (_, Value::List(items)) if repeats => {
            let items = items.iter().map(|item| match item {
                Value::List(_) => Err(takes(arg)),
                item => values(arg, item),
            });
            let items = items.collect::<Result<Vec<_>, _>>()?;
            Ok(items.into_iter().flatten().collect())
        }
        (_, Value::Text(text) | Value::Number(text)) => Ok(vec![text.into()]),
        _ => Err(takes(arg)),
    }
}

/// Describes the values that the option takes, for an error message.
fn takes(arg: &Arg) -> String {
    let name = arg.get_long().unwrap_or_default();
    let written = arg.get_value_names().and_then(|names| names.first());
    let written = written.map_or("VALUE", |written| written.as_str());
    let lists = matches!(arg.get_action(), ArgAction::Append);
    let or_list = if lists {
        tr!(", or a list of such strings")
    } else {
        ""
    };
    tr!(
        "{name} takes {written} as a string, as in {name} = \"…\"{or_list}",
        name,
        written,
        or_list
    )
}

/// Lets the option's parser read the values.
pub(super) fn accept(arg: &Arg, values: &[OsString]) -> Result<(), String> {
    if !arg.get_action().takes_values() {
        return Ok(());
    }
    let name = arg.get_long().unwrap_or_default();
    let words = values.iter().map(|value| {
        let mut word = OsString::from(format!("--{name}="));
        word.push(value);
        word
    });
    let alone = alone(arg.clone()).env(Resettable::Reset);
    let command = Command::new("axt").no_binary_name(true).arg(alone);
    let Err(error) = command.try_get_matches_from(words) else {
        return Ok(());
    };
    if let Some(ContextValue::Strings(known)) = error.get(ContextKind::ValidValue) {
        return Err(match known.is_empty() {
            true => tr!("it is empty").to_owned(),
            false => tr!("it is one of {known}", known = known.join(", ")),
        });
    }
    let reason = error.source().map(ToString::to_string);
    Err(reason.unwrap_or_else(|| takes(arg)))
}

/// The option, without its relations to other options.
fn alone(arg: Arg) -> Arg {
    arg.short(Resettable::Reset)
        .required(false)
        .required_unless_present(Resettable::Reset)
        .requires(Resettable::Reset)
        .conflicts_with(Resettable::Reset)
        .overrides_with(Resettable::Reset)
}

#[cfg(test)]
mod tests;
