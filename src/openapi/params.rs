//! An action's fields as the parameters of a call.

use serde::{Serialize, Serializer};
use serde_json::Value;

/// The parameters that the fields of `action` make, by their serialised names. A missing value makes
/// none, a list or an object becomes JSON text.
pub(crate) fn of(action: &impl Serialize) -> Vec<(String, String)> {
    let Ok(Value::Object(fields)) = serde_json::to_value(action) else {
        // An action without fields is no object.
        return vec![];
    };
    let text = |value| match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    };
    let given = fields
        .into_iter()
        .filter_map(|(name, value)| Some((name, text(value)?)));
    given.collect()
}

/// A tag that is asked for; without a value, whatever its value is.
pub(crate) type TagFilter = (String, Option<String>);

/// Serialises ids as `InstanceId.1`, `InstanceId.2` and so on, for a field that is flattened.
pub(crate) fn instance_ids<S: Serializer>(
    ids: &[String],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let numbered = ids.iter().enumerate();
    serializer.collect_map(numbered.map(|(n, id)| (format!("InstanceId.{}", n + 1), id)))
}

/// Serialises tags as `Tag.1.Key`, `Tag.1.Value` and so on, for a field that is flattened.
pub(crate) fn tags<S: Serializer>(tags: &[TagFilter], serializer: S) -> Result<S::Ok, S::Error> {
    let numbered = tags.iter().enumerate().flat_map(|(n, (key, value))| {
        let name = |part: &str| format!("Tag.{}.{part}", n + 1);
        [(name("Key"), Some(key)), (name("Value"), value.as_ref())]
    });
    serializer.collect_map(numbered)
}
