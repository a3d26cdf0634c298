//! An encryption as the option has it, for another process of axt's.

use super::encryption;
use crate::openapi::ecs::Encryption;
use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer, de};

/// Writes it down.
pub(crate) fn serialize<S: Serializer>(
    value: &Option<Encryption>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let text = value.as_ref().map(|value| match value {
        Encryption::Auto => "auto".to_owned(),
        Encryption::Kms(key) => format!("kms:{key}"),
    });
    text.serialize(serializer)
}

/// Reads it.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Encryption>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    let value = text.as_deref().map(encryption).transpose();
    value.map_err(de::Error::custom)
}
