//! What to do about each error code of the API.

/// What to do about an API error code; `None` for a code without advice.
///
/// The codes are those of the API pages of StartTerminalSession, DescribeTerminalSessions and
/// GetWebshellToken, the cloud's common ones, and axt's own `UnexpectedReply`.
#[must_use]
pub fn api(code: &str) -> Option<&'static str> {
    request(code)
        .or_else(|| session(code))
        .or_else(|| credentials(code))
        .or_else(|| service(code))
}

/// Codes about what a request asks for.
fn request(code: &str) -> Option<&'static str> {
    Some(match code {
        "PortNumber.Invalid" => "a port is a number from 1 to 65535",
        "InvalidParameter.ConnectionType" => "--connection-type is internet or intranet",
        "InvalidClientToken.Malformed" => {
            "a client token has 1 to 64 ASCII characters; without --client-token axt draws one"
        }
        "InvalidCommandLine.Conflict" => "run the command and the forwarding as two sessions",
        "InvalidCommandLine.LengthLimitExceeded" => {
            "without --raw-command axt carries longer commands; or pass a script on stdin"
        }
        "InvalidTargetServer.MissingPortNumber" => "name the port on the target server too",
        "InvalidTargetServer.LengthLimitExceeded" => {
            "give the target server's IP address instead of its name"
        }
        "InvalidPasswordName.LengthLimitExceeded" => {
            "--password-name takes the name of a stored parameter, not the password"
        }
        "Username.ExceedLimit" => "give the user's login name on the instance with --user",
        "InstanceIds.ExceedLimit" | "InvalidInstanceIds.CountLimitExceeded" => {
            "start one session for each instance"
        }
        "InvalidEncryptionOptions.Conflict" => {
            "--encrypt is for terminals only; what is forwarded should be encrypted by itself, as ssh is"
        }
        "InvalidEncryptionOptionsMode.EncryptionDisabled"
        | "InvalidParameter.EncryptionOptionsMode" => "--encrypt takes auto or kms:KEYID",
        "InvalidParameter.EncryptionOptionsKMSKeyId" => {
            "--encrypt kms:KEYID needs the id of a symmetric KMS key in the session's region"
        }
        "MissingParameter.EncryptionOptionsKMSKeyId" => "name the KMS key: --encrypt kms:KEYID",
        "InvalidParameter.NextToken" => {
            "the list changed while it was read: list the sessions again"
        }
        "InvalidParameter.MaxResults" => "a page of sessions has 1 to 100 entries",
        "IdempotentParameterMismatch" => "give each session a --client-token of its own, or none",
        "IdempotentProcessing" => {
            "the same call is still being carried out: try again in a few seconds"
        }
        "MissingParameter" | "InvalidParameter.NotEmpty" => {
            "give the option that the message names"
        }
        "InvalidParameter" | "InvalidParameter.Obviously" | "InvalidParameter.WithMessage" => {
            "correct the value that the message names"
        }
        "InvalidApplication.NotFound" => "check --app-id, and that --region is the application's",
        "InvalidRegionId.NotFound" | "InvalidRegionId" => {
            "check the spelling of --region; region ids look like cn-hangzhou"
        }
        "RegionId.ApiNotSupported" => {
            "sessions are not offered in this region: check that --region is the instance's"
        }
        "InvalidAction.NotFound" | "InvalidVersion" => {
            "the endpoint doesn't know this action: check --endpoint"
        }
        "InvalidProtocol.NeedSsl" => "use an https:// endpoint",
        _ if code.starts_with("MissingParameter.") => "give the option that the message names",
        _ if code.starts_with("InvalidParameter.") => "correct the value that the message names",
        _ => return None,
    })
}

