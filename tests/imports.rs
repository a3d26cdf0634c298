//! The architecture, enforced: who may import whom, how long a file may be, how it and its comments begin, and that
//! a type's name has one meaning.

#[path = "support/modules.rs"]
mod modules;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each layer with the layers it may import. Every layer is below all that it imports: arrows
/// never turn back.
const LAYERS: &[(&str, &[&str])] = &[
    ("backoff", &[]),
    ("language", &[]),
    ("hints", &["language"]),
    ("pattern", &[]),
    ("printable", &[]),
    ("size", &[]),
    ("error", &["hints", "printable"]),
    ("exit", &[]),
    ("ui", &["error", "printable"]),
    ("process", &[]),
    ("json", &["error", "printable"]),
    ("recording", &[]),
    ("terminal", &["process"]),
    ("remote", &[]),
    ("copy", &["remote", "error", "language", "printable"]),
    ("protocol", &["error"]),
    ("net", &["error"]),
    ("config", &["error"]),
    ("pump", &["protocol", "backoff", "error"]),
    ("wire", &["protocol", "error"]),
    (
        "openapi",
        &["config", "net", "backoff", "error", "pattern", "printable"],
    ),
    (
        "emulator",
        &["protocol", "openapi", "pattern", "process", "size", "error"],
    ),
    (
        "share",
        &["pump", "protocol", "remote", "terminal", "kept", "error"],
    ),
    (
        "providers",
        &[
            "config",
            "net",
            "openapi",
            "kept",
            "backoff",
            "error",
            "printable",
        ],
    ),
    ("kept", &[]),
    ("names", &["openapi", "kept", "error"]),
    (
        "cli",
        &[
            "config",
            "copy",
            "names",
            "openapi",
            "emulator",
            "error",
            "exit",
            "json",
            "language",
            "pattern",
            "recording",
            "remote",
            "size",
            "ui",
        ],
    ),
    ("commands", &["*"]),
    ("fuzzing", &["*"]),
    ("main", &["cli", "commands"]),
    ("lib", &[]),
];

/// What a layer may use of another, where not all of it.
const PARTS: [(&str, &str, &[&str]); 12] = [
    ("wire", "protocol", &["channel", "frame"]),
    ("pump", "protocol", &["channel", "escape", "filter"]),
    ("openapi", "config", &["credentials", "settings"]),
    ("share", "pump", &["Control"]),
    ("share", "protocol", &["channel", "filter"]),
    (
        "providers",
        "config",
        &["credentials", "profile", "settings", "source"],
    ),
    ("emulator", "openapi", &["lenient", "region", "signature"]),
    ("cli", "config", &["blocks", "env", "settings"]),
    ("names", "openapi", &["ecs", "region", "signature"]),
    ("cli", "openapi", &["ecs", "region"]),
    ("cli", "remote", &["sftp_server"]),
    // The values that options take, and their names for the help text.
    (
        "cli",
        "emulator",
        &["Faults", "INSTANCE_WORDS", "Instance", "Limits", "Options"],
    ),
];

/// Longer files hide something; tests in files of their own are not counted.
const MAX_LINES: usize = 400;

/// One `crate::LAYER::PART` in a source file.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Import {
    from: String,
    to: String,
    part: String,
    file: PathBuf,
}

