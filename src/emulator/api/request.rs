//! A request to the API as it came, and the call that is read from it.

use super::reply::{Format, Refusal};
use http::{HeaderMap, Method, header};
use std::collections::BTreeMap;

/// The largest request body, in bytes.
pub const MAX_BODY: usize = 64 * 1024;

/// An HTTP request to the API, as it came.
#[derive(Debug)]
pub struct Incoming<'a> {
    /// `GET` or `POST`.
    pub method: &'a Method,
    /// The path, percent-decoded.
    pub path: &'a str,
    /// The query, as it stands in the request line.
    pub query: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body, at most [`MAX_BODY`] bytes.
    pub body: &'a [u8],
}

/// A verified call.
#[derive(Debug)]
pub struct Call {
    /// The API's name.
    pub action: String,
    /// Its version.
    pub version: String,
    /// The API's own parameters, without the common ones.
    pub params: BTreeMap<String, String>,
}

/// The key pair that calls are signed with.
#[derive(Clone)]
pub struct Credentials {
    /// The AccessKey id.
    pub access_key_id: String,
    /// The AccessKey secret.
    pub access_key_secret: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials(redacted)")
    }
}

/// Parameters as they came, in order.
pub(crate) type Params = Vec<(String, String)>;

impl Incoming<'_> {
    /// The header `name`, as far as it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// How this request wants its reply, whatever else is wrong with it.
    #[must_use]
    pub fn format(&self) -> Format {
        let pairs = pairs(self.query)
            .into_iter()
            .chain(pairs(&String::from_utf8_lossy(self.body)));
        let named = pairs
            .into_iter()
            .find(|(name, _)| name == "Format")
            .map(|(_, value)| value);
        let accepts_json = || {
            self.header("accept")
                .is_some_and(|accept| accept.contains("json"))
        };
        match named {
            Some(format) if format.eq_ignore_ascii_case("json") => Format::Json,
            None if accepts_json() => Format::Json,
            _ => Format::Xml,
        }
    }

    /// The API's name as far as it can be told before anything is verified: for a log or a reply.
    #[must_use]
    pub fn action(&self) -> String {
        let pairs = pairs(self.query)
            .into_iter()
            .chain(pairs(&String::from_utf8_lossy(self.body)));
        let named = pairs
            .into_iter()
            .find(|(name, _)| name == "Action")
            .map(|(_, value)| value);
        let action = named
            .or_else(|| self.header("x-acs-action").map(Into::into))
            .unwrap_or_default();
        if action.chars().all(|c| c.is_ascii_alphanumeric()) {
            action
        } else {
            String::new()
        }
    }

    /// The parameters in the body.
    pub(crate) fn form(&self) -> Result<Params, Refusal> {
        if self.body.is_empty() {
            return Ok(Params::new());
        }
        let kind = self
            .header(header::CONTENT_TYPE.as_str())
            .unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            let message = "The body is read as application/x-www-form-urlencoded only.";
            return Err(Refusal::new(415, "UnsupportedContentType", message));
        }
        let text = std::str::from_utf8(self.body)
            .map_err(|_| Refusal::new(400, "InvalidParameter", "The body is not UTF-8."))?;
        Ok(pairs(text))
    }
}

/// The parameters of a query or a form.
pub(crate) fn pairs(text: &str) -> Params {
    url::form_urlencoded::parse(text.as_bytes())
        .into_owned()
        .collect()
}
