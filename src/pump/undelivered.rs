//! The input that may be missing at the remote side, in the error that ends a session.

use crate::error::Error;
use crate::protocol::channel::Undelivered;

/// Adds to the error that ended a session how much of the input may be missing at the remote side.
pub(super) fn with_undelivered(error: Error, undelivered: Option<Undelivered>) -> Error {
    match (error, undelivered) {
        // All was delivered, or the user's side is to blame.
        (error @ (Error::Silence(_) | Error::Io { .. }), _) | (error, None) => error,
        (
            error,
            Some(Undelivered {
                unsent: 0,
                unacknowledged: Some(0),
            }),
        ) => error,
        (error, Some(input)) => Error::InputCut {
            error: Box::new(error),
            unsent: input.unsent,
            unacknowledged: input.unacknowledged,
        },
    }
}
