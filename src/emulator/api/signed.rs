//! Reads a call by its form, and compares the two kinds of signature, V1 and ACS3-HMAC-SHA256.

use super::codes::{refuse, refuse_because};
use super::reply::ErrorReply;
use super::request::{ApiRequest, Pairs, VerifiedCall};
use super::sts;
use crate::emulator::state::identities::{Caller, Identities, IssuedKey};
use crate::openapi::signature;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// A call with the result of its signature's check, which counts only if its clock is right.
pub(crate) struct SignedCall {
    pub(crate) call: VerifiedCall,
    pub(crate) timestamp: String,
    /// A call that nobody signs needs none.
    pub(crate) nonce: Option<String>,
    pub(crate) verdict: Result<(), ErrorReply>,
}

/// True if the call is one that needs no signature, and has none.
pub(crate) fn is_unsigned(params: &Pairs) -> bool {
    let has = |name: &str, value: Option<&str>| {
        let mut params = params.iter();
        params.any(|(n, v)| n == name && value.is_none_or(|value| value == v))
    };
    has("Action", Some(sts::UNSIGNED)) && !has("AccessKeyId", None)
}

/// Reads a call that nobody signs.
pub(crate) fn unsigned(params: Pairs) -> Result<SignedCall, ErrorReply> {
    let mut named: BTreeMap<String, String> = params.into_iter().collect();
    let mut take = |name: &str| named.remove(name).ok_or_else(|| mandatory(name));
    let (action, version) = (take("Action")?, take("Version")?);
    let (timestamp, nonce) = (take("Timestamp")?, take("SignatureNonce").ok());
    let call = VerifiedCall {
        action,
        version,
        params: without_form(named),
        caller: Caller::default(),
    };
    Ok(SignedCall {
        call,
        timestamp,
        nonce,
        verdict: Ok(()),
    })
}

/// Reads a V1 call.
pub(crate) fn v1(
    incoming: &ApiRequest<'_>,
    mut params: Pairs,
    keys: &Identities,
    now: Timestamp,
) -> Result<SignedCall, ErrorReply> {
    let mut named: BTreeMap<String, String> = params.iter().cloned().collect();
    let mut take = |name: &str| {
        let value = named.remove(name).filter(|value| !value.is_empty());
        value.ok_or_else(|| mandatory(name))
    };
    let (action, version) = (take("Action")?, take("Version")?);
    let (id, given) = (take("AccessKeyId")?, take("Signature")?);
    let (nonce, timestamp) = (take("SignatureNonce")?, take("Timestamp")?);
    if take("SignatureMethod")? != "HMAC-SHA1" {
        return Err(refuse("InvalidSignatureMethod"));
    }
    if take("SignatureVersion")? != "1.0" {
        return Err(refuse("InvalidSignatureVersion"));
    }
    let key = key(&id, keys)?;
    check_security_token(take("SecurityToken").ok().as_deref(), &key, keys, now)?;
    params.retain(|(name, _)| name != "Signature");
    let verdict = same_signature(
        &signature::v1(
            incoming.method.as_str(),
            &params,
            &key.pair.access_key_secret,
        ),
        &given,
        || signature::v1_string_to_sign(incoming.method.as_str(), &params),
    );
    Ok(SignedCall {
        call: VerifiedCall {
            action,
            version,
            params: without_form(named),
            caller: key.caller,
        },
        timestamp,
        nonce: Some(nonce),
        verdict,
    })
}

/// Reads an ACS3 call.
pub(crate) fn acs3(
    incoming: &ApiRequest<'_>,
    authorization: &str,
    query: Pairs,
    form: Pairs,
    keys: &Identities,
    now: Timestamp,
) -> Result<SignedCall, ErrorReply> {
    let authorization = Authorization::read(authorization)?;
    must_sign(incoming, &authorization.signed_headers)?;
    let (action, version) = (
        acs(incoming, "x-acs-action")?,
        acs(incoming, "x-acs-version")?,
    );
    let (timestamp, nonce) = (
        acs(incoming, "x-acs-date")?,
        acs(incoming, "x-acs-signature-nonce")?,
    );
    let key = key(authorization.credential, keys)?;
    let token = acs(incoming, "x-acs-security-token").ok();
    check_security_token(token.as_deref(), &key, keys, now)?;
    let body_sha256 = signature::sha256_hex(incoming.body);
    if acs(incoming, "x-acs-content-sha256")? != body_sha256 {
        return Err(incomplete("x-acs-content-sha256 is not the body's."));
    }
    let request = signature::acs3_canonical_request(
        incoming.method.as_str(),
        incoming.path,
        &query,
        &named(incoming, &authorization.signed_headers),
        &body_sha256,
    );
    let expected = signature::acs3(&request, &key.pair.access_key_secret);
    let verdict = same_signature(&expected, authorization.signature, || {
        let hash = signature::sha256_hex(request.as_bytes());
        format!("{}\n{hash}", signature::ACS3)
    });
    let params = query.into_iter().chain(form);
    let params = params.filter(|(name, _)| name != "Format").collect();
    let call = VerifiedCall {
        action,
        version,
        params,
        caller: key.caller,
    };
    Ok(SignedCall {
        call,
        timestamp,
        nonce: Some(nonce),
        verdict,
    })
}

