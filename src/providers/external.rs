//! Credentials that a program prints: the mode External.

use super::http::problem;
use super::world::{Occasion, World};
use crate::config::credentials::Credentials;
use crate::error::Result;
use crate::openapi::sts::in_future;
#[cfg(unix)]
use process_wrap::std::{CommandWrap, CommandWrapper as _, ProcessSession};
#[cfg(unix)]
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use secrecy::SecretString;
use serde::Deserialize;
#[cfg(unix)]
use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::time::timeout;
use zeroize::Zeroizing;

/// The time limit for the program.
const LIMIT: Duration = Duration::from_secs(60);

/// The time that it has to end after it was asked to.
const GRACE: Duration = Duration::from_secs(2);

/// The longest output that is read, in bytes.
const LONGEST: u64 = 1 << 20;

/// Tells the program's children which profiles are being asked for already.
const ASKED: &str = "AXT_CREDENTIAL_PROCESS";

/// The program's output: fields of a profile of aliyun-cli.
#[derive(Deserialize)]
struct Printed {
    mode: Option<String>,
    access_key_id: Option<String>,
    access_key_secret: Option<SecretString>,
    sts_token: Option<SecretString>,
    expiration: Option<String>,
}

/// Runs the program and reads what it prints.
pub(super) async fn obtain(
    world: &World,
    command: &str,
    profile: &str,
    occasion: Occasion,
) -> Result<Credentials> {
    let argv = split(command)?;
    let [program, arguments @ ..] = argv.as_slice() else {
        return Err(problem(tr!("process_command is empty")));
    };
    let asked = std::env::var(ASKED).unwrap_or_default();
    if asked.split('\n').any(|name| name == profile) {
        return Err(problem(tr!(
            "its process_command runs axt with the same profile, which is an endless loop"
        )));
    }
    let mut run = Command::new(program);
    run.args(arguments).kill_on_drop(true);
    run.env(ASKED, format!("{asked}\n{profile}").trim_start());
    run.stdout(Stdio::piped());
    let may_ask = occasion == Occasion::Start && is_at_a_terminal();
    // Standard input that is no terminal is the command's own.
    run.stdin(match may_ask && std::io::stdin().is_terminal() {
        true => Stdio::inherit(),
        false => Stdio::null(),
    });
    run.stderr(match occasion {
        Occasion::Start => Stdio::inherit(),
        Occasion::Renewal | Occasion::Refusal => Stdio::null(),
    });
    let failed = |error: io::Error| {
        problem(&tr!(
            "process_command: {program} can't be run: {error}",
            program,
            error
        ))
    };
    // A program that may ask the user has to stay in the terminal's foreground process group.
    #[cfg(unix)]
    if !may_ask {
        leave_the_terminal(&mut run).map_err(failed)?;
    }
    let child = run.spawn().map_err(failed)?;
    let output = run_to_end(child, program, !may_ask).await?;
    read(&output, world)
}

/// True if axt has the foreground of a terminal, at which the program can ask the user something.
fn is_at_a_terminal() -> bool {
    #[cfg(unix)]
    {
        let group = File::open("/dev/tty").and_then(|tty| Ok(rustix::termios::tcgetpgrp(tty)?));
        group.is_ok_and(|group| group == rustix::process::getpgrp())
    }
    #[cfg(not(unix))]
    std::io::stdin().is_terminal()
}

/// Lets the program run in a session of its own: it can neither ask nor write at axt's terminal, and a signal
/// reaches all that it starts.
#[cfg(unix)]
fn leave_the_terminal(run: &mut Command) -> io::Result<()> {
    let run = run.as_std_mut();
    let around = CommandWrap::from(std::process::Command::new(run.get_program()));
    ProcessSession.pre_spawn(run, &around)
}

/// The words of the command line, as a POSIX shell would split it.
fn split(command: &str) -> Result<Vec<String>> {
    // On Windows a backslash is part of a path.
    let command = match cfg!(windows) {
        true => command.replace('\\', "\\\\"),
        false => command.to_owned(),
    };
    shlex::split(&command)
        .ok_or_else(|| problem(tr!("process_command has a quote that is not closed")))
}

