//! The texts of help and manual pages that are not in the grammar: examples, escapes, statuses, variables, files.
//!
//! The texts are in files of their own. A heading is a line of capitals. A line that is indented by two spaces
//! names something, and the lines below that are indented by six explain it, or the rest of its line behind two
//! spaces does. Other lines are plain text. What a command's grammar has as its text after the help is written so too.

use clap::Command;

/// The day on which the texts were last changed.
pub(crate) const DATE: &str = "2026-11-30";

/// The texts of a command.
struct CommandTexts {
    command: &'static str,
    examples: &'static str,
    /// It has terminal sessions.
    escapes: bool,
    status: &'static str,
    /// Sections that only the manual page has.
    notes: &'static str,
}

macro_rules! page {
    ($command:literal, $escapes:literal, $status:literal) => {
        CommandTexts {
            command: $command,
            examples: include_str!(concat!("manual/", $command, ".txt")),
            escapes: $escapes,
            status: include_str!(concat!("manual/", $status, ".txt")),
            notes: "",
        }
    };
    ($command:literal, $escapes:literal, $status:literal, notes) => {
        CommandTexts {
            notes: include_str!(concat!("manual/", $command, "-notes.txt")),
            ..page!($command, $escapes, $status)
        }
    };
}

/// The pages, by the first word of the command. Its own commands have the same texts.
const PAGES: &[CommandTexts] = &[
    page!("axt", true, "status", notes),
    page!("connect", true, "status-remote", notes),
    page!("cp", false, "status-copy", notes),
    page!("forward", false, "status-forward", notes),
    page!("proxy", false, "status-proxy"),
    page!("ssh", true, "status-remote"),
    page!("ssh-config", false, "status"),
    page!("webshell", true, "status-remote"),
    page!("instances", false, "status", notes),
    page!("sessions", false, "status"),
    page!("share", false, "status", notes),
    page!("doctor", false, "status"),
    page!("config", false, "status", notes),
    page!("emulator", false, "status"),
    page!("completion", false, "status"),
    page!("man", false, "status"),
    page!("schema", false, "status", notes),
];

const ESCAPES: &str = include_str!("manual/escapes.txt");
const ENVIRONMENT: &str = include_str!("manual/environment.txt");
const FILES: &str = include_str!("manual/files.txt");

impl CommandTexts {
    fn of(command: &str) -> Option<&'static Self> {
        PAGES.iter().find(|page| page.command == command)
    }

    /// The sections that the long help has too.
    fn help(&self) -> impl Iterator<Item = &'static str> {
        let escapes = self.escapes.then_some(ESCAPES);
        std::iter::once(self.examples)
            .chain(escapes)
            .chain([self.status])
    }

    /// The command with the texts in its long help, and in that of its own commands.
    fn add_to(&self, command: Command) -> Command {
        let command = command.mut_subcommands(|below| self.add_to(below));
        self.add_to_one(command)
    }

    fn add_to_one(&self, command: Command) -> Command {
        let own = own(&command).map(|own| headed(&own));
        let all: Vec<String> = own.into_iter().chain(self.help().map(headed)).collect();
        command.after_long_help(all.join("\n\n"))
    }
}

/// The text that the grammar itself has after a command's long help.
fn own(command: &Command) -> Option<String> {
    command.get_after_long_help().map(ToString::to_string)
}

/// The grammar, with the texts in every command's long help.
pub(super) fn with_help(axt: Command) -> Command {
    let axt = axt.mut_subcommands(|command| match CommandTexts::of(command.get_name()) {
        Some(page) => page.add_to(command),
        None => command,
    });
    match CommandTexts::of("axt") {
        Some(page) => page.add_to_one(axt),
        None => axt,
    }
}

