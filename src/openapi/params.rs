//! An action's fields as the parameters of a call.

use serde::Serialize;
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
