//! Changes fields of one profile in the text of a configuration file; every other character stays.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// The file, as far as it has to be understood.
#[derive(Deserialize)]
struct Profiles<'a> {
    #[serde(borrow)]
    profiles: Vec<&'a RawValue>,
}

/// The text with these fields of the profile set; `None` if it has no such profile.
pub(super) fn with_fields(
    text: &str,
    profile: &str,
    fields: &Map<String, Value>,
) -> Option<Zeroizing<String>> {
    let json = text.trim_start_matches('\u{feff}');
    let file: Profiles = serde_json::from_str(json).ok()?;
    let (raw, known) = file.profiles.into_iter().find_map(|raw| {
        let known: BTreeMap<String, &RawValue> = serde_json::from_str(raw.get()).ok()?;
        let name: String = serde_json::from_str(known.get("name")?.get()).ok()?;
        (name == profile).then_some((raw.get(), known))
    })?;
    // Pieces to put in place of a part of the text, with their places.
    let mut changes = Vec::new();
    let mut added = Zeroizing::new(String::new());
    let before_first = raw.get(1..raw.find('"')?)?;
    for (field, value) in fields {
        let value = Zeroizing::new(value.to_string());
        match known.get(field) {
            Some(old) => changes.push((place_of(old.get(), text), value)),
            None => {
                let space = if before_first.is_empty() { "" } else { " " };
                added.push_str(&format!("{before_first}\"{field}\":{space}{},", *value));
            }
        }
    }
    let start = place_of(raw, text).start + 1;
    changes.push((start..start, added));
    changes.sort_by_key(|(place, _)| place.start);
    let mut edited = Zeroizing::new(String::with_capacity(text.len() + 4096));
    let mut done = 0;
    for (place, piece) in changes {
        edited.push_str(text.get(done..place.start)?);
        edited.push_str(&piece);
        done = place.end;
    }
    edited.push_str(text.get(done..)?);
    Some(edited)
}

/// The position of `part` in the text that it is a slice of.
fn place_of(part: &str, text: &str) -> std::ops::Range<usize> {
    let start = part.as_ptr() as usize - text.as_ptr() as usize;
    start..start + part.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn edit(text: &str, profile: &str, fields: Value) -> Option<String> {
        let fields = fields.as_object().expect("an object");
        with_fields(text, profile, fields).map(|text| text.to_string())
    }

    #[test]
    fn everything_else_stays_as_it_is() {
        let text = "\u{feff}{\n\t\"current\": \"b\",\n\t\"profiles\": [\n\t\t{\"name\":\"a\",\"oauth_refresh_token\":\"a1\"},\n\t\t{\n\t\t\t\"name\": \"b\",\n\t\t\t\"unknown\": 1.50,\n\t\t\t\"oauth_refresh_token\": \"b1\",\n\t\t\t\"more\": {\"name\": \"a\"}\n\t\t}\n\t],\n\t\"meta_path\": \"\"\n}\n";
        let edited = edit(
            text,
            "b",
            json!({"oauth_refresh_token": "b2\"\n", "sts_expiration": 7}),
        )
        .expect("there is a b");
        let expected = text.replace(r#""b1""#, r#""b2\"\n""#).replace(
            "\t\t\t\"name\": \"b\"",
            "\t\t\t\"sts_expiration\": 7,\n\t\t\t\"name\": \"b\"",
        );
        assert_eq!(edited, expected);
        assert_eq!(
            edit(text, "a", json!({"x": "y"})).expect("there is an a"),
            text.replace(
                "{\"name\":\"a\",\"oauth",
                "{\"x\":\"y\",\"name\":\"a\",\"oauth"
            )
        );
        assert_eq!(edit(text, "c", json!({"x": 1})), None);
        assert_eq!(edit("{}", "c", json!({"x": 1})), None);
    }
}
