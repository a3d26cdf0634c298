//! The API client: it signs and sends calls, retries where that is safe, and reads the replies.

mod acs3;
pub(crate) mod clock;
pub(crate) mod reply;
pub mod retry;
mod rpc;

use super::params;
use crate::config::credentials::{Credentials, CredentialsProvider};
use crate::config::settings::Signature;
use crate::error::{ApiError, Error, Result};
use crate::net::Network;
use acs3::{Call, FORM, Fresh};
use clock::ClockSkew;
use jiff::Timestamp;
use reply::HttpReply;
use reqwest::header::{ACCEPT, CONTENT_TYPE, DATE, HeaderMap};
use reqwest::{RequestBuilder, Response};
use retry::{Again, FailedAttempt, Retry};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};
use url::Url;
use zeroize::Zeroizing;

/// The longest reply that is read, in bytes.
const LONGEST_REPLY: usize = 1 << 20;

/// The style of an action's calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// RPC: a POST with everything in its body.
    Rpc,
    /// RPC without a signature: the parameters themselves prove who is calling.
    Unsigned,
    /// ROA: a GET of this path.
    Get(&'static str),
}

/// One action of an API: what it is serialised to are its parameters.
pub trait Action: Serialize {
    /// The action's name, such as `StartTerminalSession`.
    const NAME: &'static str;
    /// The API version, such as `2014-05-26`.
    const VERSION: &'static str;
    /// True if making the call twice has the effect of making it once: only then is it retried.
    const IDEMPOTENT: bool;
    /// True if it takes the parameter `RegionId`.
    const REGIONAL: bool = true;
    /// The style of its calls.
    const STYLE: Style = Style::Rpc;
    /// The type of the reply.
    type Reply: DeserializeOwned + Send + 'static;

    /// Checks what can be checked before the call.
    ///
    /// # Errors
    /// [`Error::Api`] with the service's own code and status 0.
    fn check(&self) -> Result<()> {
        Ok(())
    }
}

