//! Why sessions end: the closing reasons of the agents, old and new, and those of session records.

/// What to do about a session's closing reason; `None` where there is no advice.
#[must_use]
pub fn close(code: &str) -> Option<&'static str> {
    Some(match code {
        "AgentTimeout" => {
            "see that the instance is running and its Cloud Assistant agent online: `axt doctor TARGET`"
        }
        "InitChannelFailed" | "OpenChannelFailed" | "ServerDomainUnavailable" => {
            "the instance must reach Cloud Assistant's servers: look at its network, its DNS and its outbound rules"
        }
        "SessionIdDuplicated" | "SessionIdDuplicate" => {
            "a session's URL is for one client: start a session of your own"
        }
        "ProcessDataError" | "SendingDataFailed" | "ReadFromWebsocketFailed" => {
            "the instance lost its connection to the service: connect again"
        }
        "ProcessStdoutDataError" => {
            "the program's output could not be read on the instance: connect again"
        }
        "OpenPtyFailed" => {
            "try another --user (old agents refuse root and whoever shares its uid or gid), or none; update the agent"
        }
        "FlowExceedLimit" => {
            "send more slowly: --rate-limit 20000 stays below the lowest limit there is"
        }
        "IdleTimeout" => {
            "the agent heard nothing for 3 minutes: leave --keepalive at 60s, or lower it"
        }
        "SessionTimeout" => {
            "the service ends every session after 3 hours: run long work under tmux, nohup or systemd and connect again"
        }
        "MalformedCommandLine" => {
            "the quotes of the command are not in pairs; without --raw-command axt quotes for you"
        }
        "UserNotExists" => "create the user on the instance or give another --user",
        "ObtainUserIdentityFailed" | "ObtainUserInfoFailed" => {
            "see that `id USER` works on the instance, or give another --user"
        }
        "ShellCommandNotFound" => {
            "see that the user's shell, or the command, is installed on the instance"
        }
        "ShellCommandPermissionDenied" => "see that the user may execute the shell, or the command",
        "HomeDirNotFound" => {
            "create the user's home directory on the instance or give another --user"
        }
        "HomeDirPermissionDenied" => "see that the user may enter its home directory",
        "KeyExchangeFailed" => {
            "see that the agent is new enough for --encrypt, and for kms:KEYID that the instance's RAM role may kms:Decrypt"
        }
        "OpenTargetPortFailed" => {
            "see that something listens on the port and that the instance can reach it"
        }
        "ReadFromTargetPortFailed" | "ReopenTargetPortFailed" => {
            "the service behind the port closed the connection: look at its log"
        }
        "WinptyLoadFailed" | "WinptyPermissionDenied" => {
            "reinstall the Cloud Assistant agent on the Windows instance"
        }
        "PasswordNameNotFound" => {
            "store the password in the parameter store of Operation Orchestration Service under the name --password-name gives"
        }
        "UnknownError" => "connect again; if it stays, look into the agent's log on the instance",
        _ if code.starts_with("KeyExchangeError") => {
            "see that the agent is new enough for --encrypt, and for kms:KEYID that the instance's RAM role may kms:Decrypt"
        }
        _ => return None,
    })
}

