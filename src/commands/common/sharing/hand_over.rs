//! The command's side of a shared session: hands the command over, passes signals on and takes its status.

use super::command_conn::CommandConn;
use super::key::key;
use super::reach::{PATIENCE, answer, connect_to_holder, ended, greeted, invalid, reach, silent};
use super::start::StartMessage;
use crate::cli::{ConnectArgs, Global, SessionArgs, Sharing};
use crate::commands::common::context::Context;
use crate::commands::common::exec::{GRACE, Program, passed_on};
use crate::commands::common::stops::{Stops, exit_of};
use crate::error::{Error, Result, Stop};
use crate::exit::Exit;
use crate::openapi::ecs::StartTerminalSession;
use crate::remote::{RemoteCommand, Signal};
use crate::share::{Answer, Conn, HolderFiles, HolderRequest, Run, Waits};
use crate::terminal::stdin_is_terminal;
use crate::ui::Ui;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::mpsc::{SyncSender, sync_channel};
use tokio::time::{Instant, sleep_until, timeout};

/// A command whose session may be shared.
pub(crate) struct ShareRequest<'a> {
    /// The way to the service.
    pub(crate) context: &'a Context,
    /// The options of every command.
    pub(crate) global: &'a Global,
    /// The options that share it.
    pub(crate) sharing: &'a Sharing,
    /// The session's options.
    pub(crate) session: &'a SessionArgs,
    /// The request for a session of its own.
    pub(crate) request: &'a StartTerminalSession,
    /// The printer.
    pub(crate) ui: &'a Ui,
}

/// The reason why a command was not handed over. Nothing of it has begun.
pub(crate) enum NotHeld {
    /// The command may have a session of its own.
    Refused(String),
    /// A session of its own would fail in the same way, after the same wait.
    Failed(Error),
}

impl From<String> for NotHeld {
    fn from(why: String) -> Self {
        Self::Refused(why)
    }
}

/// Runs a command in a shared session, until the time limit ends. `None` means that nothing has begun and the
/// command needs a session of its own; the log says why.
///
/// # Errors
/// [`Error::Io`] if this process can't listen to signals; [`Error::Stopped`]; the error that the process which
/// holds the session reports.
pub(crate) async fn run(
    shared: &ShareRequest<'_>,
    args: &ConnectArgs,
    program: Option<&Program>,
    by: Option<Instant>,
) -> Result<Option<Exit>> {
    if !shared.sharing.is_wanted() {
        return Ok(None);
    }
    let own = |why: &str| {
        tracing::info!("no shared session ({why}): this command has its own");
        Ok(None)
    };
    let program = match shareable(shared.session, args.raw_command, program) {
        Ok(program) => program,
        Err(why) => return own(why),
    };
    let mut stops = Stops::until(by).map_err(|source| Error::Io {
        what: tr!("signals can't be caught"),
        source,
    })?;
    let handing = async {
        let (stdin, typed) = stdin(program.stdin).map_err(|error| error.to_string())?;
        let (stdout, stderr) = (io::stdout(), io::stderr());
        let streams = [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()];
        let conn = hand_over(shared, &program.command, program.stdin, streams).await?;
        // Before, a session of the command's own might still need what is typed.
        if let Some(typed) = typed {
            let _ = typed.send(());
        }
        Ok::<_, NotHeld>(conn)
    };
    let handed = tokio::select! {
        handed = handing => handed,
        stop = stops.next() => return Err(stop.into()),
    };
    match handed {
        Ok(conn) => Follow::new(conn, stops).run().await.map(Some),
        Err(NotHeld::Refused(why)) => own(&why),
        Err(NotHeld::Failed(error)) => Err(error),
    }
}

/// The process id of this command's holder, if there is one. With `end`, it is asked to end, at once or
/// after the commands that are running.
pub(crate) async fn ask(
    shared: &ShareRequest<'_>,
    end: Option<bool>,
) -> Result<Option<u32>, String> {
    let (_, place) = place(shared)?;
    let conn = connect_to_holder(&place)
        .await
        .map_err(|error| error.to_string())?;
    let Some(mut conn) = conn else {
        return Ok(None);
    };
    let (_, pid) = greeted(&mut conn, PATIENCE).await?;
    if let Some(at_once) = end {
        answer(&mut conn, &HolderRequest::End { at_once }, PATIENCE).await?;
    }
    Ok(Some(pid))
}

