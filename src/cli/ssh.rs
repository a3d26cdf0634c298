//! The command line of `axt ssh`: ssh's own grammar, from its options and configuration lines to a plan.
//!
//! `args` walks the arguments as ssh does, `line` cuts a configuration line, `keywords` is the table
//! of what each keyword means here, `settings` collects them (the first value stays), `file` reads
//! what `-F` names, `values` how values are written, `habits` answers options of the official client, `plan` says what is to
//! be done, `translate` says it in axt's own arguments, and `print` is `-G`.

mod args;
mod file;
mod habits;
mod keywords;
mod line;
mod plan;
mod print;
mod settings;
#[cfg(test)]
mod tests;
mod translate;
mod values;

pub(super) use args::{NextWord, next};
pub use args::{SshRequest, request};
pub use file::{Files, LocalFiles};
pub use plan::{MasterCommand, SshPlan, Task, TtyRequest};
pub use translate::Here;
pub use values::LogLevel;

/// The output of `-V`: tools look for OpenSSH's name and version at its beginning.
pub const VERSION: &str = concat!("OpenSSH_9.2p1 compatible, axt ", env!("CARGO_PKG_VERSION"));