/// A session's closing reason in words.
pub(super) fn words(code: &str) -> Option<&'static str> {
    Some(match code {
        "Exit" | "Exited" | "Ok" => "the program ended",
        "Notified" => "the session was ended on request",
        "AgentTimeout" => "the agent on the instance did not answer in time",
        "InitChannelFailed" => "the agent could not prepare the session",
        "OpenChannelFailed" => "the agent could not connect to the session",
        "ServerDomainUnavailable" => "the agent found no server to connect to",
        "SessionIdDuplicated" | "SessionIdDuplicate" => "the session is in use already",
        "ProcessDataError" => "the agent could not handle the session's data",
        "SendingDataFailed" => "the agent could not send to the service",
        "ReadFromWebsocketFailed" => "the agent could not read from the service",
        "ProcessStdoutDataError" => "the agent could not read the program's output",
        "OpenPtyFailed" => "the agent could not open a terminal",
        "FlowExceedLimit" => "more was sent than the service's bandwidth limit lets through",
        "IdleTimeout" => "nothing was sent for 3 minutes",
        "SessionTimeout" => "the session reached the 3 hours that any session may last",
        "MalformedCommandLine" => "the agent could not split the command into words",
        "UserNotExists" => "the user does not exist on the instance",
        "ObtainUserIdentityFailed" => "the agent could not find out the user's ids",
        "ObtainUserInfoFailed" => "the agent could not look the user up",
        "ShellCommandNotFound" => "the command was not found on the instance",
        "ShellCommandPermissionDenied" => "the user may not execute the command",
        "HomeDirNotFound" => "the user's home directory does not exist",
        "HomeDirPermissionDenied" => "the user may not enter its home directory",
        "KeyExchangeFailed" => "no encryption key could be agreed on",
        "OpenTargetPortFailed" => "the instance could not reach the target port",
        "ReadFromTargetPortFailed" => "the connection to the target port ended",
        "ReopenTargetPortFailed" => "the target port could not be reached again",
        "WinptyLoadFailed" => "the agent could not load winpty",
        "WinptyPermissionDenied" => "the agent may not use winpty",
        "PasswordNameNotFound" => "no password is stored under that name",
        "UnknownError" => "the agent failed without saying why",
        _ => return None,
    })
}

/// `ClosedReason` of a session record (DescribeTerminalSessions) in words, with what to do where
/// there is something; `None` for a code that the API page doesn't list.
#[must_use]
pub fn closed_reason(code: &str) -> Option<&'static str> {
    Some(match code {
        "InstanceNotExists" => "the instance did not exist or was released: check its id",
        "InstanceNotRunning" => "the instance was not running: start it",
        "DeliveryTimeout" => "the connection took too long: see that the agent is online",
        "AgentNeedUpgrade" => "the Cloud Assistant agent is too old: update it",
        "AgentNotOnline" => "the Cloud Assistant agent was not online: start it on the instance",
        "MessageFormatInvalid" => {
            "a message had the wrong format: the agent or the client is too old"
        }
        "AgentSocketClosed" => "ended as expected",
        "ClientClosed" => "the client ended it",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What older and newer agents close a session with when something went wrong.
    const FAILURES: &str = "
        AgentTimeout InitChannelFailed OpenChannelFailed SessionIdDuplicated ProcessDataError
        OpenPtyFailed FlowExceedLimit
        IdleTimeout SessionTimeout SessionIdDuplicate ServerDomainUnavailable MalformedCommandLine
        UserNotExists ObtainUserIdentityFailed ObtainUserInfoFailed ShellCommandNotFound
        ShellCommandPermissionDenied HomeDirNotFound HomeDirPermissionDenied ProcessStdoutDataError
        SendingDataFailed KeyExchangeFailed OpenTargetPortFailed ReadFromTargetPortFailed
        ReopenTargetPortFailed ReadFromWebsocketFailed UnknownError WinptyLoadFailed
        WinptyPermissionDenied PasswordNameNotFound";

    #[test]
    fn every_listed_reason_has_words_and_every_failure_a_hint() {
        for code in FAILURES.split_whitespace() {
            assert!(words(code).is_some() && close(code).is_some(), "{code}");
        }
        for code in ["Exit", "Ok", "Notified", "Exited"] {
            assert!(words(code).is_some() && close(code).is_none(), "{code}");
        }
        assert!(words("Unheard").is_none() && close("Unheard").is_none());
        assert!(close("KeyExchangeError.Timeout").is_some());
        assert!(close("SessionTimeout").is_some_and(|hint| hint.contains("3 hours")));
        assert!(close("FlowExceedLimit").is_some_and(|hint| hint.contains("--rate-limit")));
    }

    #[test]
    fn every_reason_of_a_record_has_words() {
        for code in [
            "InstanceNotExists",
            "InstanceNotRunning",
            "DeliveryTimeout",
            "AgentNeedUpgrade",
            "AgentNotOnline",
            "MessageFormatInvalid",
            "AgentSocketClosed",
            "ClientClosed",
        ] {
            assert!(closed_reason(code).is_some(), "{code}");
        }
        assert_eq!(closed_reason("Unheard"), None);
    }
}
