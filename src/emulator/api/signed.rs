//! Reads and compares the two kinds of signature, V1 and ACS3-HMAC-SHA256.

use super::codes::{refuse, refuse_because};
use super::reply::ErrorReply;
use super::request::{AccessKey, ApiRequest, Call, Pairs};
use crate::openapi::signature;
use std::collections::BTreeMap;

/// A call with the result of its signature's check, which counts only if its clock is right.
pub(crate) struct SignedCall {
    pub(crate) call: Call,
    pub(crate) timestamp: String,
    pub(crate) nonce: String,
    pub(crate) verdict: Result<(), ErrorReply>,
}

/// Reads a V1 call.
pub(crate) fn v1(
    incoming: &ApiRequest<'_>,
    mut params: Pairs,
    form: Pairs,
    keys: &AccessKey,
) -> Result<SignedCall, ErrorReply> {
    params.extend(form);
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
    check_key(&id, keys)?;
    check_security_token(take("SecurityToken").ok().as_deref())?;
    params.retain(|(name, _)| name != "Signature");
    let verdict = same_signature(
        &signature::v1(incoming.method.as_str(), &params, &keys.access_key_secret),
        &given,
        || signature::v1_string_to_sign(incoming.method.as_str(), &params),
    );
    named.retain(|name, _| name != "Format" && name != "SignatureType");
    Ok(SignedCall {
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

/// Reads an ACS3 call.
pub(crate) fn acs3(
    incoming: &ApiRequest<'_>,
    authorization: &str,
    query: Pairs,
    form: Pairs,
    keys: &AccessKey,
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
    check_key(authorization.credential, keys)?;
    check_security_token(acs(incoming, "x-acs-security-token").ok().as_deref())?;
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
    let expected = signature::acs3(&request, &keys.access_key_secret);
    let verdict = same_signature(&expected, authorization.signature, || {
        let hash = signature::sha256_hex(request.as_bytes());
        format!("{}\n{hash}", signature::ACS3)
    });
    let params = query.into_iter().chain(form);
    let params = params.filter(|(name, _)| name != "Format").collect();
    let call = Call {
        action,
        version,
        params,
    };
    Ok(SignedCall {
        call,
        timestamp,
        nonce,
        verdict,
    })
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

/// What an ACS3 `Authorization` header says.
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

fn check_key(id: &str, keys: &AccessKey) -> Result<(), ErrorReply> {
    if signature::same(id, &keys.access_key_id) {
        return Ok(());
    }
    Err(refuse("InvalidAccessKeyId.NotFound"))
}

/// Refuses a security token: the emulator's access key has none. An empty one counts as none.
fn check_security_token(token: Option<&str>) -> Result<(), ErrorReply> {
    match token {
        None => Ok(()),
        Some(_) => Err(refuse("InvalidSecurityToken.MismatchWithAccessKey")),
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
