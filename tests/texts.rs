//! Every text that users read has both languages: it is given to `tr!` or `both!`, and the tables of Chinese texts
//! have a row for each such text, with the same placeholders, and no other row.

#[path = "support/tokens.rs"]
mod tokens;

use proc_macro2::{TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use tokens::{end_of_item, is_punct, is_test_attribute};

/// What is English in both languages: the file or folder below `src`, how the texts begin, and the reason.
#[rustfmt::skip]
const ENGLISH: &[(&str, &str, &str)] = &[
    ("cli/grammar/emulator.rs", "", "help"),
    ("cli/invocation.rs", "No ControlPath specified for", "other programs look for it"),
    ("cli/grammar/openssh.rs", "\\\nOPTIONS OF SSH", "help"),
    ("cli/parse/habits.rs", "axt ", "a command line"),
    ("cli/parse/habits.rs", "rsync ", "a command line"),
    ("cli/parse/usage.rs", "", "the parser's own words"),
    ("cli/ssh.rs", "OpenSSH_9.2p1 compatible", "other programs look for it"),
    ("cli/ssh/args.rs", "usage: axt ssh ", "help"),
    ("commands/completion", "", "scripts for shells, and what these show"),
    ("commands/doctor", "agent online", "the name of a check"),
    ("commands/doctor", "agent version", "the name of a check"),
    ("commands/doctor", "session end", "the name of a check"),
    ("commands/doctor", "session manager", "the name of a check"),
    ("commands/emulator.rs", "# axt emulator on", "a script"),
    ("commands/instances/mod.rs", "too old", "data of a table"),
    ("commands/share/status.rs", "no answer", "data of a table"),
    ("commands/ssh.rs", "# Instances with an sshd", "a file"),
    ("commands/ssh.rs", "Control socket connect(", "other programs look for it"),
    ("commands/ssh.rs", "Exit request sent.", "other programs look for it"),
    ("commands/ssh.rs", "Stop listening request sent.", "other programs look for it"),
    ("config/source/mode.rs", "instance role ", "for digests"),
    ("emulator/agent", "", "what agents say"),
    ("emulator/api", "", "what the service says"),
    ("emulator/fleet/instance.rs", "running, stopped,", "help"),
    ("emulator/gateway", "", "what the service says"),
    ("emulator/options.rs", "", "help"),
    ("emulator/options/faults.rs", "", "help"),
    ("error/text.rs", "the session ", "to compare with"),
    ("names/cache.rs", "", "for the log"),
    ("openapi/client/reply.rs", "server string to sign is", "the service's words"),
    ("openapi/lenient.rs", "", "only the place of such an error is shown"),
    ("protocol/crypto", "", "the emulated agents send these too"),
    ("protocol/crypto.rs", "", "the emulated agents send these too"),
    ("protocol/session/end_notice.rs", "The session has terminated. ", "the agent's words"),
    ("providers/login/oauth.rs", "in the journal", "for tests"),
    ("remote/scripts.rs", "", "scripts for the remote shell"),
    ("remote/tools.rs", "", "scripts for the remote shell"),
];

/// Chinese texts without a Chinese character: names.
const NAMES: &[&str] = &["Agent", "WebSocket URL"];

/// A literal of a source file: its text as it is written there, between the quotes.
type Text = String;

/// What a source file says.
#[derive(Default)]
struct Said {
    /// The texts that `tr!` and `both!` got, each with whether values came with it.
    translated: Vec<(Text, bool)>,
    /// The other texts that look like sentences.
    bare: Vec<Text>,
}

#[test]
fn every_text_for_users_passes_a_macro() {
    let mut wrong = Vec::new();
    let mut english = BTreeSet::new();
    for file in sources() {
        let name = below_src(&file);
        let is_below = |path: &str| Path::new(&name).starts_with(path);
        if is_below("language") {
            continue;
        }
        let said = read(&file);
        for text in &said.bare {
            let mut texts = ENGLISH.iter();
            let known =
                texts.find(|(path, beginning, _)| is_below(path) && text.starts_with(beginning));
            match known {
                Some(known) => drop(english.insert(known)),
                None => wrong.push(format!("{name}: {text}")),
            }
        }
        let unfilled = said.translated.iter();
        let unfilled = unfilled.filter(|(text, filled)| !filled && !placeholders(text).is_empty());
        wrong.extend(unfilled.map(|(text, _)| format!("{name}: no values for {text}")));
    }
    let idle = ENGLISH.iter().filter(|known| !english.contains(known));
    wrong.extend(idle.map(|known| format!("{known:?} allows nothing")));
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_tables_have_a_row_for_each_text_and_no_other() {
    let texts = sources()
        .into_iter()
        .flat_map(|file| read(&file).translated);
    let texts: BTreeSet<Text> = texts.map(|(text, _)| text).collect();
    assert!(texts.len() > 500, "the texts are somewhere else");
    let mut wrong = Vec::new();
    let mut rows = BTreeMap::new();
    for (english, chinese) in tables() {
        if placeholders(&english) != placeholders(&chinese) {
            wrong.push(format!("{english}: other placeholders: {chinese}"));
        }
        if !chinese.chars().any(is_chinese) && !NAMES.contains(&&*chinese) {
            wrong.push(format!("{english}: not Chinese: {chinese}"));
        }
        if let Some(other) = rows.insert(english.clone(), chinese) {
            wrong.push(format!("{english}: also {other}"));
        }
    }
    let missing = texts.iter().filter(|text| !rows.contains_key(*text));
    wrong.extend(missing.map(|text| format!("{text}: no row")));
    let unused = rows.keys().filter(|english| !texts.contains(*english));
    wrong.extend(unused.map(|english| format!("{english}: nothing says it")));
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn texts_are_found_wherever_they_stand() {
    let said = said(
        r#"
        //! A comment is no text.
        #[error("an error's text")]
        #[expect(lint, reason = "not for users")]
        fn f() {
            ui.say("a plain text");
            ui.say(&format!("one with {value} in it", x = tr!("inner one")));
            tracing::info!("a line of the log");
            x.expect("it is there");
            Error::Usage(tr!("{what} is \"so\"", what));
            let (code, list) = ("A.Code Other.Code", "one {two} {three} 4");
            format!("{a_name} {b}");
        }
        const BOTH: Both = both!("for a table");
        #[cfg(test)]
        mod tests { fn g() { say("only a test"); } }
        "#,
    );
    assert_eq!(
        said.bare,
        ["an error's text", "a plain text", "one with {value} in it"]
    );
    let translated: Vec<_> = said
        .translated
        .iter()
        .map(|(text, filled)| (&**text, *filled))
        .collect();
    let expected = [
        ("inner one", false),
        (r#"{what} is \"so\""#, true),
        ("for a table", false),
    ];
    assert_eq!(translated, expected);
    assert_eq!(
        placeholders("{b:?} {{x}} {a}{b}"),
        BTreeSet::from(["a".to_owned(), "b".to_owned()])
    );
}

fn read(file: &Path) -> Said {
    said(&fs::read_to_string(file).expect("a source is UTF-8"))
}

fn said(source: &str) -> Said {
    let mut said = Said::default();
    said.collect(source.parse().expect("a source is Rust"));
    said
}

impl Said {
    /// Notes the texts in `tokens`. What only tests, developers and the log see is left out.
    fn collect(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            match token {
                TokenTree::Group(_) if is_test_attribute(&tokens, at) => {
                    at = end_of_item(&tokens, at + 1);
                    continue;
                }
                TokenTree::Group(group) if is_attribute(&tokens, at) => {
                    let attribute = group.stream();
                    let is_error = attribute.to_string().starts_with("error");
                    self.collect(if is_error {
                        attribute
                    } else {
                        TokenStream::new()
                    });
                }
                TokenTree::Group(group) => match macro_before(&tokens, at).as_str() {
                    "tr" | "both" => self.translate(group.stream()),
                    "expect" | "panic" | "unreachable" | "assert" | "assert_eq" | "matches" => {}
                    _ if is_log(&tokens, at) => {}
                    _ => self.collect(group.stream()),
                },
                TokenTree::Literal(literal) => {
                    let text = text(&literal.to_string());
                    self.bare.extend(text.filter(|text| is_prose(text)));
                }
                _ => {}
            }
            at += 1;
        }
    }

    /// Notes the text that a macro got. Its values may have texts too.
    fn translate(&mut self, arguments: TokenStream) {
        let mut rest = arguments.into_iter();
        let literal = rest
            .next()
            .map(|first| first.to_string())
            .unwrap_or_default();
        let Some(text) = text(&literal) else {
            // The definition of the macro itself.
            return;
        };
        let rest: TokenStream = rest.collect();
        let filled = rest.clone().into_iter().count() > 1;
        self.translated.push((text, filled));
        self.collect(rest);
    }
}

/// Whether the group at `at` is an attribute's.
fn is_attribute(tokens: &[TokenTree], at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).and_then(|at| tokens.get(at));
    let is = |back, c| before(back).is_some_and(|token| is_punct(token, c));
    is(1, '#') || (is(1, '!') && is(2, '#'))
}

/// The name of the macro or function whose arguments the group at `at` has.
fn macro_before(tokens: &[TokenTree], at: usize) -> String {
    let before = |back: usize| at.checked_sub(back).and_then(|at| tokens.get(at));
    let bang = before(1).is_some_and(|token| is_punct(token, '!'));
    before(if bang { 2 } else { 1 })
        .map(ToString::to_string)
        .unwrap_or_default()
}

/// Whether the group at `at` is that of a macro of `tracing`.
fn is_log(tokens: &[TokenTree], at: usize) -> bool {
    let path = at.checked_sub(5).and_then(|from| tokens.get(from));
    path.is_some_and(|token| token.to_string() == "tracing")
}

/// The text of a literal, if it is one of text.
fn text(literal: &str) -> Option<Text> {
    let literal = literal.trim_start_matches('r').trim_matches('#');
    let inside = literal.strip_prefix('"')?.strip_suffix('"')?;
    Some(inside.to_owned())
}

/// Whether a text has two words or more. Options, codes, names and placeholders are none.
fn is_prose(text: &str) -> bool {
    let words = text.split([' ', '\n']);
    let words = words.map(|word| word.trim_end_matches([',', '.', ':', ';', '?']));
    let is_word = |word: &&str| {
        let mut letters = word.chars();
        word.len() > 1 && letters.all(|c| c.is_ascii_lowercase() || c == '\'')
    };
    words.filter(is_word).count() > 1
}

/// The names in a text's placeholders.
fn placeholders(text: &str) -> BTreeSet<String> {
    let text = text.replace("{{", "").replace("}}", "");
    let parts = text.split('{').skip(1);
    let names = parts.filter_map(|part| part.split_once('}'));
    let names = names.map(|(inside, _)| inside.split(':').next().unwrap_or_default());
    names.map(str::to_owned).collect()
}

/// The rows of all tables: an English and a Chinese text.
fn tables() -> Vec<(Text, Text)> {
    let mut rows = Vec::new();
    for file in sources() {
        if !below_src(&file).starts_with("language/chinese/") {
            continue;
        }
        let source = fs::read_to_string(&file).expect("a source is UTF-8");
        let tokens: TokenStream = source.parse().expect("a source is Rust");
        for token in tokens {
            let TokenTree::Group(body) = token else {
                continue;
            };
            let body: Vec<TokenTree> = body.stream().into_iter().collect();
            for row in body.split(|token| is_punct(token, ';')) {
                let sides: Vec<Text> = row.iter().filter_map(side).collect();
                if let [english, chinese] = &*sides {
                    rows.push((english.clone(), chinese.clone()));
                }
            }
        }
    }
    rows
}

/// The text of one side of a row.
fn side(token: &TokenTree) -> Option<Text> {
    let TokenTree::Group(group) = token else {
        return None;
    };
    text(&group.stream().to_string())
}

/// Whether it is a Chinese character, or a sign of punctuation as wide as one.
fn is_chinese(c: char) -> bool {
    matches!(c, '\u{4e00}'..='\u{9fff}' | '\u{ff00}'..='\u{ff60}')
}

fn below_src(file: &Path) -> String {
    let below = file.strip_prefix(root()).expect("it was found there");
    below.to_string_lossy().replace('\\', "/")
}

/// The sources, without tests in files of their own.
fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the sources are there") {
            let path = entry.expect("it can be read").path();
            let is_test = path.file_stem().is_some_and(|stem| stem == "tests");
            match path.is_dir() {
                _ if is_test => {}
                true => folders.push(path),
                false if path.extension().is_some_and(|extension| extension == "rs") => {
                    found.push(path)
                }
                false => {}
            }
        }
    }
    found
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}
