//! Parse, run, exit.

use std::process::ExitCode;

fn main() -> ExitCode {
    axt::cli::parse()
        .map_or_else(|exit| exit, axt::commands::run)
        .into()
}
