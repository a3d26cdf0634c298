//! Verifies an API call: its form, signature, clock and nonce.
//!
//! Signature V1 and ACS3-HMAC-SHA256 as Alibaba Cloud documents them; codes and wording of the
//! errors follow the documented common errors. Inferred: which of several errors comes first, and the
//! errors for duplicate parameters, other content types and bodies that are too large.

use super::codes::{refuse, refuse_because};
use super::reply::ErrorReply;
use super::request::{ApiRequest, VerifiedCall, pairs};
use super::signed::{acs3, is_unsigned, unsigned, v1};
use crate::emulator::state::clock::{self, ServiceClock};
use crate::emulator::state::identities::Identities;
use crate::emulator::state::store::Store;
use http::Method;
use std::time::Duration;

/// Verifies a request.
pub(crate) fn verify(
    incoming: &ApiRequest<'_>,
    keys: &Identities,
    clock: &ServiceClock,
    skew: Option<Duration>,
    store: &Store,
) -> Result<VerifiedCall, ErrorReply> {
    if !matches!(*incoming.method, Method::GET | Method::POST) {
        return Err(refuse("UnsupportedHTTPMethod"));
    }
    let query = pairs(incoming.query);
    let form = incoming.form()?;
    no_duplicates(query.iter().chain(&form))?;
    let wants_json = incoming.wants_json(&query) || incoming.wants_json(&form);
    let now = clock.now();
    let signed = match incoming.header("authorization") {
        Some(authorization) => acs3(incoming, authorization, query, form, keys, now)?,
        None => {
            let params = [query, form].concat();
            match is_unsigned(&params) {
                true => unsigned(params)?,
                false => v1(incoming, params, keys, now)?,
            }
        }
    };
    check_clock(&signed.timestamp, clock, skew)?;
    (signed.verdict)?;
    if !wants_json {
        return Err(refuse("UnsupportedFormat"));
    }
    let keep = skew.unwrap_or(Duration::from_secs(900)).saturating_mul(2);
    let once = |nonce: &String| store.use_nonce(nonce, now, clock::later(now, keep));
    if !signed.nonce.as_ref().is_none_or(once) {
        return Err(refuse("SignatureNonceUsed"));
    }
    Ok(signed.call)
}

fn no_duplicates<'a>(params: impl Iterator<Item = &'a (String, String)>) -> Result<(), ErrorReply> {
    let mut seen = std::collections::BTreeSet::new();
    for (name, _) in params {
        if !seen.insert(name) {
            let message = format!("The parameter {name:?} is given more than once.");
            return Err(refuse_because("InvalidParameter.Duplicate", message));
        }
    }
    Ok(())
}

fn check_clock(
    timestamp: &str,
    clock: &ServiceClock,
    skew: Option<Duration>,
) -> Result<(), ErrorReply> {
    let Some(time) = clock::parse_api_time(timestamp) else {
        return Err(refuse("InvalidTimeStamp.Format"));
    };
    let off = clock.now().duration_since(time).unsigned_abs();
    if skew.is_some_and(|skew| off > skew) {
        return Err(refuse("InvalidTimeStamp.Expired"));
    }
    Ok(())
}
