//! The calls about the account: the regions, whether Session Manager is enabled.

use super::codes::refuse;
use super::params::{Params, required};
use super::reply::ApiResult;
use crate::emulator::state::Shared;
use crate::openapi::region::REGIONS;
use serde_json::{Value, json};

/// DescribeRegions.
pub(crate) fn describe_regions() -> Value {
    let region = |id: &&str| {
        json!({
            "RegionId": id, "LocalName": id, "RegionEndpoint": format!("ecs.{id}.aliyuncs.com"),
            "Status": "available",
        })
    };
    let regions: Vec<Value> = REGIONS.iter().map(region).collect();
    json!({"Regions": {"Region": regions}})
}

/// DescribeUserBusinessBehavior; it knows the key of Session Manager only.
pub(crate) fn describe_user_business_behavior(shared: &Shared, params: &Params) -> ApiResult {
    let key = required(params, "statusKey")?;
    if key != "sessionManagerStatus" {
        return Err(refuse("InvalidParameter.StatusKey"));
    }
    let off = shared.options.session_manager_off;
    Ok(json!({"StatusValue": if off { "disabled" } else { "enabled" }}))
}
