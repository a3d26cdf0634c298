//! Prints a usage error in axt's form: one fact on each line, with the prefix.

use super::configured::accept;
use crate::error::Error;
use crate::json;
use crate::ui::Ui;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command};
use std::env::var_os;
use std::ffi::OsString;

/// Names that are less similar (Jaro, from 0 to 1) are no misspellings of one another.
const NEAR: f64 = 0.8;

/// The beginning of the line of a hint.
const HINT: &str = "hint: ";

/// Shows a usage error. Where an argument's value comes from a variable, the variable is named:
/// `variables` are pairs of what the error calls the argument and its variable. A `hint` takes the place
/// of the parser's own, which go by letters.
pub(super) fn show(
    error: &clap::Error,
    variables: &[(String, String)],
    hint: Option<&str>,
    as_json: bool,
) {
    let ui = Ui::default();
    let lines = lines(error, variables);
    if as_json {
        return ui.bare(&one_line(&lines, hint));
    }
    for line in &lines {
        match line.strip_prefix(HINT) {
            Some(own) if hint.is_none() => ui.hint(own),
            Some(_) => {}
            None => ui.error(line, None),
        }
    }
    if let Some(hint) = hint {
        ui.hint(hint);
    }
}

/// Shows what is wrong in axt's own file or its variables.
pub(super) fn show_mistakes(mistakes: &[Error], as_json: bool) {
    let ui = Ui::default();
    let texts: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    match as_json {
        true => ui.bare(&json::failure(&texts.join("; "), None, mistakes.first())),
        false => texts.iter().for_each(|text| ui.error(text, None)),
    }
}

/// The error as JSON.
fn one_line(lines: &[String], hint: Option<&str>) -> String {
    let own = lines.iter().find_map(|line| line.strip_prefix(HINT));
    let facts = lines.iter().filter(|line| !line.starts_with(HINT));
    let message = facts.fold(String::new(), |before, fact| {
        let between = match before.chars().last() {
            None => "",
            Some(':') => " ",
            Some(_) => "; ",
        };
        before + between + fact.trim()
    });
    json::failure(&message, hint.or(own), Some(&Error::Usage(message.clone())))
}

/// Takes the parser's tips out that name something else than a misspelt word.
pub(super) fn without_far_tips(error: &mut clap::Error) {
    let kinds = [
        (
            ContextKind::InvalidSubcommand,
            ContextKind::SuggestedSubcommand,
        ),
        (ContextKind::InvalidArg, ContextKind::SuggestedArg),
    ];
    for (invalid, suggested) in kinds {
        let Some(ContextValue::String(typed)) = error.get(invalid).cloned() else {
            continue;
        };
        let is_near = |name: &String| {
            let bare = |word: &str| word.trim_start_matches('-').to_owned();
            strsim::jaro(&bare(&typed), &bare(name)) >= NEAR
        };
        match error.remove(suggested) {
            Some(ContextValue::Strings(mut names)) => {
                names.retain(is_near);
                if !names.is_empty() {
                    error.insert(suggested, ContextValue::Strings(names));
                }
            }
            Some(ContextValue::String(name)) if is_near(&name) => {
                error.insert(suggested, ContextValue::String(name));
            }
            _ => {}
        }
    }
}

/// Makes the error show the usage of its command as its help has it. The parser's own takes what comes from
/// variables for required.
pub(super) fn with_whole_usage(error: &mut clap::Error, axt: &mut Command) {
    let Some(ContextValue::StyledStr(usage)) = error.get(ContextKind::Usage) else {
        return;
    };
    let usage = usage.to_string();
    let mut command = axt;
    for word in usage
        .split_whitespace()
        .skip_while(|word| *word != "axt")
        .skip(1)
    {
        if command.find_subcommand(word).is_none() {
            break;
        }
        command = command.find_subcommand_mut(word).expect("it was found");
    }
    let is_given = |arg: &Arg| {
        let value = arg.get_env().and_then(var_os);
        value.is_some_and(|value| !value.is_empty())
    };
    let mut command = command.clone().mut_args(|arg| match is_given(&arg) {
        true => arg.required(false),
        false => arg,
    });
    let usage = command.render_usage();
    error.insert(ContextKind::Usage, ContextValue::StyledStr(usage));
}

/// The values of an option that was given without one, if its parser lists them.
pub(super) fn wanted(error: &clap::Error, axt: &Command) -> Option<String> {
    let none = ContextValue::String(String::new());
    let is_missing = error.get(ContextKind::InvalidValue) == Some(&none);
    let Some(ContextValue::String(name)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    let arg = find(axt, name).filter(|_| is_missing)?;
    let wanted = accept(arg, &[OsString::new()]).err()?;
    Some(in_own_words(wanted)).filter(|wanted| wanted != tr!("it is empty"))
}

/// The argument that errors call by this name.
fn find<'a>(command: &'a Command, name: &str) -> Option<&'a Arg> {
    let mut here = command.get_arguments();
    let below = || {
        command
            .get_subcommands()
            .find_map(|below| find(below, name))
    };
    here.find(|arg| arg.to_string() == name).or_else(below)
}

