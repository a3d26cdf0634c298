//! The grammar of `axt proxy`.

use super::{PortArgs, SessionArgs};
use clap::Args;

/// `axt proxy`.
#[derive(Debug, Args)]
pub(crate) struct ProxyArgs {
    /// The instance: an id, a name, an address or tag:KEY=VALUE, with .REGION after it if it is in another one
    #[arg(value_name = "TARGET", required_unless_present = "wss_url")]
    pub(crate) target: Option<String>,
    /// The TCP port
    #[arg(value_name = "PORT", default_value = "22", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: u16,
    /// The port's host, as the instance reaches it [default: the instance itself]
    #[arg(long, value_name = "HOST")]
    pub(crate) target_server: Option<String>,
    /// Options of every port session.
    #[command(flatten)]
    pub(crate) ports: PortArgs,
    /// Options of every session.
    #[command(flatten)]
    pub(crate) session: SessionArgs,
}
