//! The configuration file that `-F` names: its lines in order, for the host that was typed.

use super::keywords::{SettingKey, Treatment, meaning};
use super::line::{self, ConfigLine};
use super::plan;
use super::settings::SshSettings;
use crate::pattern::list_matches;
use glob::{MatchOptions, glob_with};
use std::borrow::Cow;
use std::io::{self, Read as _};
use std::path::PathBuf;

/// The most files that may include each other, as in ssh.
const DEEPEST: usize = 16;

/// The most files that are included in all: files that include each other twice would never end.
const MOST: usize = 256;

/// The longest file that is read, in bytes.
const LONGEST: u64 = 1024 * 1024;

/// The configuration files, as they are read.
pub trait Files {
    /// The content of a file.
    ///
    /// # Errors
    /// The system's error, and one for a file that is too long.
    fn read(&self, path: &str) -> io::Result<Vec<u8>>;

    /// The files that match an `Include`. It is no error if there are none.
    fn included(&self, pattern: &str) -> Vec<String>;
}

/// The files of this machine.
#[derive(Debug, Clone, Default)]
pub struct LocalFiles {
    /// The home directory, for `~` and for `~/.ssh`, where relative names of `Include` lead.
    pub home: Option<PathBuf>,
}

impl Files for LocalFiles {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        let file = std::fs::File::open(self.expand(path))?;
        let length = file.take(LONGEST + 1).read_to_end(&mut content)?;
        if length as u64 > LONGEST {
            return Err(io::Error::other(tr!("it is longer than 1 MiB")));
        }
        Ok(content)
    }

    fn included(&self, pattern: &str) -> Vec<String> {
        let pattern = self.expand(pattern);
        let pattern = match &self.home {
            Some(home) => home.join(".ssh").join(pattern),
            None => pattern,
        };
        // As with the system's own glob, `*` leaves files out whose names begin with a dot.
        let options = MatchOptions {
            require_literal_leading_dot: true,
            ..MatchOptions::default()
        };
        let pattern = pattern.to_str();
        let found = pattern.and_then(|text| glob_with(text, options).ok());
        let paths = found.into_iter().flatten().flatten();
        paths
            .filter_map(|path| path.to_str().map(str::to_owned))
            .collect()
    }
}

impl LocalFiles {
    fn expand(&self, path: &str) -> PathBuf {
        match (path.strip_prefix("~/"), &self.home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => PathBuf::from(path),
        }
    }
}

/// Reads the file that `-F` names.
///
/// # Errors
/// Names the file, the line and what is wrong with it.
pub(super) fn apply(
    settings: &mut SshSettings,
    path: &str,
    host: &str,
    files: &dyn Files,
) -> Result<(), String> {
    let mut reader = ConfigReader {
        included: 0,
        settings,
        host,
        files,
        is_final: false,
        asks_for_final: false,
    };
    let content = files
        .read(path)
        .map_err(|error| format!("-F {path}: {error}"))?;
    reader.file(path, &content, true, 0)?;
    if reader.asks_for_final {
        reader.is_final = true;
        reader.included = 0;
        reader.file(path, &content, true, 0)?;
    }
    Ok(())
}

struct ConfigReader<'a> {
    included: usize,
    settings: &'a mut SshSettings,
    /// The host as it was typed, without the user.
    host: &'a str,
    files: &'a dyn Files,
    /// The files are read a second time, for `Match final`: the host's name is settled now.
    is_final: bool,
    asks_for_final: bool,
}

