//! The grammar of `axt cp`.

use super::{Compress, SessionArgs, Sharing};
use clap::Args;
use std::ffi::OsString;

/// `axt cp`.
#[derive(Debug, Args)]
#[command(override_usage = "axt cp [OPTIONS] <SRC>... <DST>")]
pub(crate) struct CpArgs {
    /// The paths to copy, then the destination: on one side [USER@]TARGET:PATH, on the other a local path, or - for
    /// standard input or output
    #[arg(value_names = ["SRC", "DST"], required = true, num_args = 2..)]
    pub(crate) paths: Vec<OsString>,
    /// Copy directories with all that is in them, symbolic links as links
    #[arg(short, long)]
    pub(crate) recursive: bool,
    /// Give copies the mode and the time of their source
    #[arg(short, long)]
    pub(crate) preserve: bool,
    /// Compress the traffic where that helps and the instance has gzip
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub(crate) compress: Compress,
    /// The options that share the session with later commands.
    #[command(flatten)]
    pub(crate) sharing: Sharing,
    /// Options of every session.
    #[command(flatten)]
    pub(crate) session: SessionArgs,
}
