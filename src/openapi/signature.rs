//! Request signatures of the OpenAPI: RPC V1 (HMAC-SHA1) and ACS3-HMAC-SHA256, as pure functions.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// The name of the ACS3 algorithm: the first word of its `Authorization` header.
pub const ACS3: &str = "ACS3-HMAC-SHA256";

/// The characters that the service's percent-encoding encodes: all but letters, digits and these.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Encodes as both signatures want it: RFC 3986's unreserved characters stay, every other byte of
/// the UTF-8 text becomes `%XX` in upper case (a space is `%20`, never `+`).
#[must_use]
pub fn percent_encode(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// Parameters as `name=value&name=value`, sorted by raw name in byte order and percent-encoded: the
/// canonical query of both signatures, and a form body that every server reads.
#[must_use]
pub fn canonical_query(params: &[(String, String)]) -> String {
    let mut sorted: Vec<_> = params.iter().collect();
    sorted.sort();
    let pairs = sorted
        .iter()
        .map(|(name, value)| format!("{}={}", percent_encode(name), percent_encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// The V1 string to sign over every parameter that is sent (query and form body, `Signature` left out).
#[must_use]
pub fn v1_string_to_sign(method: &str, params: &[(String, String)]) -> String {
    // The path of an RPC call is always `/`; the canonical query is encoded a second time.
    format!("{method}&%2F&{}", percent_encode(&canonical_query(params)))
}

/// The V1 signature in base64: HMAC-SHA1 under the AccessKey secret followed by `&`.
#[must_use]
pub fn v1(method: &str, params: &[(String, String)], secret: &str) -> String {
    let key = Zeroizing::new(format!("{secret}&"));
    let mut mac =
        Hmac::<Sha1>::new_from_slice(key.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(v1_string_to_sign(method, params).as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// The ACS3 canonical request. `path` is unencoded, `headers` are those to sign (any case, any
/// order), `body_sha256` is [`sha256_hex`] of the body.
#[must_use]
pub fn acs3_canonical_request(
    method: &str,
    path: &str,
    query: &[(String, String)],
    headers: &[(String, String)],
    body_sha256: &str,
) -> String {
    let path = path
        .split('/')
        .map(percent_encode)
        .collect::<Vec<_>>()
        .join("/");
    let lines: String = merged(headers)
        .iter()
        .map(|(name, value)| format!("{name}:{value}\n"))
        .collect();
    let (query, names) = (canonical_query(query), acs3_signed_headers(headers));
    format!("{method}\n{path}\n{query}\n{lines}\n{names}\n{body_sha256}")
}

/// The names of the signed headers: lower case, sorted, joined with `;`.
#[must_use]
pub fn acs3_signed_headers(headers: &[(String, String)]) -> String {
    let names: Vec<_> = merged(headers).into_iter().map(|(name, _)| name).collect();
    names.join(";")
}

/// The ACS3 signature in hex: HMAC-SHA256 under the AccessKey secret as it is.
#[must_use]
pub fn acs3(canonical_request: &str, secret: &str) -> String {
    let to_sign = format!("{ACS3}\n{}", sha256_hex(canonical_request.as_bytes()));
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(to_sign.as_bytes());
    hex(&mac.finalize().into_bytes())
}

/// The value of the `Authorization` header of an ACS3 request.
#[must_use]
pub fn acs3_authorization(access_key_id: &str, signed_headers: &str, signature: &str) -> String {
    format!(
        "{ACS3} Credential={access_key_id},SignedHeaders={signed_headers},Signature={signature}"
    )
}

/// SHA-256 in lower-case hex, as `x-acs-content-sha256` carries it.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// True if two texts are equal, in a time that depends on their lengths only: for checking a signature or a
/// token.
#[must_use]
pub fn same(a: &str, b: &str) -> bool {
    a.as_bytes().ct_eq(b.as_bytes()).into()
}

/// Headers as ACS3 signs them: lower-case names in order, values trimmed, those of one name sorted
/// and joined with commas.
fn merged(headers: &[(String, String)]) -> Vec<(String, String)> {
    let mut sorted: Vec<(String, String)> = headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    sorted.sort();
    let mut merged: Vec<(String, String)> = Vec::with_capacity(sorted.len());
    for (name, value) in sorted {
        match merged.last_mut() {
            Some((last, values)) if *last == name => {
                values.push(',');
                values.push_str(&value);
            }
            _ => merged.push((name, value)),
        }
    }
    merged
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
