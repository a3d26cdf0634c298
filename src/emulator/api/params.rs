//! Reads the parameters of an API call.

use super::codes::{missing, refuse};
use super::reply::ErrorReply;
use crate::openapi::region::REGIONS;
use std::collections::BTreeMap;

/// The parameters of an API call, without the common ones.
pub(crate) type Params = BTreeMap<String, String>;

/// A parameter, unless it is missing or empty.
pub(crate) fn given<'a>(params: &'a Params, name: &str) -> Option<&'a str> {
    params
        .get(name)
        .map(String::as_str)
        .filter(|value| !value.is_empty())
}

/// A mandatory parameter.
pub(crate) fn required<'a>(params: &'a Params, name: &str) -> Result<&'a str, ErrorReply> {
    given(params, name).ok_or_else(|| missing(name))
}

/// The call's region.
pub(crate) fn region(params: &Params) -> Result<&str, ErrorReply> {
    let region = required(params, "RegionId")?;
    if REGIONS.contains(&region) {
        Ok(region)
    } else {
        Err(refuse("InvalidRegionId.NotFound"))
    }
}

/// The ids of `InstanceId.N`, in the order of N.
pub(crate) fn instance_ids(params: &Params) -> Result<Vec<&str>, ErrorReply> {
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
