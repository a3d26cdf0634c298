//! An instance, as the service's lists describe it.

use super::agents::Agent;
use std::collections::BTreeMap;

/// An instance: one of ECS (`i-…`), or a managed one (`mi-…`), which is a machine elsewhere that has
/// the agent. What the service did not tell is `None` or empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListedInstance {
    /// Its id.
    pub id: String,
    /// Its name; several instances may have the same.
    pub name: Option<String>,
    /// Its host name.
    pub host_name: Option<String>,
    /// `Pending`, `Starting`, `Running`, `Stopping` or `Stopped`; of a managed one `Connected` or
    /// `Disconnected`.
    pub status: Option<String>,
    /// The id of its region.
    pub region: String,
    /// The id of its zone.
    pub zone: Option<String>,
    /// The id of its VPC.
    pub vpc: Option<String>,
    /// `linux`, `windows` or another system.
    pub os_type: Option<String>,
    /// The system's name, such as `Alibaba Cloud Linux 3.2104 LTS 64 bit`.
    pub os_name: Option<String>,
    /// Its private addresses, the primary one first.
    pub private_ips: Vec<String>,
    /// Its public addresses.
    pub public_ips: Vec<String>,
    /// Its elastic address.
    pub elastic_ip: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its agent; for an instance of ECS, [`super::agents::agents`] finds it.
    pub agent: Option<Agent>,
}

impl ListedInstance {
    /// An instance of which only the id and the region are known.
    #[must_use]
    pub fn new(id: impl Into<String>, region: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            region: region.into(),
            ..Self::default()
        }
    }

    /// Its addresses: private, then public, then the elastic one.
    pub fn addresses(&self) -> impl Iterator<Item = &String> {
        let own = self.private_ips.iter().chain(&self.public_ips);
        own.chain(&self.elastic_ip)
    }

    /// True if it is a managed instance.
    #[must_use]
    pub fn is_managed(&self) -> bool {
        self.id.starts_with("mi-")
    }

    /// True if its status leaves hope for a session; an unknown one does.
    #[must_use]
    pub fn is_up(&self) -> bool {
        let status = self.status.as_deref();
        status.is_none_or(|status| matches!(status, "Running" | "Connected"))
    }
}
