//! `--exec`: runs a program while the forwards are open. When it ends, so do they.

use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::process::with_core_dumps;
use crate::terminal;
use std::ffi::OsString;
use std::io;
use std::process::ExitStatus;
use tokio::process::{Child, Command};

/// Starts the program with `AXT_FORWARD_<n>_PORT` set for each of `ports`.
pub(crate) fn start(argv: &[OsString], ports: &[u16]) -> Result<Child> {
    let Some((program, args)) = argv.split_first() else {
        return Err(Error::Usage(tr!("--exec needs a program").into()));
    };
    let mut command = Command::new(program);
    command.args(args);
    for (index, port) in ports.iter().enumerate() {
        command.env(format!("AXT_FORWARD_{}_PORT", index + 1), port.to_string());
    }
    with_core_dumps(|| command.spawn()).map_err(|error| Error::Io {
        what: tr!("can't run the program"),
        source: io::Error::new(error.kind(), format!("{}: {error}", program.display())),
    })
}

/// Passes a signal on, so that the program can end in its own way.
pub(crate) fn pass(child: &Child, number: u8) {
    const FROM_KEYBOARD: [u8; 2] = [2, 3];
    // A terminal sends Ctrl-C to the program itself.
    if FROM_KEYBOARD.contains(&number) && terminal::stdin_is_terminal() {
        return;
    }
    #[cfg(unix)]
    if let Some(id) = child.id()
        && let Some(pid) = i32::try_from(id)
            .ok()
            .and_then(rustix::process::Pid::from_raw)
        && let Some(kind) = rustix::process::Signal::from_named_raw(number.into())
    {
        // The id can't be another process's yet: nobody has waited for the program.
        let _ = rustix::process::kill_process(pid, kind);
    }
    #[cfg(not(unix))]
    let _ = child;
}

/// The program's status as axt's own.
#[must_use]
pub(crate) fn exit(status: ExitStatus) -> Exit {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return Exit::Signal(u8::try_from(signal).unwrap_or(u8::MAX));
    }
    match status.code().map(u8::try_from) {
        Some(Ok(0)) => Exit::Ok,
        Some(Ok(code)) => Exit::Remote(code),
        _ => Exit::Failed,
    }
}
