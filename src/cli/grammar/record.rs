//! The grammar of `--record`.

use crate::recording::{Format, Pattern};
use clap::Args;

/// The options that record a terminal session.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Session options")]
pub(crate) struct RecordArgs {
    /// Record the terminal session in this new file, for asciinema; %h in it is the target, %s the session,
    /// %t the time
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<Pattern>,
    /// Version of the recording's format, asciicast: v3 has the exit status too
    #[arg(
        long,
        value_name = "v2|v3",
        default_value = "v2",
        hide_possible_values = true,
        hide_short_help = true
    )]
    pub(crate) record_format: Format,
    /// Record what is typed too, passwords included
    #[arg(long, hide_short_help = true)]
    pub(crate) record_input: bool,
}
