//! The tokens that name the pages of a list.

use crate::emulator::random::random_text;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Page tokens, each with the query that it was made for and the place where the next page begins.
pub(crate) struct Pages<P> {
    tokens: Mutex<HashMap<String, (String, P)>>,
}

impl<P> Default for Pages<P> {
    fn default() -> Self {
        Self {
            tokens: Mutex::default(),
        }
    }
}

impl<P: Clone> Pages<P> {
    /// A new token: the answer to `query` continues at `place`.
    pub(crate) fn keep(&self, query: String, place: P) -> String {
        let token = random_text();
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.insert(token.clone(), (query, place));
        token
    }

    /// The place that a token names, if it was made for `query`.
    pub(crate) fn place(&self, token: &str, query: &str) -> Option<P> {
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, place) = tokens.get(token)?;
        (known == query).then(|| place.clone())
    }
}
