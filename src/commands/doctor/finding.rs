//! The result of a check: a verdict, a text, and what to do about it.

use crate::error::Error;
use crate::hints;

/// The verdict of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// A check that passed.
    Ok,
    /// It could not be checked, or it is unusual.
    Warn,
    /// This stops a session.
    Fail,
    /// It was not checked, because something else is missing.
    Skip,
}

/// The result of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The result of the check.
    pub(crate) verdict: Verdict,
    /// The result in words, without a full stop.
    pub(crate) text: String,
    /// The advice for the user.
    pub(crate) remedy: Option<String>,
    /// The repair that `--fix` can make.
    pub(crate) fix: Option<Fix>,
}

/// A repair that `--fix` can make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fix {
    /// Install the Cloud Assistant agent.
    InstallAgent,
}

impl Finding {
    /// A finding that `--fix` can do nothing about.
    pub(crate) fn new(verdict: Verdict, text: impl Into<String>, remedy: Option<String>) -> Self {
        Self {
            verdict,
            text: text.into(),
            remedy,
            fix: None,
        }
    }

    /// A check that passed.
    pub(crate) fn ok(text: impl Into<String>) -> Self {
        Self::new(Verdict::Ok, text, None)
    }

    /// A check that found something unusual.
    pub(crate) fn warn(text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Verdict::Warn, text, Some(remedy.into()))
    }

    /// A check that found what stops a session.
    pub(crate) fn fail(text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Verdict::Fail, text, Some(remedy.into()))
    }

    /// A check that was not made.
    pub(crate) fn skip(text: impl Into<String>) -> Self {
        Self::new(Verdict::Skip, text, None)
    }

    /// The finding for a check that ended with an error. A denied check says nothing about what it would
    /// have checked; any other error stops a session.
    pub(crate) fn of(error: &Error) -> Self {
        let verdict = if is_denial(error) {
            Verdict::Warn
        } else {
            Verdict::Fail
        };
        Self::new(verdict, error.to_string(), Some(remedy(error)))
    }
}

/// True if RAM denies the call.
pub(crate) fn is_denial(error: &Error) -> bool {
    matches!(error, Error::Api(error) if hints::is_denial(&error.code))
}

/// The advice for an error. Every failed check has one.
fn remedy(error: &Error) -> String {
    let general = match error {
        Error::Connect { .. } | Error::Lost(_) => {
            tr!(
                "check that this machine reaches it: network, DNS, HTTPS_PROXY and NO_PROXY, firewalls"
            )
        }
        Error::Timeout { .. } | Error::AgentTimeout { .. } => {
            tr!("try again, or give it more time with --connect-timeout")
        }
        Error::Usage(_) => tr!("correct the option or variable"),
        Error::Config { .. } => tr!("correct the file, or name another one with --config-file"),
        _ => tr!("try again; -vv and --log-file FILE tell more"),
    };
    error.hint().unwrap_or_else(|| general.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_has_a_remedy() {
        let limit = std::time::Duration::from_secs(1);
        for error in [
            Error::NoRegion,
            Error::Usage("x".into()),
            Error::Lost("x".into()),
            Error::Protocol("x".into()),
            Error::Timeout {
                what: "x".into(),
                limit,
            },
            Error::Refused {
                status: 500,
                detail: String::new(),
                resuming: false,
            },
        ] {
            let finding = Finding::of(&error);
            assert_eq!(finding.verdict, Verdict::Fail);
            assert!(
                finding.remedy.is_some_and(|remedy| !remedy.is_empty()),
                "{error}"
            );
        }
    }
}
