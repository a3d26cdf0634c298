//! The calls of KMS: GenerateDataKey and Decrypt.

use super::codes::{refuse, refuse_because};
use super::params::{Params, given, required};
use super::reply::ApiResult;
use super::request::VerifiedCall;
use crate::emulator::state::kms::Kms;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

/// The version of KMS's API.
pub(crate) const VERSION: &str = "2016-01-20";

/// Answers a call of KMS's API.
pub(crate) fn handle(kms: &Kms, call: &VerifiedCall) -> ApiResult {
    match call.action.as_str() {
        "GenerateDataKey" => generate_data_key(kms, &call.params),
        "Decrypt" => decrypt(kms, &call.params),
        _ => Err(refuse("InvalidAction.NotFound")),
    }
}

fn generate_data_key(kms: &Kms, params: &Params) -> ApiResult {
    let key_id = required(params, "KeyId")?;
    let other_length = given(params, "NumberOfBytes").is_some_and(|number| number != "32");
    if other_length || !matches!(given(params, "KeySpec"), None | Some("AES_256")) {
        let message = "The emulator makes keys of 256 bits only.";
        return Err(refuse_because("InvalidParameter", message));
    }
    let (key, blob) = kms.generate();
    Ok(json!({
        "KeyId": key_id, "Plaintext": STANDARD.encode(*key), "CiphertextBlob": blob,
    }))
}

fn decrypt(kms: &Kms, params: &Params) -> ApiResult {
    let blob = required(params, "CiphertextBlob")?;
    let key = kms.decrypt(blob).ok_or_else(|| {
        let message = "The specified parameter CiphertextBlob is not valid.";
        refuse_because("InvalidParameter", message)
    })?;
    Ok(json!({"Plaintext": STANDARD.encode(*key)}))
}
