//! Which source file uses which other one, and where that leads back to its start.

#[path = "tokens.rs"]
mod tokens;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use tokens::{end_of_item, is_punct, is_test_attribute};

/// Each file with the files that it uses.
pub(crate) type Uses = BTreeMap<PathBuf, BTreeSet<PathBuf>>;

/// The names of a path: `["crate", "cli", "Cli"]`.
type Names = Vec<String>;

/// One source file, as far as it matters here.
#[derive(Default)]
struct Module {
    file: PathBuf,
    /// Every path that the code names, imports included.
    paths: Vec<Names>,
    /// What `use` makes known under another place's name.
    imports: BTreeMap<String, Names>,
    /// The imports that are passed on. These are no use of the file's own.
    exports: BTreeMap<String, Names>,
}

/// Reads the `files` below `root`, tests within them left out, and resolves every path they name.
///
/// A name that a file only passes on (`pub use`) counts as a use of the file where it is defined, and a
/// module that a file declares is no use of it.
pub(crate) fn uses(root: &Path, files: &[PathBuf]) -> Uses {
    let modules: BTreeMap<Names, Module> = files
        .iter()
        .map(|file| (place(root, file), Module::read(file)))
        .collect();
    let mut uses = Uses::new();
    for (place, module) in &modules {
        let targets = module.paths.iter().filter_map(|path| {
            let full = absolute(place, path, module, &modules)?;
            // Its name alone makes no use of a module.
            let is_use = !modules.contains_key(&full);
            is_use.then(|| defining_file(&full, &modules, 0)).flatten()
        });
        let others = targets.filter(|target| *target != module.file).collect();
        uses.insert(module.file.clone(), others);
    }
    uses
}

/// The groups of files that lead back to themselves, each sorted.
pub(crate) fn circles(uses: &Uses) -> Vec<Vec<PathBuf>> {
    let reached: BTreeMap<&PathBuf, BTreeSet<&PathBuf>> =
        uses.keys().map(|file| (file, reach(file, uses))).collect();
    let mut found = BTreeSet::new();
    for (file, from_here) in &reached {
        let back = |other: &&&PathBuf| reached.get(**other).is_some_and(|from| from.contains(file));
        let group: Vec<PathBuf> = from_here
            .iter()
            .filter(back)
            .map(|file| (*file).clone())
            .collect();
        if group.len() > 1 {
            found.insert(group);
        }
    }
    found.into_iter().collect()
}

/// Everything that a file uses, and what that uses.
fn reach<'a>(file: &'a PathBuf, uses: &'a Uses) -> BTreeSet<&'a PathBuf> {
    let mut seen = BTreeSet::new();
    let mut next = vec![file];
    while let Some(file) = next.pop() {
        let more = uses.get(file).into_iter().flatten();
        next.extend(more.filter(|file| seen.insert(*file)));
    }
    seen
}

/// The module path of a file: `a/b.rs` and `a/b/mod.rs` are `["a", "b"]`.
fn place(root: &Path, file: &Path) -> Names {
    let below = file.strip_prefix(root).expect("the file is below the root");
    let names = below.with_extension("");
    let names = names.iter().map(|name| name.to_string_lossy().into_owned());
    names
        .filter(|name| name != "mod" && name != "lib")
        .collect()
}

/// A path from the crate's root, where it is one within the crate.
fn absolute(
    place: &[String],
    path: &[String],
    module: &Module,
    modules: &BTreeMap<Names, Module>,
) -> Option<Names> {
    let (first, rest) = path.split_first()?;
    let mut full = match first.as_str() {
        "crate" | "axt" => Names::new(),
        "self" => place.to_vec(),
        "super" => place.get(..place.len().checked_sub(1)?)?.to_vec(),
        name => match module.imports.get(name) {
            Some(import) if import.first().map(String::as_str) != Some(name) => {
                absolute(place, import, module, modules)?
            }
            _ => {
                let child = [place, &[name.to_owned()]].concat();
                modules.contains_key(&child).then_some(child)?
            }
        },
    };
    for name in rest {
        match name.as_str() {
            "self" => {}
            "super" => {
                full.pop()?;
            }
            _ => full.push(name.clone()),
        }
    }
    Some(full)
}

