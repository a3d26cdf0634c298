//! The grammar of `axt sessions`.

use clap::{Args, Subcommand};

/// `axt sessions`.
#[derive(Debug, Subcommand)]
pub enum Sessions {
    /// List the sessions of the last four weeks, newest first
    List(SessionsList),
    /// End sessions
    End(SessionsEnd),
}

/// `axt sessions list`.
#[derive(Debug, Args)]
pub struct SessionsList {
    /// Only sessions of this instance
    #[arg(long, value_name = "ID", env = "AXT_INSTANCE")]
    pub instance: Option<String>,
    /// Only this session
    #[arg(long, value_name = "ID", env = "AXT_SESSION")]
    pub session: Option<String>,
    /// No more than this many
    #[arg(long, value_name = "N", env = "AXT_LIMIT")]
    pub limit: Option<usize>,
    /// Print JSON, with every field that the API tells
    #[arg(long)]
    pub json: bool,
}

/// `axt sessions end`.
#[derive(Debug, Args)]
pub struct SessionsEnd {
    /// The sessions
    #[arg(required = true, value_name = "ID")]
    pub ids: Vec<String>,
    /// Print the results as JSON
    #[arg(long)]
    pub json: bool,
}
