//! The end of a port session: agents report that the target closed its connection as a failure of their
//! own.

use super::channel::Ending;
use super::filter::{Filter, Flow};
use crate::error::Error;

/// Bytes as they are, between a TCP connection of the instance and the user.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Port;

impl Filter for Port {
    /// Once connected, an agent that can't read from the target (or can't connect to it anew) has seen
    /// the target close: that is how TCP connections end. One that was reset stays a failure: what
    /// came before may be incomplete.
    fn ended(&mut self, ending: Ending, _flow: &mut Flow) -> Ending {
        match ending {
            Ending::Failed(Error::Ended { code, detail }) if closed(&code) && !reset(&detail) => {
                Ending::Normal
            }
            other => other,
        }
    }
}

fn closed(code: &str) -> bool {
    matches!(
        code,
        "ReadFromTargetPortFailed" | "ReopenTargetPortFailed" | "Read_port_failed"
    )
}

/// `connection reset by peer`, as the system of the instance has it.
fn reset(detail: &str) -> bool {
    detail.to_ascii_lowercase().contains("reset")
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
    fn a_target_that_closes_is_no_failure_and_one_that_resets_is() {
        for (code, detail, normal) in [
            ("ReadFromTargetPortFailed", "EOF", true),
            ("ReopenTargetPortFailed", "", true),
            ("Read_port_failed", "", true),
            ("Open_port_failed", "", false),
            (
                "ReadFromTargetPortFailed",
                "Connection reset by peer (os error 104)",
                false,
            ),
            ("OpenTargetPortFailed", "connection refused", false),
            ("FlowExceedLimit", "", false),
        ] {
            let ending = ended(code, detail);
            let is_normal = matches!(ending, Ending::Normal);
            assert_eq!(is_normal, normal, "{code}: {detail}");
        }
    }
}
