//! The grammar of `axt sessions`.

use clap::{Args, Subcommand};

/// `axt sessions`.
#[derive(Debug, Subcommand)]
pub(crate) enum Sessions {
    /// List the sessions of the last four weeks, newest first
    List(SessionsList),
    /// End sessions
    End(SessionsEnd),
}

/// `axt sessions list`.
#[derive(Debug, Args)]
pub(crate) struct SessionsList {
    /// Only sessions of this instance
    #[arg(long, value_name = "TARGET")]
    pub(crate) instance: Option<String>,
    /// Only this session
    #[arg(long, value_name = "ID")]
    pub(crate) session: Option<String>,
    /// No more than this many
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) limit: Option<u16>,
    /// Print JSON, with every field of the API's answer
    #[arg(long)]
    pub(crate) json: bool,
}

/// `axt sessions end`.
#[derive(Debug, Args)]
pub(crate) struct SessionsEnd {
    /// The sessions
    #[arg(required = true, value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// Print the results as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
