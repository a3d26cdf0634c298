//! The words that could come next on a command line that is still being typed.

use super::Global;
use super::invocation::called_as_ssh;
use super::parse::{global, grammar_of, map_args};
use super::ssh::{NextWord, next};
use crate::openapi::region::REGIONS;
use clap::Arg;
use clap_complete::engine::{
    ArgValueCandidates, ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter as _,
    complete,
};
use std::env::current_dir;
use std::ffi::{OsStr, OsString};

/// Marks a candidate that stands for others, which are found once the engine is done: it is slow for each
/// candidate, and there may be thousands of targets. No argument can hold this character.
const LATER: char = '\0';

/// The command line. The last word is the one to complete.
pub(crate) struct Unfinished {
    words: Vec<OsString>,
}

/// A word that could be next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// The word.
    pub(crate) word: String,
    /// A line about it, or nothing.
    pub(crate) about: String,
}

/// Finds the targets that begin with a text.
pub(crate) type Targets = dyn Fn(&Global, &str) -> Vec<Candidate>;

impl Unfinished {
    /// The command line, from the program's name to the word to complete, which may be empty.
    #[must_use]
    pub(crate) fn new(words: Vec<OsString>) -> Self {
        Self { words }
    }

    /// The words that the last one could become.
    #[must_use]
    pub(crate) fn candidates(&self, targets: &Targets) -> Vec<Candidate> {
        let Some((last, before)) = self.words.split_last() else {
            return Vec::new();
        };
        match called_as_ssh(before) {
            Some((own, rest)) => ssh(&own, &rest, last, targets),
            None => self.of_axt(before, last, targets),
        }
    }

    fn of_axt(&self, before: &[OsString], last: &OsStr, targets: &Targets) -> Vec<Candidate> {
        let axt = map_args(grammar_of(before), &|arg| match Takes::of(&arg) {
            Some(takes) => arg.add(ArgValueCompleter::new(move |word: &OsStr| {
                let mut found = takes.later(word);
                if takes == Takes::Path {
                    found.extend(PathCompleter::any().complete(word));
                }
                found
            })),
            None if arg.get_id() == "region" => {
                let regions = || REGIONS.map(CompletionCandidate::new).into();
                arg.add(ArgValueCandidates::new(regions))
            }
            None => arg,
        });
        let at = self.words.len() - 1;
        let found = complete(
            &mut axt.bin_name("axt"),
            self.words.clone(),
            at,
            current_dir().ok().as_deref(),
        );
        let found = found.unwrap_or_default().into_iter();
        let found = found.flat_map(|found| match Takes::asked(&found) {
            Some((before_it, takes, word)) => {
                let mut found = named(global(before).as_ref(), word, takes, targets);
                found
                    .iter_mut()
                    .for_each(|found| found.word.insert_str(0, before_it));
                found
            }
            None => candidate(&found).into_iter().collect(),
        });
        let mut found: Vec<Candidate> = found.collect();
        // A user who has typed nothing looks for a name, unless there can be none.
        let is_option = |candidate: &Candidate| candidate.word.starts_with('-');
        if last.is_empty() && !found.iter().all(is_option) {
            found.retain(|candidate| !is_option(candidate));
        }
        found
    }
}

/// The form in which an argument takes a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// Alone.
    Target,
    /// Perhaps behind a user.
    Login,
    /// A part of a remote path; it may be a local path too.
    Path,
}

impl Takes {
    /// Reads it off the name of the argument's value.
    fn of(arg: &Arg) -> Option<Self> {
        if arg.get_id() == "paths" {
            return Some(Self::Path);
        }
        let name = arg.get_value_names()?.first()?;
        let has_user = name.contains("USER@");
        let takes = if has_user { Self::Login } else { Self::Target };
        name.ends_with("TARGET").then_some(takes)
    }

    /// The candidate that stands for the targets that begin with the word.
    fn later(self, word: &OsStr) -> Vec<CompletionCandidate> {
        let word = word.to_str().into_iter();
        word.map(|word| CompletionCandidate::new(format!("{LATER}{}{word}", self.letter())))
            .collect()
    }

    /// The text before the word and the word, if this stands for targets.
    fn asked(found: &CompletionCandidate) -> Option<(&str, Self, &str)> {
        let (before, asked) = found.get_value().to_str()?.split_once(LATER)?;
        let all = [Self::Target, Self::Login, Self::Path].into_iter();
        let mut asked = all.filter_map(|takes| Some((takes, asked.strip_prefix(takes.letter())?)));
        asked.next().map(|(takes, word)| (before, takes, word))
    }

    fn letter(self) -> char {
        match self {
            Self::Target => 't',
            Self::Login => 'l',
            Self::Path => 'p',
        }
    }
}

