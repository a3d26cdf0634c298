//! The closing reasons of the agents, old and new, and those of session records.

use super::codes::lists;

const NETWORK: &str = "the instance must reach Cloud Assistant's servers: check its network, its DNS and its outbound rules";
const AGAIN: &str = "the instance lost its connection to the service: connect again";
const EXCHANGE: &str = "check that the agent is new enough for --encrypt, and for kms:KEYID that the instance's RAM role may kms:Decrypt";
const PORT_CLOSED: &str = "the service behind the port closed the connection: look at its log";
const IDENTITY: &str = "check that `id USER` works on the instance, or give another --user";

/// Each closing reason with its meaning and the advice for it, which may be empty.
#[rustfmt::skip]
const REASONS: &[(&str, &str, &str)] = &[
    ("Exit Exited Ok", "the program ended", ""),
    ("Notified", "the session was ended by somebody else", "an administrator, `axt sessions end` or the console ended it: connect again if you still need it"),
    ("ConnectionCountExceedLimit", "20 sessions are connected to this instance, the most the service allows", "`axt sessions list --instance INSTANCE` shows them, `axt sessions end ID` ends one"),
    ("SessionIdDuplicated SessionIdDuplicate", "another client is connected to this session", "a session's URL is for one client at a time: without --wss-url axt starts a session of its own"),
    ("AgentTimeout", "the agent on the instance did not answer in time", "check that the instance is running and its Cloud Assistant agent online: `axt doctor TARGET`"),
    ("InitChannelFailed", "the agent could not prepare the session", NETWORK),
    ("OpenChannelFailed", "the agent could not connect to the session", NETWORK),
    ("ServerDomainUnavailable", "the agent found no server to connect to", NETWORK),
    ("ProcessDataError", "the agent could not handle the session's data", AGAIN),
    ("SendingDataFailed", "the agent could not send to the service", AGAIN),
    ("ReadFromWebsocketFailed", "the agent could not read from the service", AGAIN),
    ("ProcessStdoutDataError", "the agent could not read the program's output", "the program's output could not be read on the instance: connect again"),
    ("OpenPtyFailed", "the agent could not open a terminal", "try another --user (old agents refuse root and every user with its uid or gid), or none; update the agent"),
    ("FlowExceedLimit", "more was sent than the service's bandwidth limit allows", "send more slowly: --rate-limit 20000 stays below the lowest limit there is"),
    ("IdleTimeout", "nothing was sent for 3 minutes", "the agent received nothing for 3 minutes: leave --keepalive at 60s, or lower it"),
    ("Timeout", "the agent waited too long", "the agent received nothing for 3 minutes, or could not reach the port in time: connect again"),
    ("SessionTimeout", "the session reached the 3 hours that any session may last", "the service ends every session after 3 hours: run long work under tmux, nohup or systemd and connect again"),
    ("MalformedCommandLine", "the agent could not split the command into words", "the quotes of the command are not in pairs; without --raw-command axt quotes for you"),
    ("UserNotExists", "the user does not exist on the instance", "create the user on the instance or give another --user"),
    ("ObtainUserIdentityFailed", "the agent could not find out the user's ids", IDENTITY),
    ("ObtainUserInfoFailed", "the agent could not look the user up", IDENTITY),
    ("ShellCommandNotFound", "the command was not found on the instance", "check that the user's shell, or the command, is installed on the instance"),
    ("ShellCommandPermissionDenied", "the user may not execute the command", "check that the user may execute the shell, or the command"),
    ("HomeDirNotFound", "the user's home directory does not exist", "create the user's home directory on the instance or give another --user"),
    ("HomeDirPermissionDenied", "the user may not enter its home directory", "check the permissions of the user's home directory"),
    ("KeyExchangeFailed KeyExchangeError*", "no encryption key could be agreed on", EXCHANGE),
    ("OpenTargetPortFailed Open_port_failed", "the instance could not reach the target port", "check that something listens on the port and that the instance can reach it"),
    ("ReadFromTargetPortFailed Read_port_failed", "the connection to the target port ended", PORT_CLOSED),
    ("ReopenTargetPortFailed", "the target port could not be reached again", PORT_CLOSED),
    ("WinptyLoadFailed", "the agent could not load winpty", "reinstall the Cloud Assistant agent on the Windows instance"),
    ("WinptyPermissionDenied", "the agent may not use winpty", "reinstall the Cloud Assistant agent on the Windows instance"),
    ("PasswordNameNotFound", "no password is stored under that name", "store the password in the parameter store of Operation Orchestration Service under the name --password-name gives"),
    ("UnknownError", "the agent failed without saying why", "connect again; if it happens again, look into the agent's log on the instance"),
];

