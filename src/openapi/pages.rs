//! Lists that come page by page.

use super::client::{Action, Client};
use super::lenient;
use crate::error::{ApiError, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::HashSet;
use std::time::Duration;

/// The most pages that are asked for: more than any account has, and fewer than for ever.
const MOST_PAGES: usize = 2000;

/// A page of a list.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", bound = "T: DeserializeOwned")]
pub struct Page<T> {
    /// The items, for which each action has another name.
    #[serde(
        default,
        alias = "Instances",
        alias = "InstanceCloudAssistantStatusSet",
        alias = "Sessions",
        deserialize_with = "lenient::list"
    )]
    pub items: Vec<T>,
    /// The token of the next page; `None` on the last one.
    #[serde(default, deserialize_with = "lenient::text")]
    pub next_token: Option<String>,
}

/// An action that answers with a page of a list.
pub(crate) trait Paged: Action<Reply = Page<<Self as Paged>::Item>> {
    /// The type of the list's items.
    type Item;
    /// The most items that a page may have.
    const LARGEST: usize;

    /// Asks for the page of this token, the first one without, and for so many items.
    fn set_page(&mut self, token: Option<String>, size: usize);
}

/// The items of `query`'s list, each passed through `take`; all of them, or the first `most`. Each page may
/// take `limit`.
///
/// # Errors
/// As [`Client::call`] and `take`; [`ApiError::UNEXPECTED`] if the pages have no end.
pub(crate) async fn all<A: Paged, T>(
    client: &Client,
    mut query: A,
    most: Option<usize>,
    take: impl Fn(A::Item) -> Result<Option<T>>,
    limit: Duration,
) -> Result<Vec<T>> {
    let most = most.unwrap_or(usize::MAX);
    let endless = |message: &str| Err(ApiError::unexpected(A::NAME, 200, message).into());
    let (mut taken, mut token) = (vec![], None);
    let mut seen = HashSet::new();
    while taken.len() < most {
        query.set_page(token.take(), A::LARGEST.min(most - taken.len()));
        let page = client.call(&query, limit).await?;
        for item in page.items {
            taken.extend(take(item)?);
        }
        let Some(next) = page.next_token else { break };
        if !seen.insert(next.clone()) {
            return endless(tr!("the answer points to a page that was read before"));
        }
        if seen.len() >= MOST_PAGES {
            return endless(tr!("the answer has a next page even after 2000 pages"));
        }
        token = Some(next);
    }
    taken.truncate(most);
    Ok(taken)
}