#[test]
fn imports_follow_the_table() {
    let table = table();
    let mut wrong = Vec::new();
    for import in all_imports() {
        let Import { from, to, part, .. } = &import;
        let allowed = table.get(from.as_str());
        let Some(allowed) = allowed else {
            wrong.push(format!(
                "{}: the layer {from} is in no table",
                import.file.display()
            ));
            continue;
        };
        let parts = PARTS.iter().find(|(f, t, _)| f == from && t == to);
        let layer = from == to || allowed.contains(to.as_str()) || allowed.contains("*");
        let fits = parts.is_none_or(|(_, _, parts)| parts.contains(&part.as_str()));
        if !(layer && fits) {
            wrong.push(format!(
                "{}: {from} must not use {to}::{part}",
                import.file.display()
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn arrows_never_turn_back() {
    // Taking away whatever imports only what is taken away already leaves nothing, unless there is a circle.
    let mut rest = table();
    let layers: BTreeSet<&str> = rest.keys().copied().collect();
    while let Some(free) = rest
        .iter()
        .find(|(_, imports)| imports.iter().all(|to| !rest.contains_key(to)))
        .map(|(layer, _)| *layer)
    {
        rest.remove(free);
    }
    assert!(rest.is_empty(), "a circle among {:?}", rest.keys());
    for (layer, imports) in LAYERS {
        for to in *imports {
            assert!(
                *to == "*" || layers.contains(to),
                "{layer} may import {to}, which is none"
            );
        }
    }
}

#[test]
fn files_use_each_other_in_one_direction() {
    let files: Vec<PathBuf> = sources()
        .into_iter()
        .filter(|file| !is_test(file))
        .collect();
    let uses = modules::uses(&root(), &files);
    let name = |file: &PathBuf| {
        let below = file.strip_prefix(root()).expect("it was found there");
        below.to_string_lossy().into_owned()
    };
    let mut wrong = Vec::new();
    for circle in modules::circles(&uses) {
        let inside = |file: &PathBuf| {
            let others = uses.get(file).into_iter().flatten();
            let others: Vec<_> = others.filter(|to| circle.contains(to)).map(name).collect();
            format!("{} uses {}", name(file), others.join(", "))
        };
        wrong.push(circle.iter().map(inside).collect::<Vec<_>>());
    }
    assert!(wrong.is_empty(), "files in a circle: {wrong:#?}");
}

#[test]
fn a_circle_is_found_through_imports_paths_and_names_that_are_passed_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().expect("a folder")).expect("it can be made");
        fs::write(&file, text).expect("it can be written");
        file
    };
    let files = [
        write("lib.rs", "mod a; mod b; mod c;"),
        write("a.rs", "use crate::b::{self, Door as D};"),
        write("b/mod.rs", "mod x; pub(crate) use x::Door;"),
        write(
            "b/x.rs",
            "pub(crate) struct Door; fn f() { super::super::c::call() }",
        ),
        write("c.rs", "fn call() {} fn g() { h!(crate::a::K) }"),
        write(
            "d.rs",
            "use crate::c; // crate::e::E\n#[cfg(test)] mod tests { use crate::e::E; }",
        ),
        write("e.rs", "use crate::d::D;"),
    ];
    let circles = modules::circles(&modules::uses(folder.path(), &files));
    let expected = [&files[1], &files[3], &files[4]].map(PathBuf::clone);
    assert_eq!(circles, [expected.to_vec()]);
}

#[test]
fn the_table_allows_nothing_that_nobody_uses() {
    let used: BTreeSet<(String, String)> =
        all_imports().into_iter().map(|i| (i.from, i.to)).collect();
    let rows = LAYERS
        .iter()
        .flat_map(|(layer, imports)| imports.iter().map(move |to| (*layer, *to)));
    let unused: Vec<_> = rows
        .filter(|(layer, to)| {
            *to != "*" && !used.contains(&((*layer).to_owned(), (*to).to_owned()))
        })
        .collect();
    assert!(unused.is_empty(), "no longer imported: {unused:?}");
}

#[test]
fn every_file_says_what_it_is_and_stays_short() {
    for file in sources() {
        let text = read(&file);
        let name = file.display();
        assert!(text.starts_with("//! "), "{name} does not begin with //!");
        let lines = without_tests(&text).lines().count();
        assert!(
            is_test(&file) || lines <= MAX_LINES,
            "{name} has {lines} lines"
        );
    }
}

#[test]
fn no_two_types_have_the_same_name() {
    let mut files: BTreeMap<String, BTreeSet<PathBuf>> = BTreeMap::new();
    for file in sources().into_iter().filter(|file| !is_test(file)) {
        let text = read(&file);
        for name in without_tests(&text).lines().filter_map(type_name) {
            files.entry(name.into()).or_default().insert(file.clone());
        }
    }
    assert!(files.contains_key("Session") && files.contains_key("Outcome"));
    files.retain(|_, files| files.len() > 1);
    assert!(files.is_empty(), "{files:#?}");
}

#[test]
fn comments_of_items_begin_with_a_noun_or_a_verb() {
    const RIDDLES: [&str; 9] = [
        "What", "Whether", "How", "Who", "Whose", "Why", "When", "Where", "Which",
    ];
    let mut wrong = Vec::new();
    for file in sources().into_iter().filter(|file| !is_test(file)) {
        let text = read(&file);
        let mut before = "";
        for line in without_tests(&text).lines().map(str::trim_start) {
            let is_first = !before.starts_with("///") && !before.starts_with("//!");
            let comment = line.strip_prefix("///").or(line.strip_prefix("//!"));
            let word = comment.and_then(|comment| comment.split_whitespace().next());
            if is_first && word.is_some_and(|word| RIDDLES.contains(&word)) {
                wrong.push(format!("{}: {line}", file.display()));
            }
            before = line;
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The name of the type that a line of code outside of all modules begins to define.
fn type_name(line: &str) -> Option<&str> {
    let mut words = line
        .split_whitespace()
        .skip_while(|word| word.starts_with("pub"));
    let is_type = !line.starts_with(' ')
        && matches!(words.next(), Some("struct" | "enum" | "trait" | "type"));
    let name = words.next().filter(|_| is_type)?;
    name.split(|c: char| !c.is_alphanumeric()).next()
}

fn table() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let rows = LAYERS.iter();
    rows.map(|(layer, imports)| (*layer, imports.iter().copied().collect()))
        .collect()
}

fn all_imports() -> Vec<Import> {
    let files = sources().into_iter().filter(|file| !is_test(file));
    files.flat_map(|file| imports_of(&file)).collect()
}

/// What the file uses of the crate, outside of its tests and comments.
fn imports_of(file: &Path) -> BTreeSet<Import> {
    let text = read(file);
    let code = text
        .split("\n#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or_default();
    let from = layer_of(file);
    let mut imports = BTreeSet::new();
    for line in code
        .lines()
        .map(str::trim_start)
        .filter(|line| !line.starts_with("//"))
    {
        for path in paths(line) {
            let mut words = path.split("::");
            let to = words.next().unwrap_or_default().to_owned();
            let part = words.next().unwrap_or_default().to_owned();
            // Macros and items of the crate's root are not layers.
            if LAYERS.iter().any(|(layer, _)| *layer == to) {
                imports.insert(Import {
                    from: from.clone(),
                    to,
                    part,
                    file: file.to_owned(),
                });
            }
        }
    }
    imports
}

/// The text before the file's own tests, which come last.
fn without_tests(text: &str) -> &str {
    let end = text
        .find("\n#[cfg(test)]\n")
        .or_else(|| text.find("\n#[cfg(all(test"));
    text.get(..end.unwrap_or(text.len())).unwrap_or_default()
}

/// The paths below `crate::` and, for `main`, `axt::` that a line of code names.
fn paths(line: &str) -> impl Iterator<Item = &str> {
    let starts = ["crate::", "axt::"].into_iter();
    starts.flat_map(move |start| {
        line.match_indices(start).filter_map(move |(at, _)| {
            let before = line.get(..at)?.chars().next_back();
            let inside = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
            let rest = line.get(at + start.len()..)?;
            let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
            let path = rest.get(..end.unwrap_or(rest.len()))?;
            (!inside).then_some(path)
        })
    })
}

/// The layer a file belongs to: the name of its file or folder directly below `src`.
fn layer_of(file: &Path) -> String {
    let below = file.strip_prefix(root()).expect("it was found there");
    let first = below.components().next().expect("a name");
    let name = first.as_os_str().to_string_lossy();
    name.trim_end_matches(".rs").to_owned()
}

fn is_test(file: &Path) -> bool {
    let mut names = file.components().map(|part| part.as_os_str());
    names.any(|name| name == "tests" || name == "tests.rs") && !file.ends_with("src")
}

fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the sources are there") {
            let path = entry.expect("it can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    assert!(found.len() > 10, "the sources are somewhere else");
    found
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).expect("a source is UTF-8")
}
