//! The parameters of an API call: how they are read, and which region and instances they name.

use super::codes::{REGIONS, missing, refuse};
use super::reply::Refusal;
use std::collections::BTreeMap;

/// An API's own parameters.
pub(crate) type Params = BTreeMap<String, String>;

/// A parameter that is there and not empty.
pub(crate) fn given<'a>(params: &'a Params, name: &str) -> Option<&'a str> {
    params
        .get(name)
        .map(String::as_str)
        .filter(|value| !value.is_empty())
}

/// A parameter that must be there.
pub(crate) fn required<'a>(params: &'a Params, name: &str) -> Result<&'a str, Refusal> {
    given(params, name).ok_or_else(|| missing(name))
}

/// The region the call is about.
pub(crate) fn region(params: &Params) -> Result<&str, Refusal> {
    let region = required(params, "RegionId")?;
    if REGIONS.contains(&region) {
        Ok(region)
    } else {
        Err(refuse("InvalidRegionId.NotFound"))
    }
}

/// The ids of `InstanceId.N`, in the order of N.
pub(crate) fn instance_ids(params: &Params) -> Result<Vec<&str>, Refusal> {
    let numbered = params.iter().filter_map(|(name, value)| {
        let n: u32 = name.strip_prefix("InstanceId.")?.parse().ok()?;
        (n > 0 && !value.is_empty()).then_some((n, value.as_str()))
    });
    let ids: BTreeMap<_, _> = numbered.collect();
    if ids.is_empty() {
        return Err(missing("InstanceId"));
    }
    Ok(ids.into_values().collect())
}
