//! The advice for each error code of the API.

use super::codes::lists;
use crate::language::Both;

/// The advice for each code: those of the API pages of StartTerminalSession, DescribeTerminalSessions and
/// GetWebshellToken, the cloud's common ones, and axt's own `UnexpectedReply`. The first row that lists a
/// code counts.
#[rustfmt::skip]
const HINTS: &[(&str, Both)] = &[
    // What a request asks for.
    ("PortNumber.Invalid", both!("a port is a number from 1 to 65535")),
    ("InvalidParameter.ConnectionType", both!("--connection-type is internet or intranet")),
    ("InvalidClientToken.Malformed", both!("a client token has 1 to 64 ASCII characters; without --client-token axt makes one")),
    ("InvalidCommandLine.Conflict", both!("run the command and the forwarding as two sessions")),
    ("InvalidCommandLine.LengthLimitExceeded", both!("without --raw-command axt carries longer commands; or pass a script on stdin")),
    ("InvalidTargetServer.MissingPortNumber", both!("name the port on the target server too")),
    ("InvalidTargetServer.LengthLimitExceeded", both!("give the target server's IP address instead of its name")),
    ("InvalidPasswordName.LengthLimitExceeded", both!("--password-name takes the name of a stored parameter, not the password")),
    ("Username.ExceedLimit", both!("give the user's login name on the instance with --user")),
    ("InstanceIds.ExceedLimit InvalidInstanceIds.CountLimitExceeded", both!("start one session for each instance")),
    ("InvalidEncryptionOptions.Conflict", both!("--encrypt is for terminals only; what is forwarded should be encrypted by itself, as ssh is")),
    ("InvalidEncryptionOptionsMode.EncryptionDisabled InvalidParameter.EncryptionOptionsMode", both!("--encrypt takes auto or kms:KEYID")),
    ("InvalidParameter.EncryptionOptionsKMSKeyId", both!("--encrypt kms:KEYID needs the id of a symmetric KMS key in the session's region")),
    ("MissingParameter.EncryptionOptionsKMSKeyId", both!("name the KMS key: --encrypt kms:KEYID")),
    ("InvalidParameter.NextToken", both!("the list changed while it was read: list the sessions again")),
    ("InvalidParameter.MaxResults", both!("a page of sessions has 1 to 100 entries")),
    ("IdempotentParameterMismatch", both!("give each session a --client-token of its own, or none")),
    ("IdempotentProcessing", both!("the same call is still being carried out: try again in a few seconds")),
    ("InvalidApplication.NotFound", both!("check --app-id, and that --region is the application's")),
    ("InvalidRegionId.NotFound InvalidRegionId", both!("check the spelling of --region; region ids look like cn-hangzhou")),
    ("RegionId.ApiNotSupported", both!("sessions are not offered in this region: check that --region is the instance's")),
    ("InvalidAction.NotFound InvalidVersion", both!("the endpoint doesn't know this action: check --endpoint")),
    ("InvalidProtocol.NeedSsl", both!("use an https:// endpoint")),
    ("MissingParameter MissingParameter.* InvalidParameter.NotEmpty", both!("give the option that the message names")),
    ("InvalidParameter InvalidParameter.*", both!("correct the value that the message names")),

    // The instance, and sessions on it.
    ("InvalidInstance.NotFound", both!("check the instance id, and that --region is the instance's and the credentials are of its account")),
    ("SessionCount.ExceedLimit", both!("end sessions that are no longer needed: `axt sessions list` shows them, `axt sessions end ID` ends one")),
    ("Operation.Forbidden", both!("the instance must be running and its Cloud Assistant agent online: `axt doctor TARGET` checks both")),
    ("PortForwarding.NotSupported", both!("the instance's Cloud Assistant agent is too old or can't forward ports: update it")),
    ("UserBehavior.SessionManagerDisabled", both!("an administrator of the account has to switch Session Manager on, in the ECS console or by ModifyCloudAssistantSettings")),
    ("InvalidOperation.SecurityGroupRuleDenied", both!("allow the port in the inbound rules of the instance's security group")),
    ("InvalidOperation.ConnectionTypeUnsupported", both!("this region has no such network for sessions: try the other --connection-type")),
    ("UnsupportedAgentVersion.Encryption", both!("update the Cloud Assistant agent on the instance, or leave --encrypt out")),

    // The caller.
    ("SignatureDoesNotMatch", both!("the AccessKey secret doesn't belong to the AccessKey id: check both for missing characters")),
    ("IncompleteSignature InvalidSignatureMethod", both!("something between axt and the service changed the request, or --endpoint is not an Alibaba Cloud API")),
    ("SignatureNonceUsed", both!("something between axt and the service sends requests twice: try again, and check the proxy")),
    ("IllegalTimestamp InvalidTimeStamp*", both!("set this machine's clock: requests are good for 15 minutes")),
    ("InvalidAccessKeyId.NotFound InvalidAccessKeyId", both!("no such AccessKey: check ALIBABA_CLOUD_ACCESS_KEY_ID or the profile")),
    ("InvalidAccessKeyId.Inactive Forbidden.AccessKeyDisabled", both!("the AccessKey is disabled: enable it in the RAM console or use another")),
    ("MissingSecurityToken", both!("these are temporary credentials: set ALIBABA_CLOUD_SECURITY_TOKEN as well")),
    ("InvalidSecurityToken.Expired", both!("the temporary credentials have expired: get new ones. axt renews those that it obtains itself, as for a profile of a role or a login, but not those that it is given: in a profile of the mode StsToken, or in variables, as by `aliyun axt`")),
    ("InvalidSecurityToken.MismatchWithAccessKey", both!("AccessKey and security token don't belong together: set all three values again")),
    ("InvalidSecurityToken*", both!("the security token is damaged or belongs to other credentials: set all three values again")),
    ("Forbidden.RiskControl", both!("the account is under risk control: ask its owner or Alibaba Cloud's support")),

    // The service itself.
    ("UnexpectedReply", both!("something other than the API answered: check --endpoint, HTTPS_PROXY and whether the network asks for a login")),
    ("ServiceUnavailable UnknownError OperationFailed.RPCError InternalError InternalError.*", both!("the service has a problem: try again later, or give its support the request id")),
    ("Throttling Throttling.*", both!("the account calls the API too often: wait a minute and start fewer sessions at once")),
];

