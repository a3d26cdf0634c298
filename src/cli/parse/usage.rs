//! A usage error in axt's own form: one line a fact, each with the prefix.

use crate::ui::Ui;
use clap::error::{ContextKind, ContextValue};

/// Shows a usage error. Where an argument's value comes from a variable, the variable is named:
/// `variables` are pairs of what the error calls the argument and its variable. A `hint` takes the place
/// of the parser's own, which go by letters.
pub(super) fn show(error: &clap::Error, variables: &[(String, String)], hint: Option<&str>) {
    let ui = Ui::default();
    let lines = lines(error, variables);
    for line in lines
        .iter()
        .filter(|line| hint.is_none() || !line.starts_with("hint: "))
    {
        match line.split_once("hint: ") {
            Some(("", hint)) => ui.hint(hint),
            _ => ui.error(line, None),
        }
    }
    if let Some(hint) = hint {
        ui.hint(hint);
    }
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
    const MORE: &str = "For more information, try";
    match line.trim_start().split_once(": ") {
        Some(("tip", tip)) => format!("hint: {tip}"),
        Some(("Usage", usage)) => format!("usage: {usage}"),
        _ => line.replacen(MORE, "hint: for more, try", 1),
    }
}
