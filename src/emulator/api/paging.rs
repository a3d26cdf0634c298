//! Cuts lists into pages, as `MaxResults` and `NextToken` or `PageNumber` and `PageSize` ask.
//!
//! Inferred: a page token is valid for its own query only, the last page has an empty `NextToken`,
//! and a list that goes by tokens has no `TotalCount`.

use super::codes::{refuse, refuse_because};
use super::params::{Params, given};
use super::reply::ErrorReply;
use crate::emulator::state::pages::Pages;
use serde_json::{Value, json};

/// The limits of a page's size.
pub(crate) struct PageRules {
    /// The least that `MaxResults` means, and the most.
    pub(crate) results: (usize, usize),
    /// True if a `MaxResults` outside of these means the nearest of them; otherwise it is refused.
    pub(crate) clamps: bool,
    /// The most that `PageSize` may be.
    pub(crate) page_size: usize,
}

/// The default size of both kinds of page.
const DEFAULT: usize = 10;

/// One page of a list.
pub(crate) struct CutPage<T> {
    /// Its items.
    pub(crate) items: Vec<T>,
    /// The fields that tell where it is: `TotalCount`, `PageNumber`, `PageSize`, `NextToken`.
    pub(crate) place: Value,
}

impl<T> CutPage<T> {
    /// A page with everything on it.
    pub(crate) fn whole(items: impl Iterator<Item = T>) -> Self {
        let items: Vec<T> = items.collect();
        let place = json!({
            "TotalCount": items.len(), "PageNumber": 1, "PageSize": DEFAULT, "NextToken": "",
        });
        Self { items, place }
    }
}

/// The page that a call asks for. Each item has its position in the whole, which grows.
///
/// # Errors
/// The service's error for a token of another query, and for a size that is refused.
pub(crate) fn page<T>(
    pages: &Pages<usize>,
    params: &Params,
    rules: &PageRules,
    all: impl Iterator<Item = (usize, T)>,
) -> Result<CutPage<T>, ErrorReply> {
    let token = given(params, "NextToken");
    if token.is_none() && given(params, "MaxResults").is_none() {
        return numbered(params, rules, all);
    }
    let size = results(params, rules)?;
    let query: Params = params
        .iter()
        .filter(|(name, _)| !["NextToken", "MaxResults"].contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let query = format!("{query:?}");
    let start = match token {
        None => 0,
        Some(token) => pages
            .place(token, &query)
            .ok_or_else(|| refuse("InvalidParameter.NextToken"))?,
    };
    let mut rest = all.skip_while(|(position, _)| *position < start).peekable();
    let items = rest.by_ref().take(size).map(|(_, item)| item).collect();
    let next = match rest.peek() {
        Some((position, _)) => pages.keep(query, *position),
        None => String::new(),
    };
    let place = json!({"TotalCount": 0, "PageNumber": 0, "PageSize": 0, "NextToken": next});
    Ok(CutPage { items, place })
}

fn numbered<T>(
    params: &Params,
    rules: &PageRules,
    all: impl Iterator<Item = (usize, T)>,
) -> Result<CutPage<T>, ErrorReply> {
    let number = |name: &str, default: usize, most: usize| {
        let Some(text) = given(params, name) else {
            return Ok(default);
        };
        let read = text.parse().ok().filter(|n| (1..=most).contains(n));
        read.ok_or_else(|| {
            let what = format!("The specified parameter {name} is not valid.");
            refuse_because("InvalidParameter", what)
        })
    };
    let size = number("PageSize", DEFAULT, rules.page_size)?;
    let nth = number("PageNumber", 1, usize::MAX)?;
    let all: Vec<T> = all.map(|(_, item)| item).collect();
    let place = json!({
        "TotalCount": all.len(), "PageNumber": nth, "PageSize": size, "NextToken": "",
    });
    let items = all.into_iter().skip((nth - 1).saturating_mul(size));
    Ok(CutPage {
        items: items.take(size).collect(),
        place,
    })
}

fn results(params: &Params, rules: &PageRules) -> Result<usize, ErrorReply> {
    let (least, most) = rules.results;
    let Some(text) = given(params, "MaxResults") else {
        return Ok(DEFAULT);
    };
    let size: Option<usize> = text.parse().ok();
    let size = match size {
        Some(size) if rules.clamps => Some(size.clamp(least, most)),
        size => size.filter(|size| (least..=most).contains(size)),
    };
    size.ok_or_else(|| refuse("InvalidParameter.MaxResults"))
}
