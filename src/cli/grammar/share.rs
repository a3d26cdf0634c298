//! The grammar of shared sessions: `--share`, and `axt share`.

use super::values::duration;
use clap::{Args, Subcommand};
use std::time::Duration;

/// The options that share a command's session.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Session options")]
pub(crate) struct Sharing {
    /// Keep the command's session for later commands, until this long after the last one; 0: don't
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    share: Option<Duration>,
    /// The requests of ssh's options, which override the options of axt.
    #[arg(skip)]
    pub(crate) control: Option<ControlOptions>,
}

/// ssh's ControlMaster, ControlPersist and ControlPath.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ControlOptions {
    /// ControlPath. Commands with different ones share nothing; with `None` the command shares nothing at all.
    pub path: Option<String>,
    /// The time that a session is kept after its last command; `None` to use one, but keep none.
    pub keep: Option<Duration>,
}

impl ControlOptions {
    /// No sharing, whatever the options of axt say.
    pub(crate) fn off() -> Self {
        let (path, keep) = (None, None);
        Self { path, keep }
    }
}

impl Sharing {
    /// True if the session may be shared.
    pub(crate) fn is_wanted(&self) -> bool {
        match &self.control {
            Some(control) => control.path.is_some(),
            None => self.keep().is_some(),
        }
    }

    /// The time that a session of this command's is kept after the last command; `None` to keep none.
    pub(crate) fn keep(&self) -> Option<Duration> {
        match &self.control {
            Some(control) => control.keep,
            None => self.share.filter(|span| !span.is_zero()),
        }
    }

    /// ssh's ControlPath.
    pub(crate) fn path(&self) -> Option<&str> {
        self.control.as_ref()?.path.as_deref()
    }
}

/// `axt share`.
#[derive(Debug, Subcommand)]
pub(crate) enum Share {
    /// List the processes that hold sessions
    Status(ShareStatus),
    /// End them, with the commands that run there
    Stop(ShareStop),
    /// The process that --share starts; nobody starts it by hand.
    #[command(skip)]
    Hold,
}

/// `axt share status`.
#[derive(Debug, Default, Args)]
pub(crate) struct ShareStatus {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `axt share stop`.
#[derive(Debug, Args)]
pub(crate) struct ShareStop {
    /// Only those of this instance
    #[arg(long, value_name = "ID")]
    pub(crate) instance: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_control_path_means_no_sharing_whatever_axt_is_told() {
        let sharing = |control| Sharing {
            share: Some(Duration::from_secs(60)),
            control,
        };
        assert!(sharing(None).is_wanted());
        let off = sharing(Some(ControlOptions::off()));
        assert_eq!(
            (off.is_wanted(), off.keep(), off.path()),
            (false, None, None)
        );
    }
}
