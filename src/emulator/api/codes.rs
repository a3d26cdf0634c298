//! The error codes of the API with their HTTP status and message.

use super::reply::ErrorReply;
use std::time::Duration;

/// The time that a throttled client is asked to wait.
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// Codes with their HTTP status and message: those of every call, those of the pages of
/// StartTerminalSession, DescribeTerminalSessions, GetWebshellToken and STS, and common ones for faults.
#[rustfmt::skip]
const CODES: &[(u16, &str, &str)] = &[
    (405, "UnsupportedHTTPMethod", "This http method is not supported."),
    (413, "RequestEntityTooLarge", "The body is too large."),
    (415, "UnsupportedContentType", "The body is read as application/x-www-form-urlencoded only."),
    (400, "UnsupportedFormat", "The emulator answers in JSON only: ask with Format=JSON or accept: application/json."),
    (404, "InvalidAction.NotFound", "Specified api is not found, please check your url and method."),
    (400, "InvalidVersion", "Specified parameter Version is not valid."),
    (400, "InvalidSignatureMethod", "Specified signature method is not supported."),
    (400, "InvalidSignatureVersion", "Specified signature version is not supported."),
    (404, "InvalidAccessKeyId.NotFound", "Specified access key is not found."),
    (400, "InvalidSecurityToken.MismatchWithAccessKey", "Specified SecurityToken mismatch with the AccessKey."),
    (400, "MissingSecurityToken", "SecurityToken is mandatory for this action."),
    (400, "InvalidSecurityToken.Malformed", "Specified SecurityToken is malformed."),
    (400, "InvalidSecurityToken.Expired", "Specified SecurityToken is expired."),
    (400, "SignatureNonceUsed", "Specified signature nonce was used already."),
    (400, "InvalidTimeStamp.Format", "Specified time stamp or date value is not well formatted."),
    (400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired."),
    (404, "InvalidSessionId.NotFound", "The specified SessionId does not exist."),
    (400, "InvalidInstanceIds.Malformed", "The specified parameter InstanceIds is not valid."),
    (400, "InvalidParameter.StatusKey", "The specified parameter statusKey is not valid."),
    (400, "RegionId.ApiNotSupported", "The api is not supported in this region."),
    (400, "PortNumber.Invalid", "The port number is invalid."),
    (400, "InvalidParameter.ConnectionType", "The specified parameter ConnectionType is not valid."),
    (400, "InvalidClientToken.Malformed", "The specified parameter clientToken is not valid."),
    (500, "InternalError.Dispatch", "An error occurred when you dispatched the request."),
    (403, "InstanceIds.ExceedLimit", "The number of instance IDs exceeds the upper limit."),
    (403, "SessionCount.ExceedLimit", "The number of sessions exceeds the upper limit."),
    (403, "Operation.Forbidden", "The operation is not permitted."),
    (403, "PortForwarding.NotSupported", "Port forwarding is not supported currently."),
    (403, "UserBehavior.SessionManagerDisabled", "The api is disabled by user behavior."),
    (403, "InvalidCommandLine.Conflict", "The parameter PortNumber or TargetServer cannot be specified with parameter CommandLine."),
    (403, "InvalidTargetServer.MissingPortNumber", "The parameter PortNumber must be specified with parameter TargetServer."),
    (403, "InvalidCommandLine.LengthLimitExceeded", "The length of the parameter CommandLine exceeded the limit of 512 characters."),
    (403, "InvalidInstanceIds.CountLimitExceeded", "The count of Instances exceeded the maximum limit of 1 when TargetServer or CommandLine parameter was specified."),
    (403, "Username.ExceedLimit", "The length of the username exceeds the upper limit."),
    (403, "InvalidOperation.SecurityGroupRuleDenied", "The operation is not allowed by the security group inbound rules of the specified instance."),
    (403, "InvalidTargetServer.LengthLimitExceeded", "The length of the parameter TargetServer exceeded the limit of 128 characters."),
    (403, "InvalidOperation.ConnectionTypeUnsupported", "The operation is not supported for the parameter ConnectionType."),
    (403, "InvalidPasswordName.LengthLimitExceeded", "The length of the parameter PasswordName exceeds the limit of 255 characters."),
    (403, "InvalidEncryptionOptionsMode.EncryptionDisabled", "EncryptionOptions.Mode cannot be specified when encryption is disabled."),
    (403, "InvalidParameter.EncryptionOptionsKMSKeyId", "The specified parameter EncryptionOptions.KMSKeyId is not valid."),
    (403, "InvalidParameter.EncryptionOptionsMode", "The specified parameter EncryptionOptions.Mode is not valid."),
    (403, "MissingParameter.EncryptionOptionsKMSKeyId", "The input parameter EncryptionOptions.KMSKeyId that is mandatory for processing this request is not supplied."),
    (403, "UnsupportedAgentVersion.Encryption", "The cloud assistant agent version on the instance do not support encryption."),
    (403, "InvalidEncryptionOptions.Conflict", "The parameter PortNumber or TargetServer cannot be specified with parameter EncryptionOptions."),
    (403, "IdempotentParameterMismatch", "The specified parameter has changed while using an already used clientToken."),
    (403, "IdempotentProcessing", "The previous idempotent request(s) is still processing."),
    (404, "InvalidRegionId.NotFound", "The RegionId provided does not exist in our records."),
    (404, "InvalidInstance.NotFound", "The specified instances not found."),
    (400, "InvalidParameter.NextToken", "The specified parameter NextToken is not valid."),
    (400, "InvalidParameter.MaxResults", "The specified parameter MaxResults is not valid."),
    (400, "InvalidApplication.NotFound", "The current application does not exist."),
    (400, "InvalidParameter.NotEmpty", "You must specify the parameter AppId."),
    (400, "InvalidParameter.Obviously", "The specified parameter is invalid {PodName}."),
    (400, "InvalidParameter.WithMessage", "The parameter is invalid {PodName}: no such pod."),
    (500, "OperationFailed.RPCError", "Internal RPC request processing error."),
    (400, "Throttling", "Request was denied due to request throttling."),
    (400, "Throttling.User", "Request was denied due to user flow control."),
    (400, "Throttling.Api", "Request was denied due to api flow control."),
    (500, "InternalError", "The request processing has failed due to some unknown error, exception or failure."),
    (503, "ServiceUnavailable", "The request has failed due to a temporary failure of the server."),
    (403, "Forbidden.RAM", "User not authorized to operate on the specified resource, or this API doesn't support RAM."),
    (403, "NoPermission", "You are not authorized to do this action. You should be authorized by RAM."),
    (404, "EntityNotExist.Role", "The specified Role not exists."),
    (400, "InvalidParameter.RoleArn", "The parameter RoleArn is wrongly formed."),
    (400, "InvalidParameter.RoleSessionName", "The parameter RoleSessionName is wrongly formed."),
    (400, "InvalidParameter.DurationSeconds", "The Min/Max value of DurationSeconds is 15min/12hr."),
    (400, "InvalidParameter.PolicyGrammar", "The parameter Policy has not passed grammar check."),
    (400, "InvalidParameter.ExternalId", "The parameter ExternalId is wrongly formed."),
    (401, "AuthenticationFail.NoPermission", "No such OIDC Provider registered."),
    (401, "AuthenticationFail.OIDCToken.Expired", "This JsonWebToken is expired."),
    (401, "AuthenticationFail.OIDCToken.Invalid", "The OIDCToken is invalid."),
];

/// The error with this code; its status is 400 if the code is not listed.
pub(crate) fn refuse(code: &str) -> ErrorReply {
    let listed = CODES.iter().find(|(_, listed, _)| *listed == code);
    let (status, _, message) = listed.unwrap_or(&(400, "", "The request was refused."));
    ErrorReply {
        status: *status,
        code: code.to_owned(),
        message: (*message).to_owned(),
        retry_after: code.starts_with("Throttling").then_some(RETRY_AFTER),
    }
}

/// The error with this code and a message of its own.
pub(crate) fn refuse_because(code: &str, message: impl Into<String>) -> ErrorReply {
    ErrorReply {
        message: message.into(),
        ..refuse(code)
    }
}

/// The error for a missing parameter of the API.
pub(crate) fn missing(name: &str) -> ErrorReply {
    let message = format!(
        "The input parameter \"{name}\" that is mandatory for processing this request is not supplied."
    );
    refuse_because("MissingParameter", message)
}