/// Codes about the instance, and about sessions on it.
fn session(code: &str) -> Option<&'static str> {
    Some(match code {
        "InvalidInstance.NotFound" => {
            "check the instance id, and that --region is the instance's and the credentials are of its account"
        }
        "SessionCount.ExceedLimit" => {
            "end sessions that nobody needs: `axt sessions list` shows them, `axt sessions end ID` ends one"
        }
        "Operation.Forbidden" => {
            "the instance must be running and its Cloud Assistant agent online: `axt doctor TARGET` looks into it"
        }
        "PortForwarding.NotSupported" => {
            "the instance's Cloud Assistant agent is too old or can't forward ports: update it"
        }
        "UserBehavior.SessionManagerDisabled" => {
            "an administrator of the account has to switch Session Manager on, in the ECS console or by ModifyCloudAssistantSettings"
        }
        "InvalidOperation.SecurityGroupRuleDenied" => {
            "allow the port in the inbound rules of the instance's security group"
        }
        "InvalidOperation.ConnectionTypeUnsupported" => {
            "this region has no such network for sessions: try the other --connection-type"
        }
        "UnsupportedAgentVersion.Encryption" => {
            "update the Cloud Assistant agent on the instance, or leave --encrypt out"
        }
        _ => return None,
    })
}

/// Codes about who is calling.
fn credentials(code: &str) -> Option<&'static str> {
    Some(match code {
        "SignatureDoesNotMatch" => {
            "the AccessKey secret doesn't belong to the AccessKey id: check both for missing characters"
        }
        "IncompleteSignature" | "InvalidSignatureMethod" => {
            "something between axt and the service changed the request, or --endpoint is not an Alibaba Cloud API"
        }
        "SignatureNonceUsed" => {
            "something between axt and the service sends requests twice: try again, and look at the proxy"
        }
        "IllegalTimestamp" => "set this machine's clock: requests are good for 15 minutes",
        "InvalidAccessKeyId.NotFound" | "InvalidAccessKeyId" => {
            "no such AccessKey: check ALIBABA_CLOUD_ACCESS_KEY_ID or the profile"
        }
        "InvalidAccessKeyId.Inactive" | "Forbidden.AccessKeyDisabled" => {
            "the AccessKey is disabled: enable it in the RAM console or use another"
        }
        "MissingSecurityToken" => {
            "these are temporary credentials: set ALIBABA_CLOUD_SECURITY_TOKEN as well"
        }
        "InvalidSecurityToken.Expired" => "the temporary credentials have expired: get new ones",
        "InvalidSecurityToken.MismatchWithAccessKey" => {
            "AccessKey and security token are not of one set: set all three values anew"
        }
        "Forbidden.RiskControl" => {
            "the account is under risk control: ask its owner or Alibaba Cloud's support"
        }
        _ if super::is_denial(code) => {
            "an administrator of the account has to grant this identity the action in RAM"
        }
        _ if code.starts_with("InvalidTimeStamp") => {
            "set this machine's clock: requests are good for 15 minutes"
        }
        _ if code.starts_with("InvalidSecurityToken") => {
            "the security token is damaged or of other credentials: set all three values anew"
        }
        _ => return None,
    })
}

/// Codes about the service itself.
fn service(code: &str) -> Option<&'static str> {
    Some(match code {
        "UnexpectedReply" => {
            "something other than the API answered: check --endpoint, HTTPS_PROXY and whether the network asks for a login"
        }
        "ServiceUnavailable" | "UnknownError" | "OperationFailed.RPCError" => {
            "the service has a problem: try again later, or give its support the request id"
        }
        _ if code == "InternalError" || code.starts_with("InternalError.") => {
            "the service has a problem: try again later, or give its support the request id"
        }
        _ if code == "Throttling" || code.starts_with("Throttling.") => {
            "the account calls the API too often: wait a minute and start fewer sessions at once"
        }
        _ => return None,
    })
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
            let hint = api(code).unwrap_or_else(|| panic!("no hint for {code}"));
            assert!(
                !hint.contains('\n') && !hint.ends_with('.'),
                "{code}: {hint}"
            );
        }
        assert_eq!(api("Unheard.Of"), None);
        assert_eq!(api(""), None);
    }
}