/// The words that could follow ssh's arguments; `own` is axt with its options.
fn ssh(own: &[OsString], rest: &[OsString], last: &OsStr, targets: &Targets) -> Vec<Candidate> {
    match (next(rest), last.to_str()) {
        (NextWord::Host, Some(word)) if !word.starts_with('-') => {
            named(global(own).as_ref(), word, Takes::Login, targets)
        }
        (NextWord::Value('E' | 'F' | 'S' | 'i'), _) => {
            let paths = PathCompleter::any().complete(last);
            paths.iter().filter_map(candidate).collect()
        }
        _ => Vec::new(),
    }
}

/// The targets that begin with the word, behind the user if it names one.
fn named(global: Option<&Global>, word: &str, takes: Takes, targets: &Targets) -> Vec<Candidate> {
    let Some(global) = global else {
        return Vec::new();
    };
    let user = word.rfind('@').filter(|_| takes != Takes::Target);
    let (user, host) = word.split_at(user.map_or(0, |at| at + 1));
    let mut found = targets(global, host);
    for candidate in &mut found {
        candidate.word.insert_str(0, user);
        if takes == Takes::Path {
            candidate.word.push(':');
        }
    }
    found
}

/// The engine's candidate, if it is text.
fn candidate(found: &CompletionCandidate) -> Option<Candidate> {
    let about = found.get_help().map(ToString::to_string);
    let about = about.as_deref().and_then(|about| about.lines().next());
    Some(Candidate {
        word: found.get_value().to_str()?.to_owned(),
        about: about.unwrap_or_default().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(line: &str) -> Vec<String> {
        let words = line.split(' ').map(OsString::from).collect();
        let targets = |global: &Global, host: &str| {
            let names = ["web-1", "web-2", "数据 库"].into_iter();
            let names = names.filter(|name| name.starts_with(host));
            let region = global.region.clone().unwrap_or_default();
            let names = names.map(|name| Candidate {
                word: format!("{name}{region}"),
                about: String::new(),
            });
            names.collect()
        };
        let found = Unfinished::new(words).candidates(&targets).into_iter();
        found.map(|found| found.word).collect()
    }

    #[test]
    fn targets_stand_where_a_command_takes_one() {
        for (line, expected) in [
            ("axt connect ", &["web-1", "web-2", "数据 库"][..]),
            ("axt connect web-1 ", &[]),
            (
                "axt connect -v --keepalive 5s root@w",
                &["root@web-1", "root@web-2"],
            ),
            ("axt forward 数", &["数据 库"]),
            ("axt proxy web-2", &["web-2"]),
            ("axt proxy root@w", &[]),
            ("axt doctor w", &["web-1", "web-2"]),
            ("axt ssh-config w", &["web-1", "web-2"]),
            ("axt ssh-config web-1 a@web-2", &["a@web-2"]),
            ("axt sessions list --instance w", &["web-1", "web-2"]),
            (
                "axt sessions list --instance=w",
                &["--instance=web-1", "--instance=web-2"],
            ),
            ("axt share stop --instance w", &[]),
            ("axt config show w", &["web-1", "web-2"]),
            ("axt --region X connect web-1", &["web-1X"]),
            ("axt connect --region=X web-1", &["web-1X"]),
            ("axt cp bob@web-", &["bob@web-1:", "bob@web-2:"]),
            ("axt cp src/lib.r", &["src/lib.rs"]),
            ("axt cp src/lib.rs 数", &["数据 库:"]),
            ("axt cp web-1:/", &[]),
            ("axt ssh w", &["web-1", "web-2"]),
            ("axt ssh -vl root -p 22 w", &["web-1", "web-2"]),
            ("axt ssh -l w", &[]),
            ("axt ssh web-1 w", &[]),
            ("axt -v ssh bob@web-1", &["bob@web-1"]),
            ("axt-ssh -T web-2", &["web-2"]),
            ("axt ssh -", &[]),
            ("axt connect --region cn-q", &["cn-qingdao"]),
            ("axt conn", &["connect"]),
            ("axt connect web-1 -- w", &[]),
            ("axt bogus -x", &[]),
            ("axt", &[]),
        ] {
            let values: Vec<_> = values(line)
                .into_iter()
                .filter(|v| !v.starts_with("--no"))
                .collect();
            let values: Vec<_> = match expected {
                [] => values
                    .into_iter()
                    .filter(|value| !value.starts_with('-'))
                    .collect(),
                _ => values,
            };
            assert_eq!(values, expected, "{line}");
        }
        assert!(values("axt connect --name").contains(&"--name-cache".to_owned()));
    }
}
