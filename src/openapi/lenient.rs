//! Reads replies whose types vary: numbers and truth values may be texts, lists may be wrapped in an
//! object, members may be missing or null.

use serde::Deserialize as _;
use serde::de::{DeserializeOwned, Deserializer, Error as _};
use serde_json::Value;

/// A text; a number or a truth value is taken as it is written. `None` when empty, null or missing.
///
/// # Errors
/// The deserializer's error for a list or an object.
pub(crate) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text).filter(|text| !text.is_empty())),
        Value::Number(number) => Ok(Some(number.to_string())),
        Value::Bool(truth) => Ok(Some(truth.to_string())),
        Value::Array(_) | Value::Object(_) => Err(D::Error::custom("no text")),
    }
}

/// A whole number that isn't negative, or the text of one. `None` when empty, null or missing.
pub(crate) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let text = text(deserializer)?;
    let read = |text: String| {
        text.trim()
            .parse()
            .map_err(|_| D::Error::custom("no number"))
    };
    text.map(read).transpose()
}

/// `true` or `false`, as such or as text in any case. `None` when empty, null or missing.
pub(crate) fn truth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    let text = text(deserializer)?.map(|text| text.trim().to_ascii_lowercase());
    match text.as_deref() {
        None => Ok(None),
        Some("true" | "1") => Ok(Some(true)),
        Some("false" | "0") => Ok(Some(false)),
        Some(_) => Err(D::Error::custom("neither true nor false")),
    }
}

/// A list: bare, or the only member of an object (`Sessions.Session[]`). One item may be there
/// without its list. Empty when null, missing or an empty text.
///
/// # Errors
/// The deserializer's error for anything else, and for an item of another type.
pub(crate) fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let inner = match Value::deserialize(deserializer)? {
        Value::Object(members) if members.len() <= 1 => members
            .into_iter()
            .next()
            .map_or(Value::Null, |(_, inner)| inner),
        bare => bare,
    };
    let items = match inner {
        Value::Null => vec![],
        Value::String(text) if text.is_empty() => vec![],
        Value::Array(items) => items,
        item @ Value::Object(_) => vec![item],
        _ => return Err(D::Error::custom("no list")),
    };
    let read = |item| serde_json::from_value(item).map_err(D::Error::custom);
    items.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Sample {
        #[serde(deserialize_with = "text")]
        text: Option<String>,
        #[serde(deserialize_with = "number")]
        number: Option<u64>,
        #[serde(deserialize_with = "truth")]
        truth: Option<bool>,
        #[serde(deserialize_with = "list")]
        list: Vec<Item>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Item {
        n: u8,
    }

    fn read(value: Value) -> Result<Sample, String> {
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    #[test]
    fn types_that_vary_are_read_all_the_same() {
        for value in [
            json!({"text": 7, "number": "22", "truth": "True", "list": {"Item": [{"n": 1}]}}),
            json!({"text": "7", "number": 22, "truth": true, "list": [{"n": 1}]}),
            json!({"text": "7", "number": " 22", "truth": 1, "list": {"Item": {"n": 1}}, "new": {}}),
        ] {
            let sample = read(value).unwrap();
            assert_eq!(
                (sample.text.as_deref(), sample.number),
                (Some("7"), Some(22))
            );
            assert_eq!(
                (sample.truth, sample.list),
                (Some(true), vec![Item { n: 1 }])
            );
        }
        for value in [
            json!({}),
            json!({"list": {}}),
            json!({"list": {"Item": []}}),
            json!({"list": ""}),
        ] {
            assert_eq!(read(value).unwrap(), Sample::default());
        }
    }

    #[test]
    fn what_makes_no_sense_is_an_error() {
        for value in [
            json!({"text": []}),
            json!({"number": "many"}),
            json!({"number": -1}),
            json!({"truth": "maybe"}),
            json!({"list": 5}),
            json!({"list": {"Item": [{"n": "x"}]}}),
        ] {
            assert!(read(value.clone()).is_err(), "{value}");
        }
    }
}
