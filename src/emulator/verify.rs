//! What is checked before an API call is looked at: its form, signature, clock and nonce.
//!
//! Signature V1 and ACS3-HMAC-SHA256 as Alibaba Cloud documents them; codes and wording of the
//! refusals follow the documented common errors. Inferred: which of several faults is named first,
//! and the refusals of duplicate parameters, foreign content types and oversized bodies.

use super::clock::{self, Clock};
use super::reply::{Format, Refusal};
use super::store::Store;
use crate::openapi::signature;
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

/// Common parameters of V1: those that are not the API's own.
const COMMON: &[&str] = &[
    "Action",
    "Version",
    "Format",
    "AccessKeyId",
    "Signature",
    "SignatureMethod",
    "SignatureVersion",
    "SignatureNonce",
    "SignatureType",
    "Timestamp",
    "SecurityToken",
];

type Params = Vec<(String, String)>;

impl Incoming<'_> {
    fn header(&self, name: &str) -> Option<&str> {
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

    fn v1(&self, mut params: Params, form: Params, keys: &Credentials) -> Result<Signed, Refusal> {
        params.extend(form);
        let mut named: BTreeMap<String, String> = params.iter().cloned().collect();
        let mut take = |name: &str| {
            let value = named.remove(name).filter(|value| !value.is_empty());
            value.ok_or_else(|| {
                Refusal::new(
                    400,
                    "MissingParameter",
                    format!("{name} is mandatory for this action."),
                )
            })
        };
        let (action, version) = (take("Action")?, take("Version")?);
        let (id, given) = (take("AccessKeyId")?, take("Signature")?);
        let (nonce, timestamp) = (take("SignatureNonce")?, take("Timestamp")?);
        if take("SignatureMethod")? != "HMAC-SHA1" {
            return Err(Refusal::new(
                400,
                "InvalidSignatureMethod",
                "Specified signature method is not supported.",
            ));
        }
        if take("SignatureVersion")? != "1.0" {
            return Err(Refusal::new(
                400,
                "InvalidSignatureVersion",
                "Specified signature version is not supported.",
            ));
        }
        check_key(&id, keys)?;
        check_security_token(take("SecurityToken").ok().as_deref())?;
        params.retain(|(name, _)| name != "Signature");
        let verdict = same_signature(
            &signature::v1(self.method.as_str(), &params, &keys.access_key_secret),
            &given,
            || signature::v1_string_to_sign(self.method.as_str(), &params),
        );
        named.retain(|name, _| !COMMON.contains(&name.as_str()));
        Ok(Signed {
            call: Call {
                action,
                version,
                params: named,
            },
            timestamp,
            nonce,
            verdict,
        })
    }

    fn acs3(
        &self,
        authorization: &str,
        query: Params,
        form: Params,
        keys: &Credentials,
    ) -> Result<Signed, Refusal> {
        let incomplete = |what: &str| {
            Refusal::new(
                400,
                "IncompleteSignature",
                format!("The request signature does not conform to Aliyun standards. {what}"),
            )
        };
        let fields = authorization
            .strip_prefix(signature::ACS3)
            .ok_or_else(|| incomplete("Unknown algorithm."))?;
        let field = |name: &str| {
            let mut parts = fields.split(',').map(str::trim);
            let found = parts.find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
            found.ok_or_else(|| incomplete(&format!("{name} is missing.")))
        };
        let (id, names, given) = (
            field("Credential")?,
            field("SignedHeaders")?,
            field("Signature")?,
        );
        let names: Vec<_> = names.split(';').collect();
        let must_be_signed = |name: &str| name == "host" || name.starts_with("x-acs-");
        let unsigned = self
            .headers
            .keys()
            .find(|name| must_be_signed(name.as_str()) && !names.contains(&name.as_str()));
        if let Some(name) = unsigned {
            return Err(incomplete(&format!("The header {name} is not signed.")));
        }
        let header = |name: &str| {
            let value = self.header(name).filter(|value| !value.is_empty());
            value.map(str::to_owned).ok_or_else(|| {
                Refusal::new(
                    400,
                    "MissingParameter",
                    format!("{name} is mandatory for this action."),
                )
            })
        };
        let (action, version) = (header("x-acs-action")?, header("x-acs-version")?);
        let (timestamp, nonce) = (header("x-acs-date")?, header("x-acs-signature-nonce")?);
        check_key(id, keys)?;
        check_security_token(
            self.header("x-acs-security-token")
                .filter(|token| !token.is_empty()),
        )?;
        let body_sha256 = signature::sha256_hex(self.body);
        if header("x-acs-content-sha256")? != body_sha256 {
            return Err(incomplete("x-acs-content-sha256 is not the body's."));
        }
        let headers: Params = names
            .iter()
            .flat_map(|name| {
                self.headers
                    .get_all(*name)
                    .iter()
                    .map(move |value| (*name, value))
            })
            .map(|(name, value)| {
                (
                    name.to_owned(),
                    String::from_utf8_lossy(value.as_bytes()).into_owned(),
                )
            })
            .collect();
        let request = signature::acs3_canonical_request(
            self.method.as_str(),
            self.path,
            &query,
            &headers,
            &body_sha256,
        );
        let verdict = same_signature(
            &signature::acs3(&request, &keys.access_key_secret),
            given,
            || {
                format!(
                    "{}\n{}",
                    signature::ACS3,
                    signature::sha256_hex(request.as_bytes())
                )
            },
        );
        let params = query
            .into_iter()
            .chain(form)
            .filter(|(name, _)| name != "Format")
            .collect();
        Ok(Signed {
            call: Call {
                action,
                version,
                params,
            },
            timestamp,
            nonce,
            verdict,
        })
    }
}

/// A call whose signature was looked at; a wrong clock is named before a wrong signature.
struct Signed {
    call: Call,
    timestamp: String,
    nonce: String,
    verdict: Result<(), Refusal>,
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

fn check_key(id: &str, keys: &Credentials) -> Result<(), Refusal> {
    if signature::same(id, &keys.access_key_id) {
        return Ok(());
    }
    Err(Refusal::new(
        404,
        "InvalidAccessKeyId.NotFound",
        "Specified access key is not found.",
    ))
}

/// The emulator's keys are lasting ones: no token belongs to them.
fn check_security_token(token: Option<&str>) -> Result<(), Refusal> {
    match token {
        None => Ok(()),
        Some(_) => Err(Refusal::new(
            400,
            "InvalidSecurityToken.MismatchWithAccessKey",
            "Specified SecurityToken mismatch with the AccessKey.",
        )),
    }
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

fn same_signature(
    expected: &str,
    given: &str,
    to_sign: impl FnOnce() -> String,
) -> Result<(), Refusal> {
    if signature::same(expected, given) {
        return Ok(());
    }
    let message = format!(
        "Specified signature is not matched with our calculation. server string to sign is:{}",
        to_sign()
    );
    Err(Refusal::new(400, "SignatureDoesNotMatch", message))
}
