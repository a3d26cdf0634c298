//! Random text for keys, tokens and ids.

/// 64 hexadecimal digits, 244 bits of them random.
pub(crate) fn random_text() -> String {
    format!(
        "{}{}",
        uuid::Uuid::new_v4().simple(),
        uuid::Uuid::new_v4().simple()
    )
}
