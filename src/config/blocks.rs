//! axt's own configuration file, `config.toml`: defaults and host blocks, each value with its line.

use super::env::{Env, config_dir};
use super::profile;
use crate::error::{Error, Result};
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The table of the host blocks.
const HOST: &str = "host";

/// The file.
#[derive(Debug)]
pub(crate) struct Blocks {
    /// Its path.
    pub(crate) path: PathBuf,
    /// The options of every host, unless a host block overrides them.
    pub(crate) defaults: Vec<Entry>,
    /// The host blocks, in the order of the file.
    pub(crate) hosts: Vec<HostBlock>,
}

/// A block of options for some hosts.
#[derive(Debug)]
pub(crate) struct HostBlock {
    /// The pattern of the hosts: `*` is any characters, `?` is one.
    pub(crate) pattern: String,
    /// The options, in the order of the file.
    pub(crate) entries: Vec<Entry>,
}

/// One key with its value.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The key.
    pub(crate) key: String,
    /// Its value.
    pub(crate) value: Value,
    /// The line on which the key is, from 1.
    pub(crate) line: usize,
}

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// A string.
    Text(String),
    /// A number, as it is written.
    Number(String),
    /// `true` or `false`.
    Switch(bool),
    /// A list.
    List(Vec<Value>),
    /// A value of a type that no option takes, with the type's name.
    Other(&'static str),
}

impl Blocks {
    /// Reads the file, if it is there.
    ///
    /// # Errors
    /// [`Error::Config`] if it can't be read or is not TOML.
    pub(crate) fn load(env: Env<'_>) -> Result<Option<Self>> {
        let Some(path) = config_dir(env).map(|dir| dir.join("config.toml")) else {
            return Ok(None);
        };
        // A file that can't be examined is not missing.
        if !path.try_exists().unwrap_or(true) {
            return Ok(None);
        }
        let text = profile::read(&path)?;
        Self::parse(path, &text).map(Some)
    }

    /// Reads this text.
    ///
    /// # Errors
    /// [`Error::Config`] if it is not TOML, or has host blocks of another form.
    pub(crate) fn parse(path: PathBuf, text: &str) -> Result<Self> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let table = DeTable::parse(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            problem(&path, line_of(text, at), error.message())
        })?;
        let mut defaults = Vec::new();
        let mut hosts = Vec::new();
        for (key, value) in in_order(table.into_inner()) {
            if key.get_ref() == HOST {
                hosts = blocks(&path, text, value)?;
            } else {
                defaults.push(entry(text, &key, value));
            }
        }
        Ok(Self {
            path,
            defaults,
            hosts,
        })
    }
}

/// The error for a line of the file.
pub(crate) fn problem(path: &Path, line: usize, what: &str) -> Error {
    Error::Config {
        path: path.to_owned(),
        problem: tr!("line {line}: {what}", line, what),
    }
}

/// The blocks of the table `host`.
fn blocks(path: &Path, text: &str, value: Spanned<DeValue<'_>>) -> Result<Vec<HostBlock>> {
    let wrong = |span: Range<usize>, what: &str| {
        let what = tr!("{what}: a host block begins with [host.\"NAME\"]", what);
        Err(problem(path, line_of(text, span.start), &what))
    };
    let span = value.span();
    let DeValue::Table(table) = value.into_inner() else {
        return wrong(span, tr!("host is not a table"));
    };
    let mut hosts = Vec::new();
    for (key, value) in in_order(table) {
        let DeValue::Table(block) = value.into_inner() else {
            return wrong(
                key.span(),
                &tr!("host.{name} is not a table", name = key.get_ref()),
            );
        };
        let entries = in_order(block).into_iter();
        hosts.push(HostBlock {
            pattern: key.into_inner().into_owned(),
            entries: entries
                .map(|(key, value)| entry(text, &key, value))
                .collect(),
        });
    }
    Ok(hosts)
}

fn entry(text: &str, key: &TomlKey<'_>, value: Spanned<DeValue<'_>>) -> Entry {
    Entry {
        key: key.get_ref().to_string(),
        value: value_of(value.into_inner()),
        line: line_of(text, key.span().start),
    }
}

fn value_of(value: DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(number) => Value::Number(number.to_string()),
        DeValue::Float(number) => Value::Number(number.to_string()),
        DeValue::Boolean(on) => Value::Switch(on),
        DeValue::Array(items) => {
            let items = items.into_iter();
            Value::List(items.map(|item| value_of(item.into_inner())).collect())
        }
        DeValue::Datetime(_) => Value::Other(tr!("a date")),
        DeValue::Table(_) => Value::Other(tr!("a table")),
    }
}

