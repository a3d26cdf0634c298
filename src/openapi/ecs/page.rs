//! A page of a list of instances.

use crate::openapi::lenient;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The page, and the token of the next one.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", bound = "R: DeserializeOwned")]
pub(super) struct Page<R> {
    #[serde(default, deserialize_with = "lenient::list")]
    pub(super) instances: Vec<R>,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(super) next_token: Option<String>,
}
