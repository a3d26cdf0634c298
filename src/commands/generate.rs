//! `axt man`, generated from the command tree, and `axt schema`.

use crate::cli::{command as grammar, manual};
use crate::error::Error;
use crate::exit::Exit;
use crate::json;
use crate::terminal;
use crate::ui::Ui;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// Prints the JSON Schema of what is printed with `--json`.
pub(crate) fn schema(ui: &Ui) -> anyhow::Result<Exit> {
    ui.data(json::SCHEMA)?;
    Ok(Exit::Ok)
}

/// Prints the manual page of axt, or of a command. On a terminal `man` shows it, if it is there.
///
/// # Errors
/// [`Error::Usage`] if there is no such command.
pub(crate) fn man(command: &[String], ui: &Ui) -> anyhow::Result<Exit> {
    let page = page(command)?;
    if !(terminal::stdout_is_terminal() && shows_by_man(&page)) {
        ui.data(&page)?;
    }
    Ok(Exit::Ok)
}

/// Shows the page by `man`, and returns true if that succeeded.
fn shows_by_man(page: &str) -> bool {
    let mut man = Command::new("man");
    let Ok(mut man) = man.args(["-l", "-"]).stdin(Stdio::piped()).spawn() else {
        return false;
    };
    if let Some(mut stdin) = man.stdin.take() {
        // The user may leave the pager before it has read everything.
        let _ = stdin.write_all(page.as_bytes());
    }
    man.wait().is_ok_and(|status| status.success())
}

/// The page of a command, in the language of `man`: what the grammar says, then the texts beside it.
fn page(words: &[String]) -> anyhow::Result<String> {
    // `axt help` has no page.
    let mut axt = grammar().disable_help_subcommand(true);
    axt.build();
    let (mut command, mut name) = (&axt, "axt".to_owned());
    for word in words {
        let below = command.find_subcommand(word);
        let below = below.filter(|below| !below.is_hide_set());
        command = below.ok_or_else(|| no_page(&words.join(" "), command))?;
        name = format!("{name}-{}", command.get_name());
    }
    let first = words.first().map_or("axt", String::as_str);
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").to_owned();
    let version = command.get_version().unwrap_or_default().to_owned();
    // A page leaves out the texts of options that the short help does not have.
    let command = command.clone().mut_args(|arg| arg.hide_short_help(false));
    let man = clap_mangen::Man::new(command.clone().name(name.clone()).override_usage(usage))
        .title(name.to_uppercase())
        .source(format!("axt {version}"))
        .manual("User Commands")
        .date(manual::DATE);
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    // Two breaks around an empty line are one, or `mandoc` warns of them.
    let page = String::from_utf8_lossy(&page).replace(".br\n\n.br\n", ".sp\n");
    Ok(page + &manual::sections(first, &command))
}

/// The message where there is no such page.
fn no_page(words: &str, above: &clap::Command) -> Error {
    let commands = above.get_subcommands().filter(|below| !below.is_hide_set());
    let names: Vec<&str> = commands.map(clap::Command::get_name).collect();
    let known = match names.is_empty() {
        true => String::new(),
        false => tr!(": there are {names}", names = names.join(", ")),
    };
    Error::Usage(tr!("there is no command {words:?}{known}", words, known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_what_the_grammar_says_and_the_texts_beside_it() {
        let connect = page(&["connect".to_owned()]).unwrap();
        assert!(connect.contains("Start no more sessions"), "{connect}");
        let ssh = page(&["ssh".to_owned()]).unwrap();
        assert!(
            ssh.contains(".SH \"OPTIONS OF SSH\"") && ssh.contains("IgnoreUnknown"),
            "{ssh}"
        );
        let page = page(&["sessions".to_owned(), "list".to_owned()]).unwrap();
        assert!(page.contains(".TH AXT-SESSIONS-LIST 1"), "{page}");
        for section in ["NAME", "SYNOPSIS", "OPTIONS", "EXAMPLES", "EXIT STATUS"] {
            assert!(page.contains(section), "{section}: {page}");
        }
    }

    #[test]
    fn there_is_no_page_of_what_is_no_command() {
        for words in ["conect", "help", "share hold", "connect list"] {
            let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
            let refused = page(&words).unwrap_err().to_string();
            let (what, known) = refused.split_once(": there are ").unwrap_or((&refused, ""));
            assert!(what.starts_with("there is no command"), "{refused}");
            assert!(!known.contains("help"), "{refused}");
        }
    }
}