/// The key and the files of the holder of this command's sessions.
fn place(shared: &ShareRequest<'_>) -> Result<(String, HolderFiles), String> {
    let kms = shared.session.kms_endpoint.as_deref();
    let key = key(shared.context, shared.sharing, shared.request, kms);
    let key = key.map_err(|error| error.to_string())?;
    let place = HolderFiles::of(&key, &|name| std::env::var_os(name));
    let place = place.map_err(|error| error.to_string())?;
    Ok((key, place))
}

/// The command, if it can run in a shared session.
fn shareable<'a>(
    session: &SessionArgs,
    is_raw: bool,
    program: Option<&'a Program>,
) -> Result<&'a Program, &'static str> {
    check(session)?;
    if is_raw {
        return Err(tr!("--raw-command leaves no room for the runner"));
    }
    let program = program.filter(|program| !program.terminal);
    program.ok_or(tr!("a terminal is never shared"))
}

/// Checks that such a session can be shared.
pub(super) fn check(session: &SessionArgs) -> Result<(), &'static str> {
    #[cfg(feature = "emulator")]
    if session.connection.emulator {
        return Err(tr!("the emulator ends with this process"));
    }
    match session.wss_url {
        Some(_) => Err(tr!("--wss-url names a session")),
        None => Ok(()),
    }
}

