//! Settings given as `NAME=VALUE`: a table for each group names them, reads their values and prints help.

use crate::error::{Error, Result};
use crate::size;
use std::fmt::Write as _;
use std::time::Duration;

/// One setting of a group `T`: its name in kebab case, what it does in a few words, and how a value
/// is read into its place, or what is wrong with it.
pub(crate) type Setting<T> = (
    &'static str,
    &'static str,
    fn(&mut T, &str) -> Result<(), &'static str>,
);

/// Sets `name` in `target` to what `value` says.
///
/// # Errors
/// [`Error::Usage`] naming the valid settings, or what is wrong with the value.
pub(crate) fn set<T>(table: &[Setting<T>], target: &mut T, name: &str, value: &str) -> Result<()> {
    let Some((_, _, read)) = table.iter().find(|(known, _, _)| *known == name) else {
        let names: Vec<_> = table.iter().map(|(name, _, _)| *name).collect();
        let known = names.join(", ");
        if name.is_empty() {
            return Err(Error::Usage(tr!("it is one of {known}", known)));
        }
        return Err(Error::Usage(tr!(
            "unknown setting {name:?}; known: {known}",
            name,
            known
        )));
    };
    read(target, value).map_err(|what| Error::Usage(format!("{name}={value}: {what}")))
}

/// The settings of a group with what each does, one a line, for help texts.
pub(crate) fn help<T>(table: &[Setting<T>]) -> String {
    let width = table.iter().map(|(name, _, _)| name.len()).max();
    let width = width.unwrap_or(0);
    table
        .iter()
        .fold(String::new(), |mut text, (name, help, _)| {
            // Writing to a String can't fail.
            let _ = writeln!(text, "{name:width$}  {help}");
            text
        })
}

/// Reads a duration such as `500ms`, `90s` or `5m`; `none` means no limit.
pub(crate) fn time(slot: &mut Option<Duration>, text: &str) -> Result<(), &'static str> {
    let wrong = tr!("neither a duration such as 90s nor none");
    optional(slot, text, |text| duration(text).ok_or(wrong))
}

/// Reads a number; `none` means no limit.
pub(crate) fn number(slot: &mut Option<u64>, text: &str) -> Result<(), &'static str> {
    let wrong = tr!("neither a number nor none");
    optional(slot, text, |text| text.parse().map_err(|_| wrong))
}

/// Reads a number of bytes such as `64K`; `none` means no limit.
pub(crate) fn bytes(slot: &mut Option<u64>, text: &str) -> Result<(), &'static str> {
    let wrong = tr!("neither a size such as 2048 or 64K nor none");
    optional(slot, text, |text| size::parse(text).ok_or(wrong))
}

/// Reads a switch: no value, `true` or `false`.
pub(crate) fn switch(slot: &mut bool, text: &str) -> Result<(), &'static str> {
    *slot = match text {
        "" | "true" => true,
        "false" => false,
        _ => return Err(tr!("neither true nor false")),
    };
    Ok(())
}

/// Reads a value that may be `none`.
pub(crate) fn optional<V>(
    slot: &mut Option<V>,
    text: &str,
    read: impl Fn(&str) -> Result<V, &'static str>,
) -> Result<(), &'static str> {
    *slot = match text {
        "none" => None,
        text => Some(read(text)?),
    };
    Ok(())
}

/// A duration such as `500ms`, `90s`, `5m` or `0s`; `None` for anything else, negative ones included.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    text.parse::<jiff::SignedDuration>().ok()?.try_into().ok()
}
