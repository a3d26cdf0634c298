//! What the API tells of the account: who calls, which regions there are, what is switched on.

use super::codes::REGIONS;
use super::params::{Params, given, object};
use super::reply::Refusal;
use crate::emulator::shared::Shared;
use serde_json::{Map, Value, json};

/// The account that an emulator's key pair belongs to.
pub(crate) const ACCOUNT: &str = "1000000000000001";

/// STS GetCallerIdentity.
pub(crate) fn get_caller_identity() -> Map<String, Value> {
    object(json!({
        "AccountId": ACCOUNT,
        "Arn": format!("acs:ram::{ACCOUNT}:root"),
        "IdentityType": "Account",
        "PrincipalId": ACCOUNT,
        "UserId": ACCOUNT,
    }))
}

/// DescribeRegions.
pub(crate) fn describe_regions() -> Map<String, Value> {
    let region = |id: &&str| {
        json!({
            "RegionId": id, "LocalName": id, "RegionEndpoint": format!("ecs.{id}.aliyuncs.com"),
            "Status": "available",
        })
    };
    let regions: Vec<Value> = REGIONS.iter().map(region).collect();
    object(json!({"Regions": {"Region": regions}}))
}

/// DescribeUserBusinessBehavior, of whose keys the one for Session Manager is known.
pub(crate) fn describe_user_business_behavior(
    shared: &Shared,
    params: &Params,
) -> Result<Map<String, Value>, Refusal> {
    let key = given(params, "statusKey").ok_or_else(|| Refusal::missing("statusKey"))?;
    if key != "sessionManagerStatus" {
        let message = "The specified parameter statusKey is not valid.";
        return Err(Refusal::new(400, "InvalidParameter.StatusKey", message));
    }
    let off = shared.options.session_manager_off;
    Ok(object(
        json!({"StatusValue": if off { "disabled" } else { "enabled" }}),
    ))
}
