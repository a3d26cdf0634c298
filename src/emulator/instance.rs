//! The instances an emulator has: their state, system and agent's version.

use crate::error::Error;
use std::str::FromStr;

/// An agent too old for sessions: the minimum for Linux is 2.2.3.256.
const OLD_VERSION: &str = "2.2.3.100";
/// The same on Windows, where the minimum is 2.1.3.256.
const OLD_WINDOWS_VERSION: &str = "2.1.3.100";

/// An instance with a state of its own. It is read from `ID[:WORD]…`, the words being a state
/// (`running`, `stopped`, `missing`, `no-agent`, `offline`, `old`), a system (`linux`, `windows`,
/// `freebsd`) and the agent's version (`version=2.2.3.300`), in any order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Its id.
    pub id: String,
    /// Its state.
    pub state: InstanceState,
    /// Its operating system.
    pub os: Os,
    /// Its agent's version, which changes only what the API reports; when `None`, one that fits its
    /// state.
    pub agent_version: Option<String>,
}

/// The state of an instance, which decides what a connection to it meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstanceState {
    /// A running agent.
    Running,
    /// The API does not know it (`InvalidInstance.NotFound`).
    Missing,
    /// It is stopped.
    NotRunning,
    /// It runs without an agent.
    AgentMissing,
    /// It runs, its agent does not.
    AgentNotOnline,
    /// Its agent is too old for sessions.
    AgentNeedUpgrade,
}

/// The operating system of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Os {
    /// Linux.
    #[default]
    Linux,
    /// Windows.
    Windows,
    /// FreeBSD.
    FreeBsd,
}

impl Instance {
    /// A Linux instance in a state.
    #[must_use]
    pub fn new(id: impl Into<String>, state: InstanceState) -> Self {
        Self {
            id: id.into(),
            state,
            os: Os::default(),
            agent_version: None,
        }
    }

    /// Its agent's version.
    #[must_use]
    pub(crate) fn version(&self) -> &str {
        match (&self.agent_version, self.state, self.os) {
            (Some(version), ..) => version,
            (None, InstanceState::AgentMissing, _) => "",
            (None, InstanceState::AgentNeedUpgrade, Os::Windows) => OLD_WINDOWS_VERSION,
            (None, InstanceState::AgentNeedUpgrade, _) => OLD_VERSION,
            (None, _, Os::Windows) => "2.1.3.857",
            (None, ..) => "2.2.3.857",
        }
    }
}

impl FromStr for Instance {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut words = text.split(':');
        let mut instance = Self::new(words.next().unwrap_or_default(), InstanceState::Running);
        if !instance.id.starts_with("i-") && !instance.id.starts_with("mi-") {
            let what = format!("{text:?}: an instance id begins with i- or mi-");
            return Err(Error::Usage(what));
        }
        for word in words {
            match word {
                "running" => instance.state = InstanceState::Running,
                "stopped" => instance.state = InstanceState::NotRunning,
                "missing" => instance.state = InstanceState::Missing,
                "no-agent" => instance.state = InstanceState::AgentMissing,
                "offline" => instance.state = InstanceState::AgentNotOnline,
                "old" => instance.state = InstanceState::AgentNeedUpgrade,
                "linux" => instance.os = Os::Linux,
                "windows" => instance.os = Os::Windows,
                "freebsd" => instance.os = Os::FreeBsd,
                _ => match word.strip_prefix("version=") {
                    Some(version) => instance.agent_version = Some(version.to_owned()),
                    None => {
                        return Err(Error::Usage(format!(
                            "{text:?}: no word {word:?}; there are running, stopped, missing, no-agent, offline, old, linux, windows, freebsd, version=V"
                        )));
                    }
                },
            }
        }
        Ok(instance)
    }
}

impl InstanceState {
    /// The `ClosedReason` of DescribeTerminalSessions for it.
    #[must_use]
    pub fn closed_reason(self) -> Option<&'static str> {
        match self {
            Self::Running => None,
            Self::Missing => Some("InstanceNotExists"),
            Self::NotRunning => Some("InstanceNotRunning"),
            Self::AgentMissing | Self::AgentNotOnline => Some("AgentNotOnline"),
            Self::AgentNeedUpgrade => Some("AgentNeedUpgrade"),
        }
    }
}

impl Os {
    /// As DescribeCloudAssistantStatus writes it; DescribeInstances uses lower case.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Linux => "Linux",
            Self::Windows => "Windows",
            Self::FreeBsd => "FreeBSD",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_are_read_or_refused() {
        let windows: Instance = "i-1:windows:old".parse().unwrap();
        assert_eq!(windows.state, InstanceState::AgentNeedUpgrade);
        assert_eq!(windows.version(), OLD_WINDOWS_VERSION);
        let own: Instance = "mi-1:version=2.2.3.300".parse().unwrap();
        assert_eq!(
            (own.state, own.version()),
            (InstanceState::Running, "2.2.3.300")
        );
        for bad in ["", "x-1", "i-1:", "i-1:asleep"] {
            assert!(bad.parse::<Instance>().is_err(), "{bad}");
        }
    }
}
