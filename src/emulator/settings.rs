//! Settings given as `NAME=VALUE`: one table per group says what exists, reads values and prints help.

use crate::error::{Error, Result};
use std::fmt::Write as _;
use std::time::Duration;

/// Where a setting's value goes, and with that how its text is read.
pub enum Slot<'a> {
    /// A duration such as `500ms`, `90s` or `5m`; `none` means no limit.
    Time(&'a mut Option<Duration>),
    /// A number; `none` means no limit.
    Number(&'a mut Option<u64>),
    /// No value, or `true` or `false`.
    Switch(&'a mut bool),
    /// `AMOUNT[:TIMES]`, see [`super::faults::After`].
    After(&'a mut Option<super::faults::After>),
    /// `CODE[:COUNT]`, see [`super::faults::ApiFault`]; each one given is added to the others.
    ApiErrors(&'a mut Vec<super::faults::ApiFault>),
}

/// One setting of a group `T`.
pub struct Setting<T: 'static> {
    /// The name, in kebab case.
    pub name: &'static str,
    /// What it does, in a few words.
    pub help: &'static str,
    /// Finds its place in the group.
    pub slot: fn(&mut T) -> Slot<'_>,
}

/// Sets `name` in `target` to what `value` says.
///
/// # Errors
/// [`Error::Usage`] naming the valid settings, or what is wrong with the value.
pub fn set<T>(table: &[Setting<T>], target: &mut T, name: &str, value: &str) -> Result<()> {
    let Some(setting) = table.iter().find(|setting| setting.name == name) else {
        let names: Vec<_> = table.iter().map(|setting| setting.name).collect();
        let known = names.join(", ");
        return Err(Error::Usage(format!(
            "no setting {name:?}; there are: {known}"
        )));
    };
    let bad = |what: &str| Error::Usage(format!("{name}={value}: {what}"));
    match (setting.slot)(target) {
        Slot::Time(slot) => {
            *slot = unless_none(value, duration)
                .ok_or_else(|| bad("no duration such as 90s, and not none"))?;
        }
        Slot::Number(slot) => {
            *slot = unless_none(value, |text| text.parse().ok())
                .ok_or_else(|| bad("no number, and not none"))?;
        }
        Slot::Switch(slot) => {
            *slot = match value {
                "" | "true" => true,
                "false" => false,
                _ => return Err(bad("neither true nor false")),
            };
        }
        Slot::After(slot) => {
            *slot = unless_none(value, |text| text.parse().ok())
                .ok_or_else(|| bad("no AMOUNT[:TIMES] such as 5, 64KiB or 5:1"))?;
        }
        Slot::ApiErrors(list) => list.push(value.parse().map_err(|()| bad("no CODE[:COUNT]"))?),
    }
    Ok(())
}

/// The settings of a group with what each does, one a line, for help texts.
#[must_use]
pub fn help<T>(table: &[Setting<T>]) -> String {
    let width = table
        .iter()
        .map(|setting| setting.name.len())
        .max()
        .unwrap_or(0);
    table.iter().fold(String::new(), |mut text, setting| {
        // Writing to a String can't fail.
        let _ = writeln!(text, "{:width$}  {}", setting.name, setting.help);
        text
    })
}

/// A duration such as `500ms`, `90s`, `5m` or `0s`; `None` for anything else, negative ones included.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    text.parse::<jiff::SignedDuration>().ok()?.try_into().ok()
}

/// `Some(None)` for `none`, else what `read` makes of the text; `None` when it makes nothing of it.
#[expect(
    clippy::option_option,
    reason = "the outer one is failure, the inner one is `no limit`"
)]
fn unless_none<V>(text: &str, read: impl Fn(&str) -> Option<V>) -> Option<Option<V>> {
    if text == "none" {
        Some(None)
    } else {
        read(text).map(Some)
    }
}
