//! The grammar of `axt webshell`.

use super::{ConnectionArgs, RecordArgs, RunArgs};
use clap::Args;

/// `axt webshell`.
#[derive(Debug, Args)]
pub(crate) struct WebshellArgs {
    /// Id of the SAE application
    #[arg(long, value_name = "ID")]
    pub(crate) app_id: String,
    /// Pod of the application: the name of one of its instances
    #[arg(long, value_name = "NAME")]
    pub(crate) pod: String,
    /// Container in the pod [default: the application's own]
    #[arg(long, value_name = "NAME")]
    pub(crate) container: Option<String>,
    /// Print the address of the shell's web page instead; anyone who has it has the shell
    #[arg(long, conflicts_with_all = ["command", "words", "argv", "login"])]
    pub(crate) print_url: bool,
    /// The command to run there.
    #[command(flatten)]
    pub(crate) run: RunArgs,
    /// The options that record the session.
    #[command(flatten)]
    pub(crate) record: RecordArgs,
    /// Options of every connection.
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}
