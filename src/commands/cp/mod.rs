//! `axt cp`: copies files to an instance or from one, verified and resumable.

mod blocking;
mod download;
mod job;
mod meter;
mod part;
mod remote_side;
mod run_id;
mod trouble;
mod upload;

use super::doctor::explain::explained;
use super::shared::context::Context;
use super::shared::session;
use super::shared::session::held::Opening;
use super::shared::stops::Stops;
use super::shared::target::resolve::{self, May};
use crate::cli::{Compress, Cp, Global};
use crate::config::env::{process_env, state_dir};
use crate::copy::{Place, Route};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::printable::escaped;
use crate::protocol::session::DEFAULT_RATE;
use crate::terminal::stderr_is_terminal;
use crate::ui::Ui;
use job::Job;
use remote_side::RemoteSide;
use run_id::RunId;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use trouble::Trouble;

/// How long ending the session may take.
const END: Duration = Duration::from_secs(5);

/// Runs `axt cp`.
pub(crate) async fn run(global: &Global, mut args: Cp, ui: &Ui) -> anyhow::Result<Exit> {
    let route = Route::of(&args.paths)?;
    // The variable and the file speak of sessions, as with other commands.
    let afresh = args.session.no_resume && global.is_typed("no_resume");
    args.session.no_resume &= !afresh;
    let umask = umask();
    let mut stops = Stops::listen(None)?;
    let mut context = Context::from_args(global, &args.session.connection, ui)?;
    let (Route::Up { target, .. } | Route::Down { target, .. }) = &route;
    let may = May {
        guess: false,
        ask: true,
    };
    let resolved = resolve::for_session(&mut context, global, &args.session, Some(target), may);
    let resolved = resolved.await?;
    let request = session::request(&context, &args.session, Some(target), &resolved.id);
    let (tasks, ending) = (TaskTracker::new(), CancellationToken::new());
    let opening = Opening {
        context: &context,
        args: &args.session,
        tasks: &tasks,
        ending: &ending,
    };
    let copying = async {
        let uncompressed = args.compress == Compress::Never;
        let side = RemoteSide::open(&opening, request, uncompressed).await?;
        let folder = state_dir(&process_env).map(|folder| folder.join("copies"));
        let mut job = Job::new(side, RunId::new(folder), ui);
        (job.preserve, job.afresh, job.umask) = (args.preserve, afresh, umask);
        let limit = args.session.connection.rate_limit.unwrap_or(u64::MAX);
        let meter = job.meter.clone();
        let done = tokio::select! {
            done = copy(&mut job, &route) => done,
            () = meter.draw(ui, limit.min(DEFAULT_RATE)) => Ok(Exit::Ok),
        };
        meter.clear(ui);
        ui.draw_by(None);
        if stderr_is_terminal() {
            ui.say(&job.tally.line());
        }
        done
    };
    let done = tokio::select! {
        done = copying => done,
        stop = stops.next() => Err(stop.into()),
    };
    ending.cancel();
    tasks.close();
    if timeout(END, tasks.wait()).await.is_err() {
        tracing::info!("ending the session took too long");
    }
    let done = done.map_err(anyhow::Error::from);
    explained(done, &context, &args.session, &resolved.id, ui).await
}

/// Copies everything that is asked for.
async fn copy(job: &mut Job<'_>, route: &Route) -> Result<Exit> {
    let several = match route {
        Route::Up { sources, .. } => sources.len(),
        Route::Down { sources, .. } => sources.len(),
    } > 1;
    let exit = match route {
        Route::Up {
            sources,
            destination,
            ..
        } => {
            let mut to = Place::of(destination);
            to.is_directory |= several;
            up(job, sources, &to).await?
        }
        Route::Down {
            sources,
            destination,
            ..
        } => down(job, sources, destination.as_deref(), several).await?,
    };
    Ok(match exit {
        None if job.tally.failed > 0 => Exit::Unsuccessful,
        exit => exit.unwrap_or(Exit::Ok),
    })
}

async fn up(job: &mut Job<'_>, sources: &[Option<PathBuf>], to: &Place) -> Result<Option<Exit>> {
    for source in sources {
        let (name, done) = match source {
            None => ("-".to_owned(), upload::stdin(job, io::stdin(), to).await),
            Some(path) => {
                let name = escaped(&path.to_string_lossy());
                let done = upload::file(job, path, &name, to).await;
                (name, done)
            }
        };
        if let Some(exit) = note(job, &name, done)? {
            return Ok(Some(exit));
        }
    }
    Ok(None)
}

async fn down(
    job: &mut Job<'_>,
    sources: &[Vec<u8>],
    to: Option<&Path>,
    several: bool,
) -> Result<Option<Exit>> {
    let is_directory = to.is_some_and(|to| to.is_dir());
    let must_be = several || to.is_some_and(|to| ends_with_a_slash(to));
    if let Some(to) = to.filter(|_| must_be && !is_directory) {
        let what = format!("{}: no such directory", escaped(&to.to_string_lossy()));
        return Err(Error::Usage(what));
    }
    for source in sources {
        let from = Place::of(source);
        let name = escaped(&String::from_utf8_lossy(source));
        let done = match to {
            None => download::stdout(job, &from, &name, io::stdout()).await,
            Some(to) if is_directory => match from.name().and_then(local_name) {
                Some(base) => download::file(job, &from, &name, &to.join(base)).await,
                None => Err(Trouble::file("it has no name that a file here can have")),
            },
            Some(to) => download::file(job, &from, &name, to).await,
        };
        if let Some(exit) = note(job, &name, done)? {
            return Ok(Some(exit));
        }
    }
    Ok(None)
}

/// Takes note of what became of a file. Returns how to end, if nothing more is to be copied.
fn note(job: &mut Job<'_>, name: &str, done: Result<(), Trouble>) -> Result<Option<Exit>> {
    const SIGPIPE: u8 = 13;
    match done {
        Ok(()) => Ok(None),
        Err(Trouble::File(why)) => {
            job.failed(name, &why);
            Ok(None)
        }
        Err(Trouble::OutputClosed) => Ok(Some(Exit::Signal(SIGPIPE))),
        Err(Trouble::All(error)) => Err(error),
    }
}

fn ends_with_a_slash(path: &Path) -> bool {
    let bytes = path.as_os_str().as_encoded_bytes();
    bytes
        .last()
        .is_some_and(|last| std::path::is_separator(char::from(*last)))
}

/// A name of the instance's as one of this machine.
#[cfg(unix)]
fn local_name(name: &[u8]) -> Option<OsString> {
    use std::os::unix::ffi::OsStringExt as _;
    Some(OsString::from_vec(name.to_vec()))
}

/// A name of the instance's as one of this machine, if it can be one.
#[cfg(not(unix))]
fn local_name(name: &[u8]) -> Option<OsString> {
    let name = std::str::from_utf8(name).ok()?;
    let fits = !name.contains(['\\', ':', '*', '?', '"', '<', '>', '|']);
    fits.then(|| name.into())
}

#[cfg(unix)]
fn umask() -> u32 {
    use rustix::fs::Mode;
    // It can only be read by setting it.
    let umask = rustix::process::umask(Mode::from_raw_mode(0o077));
    rustix::process::umask(umask);
    umask.as_raw_mode().into()
}

#[cfg(not(unix))]
fn umask() -> u32 {
    0o022
}
