//! Finds the word for the command among the arguments.

use crate::cli::Global;
use clap::Args as _;
use clap::builder::OsStringValueParser;
use std::ffi::OsString;

/// The index of that word, whether or not axt has such a command: before it, axt's grammar allows only the
/// options of every command.
pub(in crate::cli) fn index(args: &[OsString]) -> Option<usize> {
    let outer = clap::Command::new("axt")
        .allow_external_subcommands(true)
        .external_subcommand_value_parser(OsStringValueParser::new());
    let matches = Global::augment_args(outer)
        .try_get_matches_from(args)
        .ok()?;
    let (_, values) = matches.subcommand()?;
    let values = values.get_many::<OsString>("").unwrap_or_default();
    args.len().checked_sub(values.len() + 1)
}