/// A text with its headings as the help has them.
fn headed(text: &str) -> String {
    let lines = text.trim_end().lines().map(|line| match is_heading(line) {
        true => {
            let (first, rest) = line.split_at(1);
            format!("{first}{}:", rest.to_lowercase())
        }
        false => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The sections of a command's manual page beside its options, in the language of `man`. `first` is its first word.
#[must_use]
pub(crate) fn sections(first: &str, command: &Command) -> String {
    let own = own(command).map(|own| roff(&own));
    let page = CommandTexts::of(first).into_iter();
    let texts = page.flat_map(|page| page.help().chain([page.notes]));
    let texts = texts.chain([ENVIRONMENT, FILES]).map(roff);
    own.into_iter().chain(texts).collect()
}

fn roff(text: &str) -> String {
    let mut page = String::new();
    let mut after_name = false;
    for line in text.lines() {
        let name = line
            .strip_prefix("  ")
            .filter(|rest| !rest.starts_with(' '));
        if is_heading(line) {
            page += &format!(".SH \"{line}\"\n");
        } else if let Some(name) = name {
            let (name, explained) = name.split_once("  ").unwrap_or((name, ""));
            page += &format!(".TP\n\\fB{}\\fR\n", escaped(name).replace('-', "\\-"));
            if !explained.is_empty() {
                page += &format!("{}\n", escaped(explained.trim()));
            }
        } else if line.is_empty() {
            page += if after_name { "" } else { ".PP\n" };
        } else {
            page += &format!("{}\n", escaped(line.trim()));
        }
        after_name = name.is_some();
    }
    // A paragraph that only a list or a section follows.
    page.replace(".PP\n.TP", ".TP").replace(".PP\n.SH", ".SH")
}

fn is_heading(line: &str) -> bool {
    let capitals = |c: char| c.is_ascii_uppercase() || c == ' ';
    line.starts_with(|c: char| c.is_ascii_uppercase()) && line.chars().all(capitals)
}

/// The text, with what `man` would take for its own written out.
fn escaped(text: &str) -> String {
    let text = text
        .replace('\\', "\\e")
        .replace('~', "\\(ti")
        .replace('^', "\\(ha");
    let text = text.replace('\'', "\\(aq").replace('`', "\\(ga");
    if text.starts_with('.') {
        return format!("\\&{text}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::command;

    #[test]
    fn every_command_has_its_texts_and_every_text_its_command() {
        let axt = command();
        let commands = axt.get_subcommands().map(Command::get_name);
        let commands: Vec<&str> = commands.chain(["axt"]).collect();
        for command in &commands {
            assert!(
                CommandTexts::of(command).is_some(),
                "{command} has no examples"
            );
        }
        for page in PAGES {
            let known = commands.contains(&page.command);
            // Built without it, axt has no emulator.
            assert!(known || page.command == "emulator", "{}", page.command);
            let texts = page.help().chain([ENVIRONMENT, FILES]);
            for text in texts {
                let lines = text.lines().filter(|line| !line.starts_with("  axt"));
                let wide = lines.filter(|line| line.len() > 80);
                assert_eq!(wide.count(), 0, "{}: {text}", page.command);
            }
        }
    }

    #[test]
    fn the_long_help_of_every_command_has_examples_and_statuses() {
        fn check(command: &Command) {
            let text = own(command).unwrap_or_default();
            for part in ["Examples:", "Exit status:"] {
                assert_eq!(text.matches(part).count(), 1, "{command}: {text}");
            }
            let below = command
                .get_subcommands()
                .filter(|below| !below.is_hide_set());
            below.for_each(check);
        }
        check(&with_help(command()));
    }

    #[test]
    fn examples_are_of_the_grammar() {
        for page in PAGES {
            let lines = page.examples.lines();
            for line in lines.filter_map(|line| line.strip_prefix("  axt ")) {
                let line = line.split(" < ").next().unwrap_or_default();
                let line = line.split(" > ").next().unwrap_or_default();
                let line = line.split(" >> ").next().unwrap_or_default();
                let line = line.split(" | ").next().unwrap_or_default();
                let words = shlex::split(line).expect(line);
                let words = std::iter::once("axt".to_owned()).chain(words);
                let read = crate::cli::parse::grammar().try_get_matches_from(words);
                let known = cfg!(feature = "emulator") || !line.contains("emulator");
                assert!(read.is_ok() || !known, "{line}: {:?}", read.err());
            }
        }
    }

    #[test]
    fn a_text_becomes_help_and_a_page() {
        let text =
            "EXIT STATUS\nSome text.\n\n  ~.\n      .a b\\c\n  x-y\n      It's.\n  z    Last.\n";
        assert_eq!(
            headed(text),
            "Exit status:\nSome text.\n\n  ~.\n      .a b\\c\n  x-y\n      It's.\n  z    Last."
        );
        assert_eq!(
            roff(text),
            ".SH \"EXIT STATUS\"\nSome text.\n.TP\n\\fB\\(ti.\\fR\n\\&.a b\\ec\n.TP\n\\fBx\\-y\\fR\nIt\\(aqs.\n.TP\n\\fBz\\fR\nLast.\n"
        );
    }
}
