//! The closing reasons of the agents, old and new, and those of session records.

use super::codes::lists;
use crate::language::Both;

/// The codes of a closing reason, its meaning, and the advice for it where there is one.
type Reason = (&'static str, Both, Option<Both>);

const NETWORK: Option<Both> = Some(both!(
    "the instance must reach Cloud Assistant's servers: check its network, its DNS and its outbound rules"
));
const AGAIN: Option<Both> = Some(both!(
    "the instance lost its connection to the service: connect again"
));
const EXCHANGE: Option<Both> = Some(both!(
    "check that the agent is new enough for --encrypt, and for kms:KEYID that the instance's RAM role may kms:Decrypt"
));
const PORT_CLOSED: Option<Both> = Some(both!(
    "the service behind the port closed the connection: look at its log"
));
const IDENTITY: Option<Both> = Some(both!(
    "check that `id USER` works on the instance, or give another --user"
));

/// The closing reasons.
#[rustfmt::skip]
const REASONS: &[Reason] = &[
    ("Exit Exited Ok", both!("the program ended"), None),
    ("Notified", both!("the session was ended by somebody else"), Some(both!("an administrator, `axt sessions end` or the console ended it: connect again if you still need it"))),
    ("ConnectionCountExceedLimit", both!("20 sessions are connected to this instance, the most the service allows"), Some(both!("`axt sessions list --instance INSTANCE` shows them, `axt sessions end ID` ends one"))),
    ("SessionIdDuplicated SessionIdDuplicate", both!("another client is connected to this session"), Some(both!("a session's URL is for one client at a time: without --wss-url axt starts a session of its own"))),
    ("AgentTimeout", both!("the agent on the instance did not answer in time"), Some(both!("check that the instance is running and its Cloud Assistant agent online: `axt doctor TARGET`"))),
    ("InitChannelFailed", both!("the agent could not prepare the session"), NETWORK),
    ("OpenChannelFailed", both!("the agent could not connect to the session"), NETWORK),
    ("ServerDomainUnavailable", both!("the agent found no server to connect to"), NETWORK),
    ("ProcessDataError", both!("the agent could not handle the session's data"), AGAIN),
    ("SendingDataFailed IO_port_failed", both!("the agent could not send to the service"), AGAIN),
    ("ReadFromWebsocketFailed", both!("the agent could not read from the service"), AGAIN),
    ("ProcessStdoutDataError", both!("the agent could not read the program's output"), Some(both!("the program's output could not be read on the instance: connect again"))),
    ("OpenPtyFailed", both!("the agent could not open a terminal"), Some(both!("try another --user (old agents refuse root and every user with its uid or gid), or none; update the agent"))),
    ("FlowExceedLimit", both!("more was sent than the service's bandwidth limit allows"), Some(both!("send more slowly: --rate-limit 20000 stays below the lowest limit there is"))),
    ("IdleTimeout", both!("nothing was sent for 3 minutes"), Some(both!("the agent received nothing for 3 minutes: leave --keepalive at 60s, or lower it"))),
    ("Timeout", both!("the agent waited too long"), Some(both!("the agent received nothing for 3 minutes, or could not reach the port in time: connect again"))),
    ("SessionTimeout", both!("the session reached the 3 hours that any session may last"), Some(both!("the service ends every session after 3 hours: run long work under tmux, nohup or systemd and connect again"))),
    ("MalformedCommandLine", both!("the agent could not split the command into words"), Some(both!("the quotes of the command are not in pairs; without --raw-command axt quotes for you"))),
    ("UserNotExists", both!("the user does not exist on the instance"), Some(both!("create the user on the instance or give another --user"))),
    ("ObtainUserIdentityFailed", both!("the agent could not find out the user's ids"), IDENTITY),
    ("ObtainUserInfoFailed", both!("the agent could not look the user up"), IDENTITY),
    ("ShellCommandNotFound", both!("the command was not found on the instance"), Some(both!("check that the user's shell, or the command, is installed on the instance"))),
    ("ShellCommandPermissionDenied", both!("the user may not execute the command"), Some(both!("check that the user may execute the shell, or the command"))),
    ("HomeDirNotFound", both!("the user's home directory does not exist"), Some(both!("create the user's home directory on the instance or give another --user"))),
    ("HomeDirPermissionDenied", both!("the user may not enter its home directory"), Some(both!("check the permissions of the user's home directory"))),
    ("KeyExchangeFailed KeyExchangeError*", both!("no encryption key could be agreed on"), EXCHANGE),
    ("OpenTargetPortFailed Open_port_failed", both!("the instance could not reach the target port"), Some(both!("check that something listens on the port and that the instance can reach it"))),
    ("ReadFromTargetPortFailed Read_port_failed", both!("the connection to the target port ended"), PORT_CLOSED),
    ("ReopenTargetPortFailed", both!("the target port could not be reached again"), PORT_CLOSED),
    ("WinptyLoadFailed", both!("the agent could not load winpty"), Some(both!("reinstall the Cloud Assistant agent on the Windows instance"))),
    ("WinptyPermissionDenied", both!("the agent may not use winpty"), Some(both!("reinstall the Cloud Assistant agent on the Windows instance"))),
    ("PasswordNameNotFound", both!("no password is stored under that name"), Some(both!("store the password in the parameter store of Operation Orchestration Service under the name --password-name gives"))),
    ("UnknownError Unknown_error", both!("the agent failed without saying why"), Some(both!("connect again; if it happens again, look into the agent's log on the instance"))),
];

/// `ClosedReason` of a session record (DescribeTerminalSessions), as the API page lists them.
#[rustfmt::skip]
const RECORDED: &[(&str, Both)] = &[
    ("InstanceNotExists", both!("the instance did not exist or was released: check its id")),
    ("InstanceNotRunning", both!("the instance was not running: start it")),
    ("DeliveryTimeout", both!("the connection took too long: check that the agent is online")),
    ("AgentNeedUpgrade", both!("the Cloud Assistant agent is too old: update it")),
    ("AgentNotOnline", both!("the Cloud Assistant agent was not online: start it on the instance")),
    ("MessageFormatInvalid", both!("a message had the wrong format: the agent or the client is too old")),
    ("AgentSocketClosed", both!("ended as expected")),
    ("ClientClosed", both!("the client ended it")),
];

/// The advice for a session's closing reason; `None` if there is none.
#[must_use]
pub(crate) fn close(code: &str, detail: &str) -> Option<&'static str> {
    row(code, detail).and_then(|(_, _, hint)| hint.map(Both::text))
}

/// The meaning of a session's closing reason; `None` for one that is not listed.
#[must_use]
pub(crate) fn close_meaning(code: &str, detail: &str) -> Option<Both> {
    row(code, detail).map(|(_, meaning, _)| *meaning)
}

/// `ClosedReason` of a session record in words, with what to do where there is something; `None`
/// for a code that the API page doesn't list.
#[must_use]
pub(crate) fn closed_reason(code: &str) -> Option<&'static str> {
    let row = RECORDED.iter().find(|(recorded, _)| *recorded == code);
    row.map(|(_, text)| text.text())
}

/// A gateway that aborts a session puts the reason's code into the text.
fn row(code: &str, detail: &str) -> Option<&'static Reason> {
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
        IO_port_failed Unknown_error
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
            assert_eq!(closed_reason(code), Some(text.text()));
        }
        assert_eq!(closed_reason("Unheard"), None);
    }
}
