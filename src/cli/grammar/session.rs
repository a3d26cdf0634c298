//! The options of every session, and of every connection.

use super::values::{duration, encryption, keepalive, rate, timeout, written};
use crate::openapi::ecs::Encryption;
use clap::Args;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Options of every session.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
#[command(next_help_heading = "Session options")]
pub(crate) struct SessionArgs {
    /// User on the instance [default: the service's]
    #[arg(short = 'l', long, value_name = "NAME")]
    pub(crate) user: Option<String>,
    /// Name of the user's password in the parameter store (Windows instances)
    #[arg(long, value_name = "NAME")]
    pub(crate) password_name: Option<String>,
    /// Encrypt a terminal session end to end: auto, or kms:KEYID for a data key from KMS
    #[serde(with = "written")]
    #[arg(long, value_name = "auto|kms:KEYID", value_parser = encryption)]
    pub(crate) encrypt: Option<Encryption>,
    /// Base URL of KMS, for --encrypt kms:KEYID [default: --endpoint, or the region's]
    #[arg(long, value_name = "URL")]
    pub(crate) kms_endpoint: Option<String>,
    /// Wait this long for the service's limits and for sessions that other commands start before; 0: not
    /// at all
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration, hide_short_help = true)]
    pub(crate) queue_timeout: Duration,
    /// Start no more sessions a second than this with all commands of the account in a region, after twice
    /// as many at once; 0: no limit
    #[arg(
        long,
        value_name = "N",
        default_value = "15",
        value_parser = clap::value_parser!(u32).range(..=1000),
        hide_short_help = true
    )]
    pub(crate) start_rate: u32,
    /// Idempotency token of the call that starts the session [default: a new UUID]
    #[arg(long, value_name = "TOKEN")]
    pub(crate) client_token: Option<String>,
    /// Use this session URL instead of asking the API for a session; `-` reads it from stdin
    #[cfg_attr(feature = "emulator", arg(conflicts_with = "emulator"))]
    #[arg(long, value_name = "URL")]
    pub(crate) wss_url: Option<String>,
    /// End when the connection breaks, instead of resuming the session
    #[arg(long)]
    pub(crate) no_resume: bool,
    /// Use a name's instance without a check for this long after it was looked up; 0 for never
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration, hide_short_help = true)]
    pub(crate) name_cache: Duration,
    /// Options of every connection.
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// Options of every connection.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
#[command(next_help_heading = "Session options")]
pub(crate) struct ConnectionArgs {
    /// Time limit for each step of opening: API call, connection, the agent's answer
    #[arg(long, value_name = "DURATION", default_value = "15s", value_parser = timeout)]
    pub(crate) connect_timeout: Duration,
    /// Send a heartbeat after this much time without sending, 1s to 170s; 0 for none [default: 60s, for
    /// the ports of old agents 170s]
    #[arg(long, value_name = "DURATION", value_parser = keepalive)]
    pub(crate) keepalive: Option<Duration>,
    /// Treat the connection as dead after this much silence of the gateway; 0 for never
    #[arg(long, value_name = "DURATION", default_value = "45s", value_parser = duration)]
    pub(crate) dead_after: Duration,
    /// Send no more bytes per second than this, such as 200K [default: the service's limit]
    #[arg(long, value_name = "SIZE/S", value_parser = rate)]
    pub(crate) rate_limit: Option<u64>,
    /// Use an emulator inside this process: every instance is this machine
    #[cfg(feature = "emulator")]
    #[arg(long, conflicts_with = "endpoint")]
    pub(crate) emulator: bool,
}
