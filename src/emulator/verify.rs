//! What is checked before an API call is looked at: its form, signature, clock and nonce.
//!
//! Signature V1 and ACS3-HMAC-SHA256 as Alibaba Cloud documents them; codes and wording of the
//! refusals follow the documented common errors. Inferred: which of several faults is named first,
//! and the refusals of duplicate parameters, foreign content types and oversized bodies.

use super::clock::{self, Clock};
use super::reply::{Format, Refusal};
use super::store::Store;
use http::{HeaderMap, Method, header};
use std::collections::BTreeMap;
use std::time::Duration;

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
pub(super) type Params = Vec<(String, String)>;

impl Incoming<'_> {
    /// The header `name`, as far as it is text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
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

    /// Checks the call and gives what it asks for.
    ///
    /// # Errors
    /// The [`Refusal`] to answer with.
    pub fn verify(
        &self,
        keys: &Credentials,
        clock: &Clock,
        skew: Option<Duration>,
        store: &Store,
    ) -> Result<Call, Refusal> {
        if !matches!(*self.method, Method::GET | Method::POST) {
            return Err(Refusal::new(
                405,
                "UnsupportedHTTPMethod",
                "This http method is not supported.",
            ));
        }
        let query = pairs(self.query);
        let form = self.form()?;
        no_duplicates(query.iter().chain(&form))?;
        let signed = match self.header("authorization") {
            Some(authorization) => self.acs3(authorization, query, form, keys)?,
            None => self.v1(query, form, keys)?,
        };
        check_clock(&signed.timestamp, clock, skew)?;
        (signed.verdict)?;
        let keep = skew.unwrap_or(Duration::from_secs(900)).saturating_mul(2);
        let now = clock.now();
        if !store.use_nonce(&signed.nonce, now, clock::later(now, keep)) {
            return Err(Refusal::new(
                400,
                "SignatureNonceUsed",
                "Specified signature nonce was used already.",
            ));
        }
        Ok(signed.call)
    }

    fn form(&self) -> Result<Params, Refusal> {
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

fn pairs(text: &str) -> Params {
    url::form_urlencoded::parse(text.as_bytes())
        .into_owned()
        .collect()
}

fn no_duplicates<'a>(params: impl Iterator<Item = &'a (String, String)>) -> Result<(), Refusal> {
    let mut seen = std::collections::BTreeSet::new();
    for (name, _) in params {
        if !seen.insert(name) {
            let message = format!("The parameter {name:?} is given more than once.");
            return Err(Refusal::new(400, "InvalidParameter.Duplicate", message));
        }
    }
    Ok(())
}

fn check_clock(timestamp: &str, clock: &Clock, skew: Option<Duration>) -> Result<(), Refusal> {
    let Some(time) = clock::parse_api_time(timestamp) else {
        let message = "Specified time stamp or date value is not well formatted.";
        return Err(Refusal::new(400, "InvalidTimeStamp.Format", message));
    };
    let off = clock.now().duration_since(time).unsigned_abs();
    if skew.is_some_and(|skew| off > skew) {
        let message = "Specified time stamp or date value is expired.";
        return Err(Refusal::new(400, "InvalidTimeStamp.Expired", message));
    }
    Ok(())
}