/// `ClosedReason` of a session record (DescribeTerminalSessions), as the API page lists them.
#[rustfmt::skip]
const RECORDED: &[(&str, &str)] = &[
    ("InstanceNotExists", "the instance did not exist or was released: check its id"),
    ("InstanceNotRunning", "the instance was not running: start it"),
    ("DeliveryTimeout", "the connection took too long: check that the agent is online"),
    ("AgentNeedUpgrade", "the Cloud Assistant agent is too old: update it"),
    ("AgentNotOnline", "the Cloud Assistant agent was not online: start it on the instance"),
    ("MessageFormatInvalid", "a message had the wrong format: the agent or the client is too old"),
    ("AgentSocketClosed", "ended as expected"),
    ("ClientClosed", "the client ended it"),
];

/// The advice for a session's closing reason; `None` if there is none.
#[must_use]
pub(crate) fn close(code: &str, detail: &str) -> Option<&'static str> {
    row(code, detail)
        .map(|(_, _, hint)| *hint)
        .filter(|hint| !hint.is_empty())
}

/// The meaning of a session's closing reason; `None` for one that is not listed.
#[must_use]
pub(crate) fn close_meaning(code: &str, detail: &str) -> Option<&'static str> {
    row(code, detail).map(|(_, meaning, _)| *meaning)
}

/// `ClosedReason` of a session record in words, with what to do where there is something; `None`
/// for a code that the API page doesn't list.
#[must_use]
pub(crate) fn closed_reason(code: &str) -> Option<&'static str> {
    let row = RECORDED.iter().find(|(recorded, _)| *recorded == code);
    row.map(|(_, text)| *text)
}

/// A gateway that aborts a session puts the reason's code into the text.
fn row(code: &str, detail: &str) -> Option<&'static (&'static str, &'static str, &'static str)> {
    let code = match code {
        "Aborted" => detail.split(':').next().unwrap_or_default().trim(),
        code => code,
    };
    REASONS.iter().find(|(codes, _, _)| lists(codes, code))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reasons with which older and newer agents close a session after a failure.
    const FAILURES: &str = "
        AgentTimeout InitChannelFailed OpenChannelFailed SessionIdDuplicated ProcessDataError
        OpenPtyFailed FlowExceedLimit Read_port_failed Open_port_failed Timeout Notified
        IdleTimeout SessionTimeout SessionIdDuplicate ServerDomainUnavailable MalformedCommandLine
        UserNotExists ObtainUserIdentityFailed ObtainUserInfoFailed ShellCommandNotFound
        ShellCommandPermissionDenied HomeDirNotFound HomeDirPermissionDenied ProcessStdoutDataError
        SendingDataFailed KeyExchangeFailed OpenTargetPortFailed ReadFromTargetPortFailed
        ReopenTargetPortFailed ReadFromWebsocketFailed UnknownError WinptyLoadFailed
        WinptyPermissionDenied PasswordNameNotFound ConnectionCountExceedLimit";

    #[test]
    fn every_listed_reason_has_a_meaning_and_every_failure_a_hint() {
        for code in FAILURES.split_whitespace() {
            let (meaning, hint) = (close_meaning(code, ""), close(code, ""));
            assert!(meaning.is_some() && hint.is_some(), "{code}");
            assert_eq!(close_meaning("Aborted", code), meaning);
            assert_eq!(close("Aborted", &format!("{code}: more")), hint);
        }
        for code in ["Exit", "Ok", "Exited"] {
            let (meaning, hint) = (close_meaning(code, ""), close(code, ""));
            assert!(meaning.is_some() && hint.is_none(), "{code}");
        }
        for (code, detail) in [("Unheard", ""), ("Aborted", ""), ("Unheard", "Timeout")] {
            assert!(close_meaning(code, detail).is_none() && close(code, detail).is_none());
        }
        assert!(close("KeyExchangeError.Timeout", "").is_some());
        assert!(close("SessionTimeout", "").is_some_and(|hint| hint.contains("3 hours")));
        assert!(close("FlowExceedLimit", "").is_some_and(|hint| hint.contains("--rate-limit")));
        let full = close("ConnectionCountExceedLimit", "");
        assert!(full.is_some_and(|hint| hint.contains("axt sessions list --instance")));
    }

    #[test]
    fn every_reason_of_a_record_has_a_meaning() {
        for (code, text) in RECORDED {
            assert_eq!(closed_reason(code), Some(*text));
        }
        assert_eq!(closed_reason("Unheard"), None);
    }
}
