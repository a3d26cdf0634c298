//! Starts and ends a program on a PTY.

use super::failure::SessionFailure;
use super::options::{AgentOptions, Generation};
use super::spec::SessionSpec;
use super::{command_line, inherit, user};
use crate::process::with_core_dumps;
use pty_process::{Command, OwnedReadPty, OwnedWritePty, Size};
use std::ffi::OsString;
use std::io;
use tokio::process::Child;

/// Bytes read from a PTY at once, at most.
pub(crate) const PTY_CHUNK: usize = 1024;

/// A program that runs, and both ends of its PTY.
pub(crate) struct PtyProgram {
    /// Its output; it ends with EOF or EIO when no process has the terminal open.
    pub output: OwnedReadPty,
    /// Its input, and the PTY's size.
    pub input: OwnedWritePty,
    /// The session leader.
    pub child: Child,
}

/// Starts the session's program at `size` (rows, columns), in its user's home.
///
/// # Errors
/// The reason why the program can't start, in the words of newer agents.
pub(crate) fn open(
    spec: &SessionSpec,
    options: &AgentOptions,
    size: Option<(u16, u16)>,
) -> Result<PtyProgram, SessionFailure> {
    let account = user::find(
        spec.username.as_deref(),
        options.generation == Generation::Old,
    )?;
    let shell = options.shell.as_ref().unwrap_or(&account.shell);
    let (program, arguments) = command(spec.command_line.as_deref(), shell.into())?;
    if spec.windows && program == "sh" {
        return Err(SessionFailure::new("ShellCommandNotFound", "sh"));
    }
    if !account.home.is_dir() {
        return Err(SessionFailure::new(
            "HomeDirNotFound",
            account.home.display(),
        ));
    }
    let (pty, pts) = pty_process::open().map_err(open_failed)?;
    if let Some((rows, cols)) = size {
        pty.resize(Size::new(rows, cols)).map_err(open_failed)?;
    }
    let mut command = Command::new(&program)
        .args(arguments)
        .current_dir(&account.home)
        .env("HOME", &account.home)
        .env("TERM", "xterm-256color")
        .kill_on_drop(true);
    if std::env::var_os("LANG").is_none_or(|lang| lang.is_empty()) {
        command = command.env("LANG", "C.UTF-8");
    }
    if let Some(path) = &options.path {
        command = command.env("PATH", path);
    }
    if let Some((uid, gid)) = account.switch {
        command = command.uid(uid).gid(gid);
    }
    inherit::handle_ignored_signals();
    let child =
        with_core_dumps(|| command.spawn(pts)).map_err(|error| start_failed(&program, error))?;
    let (output, input) = pty.into_split();
    Ok(PtyProgram {
        output,
        input,
        child,
    })
}

/// Ends the program as the real agent does: the terminal is closed and the program itself, not its
/// process group, is killed. The kernel then hangs up the terminal's foreground group; whatever has a
/// group of its own, or ignores SIGHUP, goes on. The program is reaped when this returns.
pub(crate) async fn end(terminal: impl Sized, mut child: Child) {
    // It fails if the program has ended.
    let _ = child.start_kill();
    drop(terminal);
    let _ = child.wait().await;
}

/// Program and arguments of a CommandLine; the shell when there is none.
fn command(
    line: Option<&str>,
    shell: OsString,
) -> Result<(OsString, impl Iterator<Item = OsString>), SessionFailure> {
    let malformed =
        |text: &dyn std::fmt::Display| SessionFailure::new("MalformedCommandLine", text);
    let mut words = match line {
        None | Some("") => vec![shell],
        Some(line) => {
            let words = command_line::split(line).map_err(|error| malformed(&error))?;
            words.into_iter().map(OsString::from).collect()
        }
    }
    .into_iter();
    let program = words.next().ok_or_else(|| malformed(&"it has no words"))?;
    Ok((program, words))
}

fn open_failed(error: pty_process::Error) -> SessionFailure {
    SessionFailure::new("OpenPtyFailed", error)
}

fn start_failed(program: &OsString, error: pty_process::Error) -> SessionFailure {
    let program = program.to_string_lossy();
    match error {
        pty_process::Error::Io(error) if error.kind() == io::ErrorKind::NotFound => {
            SessionFailure::new("ShellCommandNotFound", program)
        }
        pty_process::Error::Io(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            SessionFailure::new("ShellCommandPermissionDenied", program)
        }
        error => open_failed(error),
    }
}