/// Reads a reply as the type of its action.
type ReadReply = fn(&HttpReply<'_>, &Credentials, &str) -> Result<Box<dyn Any + Send>, ApiError>;

/// An action without its types, so that one piece of code makes the calls of all actions.
#[derive(Clone, Copy)]
struct AnyAction {
    name: &'static str,
    version: &'static str,
    is_idempotent: bool,
    style: Style,
    read: ReadReply,
}

impl AnyAction {
    fn of<A: Action>() -> Self {
        Self {
            name: A::NAME,
            version: A::VERSION,
            is_idempotent: A::IDEMPOTENT,
            style: A::STYLE,
            read: |reply, credentials, signed| {
                Ok(Box::new(reply.read::<A::Reply>(credentials, signed)?))
            },
        }
    }
}

/// A client of one product's API in one region. It keeps its connections for further calls.
#[derive(Clone)]
pub struct Client {
    network: Network,
    http: reqwest::Client,
    endpoint: Url,
    region: String,
    credentials: Arc<dyn CredentialsProvider>,
    retry: Retry,
    signature: Signature,
}

impl Client {
    /// A client that sends to `endpoint` (see [`super::endpoint::base`]) over `network`.
    pub fn new(
        network: Network,
        endpoint: Url,
        region: impl Into<String>,
        credentials: Arc<dyn CredentialsProvider>,
    ) -> Result<Self> {
        network.check(&endpoint)?;
        Ok(Self {
            http: network.http_client()?,
            network,
            endpoint,
            region: region.into(),
            credentials,
            retry: Retry::default(),
            signature: Signature::default(),
        })
    }

    /// The same client with other limits for retrying.
    #[must_use]
    pub fn with_retry(self, retry: Retry) -> Self {
        Self { retry, ..self }
    }

    /// The same client, which leaves it to the caller to make a call later that was one too many.
    #[must_use]
    pub(crate) fn without_throttled(mut self) -> Self {
        self.retry.throttled = false;
        self
    }

    /// The same client with another signature of RPC calls.
    #[must_use]
    pub(crate) fn with_signature(self, signature: Signature) -> Self {
        Self { signature, ..self }
    }

    /// The region that calls go to.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The network that calls go over.
    pub(crate) fn network(&self) -> &Network {
        &self.network
    }

    /// The base URL that calls are sent to.
    #[must_use]
    pub fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    /// Makes one call and takes at most `limit` for it, further attempts and pauses included.
    ///
    /// # Errors
    /// [`Error::Api`] for what the service (or a proxy in its place) answered and for what
    /// [`Action::check`] found; [`Error::Connect`], [`Error::Lost`] and [`Error::Timeout`] for the
    /// network; whatever the credentials' provider reports.
    pub async fn call<A: Action>(&self, action: &A, limit: Duration) -> Result<A::Reply> {
        action.check()?;
        let params = params(action, &self.region);
        let reply = self.make(AnyAction::of::<A>(), &params, limit).await?;
        Ok(*reply.downcast().expect("it was read as the action's reply"))
    }

    async fn make(
        &self,
        kind: AnyAction,
        params: &[(String, String)],
        limit: Duration,
    ) -> Result<Box<dyn Any + Send>> {
        let what = tr!(
            "the call of {name} to {host}",
            name = kind.name,
            host = self.host()
        );
        // Obtaining credentials has time limits of its own, and may ask the user.
        self.credentials.credentials().await?;
        self.retry
            .run(&what, limit, || self.attempt(kind, params))
            .await
    }

    async fn attempt(
        &self,
        kind: AnyAction,
        params: &[(String, String)],
    ) -> Result<Box<dyn Any + Send>, FailedAttempt> {
        let credentials = self.credentials.credentials().await?;
        let (request, string_to_sign) = self.request(kind, params, &credentials);
        let asked = Instant::now();
        let sent = request.header(ACCEPT, "application/json").send().await;
        let response = match sent {
            Ok(response) => response,
            Err(error) => return Err(self.failed(kind, &error).await),
        };
        let (status, headers) = (response.status(), response.headers().clone());
        let body = self.body(kind, response).await?;
        let reply = HttpReply {
            action: kind.name,
            status: status.as_u16(),
            body: &body,
        };
        let answer = (kind.read)(&reply, &credentials, &string_to_sign);
        tracing::info!(
            action = kind.name,
            status = status.as_u16(),
            length = body.len(),
            took = ?asked.elapsed(),
            "answered"
        );
        answer.map_err(|error| {
            let renewed = error.refuses_credentials() && self.credentials.are_refused(&credentials);
            let is_final = error.is_throttling() && !self.retry.throttled;
            let mut failure = judged(kind, error, &headers);
            if is_final {
                failure.again = Again::Never;
            }
            if renewed {
                // The call has not been made: this holds for every action.
                failure.again = Again::Once;
            }
            failure
        })
    }

    /// A signed request, and what was signed.
    fn request(
        &self,
        kind: AnyAction,
        params: &[(String, String)],
        credentials: &Credentials,
    ) -> (RequestBuilder, String) {
        let action = (kind.name, kind.version);
        let (path, method) = match (kind.style, self.signature) {
            (Style::Get(path), _) => (path, "GET"),
            (Style::Rpc, Signature::V3) => ("/", "POST"),
            (style, _) => {
                let signed = match style {
                    Style::Unsigned => rpc::unsigned(action, params),
                    _ => rpc::sign(action, params, credentials),
                };
                let request = self.http.post(self.endpoint.clone());
                let request = request.header(CONTENT_TYPE, FORM);
                return (request.body(signed.body), signed.string_to_sign);
            }
        };
        let call = Call {
            action,
            path,
            method,
            params,
        };
        let signed = acs3::sign(&self.endpoint, &call, credentials, Fresh::new());
        let request = match method {
            "POST" => self.http.post(signed.url).body(signed.body),
            _ => self.http.get(signed.url),
        };
        let add =
            |request: RequestBuilder, (name, value)| request.header::<String, String>(name, value);
        let request = signed.headers.into_iter().fold(request, add);
        (request, signed.string_to_sign)
    }

    async fn body(
        &self,
        kind: AnyAction,
        mut response: Response,
    ) -> Result<Zeroizing<Vec<u8>>, FailedAttempt> {
        let status = response.status().as_u16();
        let mut body = Zeroizing::new(Vec::new());
        loop {
            let chunk = match response.chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => return Ok(body),
                Err(error) => return Err(self.failed(kind, &error).await),
            };
            if body.len() + chunk.len() > LONGEST_REPLY {
                let reply = HttpReply {
                    action: kind.name,
                    status,
                    body: &[],
                };
                let error = reply.unexpected(tr!("the answer is longer than 1 MiB"));
                return Err(FailedAttempt::from(Error::from(error)));
            }
            body.extend_from_slice(&chunk);
        }
    }

    async fn failed(&self, kind: AnyAction, error: &reqwest::Error) -> FailedAttempt {
        let error = self.network.explain(error, &self.endpoint).await;
        // Connecting has taken as long as it may.
        let hopeless = matches!(error, Error::Timeout { .. }) || !error.is_retryable();
        let again = if kind.is_idempotent && !hopeless {
            Again::Yes
        } else {
            Again::Never
        };
        FailedAttempt { error, again }
    }

    /// Sends an unsigned request without parameters: any answer shows that the host is reachable.
    pub(crate) async fn probe(&self, limit: Duration) -> Result<Probe> {
        let start = Instant::now();
        let asked = tokio::time::timeout(limit, self.http.get(self.endpoint.clone()).send());
        let answer = asked.await.map_err(|_| Error::Timeout {
            what: tr!("an answer of {host}", host = self.host()),
            limit,
        })?;
        let response = match answer {
            Ok(response) => response,
            Err(error) => return Err(self.network.explain(&error, &self.endpoint).await),
        };
        let date = response.headers().get(DATE);
        Ok(Probe {
            host: self.host(),
            took: start.elapsed(),
            clock: date
                .and_then(|value| value.to_str().ok())
                .and_then(|text| ClockSkew::read(text, Timestamp::now())),
        })
    }

    fn host(&self) -> String {
        let host = self.endpoint.host_str().unwrap_or_default();
        match self.endpoint.port_or_known_default() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }
}

