//! Sizes in bytes as options take them.

/// `2048`, `200K` or `1.5M`, in bytes; K is 1024. `2048B` and `200KiB` are the same in full. `None` for anything
/// else.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let letter = text.find(|c: char| c.is_ascii_alphabetic());
    let (number, unit) = text.split_at(letter.unwrap_or(text.len()));
    let unit = match unit.to_ascii_uppercase().as_str() {
        "" | "B" => 1,
        "K" | "KIB" => 1 << 10,
        "M" | "MIB" => 1 << 20,
        "G" | "GIB" => 1 << 30,
        "T" | "TIB" => 1_u64 << 40,
        _ => return None,
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(part) || part.len() > 6 || (unit == 1 && part != "0") {
        return None;
    }
    let whole = whole.parse::<u64>().ok()?.checked_mul(unit)?;
    let of = 10_u64.pow(u32::try_from(part.len()).ok()?);
    let part = u128::from(part.parse::<u64>().ok()?) * u128::from(unit) / u128::from(of);
    whole.checked_add(u64::try_from(part).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        for (text, bytes) in [
            ("0", 0),
            ("2048", 2048),
            ("2048B", 2048),
            ("200K", 200 * 1024),
            ("200KiB", 200 * 1024),
            ("1.5M", 3 << 19),
            ("1.5m", 3 << 19),
            ("0.25G", 1 << 28),
            ("16777215T", 16_777_215 << 40),
        ] {
            assert_eq!(parse(text), Some(bytes), "{text}");
        }
        for text in [
            "",
            "K",
            "1.5",
            "1.K",
            ".5K",
            "1KB",
            "1iB",
            "-1",
            "+1",
            "1 K",
            "16777216T",
            "1.1.1K",
            "１",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