type TomlKey<'a> = Spanned<std::borrow::Cow<'a, str>>;

/// The table's entries in the order of the file: the parser sorts them by name.
fn in_order(table: DeTable<'_>) -> Vec<(TomlKey<'_>, Spanned<DeValue<'_>>)> {
    let mut entries: Vec<_> = table.into_iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

/// The line, from 1, of what begins at this byte.
fn line_of(text: &str, at: usize) -> usize {
    let before = text.as_bytes().iter().take(at);
    1 + before.filter(|byte| **byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_is_a_file_or_an_error_with_its_line(
            lines in prop::collection::vec(
                "\\[?host\\.?(\"[a*]\")?\\]?|[a-z]{1,4} ?= ?('.{0,4}'|[0-9]{1,3}|true|\\[.{0,3}\\]|)|.{0,9}",
                0..6,
            ),
        ) {
            let text = lines.join("\n");
            let line = |number: usize| (1..=text.split('\n').count()).contains(&number);
            match parse(&text) {
                Ok(blocks) => {
                    let hosts = blocks.hosts.iter().flat_map(|host| &host.entries);
                    prop_assert!(hosts.chain(&blocks.defaults).all(|entry| line(entry.line)));
                }
                Err(error) => {
                    let said = error.to_string();
                    let number = said.split("line ").nth(1).and_then(|rest| rest.split(':').next());
                    prop_assert!(line(number.unwrap().parse().unwrap()), "{}", said);
                }
            }
        }
    }

    fn parse(text: &str) -> Result<Blocks> {
        Blocks::parse("config.toml".into(), text)
    }

    #[test]
    fn blocks_keep_the_files_order_and_each_value_its_line() {
        let text = "\u{feff}region = 'cn-beijing'\nname-cache = 60\r\n\n[host.\"z*\"]\nuser = 'alice'\nenv = ['A=1', 2]\n\
                    # later\n[host.'数据 库']\neager = true\nat = 2020-01-01\n[host.a]\n";
        let blocks = parse(text).unwrap();
        let shown = |entries: &[Entry]| {
            let shown = entries.iter();
            let shown =
                shown.map(|entry| format!("{}: {} {:?}", entry.line, entry.key, entry.value));
            shown.collect::<Vec<_>>()
        };
        assert_eq!(
            shown(&blocks.defaults),
            [
                "1: region Text(\"cn-beijing\")",
                "2: name-cache Number(\"60\")"
            ]
        );
        let patterns: Vec<_> = blocks.hosts.iter().map(|host| &*host.pattern).collect();
        assert_eq!(patterns, ["z*", "数据 库", "a"]);
        assert_eq!(
            shown(&blocks.hosts[0].entries),
            [
                "5: user Text(\"alice\")",
                "6: env List([Text(\"A=1\"), Number(\"2\")])"
            ]
        );
        assert_eq!(
            shown(&blocks.hosts[1].entries),
            ["9: eager Switch(true)", "10: at Other(\"a date\")"]
        );
    }

    #[test]
    fn what_is_no_such_file_is_told_with_its_line() {
        for (text, said) in [
            ("a = 1\nb = \n", "config.toml: line 2: "),
            ("a = 1\na = 2\n", "config.toml: line 2: duplicate key"),
            (
                "\nhost = 3",
                "line 2: host is not a table: a host block begins with [host.\"NAME\"]",
            ),
            ("[host]\nweb = 'i-1'", "line 2: host.web is not a table"),
            ("[[host]]\nuser = 'x'", "line 1: host is not a table"),
            ("a = '\u{1}'", "line 1: "),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(said), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_says_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| (name == "AXT_CONFIG_DIR").then(|| dir.path().display().to_string());
        assert!(Blocks::load(&at).unwrap().is_none());
        std::fs::write(dir.path().join("config.toml"), b"user = '\xff'").unwrap();
        let error = Blocks::load(&at).unwrap_err().to_string();
        assert!(error.ends_with("config.toml: not UTF-8"), "{error}");
        std::fs::remove_file(dir.path().join("config.toml")).unwrap();
        std::fs::create_dir(dir.path().join("config.toml")).unwrap();
        let error = Blocks::load(&at).unwrap_err().to_string();
        assert!(error.contains("can't be read"), "{error}");
    }
}
