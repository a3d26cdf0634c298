//! What a session runs, and whether on a terminal, as the arguments say.

use crate::cli::{self, bytes_of};
use crate::commands::exec;
use crate::error::{Error, Result};
use crate::terminal;
use crate::ui::Ui;

/// What the session runs, and how.
#[derive(Debug)]
pub(crate) struct Plan {
    /// A terminal session: raw mode, sizes, escapes.
    pub(crate) terminal: bool,
    /// What the bootstrap runs; `None` for the service's default shell.
    pub(crate) program: Option<exec::Program>,
}

impl Plan {
    /// Decides by the arguments, and by whether stdin and stdout are terminals.
    ///
    /// # Errors
    /// [`Error::Usage`] for `-n` without a command.
    pub(crate) fn of(run: &cli::Run) -> Result<Self> {
        let terminal = is_terminal(run);
        let what = match (command(run), run.login) {
            (Some(command), _) => exec::What::Command(command),
            (None, true) => exec::What::LoginShell,
            (None, false) if terminal => {
                let program = None;
                return Ok(Self { terminal, program });
            }
            (None, false) if run.no_stdin => {
                let what = "-n leaves no standard input to read the script from; give a --command";
                return Err(Error::Usage(what.into()));
            }
            (None, false) => exec::What::Script,
        };
        let program = exec::Program {
            what,
            login: run.login,
            terminal,
            binary: run.binary,
            stdin: !run.no_stdin,
        };
        Ok(Self {
            terminal,
            program: Some(program),
        })
    }
}

/// Tells a user who types why there is no prompt: with `| tee log`, for example, stdout is no terminal.
pub(crate) fn tell(run: &cli::Run, ui: &Ui) {
    let is_script = command(run).is_none() && !run.login && !run.no_tty && !is_terminal(run);
    if is_script && terminal::stdin_is_terminal() {
        ui.say("hint: standard output is not a terminal, so what you type is run as a script after Ctrl-D; -t makes a terminal session");
    }
}

/// Whether it is a terminal session: with terminals on stdin and stdout, or with `-t`.
#[must_use]
pub(crate) fn is_terminal(run: &cli::Run) -> bool {
    let both = terminal::stdin_is_terminal() && terminal::stdout_is_terminal();
    // Without input there is nothing to type, and in the background the terminal is not to be taken.
    run.tty || (both && !run.no_tty && !run.no_stdin)
}

/// The command, as one shell command line.
#[must_use]
pub(crate) fn command(run: &cli::Run) -> Option<Vec<u8>> {
    let argv = (!run.argv.is_empty()).then(|| exec::quote_all(&run.argv));
    run.command.as_deref().map(bytes_of).or(argv)
}
