//! The plan of a session, from the arguments: its program, and whether it has a terminal.

use crate::cli::{self, Compress, bytes_of};
use crate::commands::common::exec;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::remote::{RemoteCommand, What, quote_all};
use crate::terminal;
use crate::ui::Ui;

/// The program of a session, and whether it has a terminal.
#[derive(Debug)]
pub(crate) struct Plan {
    /// A terminal session: raw mode, sizes, escapes.
    pub(crate) terminal: bool,
    /// The program; `None` for the service's default shell.
    pub(crate) program: Option<exec::Program>,
}

impl Plan {
    /// Decides by the arguments, and by whether stdin and stdout are terminals.
    ///
    /// # Errors
    /// [`Error::Usage`] for `-n` without a command.
    pub(crate) fn of(run: &cli::RunArgs) -> Result<Self> {
        let terminal = is_terminal(run);
        let what = match (command(run), run.login) {
            (Some(command), _) => What::Line(command),
            (None, _) if run.no_stdin && !terminal => {
                let what =
                    tr!("-n leaves no standard input to read the script from; give a --command");
                return Err(Error::Usage(what.into()));
            }
            (None, false) if terminal && is_plain_shell(run) => {
                let program = None;
                return Ok(Self { terminal, program });
            }
            (None, _) => What::Script(None),
        };
        let is_shell = terminal && command(run).is_none();
        let program = exec::Program {
            command: RemoteCommand {
                what,
                shell: run.shell.as_deref().map(bytes_of),
                login: run.login || is_shell,
                env: environment(run, terminal),
                uncompressed: run.compress == Compress::Never,
            },
            terminal,
            stdin: !run.no_stdin,
        };
        Ok(Self {
            terminal,
            program: Some(program),
        })
    }

    /// The variables of the user's login shell, if the session is to run that.
    pub(crate) fn login_shell(run: &cli::RunArgs) -> Option<Vec<(String, Vec<u8>)>> {
        let shell = is_terminal(run) && is_plain_shell(run);
        shell.then(|| environment(run, true))
    }

    /// A hint about the program's exit status, if there is one.
    pub(crate) fn hint(&self, exit: Exit) -> Option<&'static str> {
        let program = self.program.as_ref().filter(|program| !program.terminal)?;
        let What::Line(line) = &program.command.what else {
            return None;
        };
        let failed = exit == Exit::Remote(1);
        (failed && asks_for_a_password(line)).then_some(
            tr!(
                "sudo asks for a password on a terminal, and a command has none without -t; sudo -n never asks"
            ),
        )
    }
}

/// True if the user's own shell runs without changes. With `--env` it does not, as there must be room for the
/// variables.
fn is_plain_shell(run: &cli::RunArgs) -> bool {
    command(run).is_none() && run.shell.is_none() && run.env.is_empty()
}

/// Tells a user at a keyboard why there is no prompt: with `| tee log`, for example, stdout is no terminal.
pub(crate) fn tell(run: &cli::RunArgs, ui: &Ui) {
    let is_script = command(run).is_none() && !run.login && !run.no_tty && !is_terminal(run);
    if is_script && terminal::stdin_is_terminal() {
        ui.say(tr!(
            "hint: standard output is not a terminal, so what you type is run as a script after Ctrl-D; -t makes a terminal session"
        ));
    }
}

/// True if it is a terminal session: with `-t`; without a command, also with terminals on stdin and stdout.
#[must_use]
pub(crate) fn is_terminal(run: &cli::RunArgs) -> bool {
    run.tty || (is_at_terminal(run) && command(run).is_none())
}

/// True if a program of the user's own choice gets a terminal: with `-t`, or with terminals on stdin and
/// stdout.
#[must_use]
pub(crate) fn is_at_terminal(run: &cli::RunArgs) -> bool {
    let both = terminal::stdin_is_terminal() && terminal::stdout_is_terminal();
    // Without input there is nothing to type, and in the background the terminal is not to be taken.
    run.tty || (both && !run.no_tty && !run.no_stdin)
}

/// The variables of `--env`; for a program on a terminal, also those that describe the user's terminal.
fn environment(run: &cli::RunArgs, terminal: bool) -> Vec<(String, Vec<u8>)> {
    let about_terminal = |name: &str| {
        terminal && (["TERM", "COLORTERM", "LANG"].contains(&name) || name.starts_with("LC_"))
    };
    let here =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
    let here = here.filter(|(name, _)| about_terminal(name) && cli::is_variable(name));
    let own = here.map(|(name, value)| (name, bytes_of(&value)));
    let given = run.env.iter().filter_map(|variable| {
        let value = match &variable.value {
            Some(value) => value.clone().into(),
            None => std::env::var_os(&variable.name)?,
        };
        Some((variable.name.clone(), bytes_of(&value)))
    });
    own.chain(given).collect()
}

/// True if a command line has a `sudo` that may ask for a password.
fn asks_for_a_password(line: &[u8]) -> bool {
    let line = String::from_utf8_lossy(line);
    let mut words = line.split(|c: char| c.is_whitespace() || "'\";&|()".contains(c));
    let is_sudo = |word: &str| word == "sudo" || word.ends_with("/sudo");
    if !words.any(is_sudo) {
        return false;
    }
    let mut options = words.filter(|word| !word.is_empty());
    let mut options = options.by_ref().take_while(|word| word.starts_with('-'));
    !options.any(|option| match option.strip_prefix("--") {
        Some(long) => ["non-interactive", "stdin", "askpass"].contains(&long),
        None => option.contains(['n', 'S', 'A']),
    })
}

/// The command, as one shell command line.
#[must_use]
pub(crate) fn command(run: &cli::RunArgs) -> Option<Vec<u8>> {
    let argv = (!run.argv.is_empty()).then(|| quote_all(&run.argv));
    run.command.as_deref().map(bytes_of).or(argv)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sudo_that_asks_is_known() {
        for (line, asks) in [
            ("sudo id", true),
            ("cd /; /usr/bin/sudo -u web id", true),
            ("'sudo' 'id'", true),
            ("sudo -n id", false),
            ("sudo -kS id", false),
            ("sudo --non-interactive id", false),
            ("sudoedit x; pseudo sudo-like", false),
            ("ls", false),
        ] {
            assert_eq!(asks_for_a_password(line.as_bytes()), asks, "{line}");
        }
    }
}