async fn run_to_end(
    mut child: Child,
    program: &str,
    has_group: bool,
) -> Result<Zeroizing<Vec<u8>>> {
    let stdout = child.stdout.take();
    let mut group = OwnGroup::of(&child, has_group);
    let ended = timeout(LIMIT, async {
        let output = match stdout {
            Some(pipe) => up_to_the_limit(pipe).await?,
            None => Zeroizing::default(),
        };
        let status = child.wait().await;
        Ok((output, status))
    });
    let ended = ended.await;
    if !matches!(ended, Ok(Ok(_))) {
        end(&mut child, has_group).await;
    }
    group.release();
    match ended {
        Ok(Ok((output, Ok(status)))) if status.success() => Ok(output),
        Ok(Ok((_, Ok(status)))) => Err(problem(&tr!(
            "process_command: {program} failed: {status}",
            program,
            status
        ))),
        Ok(Ok((_, Err(error)))) => Err(problem(&format!("process_command: {program}: {error}"))),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(problem(&tr!(
            "process_command: {program} took longer than {limit:?}",
            program,
            limit = LIMIT
        ))),
    }
}

/// The process group of a program that has its own. All that is in it is killed when the run ends before the
/// program has.
struct OwnGroup {
    #[cfg(unix)]
    id: Option<Pid>,
}

impl OwnGroup {
    fn of(child: &Child, has_group: bool) -> Self {
        #[cfg(not(unix))]
        let _ = (child, has_group);
        Self {
            #[cfg(unix)]
            id: id(child).filter(|_| has_group),
        }
    }

    /// Leaves what is in it alone: a program may start others that go on.
    fn release(&mut self) {
        #[cfg(unix)]
        {
            self.id = None;
        }
    }
}

#[cfg(unix)]
impl Drop for OwnGroup {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            let _ = kill_process_group(id, Signal::KILL);
        }
    }
}

#[cfg(unix)]
fn id(child: &Child) -> Option<Pid> {
    Pid::from_raw(child.id()?.try_into().ok()?)
}

async fn up_to_the_limit(pipe: impl AsyncRead + Unpin) -> Result<Zeroizing<Vec<u8>>> {
    let mut output = Zeroizing::new(Vec::new());
    let read = pipe.take(LONGEST + 1).read_to_end(&mut output).await;
    read.map_err(|error| problem(&tr!("process_command: its output: {error}", error)))?;
    if output.len() as u64 > LONGEST {
        return Err(problem(tr!("process_command printed more than 1 MiB")));
    }
    Ok(output)
}

/// Ends the program and, where it has a process group of its own, what it has started.
async fn end(child: &mut Child, has_group: bool) {
    #[cfg(unix)]
    if let Some(id) = id(child) {
        let send = |signal| match has_group {
            true => kill_process_group(id, signal),
            false => kill_process(id, signal),
        };
        if send(Signal::TERM).is_ok() && timeout(GRACE, child.wait()).await.is_ok() && !has_group {
            return;
        }
        // What the program has started may have ignored the first signal.
        let _ = send(Signal::KILL);
    }
    #[cfg(not(unix))]
    let _ = (has_group, GRACE);
    let _ = child.kill().await;
}

fn read(output: &[u8], world: &World) -> Result<Credentials> {
    // The error of serde_json would quote values.
    let printed: Printed = serde_json::from_slice(output).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        problem(&tr!(
            "process_command printed something other than a JSON object of strings (line {line}, column {column})",
            line,
            column
        ))
    })?;
    let lacks = |field: &str| problem(&tr!("process_command printed no {field}", field));
    let security_token = match printed.mode.as_deref() {
        Some("AK") => None,
        Some("StsToken") => Some(printed.sts_token.ok_or_else(|| lacks("sts_token"))?),
        Some(_) => {
            return Err(problem(tr!(
                "process_command printed a mode other than AK and StsToken"
            )));
        }
        None => return Err(lacks("mode")),
    };
    let expires = printed.expiration.filter(|text| !text.is_empty());
    let expires = expires.map(|text| in_future(&text, world.clock.now()));
    Ok(Credentials {
        access_key_id: printed
            .access_key_id
            .ok_or_else(|| lacks("access_key_id"))?,
        access_key_secret: printed
            .access_key_secret
            .ok_or_else(|| lacks("access_key_secret"))?,
        security_token,
        expires: expires
            .transpose()
            .map_err(|what| problem(&format!("process_command: {what}")))?,
        source: String::new(),
    })
}
