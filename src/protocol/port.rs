//! The end of a port session: agents report that the target closed its connection as a failure of their
//! own.

use super::channel::Ending;
use super::filter::{Filter, Flow};
use crate::error::Error;

/// Bytes as they are, between a TCP connection of the instance and the user.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Port;

impl Filter for Port {
    /// Once connected, an agent that reads the end of the target's output, or can't connect to the target
    /// again, has seen it close: that is how TCP connections end. What came before any other error may be
    /// incomplete, and stays a failure.
    fn ended(&mut self, ending: Ending, _flow: &mut Flow) -> Ending {
        match ending {
            Ending::Failed(Error::Ended { code, detail }) if closed(&code, &detail) => {
                Ending::Normal
            }
            other => other,
        }
    }
}

/// Old agents end a session with `Read_port_failed`, and some with `ReopenTargetPortFailed`, when the target
/// has closed and they fail to connect to it again.
fn closed(code: &str, detail: &str) -> bool {
    match code {
        "ReadFromTargetPortFailed" => is_end_of_file(detail),
        "ReopenTargetPortFailed" | "Read_port_failed" => true,
        _ => false,
    }
}

/// True if the agent's text, which ends with what Go says of a failed read, tells of the end of the stream:
/// `An error occurred while reading from the target port 10.0.0.1:80. EOF.`
fn is_end_of_file(detail: &str) -> bool {
    let detail = detail.trim_end_matches('.');
    let ends = detail == "EOF" || detail.ends_with(" EOF");
    detail.is_empty() || (ends && !detail.ends_with("unexpected EOF"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(code: &str, detail: &str) -> Ending {
        let failure = Error::Ended {
            code: code.into(),
            detail: detail.into(),
        };
        Port.ended(Ending::Failed(failure), &mut Flow::default())
    }

    #[test]
    fn a_target_that_closes_is_no_failure_and_any_other_end_is() {
        for (code, detail, normal) in [
            ("ReopenTargetPortFailed", "", true),
            ("Read_port_failed", "", true),
            ("Open_port_failed", "", false),
            ("OpenTargetPortFailed", "connection refused", false),
            ("FlowExceedLimit", "", false),
        ] {
            let ending = ended(code, detail);
            let is_normal = matches!(ending, Ending::Normal);
            assert_eq!(is_normal, normal, "{code}: {detail}");
        }
        for (cause, normal) in [
            ("EOF", true),
            ("unexpected EOF", false),
            ("NOTEOF", false),
            (
                "read tcp 10.0.0.9:5->10.0.0.1:80: read: connection reset by peer",
                false,
            ),
            (
                "read tcp 10.0.0.9:5->10.0.0.1:80: read: connection timed out",
                false,
            ),
            (
                "read tcp 10.0.0.9:5->10.0.0.1:80: read: no route to host",
                false,
            ),
            (
                "read tcp 10.0.0.9:5->10.0.0.1:80: wsarecv: An existing connection was forcibly closed by the remote host",
                false,
            ),
        ] {
            let text = format!(
                "An error occurred while reading from the target port 10.0.0.1:80. {cause}."
            );
            for detail in [cause, &text] {
                let ending = ended("ReadFromTargetPortFailed", detail);
                let is_normal = matches!(ending, Ending::Normal);
                assert_eq!(is_normal, normal, "{detail}");
            }
        }
        assert!(matches!(
            ended("ReadFromTargetPortFailed", ""),
            Ending::Normal
        ));
    }
}
