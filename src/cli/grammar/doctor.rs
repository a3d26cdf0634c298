//! The grammar of `axt doctor`.

use super::values::timeout;
use clap::Args;
use std::time::Duration;

/// `axt doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// The instance, as for `axt connect`; USER@ names the user there. Without it, only local and account checks
    #[arg(value_name = "[USER@]TARGET")]
    pub(crate) target: Option<String>,
    /// Install the Cloud Assistant agent if it is missing; asks first
    #[arg(long, requires = "target")]
    pub(crate) fix: bool,
    /// Don't ask
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Time for each check
    #[arg(long, value_name = "DURATION", default_value = "15s", value_parser = timeout)]
    pub(crate) connect_timeout: Duration,
    /// Look at an emulator inside this process
    #[cfg(feature = "emulator")]
    #[arg(long, conflicts_with = "endpoint")]
    pub(crate) emulator: bool,
}
