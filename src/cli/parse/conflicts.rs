//! The conflicts between arguments.

use clap::Command;
use std::collections::BTreeSet;

/// Ids of arguments.
pub(super) type Ids = BTreeSet<String>;

/// The arguments that can't go with one of these.
pub(super) fn overruled(command: &Command, given: &Ids) -> Ids {
    let mut found = Ids::new();
    for arg in command.get_arguments() {
        for other in command.get_arg_conflicts_with(arg) {
            for (one, another) in [(arg, other), (other, arg)] {
                if given.contains(one.get_id().as_str()) {
                    found.insert(another.get_id().to_string());
                }
            }
        }
    }
    command
        .get_subcommands()
        .for_each(|below| found.extend(self::overruled(below, given)));
    found
}
