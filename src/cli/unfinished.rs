//! A command line that is still being typed: what could be its next word.

use super::Global;
use super::invocation::called_as_ssh;
use super::parse::{global, grammar, map_args};
use super::ssh::{Next, next};
use crate::openapi::region::REGIONS;
use clap::Arg;
use clap_complete::engine::{
    ArgValueCandidates, ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter as _,
    complete,
};
use std::env::current_dir;
use std::ffi::{OsStr, OsString};
use std::sync::Arc;

/// The command line. The last word is the one to complete.
pub(crate) struct Unfinished {
    words: Vec<OsString>,
}

/// Finds the targets that begin with a text.
pub(crate) type Targets = Arc<dyn Fn(&Global, &str) -> Vec<CompletionCandidate> + Send + Sync>;

impl Unfinished {
    /// The command line, from the program's name to the word to complete, which may be empty.
    #[must_use]
    pub(crate) fn new(words: Vec<OsString>) -> Self {
        Self { words }
    }

    /// The words that the last one could become.
    #[must_use]
    pub(crate) fn candidates(&self, targets: &Targets) -> Vec<CompletionCandidate> {
        let Some((last, before)) = self.words.split_last() else {
            return Vec::new();
        };
        match called_as_ssh(before) {
            Some((own, rest)) => ssh(&own, &rest, last, targets),
            None => self.of_axt(before, last, targets),
        }
    }

    fn of_axt(
        &self,
        before: &[OsString],
        last: &OsStr,
        targets: &Targets,
    ) -> Vec<CompletionCandidate> {
        let global = global(before);
        let axt = map_args(grammar(), &|arg| match target_of(&arg) {
            Some(takes_user) => {
                let (global, targets) = (global.clone(), Arc::clone(targets));
                arg.add(ArgValueCompleter::new(move |word: &OsStr| {
                    named(global.as_ref(), word, takes_user, &targets)
                }))
            }
            // A target, or a local path.
            None if arg.get_id() == "paths" => {
                let (global, targets) = (global.clone(), Arc::clone(targets));
                arg.add(ArgValueCompleter::new(move |word: &OsStr| {
                    let remote = named(global.as_ref(), word, true, &targets).into_iter();
                    let remote = remote.map(|found| {
                        let value = found.get_value().to_string_lossy();
                        CompletionCandidate::new(format!("{value}:"))
                            .help(found.get_help().cloned())
                    });
                    remote.chain(PathCompleter::any().complete(word)).collect()
                }))
            }
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
        let mut found = found.unwrap_or_default();
        // A user who has typed nothing looks for a name, unless there can be none.
        let is_option = |candidate: &CompletionCandidate| starts_with(candidate.get_value(), "-");
        if last.is_empty() && !found.iter().all(is_option) {
            found.retain(|candidate| !is_option(candidate));
        }
        found
    }
}

/// The words that could follow ssh's arguments; `own` is axt with its options.
fn ssh(
    own: &[OsString],
    rest: &[OsString],
    last: &OsStr,
    targets: &Targets,
) -> Vec<CompletionCandidate> {
    match next(rest) {
        Next::Host if !starts_with(last, "-") => named(global(own).as_ref(), last, true, targets),
        Next::Value('E' | 'F' | 'S' | 'i') => PathCompleter::any().complete(last),
        Next::Host | Next::Value(_) | Next::Command => Vec::new(),
    }
}

/// The targets that begin with the word, behind the user if it names one.
fn named(
    global: Option<&Global>,
    word: &OsStr,
    takes_user: bool,
    targets: &Targets,
) -> Vec<CompletionCandidate> {
    let (Some(global), Some(word)) = (global, word.to_str()) else {
        return Vec::new();
    };
    let user = word.rfind('@').filter(|_| takes_user);
    let (user, host) = word.split_at(user.map_or(0, |at| at + 1));
    let found = targets(global, host).into_iter();
    found.map(|candidate| candidate.add_prefix(user)).collect()
}

/// Whether an argument is a target, and if so, whether a user may stand before it: its value's name says so.
fn target_of(arg: &Arg) -> Option<bool> {
    let name = arg.get_value_names()?.first()?;
    name.ends_with("TARGET").then(|| name.contains("USER@"))
}

fn starts_with(word: &OsStr, start: &str) -> bool {
    word.as_encoded_bytes().starts_with(start.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(line: &str) -> Vec<String> {
        let words = line.split(' ').map(OsString::from).collect();
        let targets: Targets = Arc::new(|global, host| {
            let names = ["web-1", "web-2", "数据 库"].into_iter();
            let names = names.filter(|name| name.starts_with(host));
            let region = global.region.clone().unwrap_or_default();
            let names = names.map(|name| CompletionCandidate::new(format!("{name}{region}")));
            names.collect()
        });
        let found = Unfinished::new(words).candidates(&targets).into_iter();
        let values = found.map(|found| found.get_value().to_string_lossy().into_owned());
        values.collect()
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