/// The parameters without those that say how a call is answered and signed.
fn without_form(mut named: BTreeMap<String, String>) -> BTreeMap<String, String> {
    named.retain(|name, _| name != "Format" && name != "SignatureType");
    named
}

/// A mandatory header of ACS3.
fn acs(incoming: &ApiRequest<'_>, name: &str) -> Result<String, ErrorReply> {
    let value = incoming.header(name).filter(|value| !value.is_empty());
    value.map(str::to_owned).ok_or_else(|| mandatory(name))
}

/// Refuses a request with a header that should have been signed and was not.
fn must_sign(incoming: &ApiRequest<'_>, signed: &[&str]) -> Result<(), ErrorReply> {
    let mut names = incoming.headers.keys().map(|name| name.as_str());
    let unsigned = names
        .find(|name| (*name == "host" || name.starts_with("x-acs-")) && !signed.contains(name));
    match unsigned {
        Some(name) => Err(incomplete(&format!("The header {name} is not signed."))),
        None => Ok(()),
    }
}

/// The values of the headers with these names.
fn named(incoming: &ApiRequest<'_>, names: &[&str]) -> Pairs {
    let values = names.iter().flat_map(|name| {
        let values = incoming.headers.get_all(*name).iter();
        values.map(move |value| (*name, value))
    });
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    values
        .map(|(name, value)| (name.to_owned(), text(value.as_bytes())))
        .collect()
}

/// The fields of an ACS3 `Authorization` header.
struct Authorization<'a> {
    credential: &'a str,
    signed_headers: Vec<&'a str>,
    signature: &'a str,
}

impl<'a> Authorization<'a> {
    fn read(text: &'a str) -> Result<Self, ErrorReply> {
        let fields = text
            .strip_prefix(signature::ACS3)
            .ok_or_else(|| incomplete("Unknown algorithm."))?;
        let field = |name: &str| {
            let mut parts = fields.split(',').map(str::trim);
            let found = parts.find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
            found.ok_or_else(|| incomplete(&format!("{name} is missing.")))
        };
        Ok(Self {
            credential: field("Credential")?,
            signed_headers: field("SignedHeaders")?.split(';').collect(),
            signature: field("Signature")?,
        })
    }
}

fn mandatory(name: &str) -> ErrorReply {
    let message = format!("{name} is mandatory for this action.");
    refuse_because("MissingParameter", message)
}

fn incomplete(what: &str) -> ErrorReply {
    let message = format!("The request signature does not conform to Aliyun standards. {what}");
    refuse_because("IncompleteSignature", message)
}

fn key(id: &str, keys: &Identities) -> Result<IssuedKey, ErrorReply> {
    keys.key(id)
        .ok_or_else(|| refuse("InvalidAccessKeyId.NotFound"))
}

/// Refuses a security token that does not go with the key, and one that has expired. An empty one counts
/// as none.
fn check_security_token(
    token: Option<&str>,
    key: &IssuedKey,
    keys: &Identities,
    now: Timestamp,
) -> Result<(), ErrorReply> {
    match (token, key.token.as_deref()) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(refuse("MissingSecurityToken")),
        (Some(given), Some(expected)) if signature::same(given, expected) => {
            match key.expires.is_some_and(|expires| expires <= now) {
                true => Err(refuse("InvalidSecurityToken.Expired")),
                false => Ok(()),
            }
        }
        (Some(given), Some(_)) if !keys.has_token(given) => {
            Err(refuse("InvalidSecurityToken.Malformed"))
        }
        (Some(_), _) => Err(refuse("InvalidSecurityToken.MismatchWithAccessKey")),
    }
}

fn same_signature(
    expected: &str,
    given: &str,
    to_sign: impl FnOnce() -> String,
) -> Result<(), ErrorReply> {
    if signature::same(expected, given) {
        return Ok(());
    }
    let message = format!(
        "Specified signature is not matched with our calculation. server string to sign is:{}",
        to_sign()
    );
    Err(refuse_because("SignatureDoesNotMatch", message))
}
