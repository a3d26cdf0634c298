//! The grammar of `axt instances`.

use clap::Args;

/// `axt instances`.
#[derive(Debug, Args)]
pub(crate) struct InstancesArgs {
    /// List matching instances: an id, a name (* is any characters), tag:KEY=VALUE, tag:KEY, an IP address, a status
    ///
    /// An id is i-… or mi-…, a status is running, stopped, starting, stopping, pending, connected or
    /// disconnected. Any other text is a name, and so is what follows name:. Of several ids, names and
    /// addresses, any has to fit; likewise of several statuses, and of several values of one tag.
    #[arg(value_name = "FILTER")]
    pub(crate) filters: Vec<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Act as an inventory script of Ansible's
    #[arg(long, conflicts_with = "json")]
    pub(crate) inventory: bool,
    /// Print all groups and hosts: what --inventory does by itself
    #[arg(long, requires = "inventory", conflicts_with = "host")]
    pub(crate) list: bool,
    /// Print the variables of one host
    #[arg(long, requires = "inventory", value_name = "NAME")]
    pub(crate) host: Option<String>,
    /// Answer an upcall of ClusterShell's
    #[arg(long, value_name = "list|all|map:GROUP|reverse:NODE", conflicts_with_all = ["json", "inventory"])]
    pub(crate) groups: Option<String>,
}
