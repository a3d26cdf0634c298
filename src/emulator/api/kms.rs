//! The calls of KMS: a new data key, and the decryption of one.

use super::params::{Params, given};
use super::reply::Refusal;
use super::request::Call;
use crate::emulator::kms::Kms;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

/// The version of KMS's API.
pub(crate) const VERSION: &str = "2016-01-20";

/// Answers a call of KMS's API.
pub(crate) fn handle(kms: &Kms, call: &Call) -> Result<Map<String, Value>, Refusal> {
    match call.action.as_str() {
        "GenerateDataKey" => generate_data_key(kms, &call.params),
        "Decrypt" => decrypt(kms, &call.params),
        _ => Err(Refusal::new(
            404,
            "InvalidAction.NotFound",
            "Specified api is not found, please check your url and method.",
        )),
    }
}

fn generate_data_key(kms: &Kms, params: &Params) -> Result<Map<String, Value>, Refusal> {
    let key_id = given(params, "KeyId").ok_or_else(|| Refusal::missing("KeyId"))?;
    let other_length = given(params, "NumberOfBytes").is_some_and(|number| number != "32");
    if other_length || !matches!(given(params, "KeySpec"), None | Some("AES_256")) {
        let message = "The emulator makes keys of 256 bits only.";
        return Err(Refusal::new(400, "InvalidParameter", message));
    }
    let (key, blob) = kms.generate();
    Ok(answer(&[
        ("KeyId", key_id),
        ("Plaintext", &STANDARD.encode(*key)),
        ("CiphertextBlob", &blob),
    ]))
}

fn decrypt(kms: &Kms, params: &Params) -> Result<Map<String, Value>, Refusal> {
    let blob = given(params, "CiphertextBlob").ok_or_else(|| Refusal::missing("CiphertextBlob"))?;
    let key = kms.decrypt(blob).ok_or_else(|| {
        let message = "The specified parameter CiphertextBlob is not valid.";
        Refusal::new(400, "InvalidParameter", message)
    })?;
    Ok(answer(&[("Plaintext", &STANDARD.encode(*key))]))
}

fn answer(members: &[(&str, &str)]) -> Map<String, Value> {
    let members = members.iter();
    members
        .map(|(name, value)| ((*name).to_owned(), Value::from(*value)))
        .collect()
}
