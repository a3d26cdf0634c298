//! The options of every command, and the sources of their values.

use crate::config::settings::{ConnectionType, Signature, Source, Sourced};
use clap::{Args, ColorChoice};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Options of every command.
#[derive(Debug, Clone, Default, Args, Serialize, Deserialize)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Profile of the credentials' file
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Region of the instance, such as cn-hangzhou
    #[arg(long, global = true, value_name = "ID")]
    pub(crate) region: Option<String>,
    /// Base URL for every API: a private endpoint, or an emulator
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) endpoint: Option<String>,
    /// Reach the API and the gateway over the Internet, or from inside a VPC [default: the profile's, or internet]
    #[arg(long, global = true, value_name = "internet|intranet")]
    pub(crate) connection_type: Option<ConnectionType>,
    /// Sign API calls with HMAC-SHA1 (v1) or ACS3-HMAC-SHA256 (v3) [default: v1]
    #[arg(long, global = true, value_name = "v1|v3", hide_short_help = true)]
    pub(crate) signature: Option<Signature>,
    /// The credentials' file [default: ~/.aliyun/config.json]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config_file: Option<PathBuf>,
    /// Look for the target in every region
    #[arg(long, global = true, hide_short_help = true)]
    pub(crate) all_regions: bool,
    /// Take nothing from earlier runs: neither a role's credentials nor names of instances nor which of them
    /// have no POSIX shell
    #[arg(long, global = true)]
    pub(crate) no_cache: bool,
    /// Colours in axt's messages; auto: on a terminal, unless NO_COLOR is set
    #[serde(skip)]
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: ColorChoice,
    /// Log more, up to -vvv; never bytes of the session, tokens or secrets
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Show errors only
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Write the log to this file (mode 0600) instead of stderr
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) log_file: Option<PathBuf>,
    /// The log file gets messages too, as with ssh's `-E`.
    #[arg(skip)]
    pub(crate) messages_to_log: bool,
    /// The source of each value that was not typed: a variable, or axt's own file.
    #[arg(skip)]
    pub(crate) sources: BTreeMap<String, Source>,
    /// True if the user is never asked which instance is meant, because the caller may be a program.
    #[arg(skip)]
    pub(crate) never_asks: bool,
    /// The instance that axt's own file has for the target.
    #[arg(skip)]
    #[serde(skip)]
    pub(crate) alias: Option<Sourced<String>>,
}

impl Global {
    /// True if the value of the option with this id, if it has one, was typed.
    #[must_use]
    pub(crate) fn is_typed(&self, id: &str) -> bool {
        !self.sources.contains_key(id)
    }
}
