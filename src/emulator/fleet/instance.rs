//! The instances an emulator has: their state, system and agent's version.

use crate::error::Error;
use crate::openapi::region;
use std::str::FromStr;

/// The build of an agent too old for sessions: it has to be newer than 256.
const TOO_OLD: u32 = 100;

/// An instance with a state, a name and addresses of its own. It is read from `ID[:WORD]…`, the words
/// being those of `INSTANCE_WORDS`, in any order; [`Instance::list_from_json`] reads many from a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Its id.
    pub id: String,
    /// Its state.
    pub state: InstanceState,
    /// Its status, which changes only what the API reports; when `None`, one that fits its state.
    pub status: Option<String>,
    /// Its operating system.
    pub os: Os,
    /// The operating system's name, such as `Alibaba Cloud Linux 3`.
    pub os_name: Option<String>,
    /// Its agent's version, which changes only what the API reports; when `None`, one that fits its
    /// state and what its agent does.
    pub agent_version: Option<String>,
    /// Its name; its id when `None`, as with the service.
    pub name: Option<String>,
    /// Its host name.
    pub host_name: Option<String>,
    /// Its region; the emulator's own when `None`.
    pub region: Option<String>,
    /// Its zone.
    pub zone: Option<String>,
    /// Its VPC.
    pub vpc: Option<String>,
    /// Its private addresses.
    pub private_ips: Vec<String>,
    /// Its public addresses.
    pub public_ips: Vec<String>,
    /// Its elastic address.
    pub elastic_ip: Option<String>,
    /// Its tags.
    pub tags: Vec<(String, String)>,
}

/// The words that describe an instance, for help texts.
pub(crate) const INSTANCE_WORDS: &str = "running, stopped, missing, no-agent, offline, old; linux, windows, \
freebsd; version=V, status=S, name=N, host=N, region=ID, zone=ID, vpc=ID, ip=A, public=A, elastic=A, \
tag=K=V";

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
    /// Windows: a CommandLine that starts `sh` fails there.
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
            status: None,
            os: Os::default(),
            os_name: None,
            agent_version: None,
            name: None,
            host_name: None,
            region: None,
            zone: None,
            vpc: None,
            private_ips: vec![],
            public_ips: vec![],
            elastic_ip: None,
            tags: vec![],
        }
    }

    /// True if it is a machine outside ECS.
    pub(crate) fn is_managed(&self) -> bool {
        self.id.starts_with("mi-")
    }

    /// Its name, as DescribeInstances has it.
    pub(crate) fn shown_name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.id)
    }

    /// Its status, as DescribeInstances has it.
    pub(crate) fn shown_status(&self) -> &str {
        let own = match self.state {
            InstanceState::NotRunning => "Stopped",
            _ => "Running",
        };
        self.status.as_deref().unwrap_or(own)
    }

    /// True if its agent is connected to the service.
    pub(crate) fn is_online(&self) -> bool {
        matches!(
            self.state,
            InstanceState::Running | InstanceState::AgentNeedUpgrade
        )
    }

    fn take(&mut self, word: &str) -> Result<(), String> {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        let text = || Some(value.to_owned());
        match key {
            "running" => self.state = InstanceState::Running,
            "stopped" => self.state = InstanceState::NotRunning,
            "missing" => self.state = InstanceState::Missing,
            "no-agent" => self.state = InstanceState::AgentMissing,
            "offline" => self.state = InstanceState::AgentNotOnline,
            "old" => self.state = InstanceState::AgentNeedUpgrade,
            "linux" => self.os = Os::Linux,
            "windows" => self.os = Os::Windows,
            "freebsd" => self.os = Os::FreeBsd,
            _ if value.is_empty() => {
                return Err(tr!(
                    "unknown word {word:?}; the words are {words}",
                    word,
                    words = INSTANCE_WORDS
                ));
            }
            "version" => self.agent_version = text(),
            "status" => self.status = text(),
            "name" => self.name = text(),
            "host" => self.host_name = text(),
            "region" if !region::is_known(value) => {
                return Err(tr!("{value:?} is not a region id", value));
            }
            "region" => self.region = text(),
            "zone" => self.zone = text(),
            "vpc" => self.vpc = text(),
            "ip" => self.private_ips.push(value.to_owned()),
            "public" => self.public_ips.push(value.to_owned()),
            "elastic" => self.elastic_ip = text(),
            "tag" => {
                let (key, value) = value.split_once('=').unwrap_or((value, ""));
                self.tags.push((key.to_owned(), value.to_owned()));
            }
            _ => {
                return Err(tr!(
                    "unknown word {word:?}; the words are {words}",
                    word,
                    words = INSTANCE_WORDS
                ));
            }
        }
        Ok(())
    }

    /// Its agent's version; `build` is that of the emulator's agents.
    #[must_use]
    pub(crate) fn version(&self, build: u32) -> String {
        match (&self.agent_version, self.state) {
            (Some(version), _) => version.clone(),
            (None, InstanceState::AgentMissing) => String::new(),
            (None, InstanceState::AgentNeedUpgrade) => version_of(TOO_OLD, self.os),
            (None, _) => version_of(build, self.os),
        }
    }
}

impl FromStr for Instance {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut words = text.split(':');
        let mut instance = Self::new(words.next().unwrap_or_default(), InstanceState::Running);
        if !instance.id.starts_with("i-") && !instance.id.starts_with("mi-") {
            let what = tr!("an instance id begins with i- or mi-").to_owned();
            return Err(Error::Usage(what));
        }
        for word in words {
            let taken = instance.take(word);
            taken.map_err(|what| Error::Usage(format!("{text:?}: {what}")))?;
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
    /// The name that DescribeCloudAssistantStatus writes; DescribeInstances uses lower case.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Linux => "Linux",
            Self::Windows => "Windows",
            Self::FreeBsd => "FreeBSD",
        }
    }
}

/// The version that an agent of this build has on a system.
fn version_of(build: u32, os: Os) -> String {
    match os {
        Os::Windows => format!("2.1.3.{build}"),
        Os::Linux | Os::FreeBsd => format!("2.2.3.{build}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_are_read_or_refused() {
        let windows: Instance = "i-1:windows:old".parse().unwrap();
        assert_eq!(windows.state, InstanceState::AgentNeedUpgrade);
        assert_eq!(windows.version(1065), "2.1.3.100");
        let plain: Instance = "i-1".parse().unwrap();
        assert_eq!(plain.version(578), "2.2.3.578");
        let own: Instance = "mi-1:version=2.2.3.300".parse().unwrap();
        assert_eq!(
            (own.state, own.version(578).as_str()),
            (InstanceState::Running, "2.2.3.300")
        );
        let web: Instance = "i-1:name=web 1:ip=10.0.0.1:ip=10.0.0.2:tag=env=a=b:tag=bare"
            .parse()
            .unwrap();
        assert_eq!((web.shown_name(), web.private_ips.len()), ("web 1", 2));
        assert_eq!(web.tags[0], ("env".to_owned(), "a=b".to_owned()));
        assert_eq!(web.tags[1], ("bare".to_owned(), String::new()));
        for bad in [
            "",
            "x-1",
            "i-1:",
            "i-1:asleep",
            "i-1:name=",
            "i-1:region=cn-atlantis",
        ] {
            assert!(bad.parse::<Instance>().is_err(), "{bad}");
        }
    }
}
