//! One HTTP exchange with a server that gives credentials: bounded in time and size, no redirects.

use crate::error::{Error, Result};
use crate::net::Network;
use crate::openapi::client::reply::redacted;
use crate::printable;
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;
use url::Url;
use zeroize::Zeroizing;

/// The longest answer that is read, in bytes.
const LONGEST: usize = 1 << 20;

/// A server's answer.
pub(super) struct HttpAnswer {
    /// Host and port: paths and queries may hold secrets.
    from: String,
    pub(super) status: StatusCode,
    body: Zeroizing<Vec<u8>>,
    /// The secrets of the request: a server may repeat what it was sent.
    secrets: Vec<Zeroizing<String>>,
}

/// Sends a request to a server that gives credentials, and reads its answer. `secrets` are those of the
/// request; no error has them.
pub(super) async fn send(
    network: &Network,
    url: &Url,
    request: RequestBuilder,
    secrets: &[&str],
    limit: Duration,
) -> Result<HttpAnswer> {
    match exchange(url, request, secrets, limit).await? {
        Ok(answer) => Ok(answer),
        Err(error) => Err(network.explain(&error, url).await),
    }
}

/// The same for the instance's metadata service, which is reached without a proxy.
pub(super) async fn send_to_metadata(
    network: &Network,
    url: &Url,
    request: RequestBuilder,
    secrets: &[&str],
    limit: Duration,
) -> Result<HttpAnswer> {
    let answer = exchange(url, request, secrets, limit).await?;
    answer.map_err(|error| network.explain_metadata(&error))
}

async fn exchange(
    url: &Url,
    request: RequestBuilder,
    secrets: &[&str],
    limit: Duration,
) -> Result<reqwest::Result<HttpAnswer>> {
    let from = host_of(url);
    let exchange = async {
        let mut response = match request.send().await {
            Ok(response) => response,
            Err(error) => return Ok(Err(error)),
        };
        let status = response.status();
        let body = read(&mut response, &from).await?;
        let secrets = secrets.iter().map(|secret| (*secret).to_owned().into());
        Ok(body.map(|body| HttpAnswer {
            from: from.clone(),
            status,
            body,
            secrets: secrets.collect(),
        }))
    };
    let what = tr!("the answer of {from}", from);
    tokio::time::timeout(limit, exchange)
        .await
        .map_err(|_| Error::Timeout { what, limit })?
}

/// Host and port of a URL.
fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port_or_known_default() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

async fn read(response: &mut Response, from: &str) -> Result<reqwest::Result<Zeroizing<Vec<u8>>>> {
    let mut body = Zeroizing::new(Vec::new());
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > LONGEST => {
                return Err(problem(&tr!(
                    "the answer of {from} is longer than 1 MiB",
                    from
                )));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(Ok(body)),
            Err(error) => return Ok(Err(error)),
        }
    }
}

impl HttpAnswer {
    /// The body, as it came.
    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body as text, without white space around it.
    pub(super) fn text(&self) -> Result<&str> {
        let text = std::str::from_utf8(&self.body).map_err(|_| self.bad(tr!("is not UTF-8")))?;
        Ok(text.trim())
    }

    /// The JSON of a successful answer.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T> {
        self.success()?;
        // The error of serde_json would quote values.
        serde_json::from_slice(&self.body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            match error.is_data() {
                true => self.bad(&tr!(
                    "does not have the expected form (line {line}, column {column})",
                    line,
                    column
                )),
                false => self.bad(&tr!(
                    "is not JSON (line {line}, column {column})",
                    line,
                    column
                )),
            }
        })
    }

    /// An error unless the status is 200.
    pub(super) fn success(&self) -> Result<()> {
        if self.status == StatusCode::OK {
            return Ok(());
        }
        let said = match self.status.is_redirection() {
            true => tr!(", a redirect, which is not followed").to_owned(),
            false => self.message(),
        };
        Err(self.bad(&tr!(
            "is HTTP {status}{said}",
            status = self.status.as_u16(),
            said
        )))
    }

    /// An error about this answer.
    pub(super) fn bad(&self, problem: &str) -> Error {
        self::problem(&tr!(
            "the answer of {from} {problem}",
            from = self.from,
            problem
        ))
    }

    fn redacted(&self, text: &str) -> String {
        redacted(text, self.secrets.iter().map(|secret| secret.as_str()))
    }

    /// Code and message of an error in JSON, as one line. Other bodies may be anything.
    fn message(&self) -> String {
        let value: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let field = |names: [&str; 3]| {
            let texts = names.iter().filter_map(|name| value.get(name)?.as_str());
            let mut lines = texts.map(|text| printable::line(&self.redacted(text)));
            lines.find(|text| !text.is_empty())
        };
        let code = field(["Code", "code", "error"]);
        let message = field(["Message", "message", "error_description"]);
        let parts: Vec<_> = [code, message].into_iter().flatten().collect();
        match parts.is_empty() {
            true => String::new(),
            false => format!(": {}", parts.join(": ")),
        }
    }
}

/// An error of a provider; its source adds its name and what to do.
pub(super) fn problem(problem: &str) -> Error {
    Error::Credentials {
        problem: problem.to_owned(),
        remedy: String::new(),
    }
}
