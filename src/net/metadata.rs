//! The way to the metadata service of an ECS instance: plain HTTP, and never through a proxy.

use super::Network;
use super::fault::Cause;
use crate::error::{Error, Result};
use std::time::Duration;

impl Network {
    /// A client for the metadata service, which is the only host off this machine that is spoken to
    /// without TLS: its address belongs to the instance's own network.
    pub(crate) fn metadata_client(&self, connect_timeout: Duration) -> Result<reqwest::Client> {
        reqwest::Client::builder()
            .tls_backend_preconfigured(self.inner.tls.config()?.as_ref().clone())
            .no_proxy()
            .user_agent(concat!("axt/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .http1_only()
            .connect_timeout(connect_timeout)
            .build()
            .map_err(|error| {
                Error::Usage(tr!(
                    "no HTTP client: {error}",
                    error = Cause::of(&error).text
                ))
            })
    }

    /// Explains an error of that client.
    pub(crate) fn explain_metadata(&self, error: &reqwest::Error) -> Error {
        let cause = match error.is_timeout() {
            true => Cause::passing(tr!("no answer in time")),
            false => Cause::of(error),
        };
        cause.connecting_to(tr!("the instance's metadata service"))
    }
}