/// Hands the command over; from then on the holder runs it. Nothing of it has begun after a failure.
pub(super) async fn hand_over(
    shared: &ShareRequest<'_>,
    command: &RemoteCommand,
    has_stdin: bool,
    streams: [BorrowedFd<'_>; 3],
) -> Result<Conn, NotHeld> {
    let (key, place) = place(shared)?;
    let sharing = shared.sharing;
    let keep = sharing.keep();
    let start = async || {
        let options = (shared.global, shared.session);
        let start = StartMessage::of(shared.context, options, shared.request, &key, sharing).await;
        start.map_err(|error| error.to_string())
    };
    let mut conn = reach(&place, keep.is_some(), start).await?;
    let run = HolderRequest::Run(Box::new(Run {
        command: command.clone(),
        stdin: has_stdin,
        keep,
        waits: Waits {
            queue: shared.session.queue_timeout,
            step: shared.session.connection.connect_timeout,
        },
    }));
    let lost = |error: io::Error| error.to_string();
    let sent = timeout(PATIENCE, conn.send(&run, &streams)).await;
    sent.map_err(|_| silent())?.map_err(lost)?;
    let mut told = Vec::new();
    loop {
        let answer = timeout(PATIENCE, conn.receive::<Answer>()).await;
        match answer.map_err(|_| silent())?.map_err(lost)? {
            Some(Answer::Wait) => {}
            Some(Answer::Say(fact)) => {
                // Of several sessions that wait for the same, one is enough: they differ in numbers.
                let gist = fact.split(|c: char| c.is_ascii_digit()).next();
                let gist = gist.unwrap_or_default().to_owned();
                if !told.contains(&gist) {
                    told.push(gist);
                    shared.ui.say(&fact);
                }
            }
            Some(Answer::Ready) => break,
            Some(Answer::Refused(why)) => return Err(why.into()),
            Some(Answer::Failed { what, hint }) => {
                return Err(NotHeld::Failed(failed(what, hint)));
            }
            Some(_) => return Err(invalid().into()),
            None => return Err(ended().into()),
        }
    }
    conn.send(&HolderRequest::Go, &[]).await.map_err(lost)?;
    Ok(conn)
}

/// The error for a failure that the process which holds the session reports, or that is its own.
fn failed(problem: String, remedy: Option<String>) -> Error {
    Error::Shared { problem, remedy }
}

/// The standard input for the command. Input from a terminal is read by this process, which is the one in
/// the terminal's foreground: it stops reading when the command ends or the process is in the background. It
/// begins to read when it is told to by the sender.
fn stdin(wanted: bool) -> io::Result<(OwnedFd, Option<SyncSender<()>>)> {
    if !wanted {
        return Ok((File::open("/dev/null")?.into(), None));
    }
    let own = io::stdin().as_fd().try_clone_to_owned()?;
    if !stdin_is_terminal() {
        return Ok((own, None));
    }
    let (begin, begins) = sync_channel(1);
    let (reader, mut writer) = io::pipe()?;
    let mut terminal = File::from(own);
    let copy = move || {
        if begins.recv().is_err() {
            return;
        }
        let mut typed = [0; 4096];
        while let Ok(count @ 1..) = terminal.read(&mut typed) {
            if writer
                .write_all(typed.get(..count).unwrap_or_default())
                .is_err()
            {
                return;
            }
        }
    };
    let thread = std::thread::Builder::new().name("stdin".into());
    thread.stack_size(64 * 1024).spawn(copy)?;
    Ok((reader.into(), Some(begin)))
}

/// A command that runs in a shared session.
struct Follow {
    conn: CommandConn,
    stops: Stops,
    /// The stop that was passed on, and how long the command has to end.
    stopping: Option<(Stop, Instant)>,
    kill_at: Option<Instant>,
}

enum FollowWake {
    Answer(Result<Answer, &'static str>),
    Stop(Stop),
    Time,
}

impl Follow {
    fn new(conn: Conn, stops: Stops) -> Self {
        Self {
            conn: CommandConn::new(conn),
            stops,
            stopping: None,
            kill_at: None,
        }
    }

    /// Waits for the command's end. From here on it is never run again.
    async fn run(mut self) -> Result<Exit> {
        loop {
            let by = self.stopping.map(|(_, by)| by);
            let due = by.into_iter().chain(self.kill_at).min();
            let wake = tokio::select! {
                answer = self.conn.next() => FollowWake::Answer(answer),
                stop = self.stops.next() => FollowWake::Stop(stop),
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => FollowWake::Time,
            };
            let exit = match wake {
                FollowWake::Answer(answer) => return self.answered(answer),
                FollowWake::Stop(stop) => self.stop(stop).await,
                FollowWake::Time => self.time_passed().await,
            };
            if let Some(exit) = exit {
                return Ok(exit);
            }
        }
    }

    fn answered(&self, answer: Result<Answer, &str>) -> Result<Exit> {
        // A stop that was asked for explains whatever follows it.
        if let Some((stop, _)) = self.stopping {
            return Ok(exit_of(stop));
        }
        match answer {
            Ok(Answer::Ended(status)) => Ok(Exit::Remote(status)),
            Ok(Answer::OutputClosed) => Ok(Exit::Signal(13)),
            Ok(Answer::Failed { what, hint }) => Err(failed(what, hint)),
            Ok(_) => Err(failed(invalid(), None)),
            Err(why) => Err(failed(why.to_owned(), None)),
        }
    }

    /// Passes a signal on. The second signal ends this process at once.
    async fn stop(&mut self, stop: Stop) -> Option<Exit> {
        self.stops.by = self.stops.by.filter(|_| stop != Stop::Timeout);
        if self.stopping.is_some() {
            return Some(exit_of(stop));
        }
        let (signal, grace) = passed_on(stop);
        let now = Instant::now();
        self.stopping = Some((stop, now + grace));
        self.kill_at = (stop == Stop::Timeout).then_some(now + GRACE);
        self.conn.send(&HolderRequest::Signal(signal)).await;
        None
    }

    async fn time_passed(&mut self) -> Option<Exit> {
        let now = Instant::now();
        if let Some((stop, by)) = self.stopping
            && by <= now
        {
            return Some(exit_of(stop));
        }
        if self.kill_at.take_if(|at| *at <= now).is_some() {
            self.conn.send(&HolderRequest::Signal(Signal::Kill)).await;
        }
        None
    }
}
