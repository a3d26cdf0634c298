//! RPC calls with everything in the body, and the signature of version 1.

use crate::config::credentials::Credentials;
use crate::openapi::signature;
use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use uuid::Uuid;

/// An action's name and the version of its API.
type Name = (&'static str, &'static str);

/// A signed call, ready to be sent.
pub(super) struct SignedForm {
    pub(super) body: String,
    pub(super) string_to_sign: String,
}

/// Signs one attempt, with a nonce and a time of its own. All parameters go into the body, so that
/// none gets into the log of a proxy or a server.
pub(super) fn sign(
    action: Name,
    params: &[(String, String)],
    credentials: &Credentials,
) -> SignedForm {
    let mut params = with_common(action, params);
    let mut add = |name: &str, value: &str| params.push((name.to_owned(), value.to_owned()));
    add("AccessKeyId", &credentials.access_key_id);
    add("SignatureMethod", "HMAC-SHA1");
    add("SignatureVersion", "1.0");
    add("SignatureNonce", &Uuid::new_v4().to_string());
    if let Some(token) = &credentials.security_token {
        add("SecurityToken", token.expose_secret());
    }
    let string_to_sign = signature::v1_string_to_sign("POST", &params);
    let signature = signature::v1(
        "POST",
        &params,
        credentials.access_key_secret.expose_secret(),
    );
    params.push(("Signature".to_owned(), signature));
    SignedForm {
        body: signature::canonical_query(&params),
        string_to_sign,
    }
}

/// A call that is sent as it is.
pub(super) fn unsigned(action: Name, params: &[(String, String)]) -> SignedForm {
    SignedForm {
        body: signature::canonical_query(&with_common(action, params)),
        string_to_sign: String::new(),
    }
}

/// The parameters with those that every call has.
fn with_common((name, version): Name, params: &[(String, String)]) -> Vec<(String, String)> {
    let mut params = params.to_vec();
    let timestamp = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let mut add = |name: &str, value: &str| params.push((name.to_owned(), value.to_owned()));
    add("Action", name);
    add("Version", version);
    add("Format", "JSON");
    add("Timestamp", &timestamp);
    params
}