/// The action's own parameters, `RegionId` among them where it takes one.
pub(super) fn params<A: Action>(action: &A, region: &str) -> Vec<(String, String)> {
    let mut params = params::of(action);
    if A::REGIONAL {
        params.push(("RegionId".to_owned(), region.to_owned()));
    }
    params
}

/// A host that has answered.
#[derive(Debug, Clone)]
pub(crate) struct Probe {
    /// Host and port.
    pub(crate) host: String,
    /// The time that the answer took, connecting included.
    pub(crate) took: Duration,
    /// The clocks, if the answer had a time.
    pub(crate) clock: Option<ClockSkew>,
}

/// Decides from an error reply and its headers whether to retry, and completes the error.
fn judged(kind: AnyAction, mut error: ApiError, headers: &HeaderMap) -> FailedAttempt {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let code = error.code.as_str();
    let asked = header("x-acs-retry-after").and_then(|text| text.trim().parse().ok());
    error.retry_after = asked.map(Duration::from_millis);
    let again = match error.retry_after {
        _ if !kind.is_idempotent => Again::Never,
        Some(pause) => Again::After(pause),
        None if error.is_retryable() => Again::Yes,
        // A proxy may have sent the request twice by itself.
        None if code == "SignatureNonceUsed" => Again::Once,
        None => Again::Never,
    };
    if code.starts_with("InvalidTimeStamp") || code == "IllegalTimestamp" {
        let theirs = headers.get(DATE).and_then(|value| value.to_str().ok());
        error.message.push_str(&skew(theirs, Timestamp::now()));
    }
    if error.request_id.is_none() {
        error.request_id = header("x-acs-request-id").map(str::to_owned);
    }
    FailedAttempt {
        error: error.into(),
        again,
    }
}

/// The difference between this machine's clock and the server's, as an addition to a message.
fn skew(theirs: Option<&str>, ours: Timestamp) -> String {
    let clock = theirs.and_then(|text| ClockSkew::read(text, ours));
    clock.map_or_else(String::new, |clock| format!(" ({clock})"))
}

#[cfg(test)]
mod tests;
