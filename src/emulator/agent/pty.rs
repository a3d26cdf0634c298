//! Starts and ends a program on a PTY.

use super::failure::SessionFailure;
use super::options::AgentOptions;
use super::spec::SessionSpec;
use super::{command_line, user};
use pty_process::{Command, OwnedReadPty, OwnedWritePty, Size};
use rustix::process::{Pid, Signal, kill_process_group};
use std::ffi::OsString;
use std::io;
use std::time::Duration;
use tokio::process::Child;

/// Bytes read from a PTY at once, at most.
pub(crate) const PTY_CHUNK: usize = 1024;

/// How long a program that was hung up may take to leave before it is killed.
const GRACE: Duration = Duration::from_millis(500);

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
/// Why it can't start, as newer agents say it.
pub(crate) fn open(
    spec: &SessionSpec,
    options: &AgentOptions,
    size: Option<(u16, u16)>,
) -> Result<PtyProgram, SessionFailure> {
    let account = user::find(spec.username.as_deref(), options.old)?;
    let shell = options.shell.as_ref().unwrap_or(&account.shell);
    let (program, arguments) = command(spec.command_line.as_deref(), shell.into())?;
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
    let child = command
        .spawn(pts)
        .map_err(|error| start_failed(&program, error))?;
    let (output, input) = pty.into_split();
    Ok(PtyProgram {
        output,
        input,
        child,
    })
}

/// Ends whatever still runs; the PTY must be closed. Hung up first, so that a shell can hang up its
/// jobs, then killed; the program is reaped when this returns.
pub(crate) async fn hang_up(mut child: Child) {
    let group = child.id().and_then(|id| i32::try_from(id).ok());
    let Some(group) = group.and_then(Pid::from_raw) else {
        return; // reaped before
    };
    // Failing to signal means that the group is gone.
    let _ = kill_process_group(group, Signal::HUP);
    if tokio::time::timeout(GRACE, child.wait()).await.is_err() {
        let _ = kill_process_group(group, Signal::KILL);
        let _ = child.wait().await;
    }
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
