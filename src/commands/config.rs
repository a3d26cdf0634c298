//! `axt config`: what is configured, and where each value comes from.

use super::common::context::Context;
use super::common::table::table;
use super::common::target::resolve;
use crate::cli::{ConfigShow, Global};
use crate::config::settings::{Settings, Source, Sourced};
use crate::exit::Exit;
use crate::json;
use crate::names::target::Target;
use crate::terminal;
use crate::ui::Ui;
use serde_json::{Map, Value, json};
use std::time::Duration;
use url::Url;

/// The text that replaces a secret.
const HIDDEN: &str = "(hidden)";

/// The options that `Settings` resolves further than the command line does.
type ResolvedSettings = (&'static str, fn(&Settings) -> Option<Sourced<String>>);
const RESOLVED: [ResolvedSettings; 5] = [
    ("config-file", |settings| {
        let file = settings.config_file.as_ref();
        file.map(|file| sourced(file.value.display().to_string(), file))
    }),
    ("profile", |settings| settings.profile_name.clone()),
    ("region", |settings| settings.region.clone()),
    ("endpoint", |settings| settings.endpoint.clone()),
    ("connection-type", |settings| {
        let kind = &settings.connection_type;
        Some(sourced(kind.value.as_str().to_ascii_lowercase(), kind))
    }),
];

/// One line: a name, its values, where they come from.
struct SettingRow {
    name: String,
    values: Vec<String>,
    origin: String,
}

/// Runs `axt config show`.
pub(crate) fn show(global: &Global, args: &ConfigShow, ui: &Ui) -> anyhow::Result<Exit> {
    // No call is made.
    let mut context = Context::new(global, Duration::ZERO)?;
    let target = args.target.as_deref();
    let alias = target.and_then(|target| resolve::alias(global, &Target::parse(target)));
    let target = target.map(|target| resolve::read(global, target));
    let target = target.transpose()?;
    if let Some(region) = target.as_ref().and_then(|target| target.region.as_ref()) {
        context.enter(region);
    }
    let is_typed = args.settings.iter().any(|setting| setting.name == "user");
    let user = target.and_then(|target| target.user);
    let user = user.filter(|_| !is_typed);
    let rows = rows(args, &context.settings, alias, user);
    if args.json {
        let settings = rows.into_iter().map(|row| {
            let value = json!({"value": value(&row.values), "origin": row.origin});
            (camel_case(&row.name), value)
        });
        let settings: Map<String, Value> = settings.collect();
        ui.data(&json::document(json!({"settings": settings}))?)?;
        return Ok(Exit::Ok);
    }
    let at_terminal = terminal::stdout_is_terminal();
    let rows = rows.into_iter();
    ui.data(&if args.origin {
        let cells = rows.map(|row| [row.name, row.values.join(" "), row.origin]);
        let cells: Vec<_> = cells.collect();
        table(["OPTION", "VALUE", "ORIGIN"], &cells, at_terminal)
    } else {
        let cells: Vec<_> = rows.map(|row| [row.name, row.values.join(" ")]).collect();
        table(["OPTION", "VALUE"], &cells, at_terminal)
    })?;
    Ok(Exit::Ok)
}

/// The values in force, sorted by name.
fn rows(
    args: &ConfigShow,
    settings: &Settings,
    alias: Option<&Sourced<String>>,
    user: Option<String>,
) -> Vec<SettingRow> {
    let is_resolved = |name: &str| {
        let of_target = name == "user" && user.is_some();
        of_target || RESOLVED.iter().any(|(other, _)| *other == name)
    };
    let given = args.settings.iter();
    let given = given.filter(|setting| !is_resolved(&setting.name));
    let given = given.map(|setting| SettingRow {
        name: setting.name.clone(),
        values: setting.values.clone(),
        origin: setting.origin.clone(),
    });
    let row = |name: &str, found: Sourced<String>| SettingRow {
        name: name.to_owned(),
        values: vec![found.value],
        origin: found.source.to_string(),
    };
    let resolved = RESOLVED.iter();
    let resolved = resolved.filter_map(|(name, of)| Some(row(name, of(settings)?)));
    let alias = alias.map(|alias| row("instance", alias.clone()));
    let source = Source::Flag("TARGET");
    let user = user
        .clone()
        .map(|value| row("user", Sourced { value, source }));
    let mut rows: Vec<SettingRow> = given.chain(resolved).chain(alias).chain(user).collect();
    for row in &mut rows {
        let values = row.values.iter();
        row.values = values
            .map(|value| without_secret(&row.name, value))
            .collect();
    }
    rows.sort_by(|one, other| one.name.cmp(&other.name));
    rows
}

fn sourced<T>(value: String, of: &Sourced<T>) -> Sourced<String> {
    let source = of.source.clone();
    Sourced { value, source }
}

/// An option's name as a field of JSON: `connectTimeout` for `connect-timeout`.
fn camel_case(option: &str) -> String {
    let mut words = option.split('-');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut name, word| {
        let mut letters = word.chars();
        name.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        name + letters.as_str()
    })
}

fn value(values: &[String]) -> Value {
    match values {
        [one] => one.as_str().into(),
        several => several.into(),
    }
}

/// The value, without what it may keep secret: a variable for a command, a password in a URL.
fn without_secret(name: &str, value: &str) -> String {
    if let Some((variable, _)) = value.split_once('=').filter(|_| name == "env") {
        return format!("{variable}={HIDDEN}");
    }
    let Some(url) = Url::parse(value).ok().filter(Url::has_authority) else {
        return value.to_owned();
    };
    let mut shown = url.clone();
    if url.password().is_some() {
        let _ = shown.set_password(Some(HIDDEN));
    }
    if url.query().is_some() {
        shown.set_query(Some(HIDDEN));
    }
    if shown == url {
        value.to_owned()
    } else {
        shown.into()
    }
}

#[cfg(test)]
mod tests {
    use super::without_secret;

    #[test]
    fn secrets_are_hidden() {
        for (name, value, shown) in [
            ("env", "TOKEN=a=b", "TOKEN=(hidden)"),
            ("env", "LANG", "LANG"),
            ("user", "a=b", "a=b"),
            ("endpoint", "http://127.0.0.1:1", "http://127.0.0.1:1"),
            ("endpoint", "https://u:p@h/x", "https://u:(hidden)@h/x"),
            ("endpoint", "https://h/?token=1", "https://h/?(hidden)"),
            ("local", "8080:80", "8080:80"),
        ] {
            assert_eq!(without_secret(name, value), shown);
        }
    }
}