/// The file in which the last name of a path is defined: through the names that modules pass on.
fn defining_file(
    full: &[String],
    modules: &BTreeMap<Names, Module>,
    depth: usize,
) -> Option<PathBuf> {
    let known = (0..=full.len())
        .rev()
        .find(|len| modules.contains_key(&full[..*len]))?;
    let (place, rest) = full.split_at(known);
    let module = modules.get(place)?;
    if let Some(export) = rest.first().and_then(|name| module.exports.get(name))
        && depth < 8
    {
        let mut target = absolute(place, export, module, modules)?;
        target.extend(rest.iter().skip(1).cloned());
        return defining_file(&target, modules, depth + 1);
    }
    Some(module.file.clone())
}

impl Module {
    fn read(file: &Path) -> Self {
        let text = std::fs::read_to_string(file).expect("a source is UTF-8");
        let tokens: TokenStream = text.parse().expect("a source is Rust");
        let mut module = Self {
            file: file.to_owned(),
            ..Self::default()
        };
        module.collect(tokens);
        module
    }

    /// Notes the paths in `tokens`; what only tests see is left out.
    fn collect(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let (mut at, mut public) = (0, false);
        while let Some(token) = tokens.get(at) {
            match token {
                TokenTree::Group(_) if is_test_attribute(&tokens, at) => {
                    at = end_of_item(&tokens, at + 1);
                    continue;
                }
                // The scope of `pub(crate)` is no use.
                TokenTree::Group(group)
                    if public && group.delimiter() == Delimiter::Parenthesis => {}
                TokenTree::Group(group) => self.collect(group.stream()),
                TokenTree::Ident(word) if word == "pub" => {
                    public = true;
                    at += 1;
                    continue;
                }
                TokenTree::Ident(word) if word == "use" => {
                    let end = end_of_item(&tokens, at);
                    self.import(&mut Names::new(), &tokens[at + 1..end - 1], public);
                    at = end - 1;
                }
                TokenTree::Ident(_) => {
                    let (path, end) = path_at(&tokens, at);
                    if path.len() > 1 {
                        self.paths.push(path);
                    }
                    at = end;
                    public = false;
                    continue;
                }
                _ => {}
            }
            public &= matches!(token, TokenTree::Group(_));
            at += 1;
        }
    }

    /// Notes what a `use` brings in: `tokens` is its tree below `before`.
    fn import(&mut self, before: &mut Names, tokens: &[TokenTree], public: bool) {
        let depth = before.len();
        let mut name = None;
        for (at, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Ident(word) if word == "as" => {
                    name = tokens.get(at + 1).map(ToString::to_string);
                    break;
                }
                TokenTree::Ident(word) => before.push(word.to_string()),
                token if is_punct(token, '*') => before.push("*".to_owned()),
                TokenTree::Group(group) => {
                    let inside: Vec<TokenTree> = group.stream().into_iter().collect();
                    let parts = inside.split(|token| is_punct(token, ','));
                    parts.for_each(|part| self.import(before, part, public));
                    before.truncate(depth);
                    return;
                }
                _ => {}
            }
        }
        if before.len() > depth || depth > 0 {
            let mut path = before.clone();
            if path.last().is_some_and(|last| last == "self") && path.len() > 1 {
                path.pop();
            }
            let name = name.or_else(|| path.last().cloned()).unwrap_or_default();
            if public {
                self.exports.insert(name.clone(), path.clone());
            } else {
                self.paths.push(path.clone());
            }
            self.imports.insert(name, path);
        }
        before.truncate(depth);
    }
}

/// The path that begins with the name at `at`, and where it ends.
fn path_at(tokens: &[TokenTree], mut at: usize) -> (Names, usize) {
    let mut names = Names::new();
    while let Some(TokenTree::Ident(word)) = tokens.get(at) {
        names.push(word.to_string());
        let colons = tokens.get(at + 1..at + 3).unwrap_or_default();
        if colons.len() < 2 || !colons.iter().all(|token| is_punct(token, ':')) {
            return (names, at + 1);
        }
        at += 3;
    }
    (names, at)
}