impl ConfigReader<'_> {
    /// Applies a file's lines. The lines of an inactive block are checked and have no effect.
    fn file(
        &mut self,
        path: &str,
        content: &[u8],
        outer: bool,
        depth: usize,
    ) -> Result<(), String> {
        let mut active = outer;
        for (number, bytes) in content.split(|byte| *byte == b'\n').enumerate() {
            let at = |problem: String| {
                tr!(
                    "{path} line {number}: {problem}",
                    path,
                    number = number + 1,
                    problem
                )
            };
            if bytes.contains(&b'\0') {
                return Err(at(tr!("it holds a NUL character").into()));
            }
            let Some(line) = cut(bytes).map_err(at)? else {
                continue;
            };
            match meaning(&line.keyword) {
                Some((_, Treatment::Kept(SettingKey::Host | SettingKey::Include)))
                    if line.args.is_empty() =>
                {
                    return Err(at(tr!(
                        "{keyword}: a value is missing",
                        keyword = line.keyword
                    )));
                }
                Some((_, Treatment::Kept(SettingKey::Host))) => {
                    let patterns = line.args.iter().map(String::as_str);
                    active = outer && list_matches(self.host, patterns);
                }
                Some((_, Treatment::Kept(SettingKey::Match))) => {
                    active = outer && self.matches(&line.args).map_err(at)?;
                }
                Some((_, Treatment::Kept(SettingKey::Include))) => {
                    self.include(&line, active, depth).map_err(at)?;
                }
                _ if active => self.settings.apply(&line, true).map_err(at)?,
                _ => {
                    let mut forgotten = SshSettings::default();
                    forgotten.ignore_as(self.settings);
                    forgotten.apply(&line, true).map_err(at)?;
                }
            }
        }
        Ok(())
    }

    fn include(&mut self, line: &ConfigLine, active: bool, depth: usize) -> Result<(), String> {
        if depth == DEEPEST {
            return Err(tr!(
                "Include: more than {deepest} files include each other",
                deepest = DEEPEST
            ));
        }
        // A file that would have no effect is not read: it may not exist.
        let patterns = line.args.iter().filter(|_| active);
        for path in patterns.flat_map(|pattern| self.files.included(pattern)) {
            self.included += 1;
            if self.included > MOST {
                return Err(tr!("Include: more than {most} files", most = MOST));
            }
            match self.files.read(&path) {
                Ok(content) => self.file(&path, &content, active, depth + 1)?,
                // As with ssh, a folder and a file that is missing or not readable are skipped.
                Err(error) if is_absent(&error) => {}
                Err(error) => return Err(tr!("Include {path}: {error}", path, error)),
            }
        }
        Ok(())
    }

    /// `Match`: criteria up to the first that fails. One that only ssh can judge is refused, unless
    /// it can't change the result any more.
    fn matches(&mut self, args: &[String]) -> Result<bool, String> {
        let mut words = args.iter();
        let mut has_judged = false;
        if args.is_empty() {
            return Err(tr!("Match: a value is missing").into());
        }
        while let Some(word) = words.next() {
            let (negated, criterion) = match word.strip_prefix('!') {
                Some(criterion) => (true, criterion),
                None => (false, word.as_str()),
            };
            if criterion.eq_ignore_ascii_case("all") {
                return match words.next() {
                    None if !negated && !has_judged => Ok(true),
                    _ => Err(tr!("Match: \"all\" must be the only criterion").into()),
                };
            }
            let (criterion, glued) = match criterion.split_once('=') {
                Some((criterion, patterns)) => (criterion, Some(patterns)),
                None => (criterion, None),
            };
            let lower = criterion.to_ascii_lowercase();
            if matches!(lower.as_str(), "canonical" | "final") && glued.is_none() {
                self.asks_for_final |= lower == "final";
                if self.is_final == negated {
                    return Ok(false);
                }
                continue;
            }
            has_judged = true;
            // Names of hosts are the same in any case; those of users are not.
            let (subject, folds) = match lower.as_str() {
                "host" => (plan::target(self.settings, self.host)?, true),
                "originalhost" => (self.host.to_owned(), true),
                "user" => (self.settings.user.clone().unwrap_or_default(), false),
                _ => {
                    return Err(tr!(
                        "Match {criterion}: axt can't evaluate this criterion",
                        criterion
                    ));
                }
            };
            let Some(patterns) = glued.or_else(|| words.next().map(String::as_str)) else {
                return Err(tr!("Match {criterion}: a pattern is missing", criterion));
            };
            let fold = |text: &str| match folds {
                true => text.to_ascii_lowercase(),
                false => text.to_owned(),
            };
            if list_matches(&fold(&subject), fold(patterns).split(',')) == negated {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Cuts a line, in whose comments may be anything.
fn cut(bytes: &[u8]) -> Result<Option<ConfigLine>, String> {
    let text = String::from_utf8_lossy(bytes);
    let line = line::cut(&text)?;
    let is_replaced = |text: &String| text.contains(char::REPLACEMENT_CHARACTER);
    match &line {
        Some(ConfigLine { keyword, args, .. })
            if matches!(text, Cow::Owned(_)) && args.iter().chain([keyword]).any(is_replaced) =>
        {
            Err(tr!("it is not UTF-8").into())
        }
        _ => Ok(line),
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied | io::ErrorKind::IsADirectory
    )
}