fn lines(error: &clap::Error, variables: &[(String, String)]) -> Vec<String> {
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    // It would run what looks like an option as a command.
    let lines = lines.filter(|line| !line.contains(" as a value, use '-- "));
    let named = lines.map(|line| with_variables(line, error, variables));
    named.map(|line| reworded(&line)).collect()
}

/// The line, with the variables in place of the arguments that nobody typed.
fn with_variables(line: &str, error: &clap::Error, variables: &[(String, String)]) -> String {
    let mut line = line.to_owned();
    // What the command does not know is what was typed.
    if error.kind() == ErrorKind::UnknownArgument {
        return line;
    }
    for kind in [ContextKind::InvalidArg, ContextKind::PriorArg] {
        if let Some(ContextValue::String(name)) = error.get(kind)
            && let Some((_, variable)) = variables.iter().find(|(argument, _)| argument == name)
        {
            line = line.replace(&format!("'{name}'"), variable);
        }
    }
    line
}

/// The parser's own way to begin a line, in axt's.
fn reworded(line: &str) -> String {
    const MORE: &str = "For more information, try ";
    let line = in_own_words(line.to_owned());
    match line.trim_start().split_once(": ") {
        Some(("tip", tip)) => format!("hint: {tip}"),
        Some(("Usage", usage)) => format!("usage: {usage}"),
        _ => match line.strip_prefix(MORE) {
            Some(option) => {
                let option = option.trim_end_matches('.');
                format!("{HINT}{}", tr!("for more, try {option}.", option))
            }
            None => line,
        },
    }
}

/// The text, with what parsers say of a value in axt's words.
fn in_own_words(text: String) -> String {
    let number = tr!("it takes a whole number");
    let words = [
        ("invalid digit found in string", number),
        ("cannot parse integer from empty string", number),
        (
            "value was not a boolean",
            tr!("it takes 1 or 0, true or false, yes or no, on or off"),
        ),
        (
            "invalid socket address syntax",
            tr!("it takes ADDRESS:PORT, such as 127.0.0.1:0"),
        ),
    ];
    words
        .iter()
        .fold(text, |text, (theirs, own)| text.replace(theirs, own))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use crate::cli::parse::words;
    use clap::CommandFactory as _;

    fn tip(line: &str) -> Option<String> {
        let axt = Cli::command().mut_subcommand("connect", |connect| {
            connect.mut_args(words::refuse_an_option)
        });
        let error = axt.try_get_matches_from(line.split(' '));
        let mut error = error.expect_err(line);
        without_far_tips(&mut error);
        let lines = lines(&error, &[]);
        lines.into_iter().find(|line| line.contains("similar"))
    }

    /// Shows every option of the commands, with the command.
    fn for_options(command: &Command, see: &mut impl FnMut(&Command, &Arg)) {
        let takes_value = |arg: &&Arg| arg.get_long().is_some() && arg.get_action().takes_values();
        let options = command.get_arguments().filter(takes_value);
        options.for_each(|option| see(command, option));
        for below in command.get_subcommands() {
            for_options(below, see);
        }
    }

    #[test]
    fn an_option_without_its_value_says_what_it_takes() {
        let mut axt = Cli::command();
        axt.build();
        let mut said = 0;
        for_options(&axt, &mut |command, option| {
            let mut error = clap::Error::new(ErrorKind::InvalidValue).with_cmd(command);
            let name = ContextValue::String(option.to_string());
            error.insert(ContextKind::InvalidArg, name);
            error.insert(
                ContextKind::InvalidValue,
                ContextValue::String(String::new()),
            );
            let hint = wanted(&error, &axt).unwrap_or_default();
            said += usize::from(!hint.is_empty());
            for bad in ["\"\"", "invalid", "parse", "one of \n"] {
                let hint = format!("{hint}\n");
                assert!(
                    !hint.contains(bad),
                    "{} {option}: {hint}",
                    command.get_name()
                );
            }
        });
        assert!(said > 50, "{said}");
    }

    #[test]
    fn only_a_misspelt_word_gets_a_tip() {
        for line in [
            "axt start",
            "axt status",
            "axt connect i-1 --identity x",
            "axt connect i-1 --host x",
        ] {
            assert_eq!(tip(line), None, "{line}");
        }
        for (line, name) in [
            ("axt conect", "'connect'"),
            ("axt instance", "'instances'"),
            ("axt connect i-1 --comand x", "'--command'"),
        ] {
            let tip = tip(line).expect(line);
            assert!(tip.ends_with(name), "{line}: {tip}");
        }
    }
}
