//! `axt completion`: the script for a shell, and what that script asks.

mod line;
mod targets;

use crate::cli::{Candidate, Unfinished, command};
use crate::exit::Exit;
use crate::ui::Ui;
use clap_complete::Shell;
use line::BashLine;
use std::ffi::OsString;
use targets::targets;

/// Runs `axt completion`. `typed` is what a script asks about; without it, the script is printed.
pub(crate) fn run(shell: Shell, typed: Vec<OsString>, ui: &Ui) -> anyhow::Result<Exit> {
    let text = if typed.is_empty() {
        script(shell)
    } else {
        answer(shell, typed)
    };
    ui.data(&text)?;
    Ok(Exit::Ok)
}

/// The last word of a line of bash's, and what is put in its place if it is to become longer by `more`.
#[cfg(feature = "fuzzing")]
pub(crate) fn replaced_on_line(text: &str, breaks: &str, more: &str) -> (String, Option<String>) {
    let line = BashLine::read(text, breaks);
    let word = line.words.last().cloned().unwrap_or_default();
    let put = line.replacement(&format!("{word}{more}"));
    (word, put)
}

fn script(shell: Shell) -> String {
    let own = match shell {
        Shell::Bash => include_str!("scripts/axt.bash"),
        Shell::Fish => include_str!("scripts/axt.fish"),
        Shell::Zsh => include_str!("scripts/axt.zsh"),
        // These know the grammar, but no names.
        _ => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut command(), "axt", &mut script);
            return String::from_utf8_lossy(&script).into_owned();
        }
    };
    own.to_owned()
}

/// The candidates, a line each: for bash as they are to be on its line, for others with a tab and a
/// description behind them.
fn answer(shell: Shell, typed: Vec<OsString>) -> String {
    if shell != Shell::Bash {
        let found = candidates(typed).into_iter();
        let lines = found.map(|found| format!("{}\t{}\n", found.word, found.about));
        return lines.collect();
    }
    let mut typed = typed.iter().map(|text| text.to_string_lossy());
    let (line, breaks) = (typed.next().unwrap_or_default(), typed.next());
    let line = BashLine::read(&line, &breaks.unwrap_or_default());
    let words = line.words.iter().map(OsString::from).collect();
    let found = candidates(words).into_iter();
    let values = found.filter_map(|found| line.replacement(&found.word));
    values.map(|value| value + "\n").collect()
}

/// The words that the last one could become, without those that can't be on a line of their own.
fn candidates(words: Vec<OsString>) -> Vec<Candidate> {
    let mut found = Unfinished::new(words).candidates(&targets);
    found.retain(|found| !found.word.contains(char::is_control));
    found
}
