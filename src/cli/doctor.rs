//! The grammar of `axt doctor`.

use super::timeout;
use clap::Args;
use std::time::Duration;

/// `axt doctor`.
#[derive(Debug, Args)]
pub struct Doctor {
    /// The instance, i-… or mi-…; USER@ names the user there. Without it, all but the instance
    #[arg(value_name = "[USER@]TARGET")]
    pub target: Option<String>,
    /// Install the Cloud Assistant agent if it is missing; asks first
    #[arg(long, requires = "target")]
    pub fix: bool,
    /// Don't ask
    #[arg(short, long)]
    pub yes: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Time for each check
    #[arg(long, value_name = "DURATION", env = "AXT_CONNECT_TIMEOUT", default_value = "15s", value_parser = timeout)]
    pub connect_timeout: Duration,
    /// Look at an emulator inside this process
    #[cfg(feature = "emulator")]
    #[arg(long, env = "AXT_EMULATOR", conflicts_with = "endpoint")]
    pub emulator: bool,
}