/// The codes by which RAM denies a call.
const DENIALS: &str = "NoPermission NoPermission.* Forbidden Forbidden.SubUser Forbidden.RAM ImplicitDeny ExplicitDeny";

/// The product whose name comes before the action's in a RAM policy, where it is not ECS.
const PRODUCTS: &[(&str, &str)] = &[
    ("GetWebshellToken", "sae"),
    ("GenerateDataKey Decrypt", "kms"),
    ("AssumeRole AssumeRoleWithOIDC GetCallerIdentity", "sts"),
];

/// The advice for an error of one action: the code's hint, or for a denial the permission that is missing.
#[must_use]
pub(crate) fn call(action: &str, code: &str) -> Option<String> {
    if is_denial(code) {
        let product = find(PRODUCTS, action).unwrap_or("ecs");
        return Some(tr!(
            "an administrator of the account has to grant this identity {product}:{action} in RAM, on this resource",
            product,
            action
        ));
    }
    find(HINTS, code).map(|hint| hint.text().into())
}

/// True if the code says that RAM denies the call.
#[must_use]
pub(crate) fn is_denial(code: &str) -> bool {
    lists(DENIALS, code)
}

fn find<T: Copy>(table: &[(&str, T)], code: &str) -> Option<T> {
    let row = table.iter().find(|(codes, _)| lists(codes, code));
    row.map(|(_, text)| *text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every code of the three API pages in all their versions, and the cloud's common ones.
    const LISTED: &str = "
        RegionId.ApiNotSupported PortNumber.Invalid InvalidParameter.ConnectionType
        InvalidClientToken.Malformed InternalError.Dispatch InstanceIds.ExceedLimit
        SessionCount.ExceedLimit Operation.Forbidden PortForwarding.NotSupported
        UserBehavior.SessionManagerDisabled InvalidCommandLine.Conflict
        InvalidTargetServer.MissingPortNumber InvalidCommandLine.LengthLimitExceeded
        InvalidInstanceIds.CountLimitExceeded Username.ExceedLimit
        InvalidOperation.SecurityGroupRuleDenied InvalidTargetServer.LengthLimitExceeded
        InvalidOperation.ConnectionTypeUnsupported InvalidPasswordName.LengthLimitExceeded
        InvalidEncryptionOptionsMode.EncryptionDisabled InvalidParameter.EncryptionOptionsKMSKeyId
        InvalidParameter.EncryptionOptionsMode MissingParameter.EncryptionOptionsKMSKeyId
        UnsupportedAgentVersion.Encryption InvalidEncryptionOptions.Conflict
        IdempotentParameterMismatch IdempotentProcessing InvalidRegionId.NotFound
        InvalidInstance.NotFound
        InvalidParameter.NextToken InvalidParameter.MaxResults InternalError
        InvalidApplication.NotFound InvalidParameter.NotEmpty InvalidParameter.Obviously
        InvalidParameter.WithMessage OperationFailed.RPCError
        Throttling Throttling.User Throttling.Api ServiceUnavailable UnknownError SignatureNonceUsed
        InvalidTimeStamp.Expired InvalidTimeStamp.Format IllegalTimestamp SignatureDoesNotMatch
        IncompleteSignature InvalidSignatureMethod InvalidAccessKeyId.NotFound
        InvalidAccessKeyId.Inactive Forbidden.AccessKeyDisabled MissingSecurityToken
        InvalidSecurityToken.Expired InvalidSecurityToken.Malformed
        InvalidSecurityToken.MismatchWithAccessKey Forbidden.RAM NoPermission Forbidden
        Forbidden.SubUser Forbidden.RiskControl MissingParameter MissingParameter.Anything
        InvalidParameter InvalidParameter.Anything InvalidAction.NotFound InvalidVersion
        InvalidProtocol.NeedSsl";

    #[test]
    fn every_listed_code_has_a_hint_of_one_line() {
        for code in LISTED
            .split_whitespace()
            .chain([crate::error::ApiError::UNEXPECTED])
        {
            let hint = call("StartTerminalSession", code);
            let hint = hint.unwrap_or_else(|| panic!("no hint for {code}"));
            assert!(
                !hint.contains('\n') && !hint.ends_with('.'),
                "{code}: {hint}"
            );
        }
        assert_eq!(call("StartTerminalSession", "Unheard.Of"), None);
        assert_eq!(call("StartTerminalSession", ""), None);
    }

    #[test]
    fn the_more_special_row_comes_first() {
        for (code, word) in [
            ("InvalidParameter.NextToken", "list changed"),
            ("InvalidParameter.Anything", "correct the value"),
            ("MissingParameter.EncryptionOptionsKMSKeyId", "KMS key"),
            ("InvalidSecurityToken.Expired", "expired"),
            ("InvalidTimeStamp.Format", "clock"),
        ] {
            let hint = call("StartTerminalSession", code);
            assert!(hint.is_some_and(|hint| hint.contains(word)), "{code}");
        }
    }

    #[test]
    fn denials_name_the_missing_permission() {
        for (action, code, permission) in [
            (
                "StartTerminalSession",
                "Forbidden.RAM",
                "ecs:StartTerminalSession",
            ),
            (
                "StartTerminalSession",
                "NoPermission",
                "ecs:StartTerminalSession",
            ),
            (
                "StartTerminalSession",
                "Forbidden.SubUser",
                "ecs:StartTerminalSession",
            ),
            ("GetWebshellToken", "Forbidden", "sae:GetWebshellToken"),
            ("GenerateDataKey", "ImplicitDeny", "kms:GenerateDataKey"),
            ("AssumeRole", "NoPermission.Any", "sts:AssumeRole"),
        ] {
            let hint = call(action, code);
            assert!(hint.is_some_and(|hint| hint.contains(permission)), "{code}");
        }
    }
}
