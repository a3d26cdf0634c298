//! A request to the API as it came, and the verified call.

use super::codes::{refuse, refuse_because};
use super::reply::ErrorReply;
use crate::emulator::state::identities::Caller;
use http::{HeaderMap, Method, header};
use std::collections::BTreeMap;

/// The largest request body, in bytes.
pub(crate) const MAX_BODY: usize = 64 * 1024;

/// An HTTP request to the API, as it came.
#[derive(Debug)]
pub(crate) struct ApiRequest<'a> {
    /// `GET` or `POST`.
    pub method: &'a Method,
    /// The path, percent-decoded.
    pub path: &'a str,
    /// The query, as it is in the request line.
    pub query: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body, at most [`MAX_BODY`] bytes.
    pub body: &'a [u8],
}

/// A verified call.
#[derive(Debug)]
pub(crate) struct VerifiedCall {
    /// The API's name.
    pub action: String,
    /// Its version.
    pub version: String,
    /// The API's parameters, without the common ones.
    pub params: BTreeMap<String, String>,
    /// The signer.
    pub caller: Caller,
}

/// Parameters as they came, in order.
pub(crate) type Pairs = Vec<(String, String)>;

impl ApiRequest<'_> {
    /// A header, if it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// True if the request asks for JSON. (The service's default is XML.)
    pub(crate) fn wants_json(&self, params: &Pairs) -> bool {
        let format = params.iter().find(|(name, _)| name == "Format");
        let accepts = || self.header("accept").unwrap_or_default().contains("json");
        format.map_or_else(accepts, |(_, format)| format.eq_ignore_ascii_case("json"))
    }

    /// The parameters in the body.
    pub(crate) fn form(&self) -> Result<Pairs, ErrorReply> {
        if self.body.is_empty() {
            return Ok(Pairs::new());
        }
        let kind = self
            .header(header::CONTENT_TYPE.as_str())
            .unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(refuse("UnsupportedContentType"));
        }
        let text = std::str::from_utf8(self.body)
            .map_err(|_| refuse_because("InvalidParameter", "The body is not UTF-8."))?;
        Ok(pairs(text))
    }
}

/// The parameters of a query or a form.
pub(crate) fn pairs(text: &str) -> Pairs {
    url::form_urlencoded::parse(text.as_bytes())
        .into_owned()
        .collect()
}
