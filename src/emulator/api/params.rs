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

/// The ids of `InstanceId.N`, in the order of N; there must be one.
pub(crate) fn instance_ids(params: &Params) -> Result<Vec<String>, ErrorReply> {
    match numbered(params, "InstanceId") {
        ids if ids.is_empty() => Err(missing("InstanceId")),
        ids => Ok(ids),
    }
}

/// The values of `NAME.N`, in the order of N.
pub(crate) fn numbered(params: &Params, name: &str) -> Vec<String> {
    let values = params.iter().filter_map(|(key, value)| {
        let n = key.strip_prefix(name)?.strip_prefix('.')?;
        let n: u32 = n.parse().ok()?;
        (n > 0 && !value.is_empty()).then(|| (n, value.clone()))
    });
    values.collect::<BTreeMap<_, _>>().into_values().collect()
}

/// A tag that a call asks for; without a value, whatever its value is.
pub(crate) type TagQuery = (String, Option<String>);

/// The most tags that a call may ask for.
const MOST_TAGS: u32 = 20;

/// The tags of `Tag.N.Key` and `Tag.N.Value`.
pub(crate) fn tags(params: &Params) -> Result<Vec<TagQuery>, ErrorReply> {
    let mut tags = vec![];
    for n in 1..=MOST_TAGS {
        let value = params.get(&format!("Tag.{n}.Value"));
        match given(params, &format!("Tag.{n}.Key")) {
            Some(key) => tags.push((key.to_owned(), value.cloned())),
            None if value.is_some() => return Err(missing(&format!("Tag.{n}.Key"))),
            None => {}
        }
    }
    Ok(tags)
}
