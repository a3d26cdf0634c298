//! Work with files that would keep the session waiting.

use crate::commands::cp::failure::CopyFailure;
use std::io;

/// Does it on another thread.
///
/// # Errors
/// [`CopyFailure::File`] with the system's error.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, CopyFailure> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.unwrap_or_else(|error| Err(io::Error::other(error)));
    done.map_err(|error| CopyFailure::local(&error))
}
