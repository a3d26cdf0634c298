//! `axt cp`: copies files to an instance or from one, verified and resumable.

mod download;
mod failure;
mod job;
mod local;
mod meter;
mod remote_side;
mod run_id;
mod upload;

use super::common::context::Context;
use super::common::session;
use super::common::session::held::SessionSettings;
#[cfg(unix)]
use super::common::sharing;
use super::common::stops::Stops;
use super::common::target::resolve::{self, May};
use super::doctor::explain::explained;
use crate::cli::{Compress, CpArgs, Global};
use crate::config::env::{process_env, state_dir};
use crate::copy::{CopyDirection, RemotePath};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::printable::escaped;
use crate::protocol::session::DEFAULT_RATE;
use crate::terminal::stderr_is_terminal;
use crate::ui::Ui;
#[cfg(feature = "fuzzing")]
pub(crate) use download::together::unpacked_as;
use failure::CopyFailure;
use job::CopyJob;
use local::walk::base;
use remote_side::RemoteSide;
use run_id::RunId;
use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use upload::file::LocalSource;

/// The time limit for ending the session.
const END: Duration = Duration::from_secs(5);

/// Runs `axt cp`.
pub(crate) async fn run(global: &Global, mut args: CpArgs, ui: &Ui) -> anyhow::Result<Exit> {
    let route = CopyDirection::of(&args.paths)?;
    // Only a typed --no-resume asks for a copy from the start: in a variable or the file it is about sessions.
    let afresh = args.session.no_resume && global.is_typed("no_resume");
    args.session.no_resume &= !afresh;
    let umask = umask();
    let mut stops = Stops::listen(None)?;
    let mut context = Context::from_args(global, &args.session.connection, ui)?;
    let (CopyDirection::Up { target, .. } | CopyDirection::Down { target, .. }) = &route;
    let may = May {
        guess: false,
        ask: true,
    };
    let resolved = resolve::for_session(&mut context, global, &args.session, Some(target), may);
    let resolved = resolved.await?;
    let request = session::request(&context, &args.session, Some(target), &resolved.id);
    let (tasks, ending) = (TaskTracker::new(), CancellationToken::new());
    let opening = SessionSettings {
        context: &context,
        args: &args.session,
        tasks: &tasks,
        ending: &ending,
    };
    let copying = async {
        let uncompressed = args.compress == Compress::Never;
        let mut side = RemoteSide::new(&opening, request.clone(), uncompressed);
        #[cfg(unix)]
        if args.sharing.is_wanted() {
            side.share(sharing::ShareRequest {
                context: &context,
                global,
                sharing: &args.sharing,
                session: &args.session,
                request: &request,
                ui,
            });
        }
        let folder = state_dir(&process_env).map(|folder| folder.join("copies"));
        let mut job = CopyJob::new(side, RunId::new(folder), ui);
        (job.preserve, job.afresh, job.umask) = (args.preserve, afresh, umask);
        let limit = rate_on_the_line(&route, args.session.connection.rate_limit);
        let meter = job.meter.clone();
        let done = tokio::select! {
            done = copy(&mut job, &route, args.recursive) => done,
            () = meter.draw(ui, limit) => Ok(Exit::Ok),
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

/// The rate that is kept, in bytes per second: towards the instance by this process, from there by the service.
fn rate_on_the_line(route: &CopyDirection, chosen: Option<u64>) -> u64 {
    match route {
        CopyDirection::Up { .. } => chosen.unwrap_or(DEFAULT_RATE),
        CopyDirection::Down { .. } => DEFAULT_RATE,
    }
}

/// Copies everything that is asked for.
async fn copy(job: &mut CopyJob<'_>, route: &CopyDirection, recursive: bool) -> Result<Exit> {
    let exit = match route {
        CopyDirection::Up {
            sources,
            destination,
            ..
        } => up(job, sources, &RemotePath::of(destination), recursive).await?,
        CopyDirection::Down {
            sources,
            destination,
            ..
        } => down(job, sources, destination.as_deref(), recursive).await?,
    };
    Ok(match exit {
        None if job.tally.failed > 0 => Exit::Unsuccessful,
        exit => exit.unwrap_or(Exit::Ok),
    })
}

async fn up(
    job: &mut CopyJob<'_>,
    sources: &[Option<PathBuf>],
    to: &RemotePath,
    recursive: bool,
) -> Result<Option<Exit>> {
    let mut to = to.clone();
    to.is_directory |= sources.len() > 1;
    let mut files = Vec::new();
    let mut taken = HashSet::new();
    for source in sources {
        match source {
            None => {
                let done = upload::file::stdin(job, io::stdin(), &to).await;
                note(job, "-", done)?;
            }
            Some(path) if path.is_dir() && !recursive => {
                job.failed(&shown(path), tr!("Is a directory (-r copies it)"));
            }
            Some(path) if !is_first(&mut taken, base(path)) => {
                job.failed(
                    &shown(path),
                    tr!("another SRC has the same name: it would take its place"),
                );
            }
            Some(path) => files.push(path.as_path()),
        }
    }
    let done = match *files.as_slice() {
        [] => return Ok(None),
        [path] if !path.is_dir() => {
            let name = shown(path);
            let done = match LocalSource::open(path) {
                Ok(source) => upload::file::copy(job, source, &name, (&to, Some(base(path)))).await,
                Err(failure) => Err(failure),
            };
            return note(job, &name, done);
        }
        _ => {
            // For one directory a place that is not there is made.
            to.is_directory = sources.len() > 1;
            upload::tree::copy(job, &files, &to).await
        }
    };
    let name = escaped(&String::from_utf8_lossy(&to.path));
    note(job, &name, done)
}

async fn down(
    job: &mut CopyJob<'_>,
    sources: &[Vec<u8>],
    to: Option<&Path>,
    recursive: bool,
) -> Result<Option<Exit>> {
    let is_directory = to.is_some_and(Path::is_dir);
    let must_be = sources.len() > 1 || (to.is_some_and(ends_with_a_slash) && !recursive);
    if let Some(to) = to.filter(|_| must_be && !is_directory) {
        let what = tr!("{to}: no such directory", to = shown(to));
        return Err(Error::Usage(what));
    }
    let mut taken = HashSet::new();
    for (index, source) in sources.iter().enumerate() {
        let from = RemotePath::of(source);
        let name = escaped(&String::from_utf8_lossy(source));
        job.meter.begin(index + 1 == sources.len());
        if !is_first(&mut taken, from.name().unwrap_or_default()) && to.is_some() {
            job.failed(
                &name,
                tr!("another SRC has the same name: it would take its place"),
            );
            continue;
        }
        let done = down_one(job, &from, &name, to, recursive).await;
        if let Some(exit) = note(job, &name, done)? {
            return Ok(Some(exit));
        }
    }
    Ok(None)
}

async fn down_one(
    job: &mut CopyJob<'_>,
    from: &RemotePath,
    name: &str,
    to: Option<&Path>,
    recursive: bool,
) -> Result<(), CopyFailure> {
    let Some(to) = to else {
        return download::file::stdout(job, from, name, io::stdout()).await;
    };
    if recursive && download::tree::copy(job, from, name, to).await? {
        return Ok(());
    }
    if !to.is_dir() {
        return download::file::copy(job, from, name, to).await;
    }
    match from.name().and_then(download::file::local_path) {
        Some(base) => download::file::copy(job, from, name, &to.join(base)).await,
        None => Err(CopyFailure::file(tr!(
            "its name is not valid for a file on this system"
        ))),
    }
}

/// True if no other source has this name, of those that have one.
fn is_first(taken: &mut HashSet<Vec<u8>>, name: &[u8]) -> bool {
    name.is_empty() || taken.insert(name.to_vec())
}

fn shown(path: &Path) -> String {
    escaped(&path.to_string_lossy())
}

/// Reports the failure of a file, if it failed. Returns the exit status if nothing more is to be copied.
fn note(job: &mut CopyJob<'_>, name: &str, done: Result<(), CopyFailure>) -> Result<Option<Exit>> {
    const SIGPIPE: u8 = 13;
    match done {
        Ok(()) => Ok(None),
        Err(CopyFailure::File(why)) => {
            job.failed(name, &why);
            Ok(None)
        }
        Err(CopyFailure::OutputClosed) => Ok(Some(Exit::Signal(SIGPIPE))),
        Err(CopyFailure::All(error)) => Err(error),
    }
}

fn ends_with_a_slash(path: &Path) -> bool {
    let bytes = path.as_os_str().as_encoded_bytes();
    bytes
        .last()
        .is_some_and(|last| std::path::is_separator(char::from(*last)))
}

#[cfg(unix)]
#[allow(clippy::useless_conversion, reason = "a mode has 16 bits on macOS")]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_that_was_chosen_holds_towards_the_instance_only() {
        let rate = |paths: [&str; 2], chosen| {
            let route = CopyDirection::of(&paths.map(Into::into)).unwrap();
            rate_on_the_line(&route, chosen)
        };
        let (up, down) = (["a", "web:a"], ["web:a", "a"]);
        assert_eq!(rate(up, None), DEFAULT_RATE);
        for chosen in [1, 2 * DEFAULT_RATE] {
            assert_eq!(rate(up, Some(chosen)), chosen);
            assert_eq!(rate(down, Some(chosen)), DEFAULT_RATE);
        }
    }
}
