//! The state of a holder: its sessions, the commands that run in them, and when it ends.

use super::places::{Place, Places, SESSIONS};
use crate::commands::common::context::Context;
use crate::commands::common::session;
use crate::commands::common::session::held::{HeldSession, SessionSettings};
use crate::commands::common::sharing::StartMessage;
use crate::error::{Error, Result};
use crate::share::{Answer, Conn, HolderStatus, Waits};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::sync::{Notify, broadcast, oneshot};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The time that a command waits for a session whose last command is over, before another one is started,
/// which takes longer.
const FREE_LIMIT: Duration = Duration::from_secs(1);

/// The time limit for ending the sessions.
const END: Duration = Duration::from_secs(10);

/// The holder.
pub(super) struct Holder {
    context: Context,
    /// The start message.
    start: StartMessage,
    /// Everything that has to be over before the process ends.
    pub(super) tasks: TaskTracker,
    /// Ends every session.
    pub(super) ending: CancellationToken,
    /// The reason why the start of sessions waits, for the commands' users.
    pub(super) says: broadcast::Sender<String>,
    places: Places,
    state: Mutex<HolderState>,
    changed: Notify,
    /// A session has become free, or fewer are about to be.
    freed: Notify,
}

struct HolderState {
    /// Sessions without a command.
    idle: Vec<HeldSession>,
    /// Sessions whose command is over and whose runner is not yet free.
    clearing: usize,
    /// Sessions that are being started.
    starting: usize,
    /// Commands that have a place and no session.
    waiting: usize,
    /// All sessions.
    sessions: usize,
    /// Commands that run or wait.
    commands: usize,
    /// The time to hold the sessions without a command.
    keep: Duration,
    /// The time when the last command ended.
    since: Instant,
    /// The holder takes no more commands.
    closed: bool,
    /// The connections over which it was asked to end.
    asked: Vec<Conn>,
}

/// A place among the sessions, and the session.
pub(super) struct Turn {
    _place: Place,
    pub(super) session: Option<HeldSession>,
}

/// A command that waits for a session in its place.
struct WaitingCommand<'a>(&'a Holder);

/// A command that counts.
pub(super) struct CommandCount(Arc<Holder>);

/// A session that is being cleared.
pub(super) struct Clearing(Arc<Holder>);

/// A session that counts.
pub(super) struct SessionCount(Arc<Holder>);

impl Holder {
    /// A holder that has no sessions yet.
    pub(super) fn new(
        context: Context,
        start: StartMessage,
        says: broadcast::Sender<String>,
    ) -> Self {
        let state = HolderState {
            idle: Vec::new(),
            clearing: 0,
            starting: 0,
            waiting: 0,
            sessions: 0,
            commands: 0,
            keep: start.keep,
            since: Instant::now(),
            closed: false,
            asked: Vec::new(),
        };
        Self {
            context,
            start,
            tasks: TaskTracker::new(),
            ending: CancellationToken::new(),
            says,
            places: Places::new(),
            state: Mutex::new(state),
            changed: Notify::new(),
            freed: Notify::new(),
        }
    }

    /// Serves the command that has started this process. It is counted before its first message.
    pub(super) fn serve_first(self: &Arc<Self>, conn: Conn) {
        let counted = self.count();
        self.tasks
            .spawn(Arc::clone(self).answer(conn, Some(counted)));
    }

    /// Serves a connection.
    pub(super) fn serve(self: &Arc<Self>, stream: UnixStream) {
        match Conn::of(stream) {
            Ok(conn) => {
                self.tasks.spawn(Arc::clone(self).answer(conn, None));
            }
            Err(error) => tracing::info!(%error, "a connection was refused"),
        }
    }

    /// Counts a command until it is dropped.
    pub(super) fn count(self: &Arc<Self>) -> CommandCount {
        self.state().commands += 1;
        CommandCount(Arc::clone(self))
    }

    /// Starts a session, which is free for any command then. Returns why there is none, if that fails.
    fn start(self: &Arc<Self>, state: &mut HolderState, waits: Waits) -> oneshot::Receiver<Answer> {
        state.starting += 1;
        let (fails, failed) = oneshot::channel();
        let holder = Arc::clone(self);
        // It goes on even if nobody wants it any more: a start that has begun is to be known.
        self.tasks.spawn(async move {
            let opened = holder.open(waits).await;
            let mut state = holder.state();
            state.starting -= 1;
            match opened {
                Ok(session) => state.idle.push(session),
                Err(error) => {
                    tracing::info!(%error, "a session could not be started");
                    let _ = fails.send(match session::fails_again(&error) {
                        true => Answer::failed(&error),
                        false => Answer::Refused(error.to_string()),
                    });
                }
            }
            drop(state);
            holder.freed.notify_waiters();
        });
        failed
    }

    async fn open(self: &Arc<Self>, waits: Waits) -> Result<HeldSession> {
        let (mut args, instance) = (self.start.session.clone(), &self.start.instance);
        args.queue_timeout = waits.queue;
        args.connection.connect_timeout = waits.step;
        let request = session::request(&self.context, &args, Some(instance), instance);
        let opening = SessionSettings {
            context: &self.context,
            args: &args,
            tasks: &self.tasks,
            ending: &self.ending,
        };
        HeldSession::open(&opening, request, self.opened()).await
    }

    /// Counts a session until it is dropped.
    fn opened(self: &Arc<Self>) -> SessionCount {
        self.state().sessions += 1;
        SessionCount(Arc::clone(self))
    }

    /// Holds the sessions for so long from now on.
    pub(super) fn keep(&self, span: Duration) {
        self.state().keep = span;
    }

    /// Waits in order for a place, and takes the first session that is free. Meanwhile one is started, unless one
    /// is being started already for a command that no longer needs it.
    ///
    /// # Errors
    /// The reason why there is none.
    pub(super) async fn turn(self: &Arc<Self>, waits: Waits) -> Result<Turn, Answer> {
        let full = || Answer::Refused(tr!("all shared sessions are busy").into());
        let place = self.places.take().await.ok_or_else(full)?;
        self.state().waiting += 1;
        let _waiting = WaitingCommand(self);
        // None has become free in time.
        let _ = timeout(FREE_LIMIT, self.none_is_about_to_be_free()).await;
        let mut failed = None;
        let limit = waits.queue + waits.step;
        let by = Instant::now() + limit;
        loop {
            let freed = self.freed.notified();
            {
                let mut state = self.state();
                if let Some(session) = state.take_idle() {
                    return Ok(Turn {
                        _place: place,
                        session: Some(session),
                    });
                }
                if failed.is_none() && state.starting < state.waiting {
                    let with_commands = self.places.taken() - state.waiting;
                    if state.idle.len() + state.starting + with_commands >= SESSIONS {
                        return Err(full());
                    }
                    failed = Some(self.start(&mut state, waits));
                }
            }
            let started = async {
                match &mut failed {
                    Some(failed) => failed.await,
                    // The start is another command's, which may wait for longer.
                    None => {
                        sleep_until(by).await;
                        let what = tr!("the start of a shared session").into();
                        Ok(Answer::failed(&Error::Timeout { what, limit }))
                    }
                }
            };
            tokio::select! {
                () = freed => {}
                why = started => match why {
                    Ok(why) => return Err(why),
                    Err(_) => failed = None,
                },
            }
        }
    }

    /// Waits until a session is free, or none will soon be.
    async fn none_is_about_to_be_free(&self) {
        loop {
            let freed = self.freed.notified();
            {
                let state = self.state();
                if state.clearing == 0 || state.idle.iter().any(HeldSession::is_up) {
                    return;
                }
            }
            freed.await;
        }
    }

    /// Counts a session among those that are being cleared until that is dropped.
    pub(super) fn clearing(self: &Arc<Self>) -> Clearing {
        self.state().clearing += 1;
        Clearing(Arc::clone(self))
    }

    /// Takes a session back that is free.
    pub(super) fn put_back(&self, turn: Turn) {
        self.state().idle.extend(turn.session);
        self.freed.notify_waiters();
    }

    /// Takes no more commands, and ends those that run if they are to end at once. `asked` is the connection of the
    /// one who asked; it ends with this process.
    pub(super) fn close(&self, at_once: bool, asked: Conn) {
        let mut state = self.state();
        state.closed = true;
        state.asked.push(asked);
        drop(state);
        if at_once {
            self.ending.cancel();
        }
        self.changed.notify_one();
    }

    /// True if the holder takes commands.
    pub(super) fn takes_more(&self) -> bool {
        !self.state().closed
    }

    /// Waits until the state changes or the holder's time is over.
    pub(super) async fn changed(&self) {
        let due = self.due();
        let over = async {
            match due {
                Some(due) => sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.changed.notified() => {}
            () = self.ending.cancelled() => {}
            () = over => {}
        }
    }

    /// True if the holder may end: the sessions were idle for long enough, or there are none any more.
    pub(super) fn is_over(&self) -> bool {
        let time = self.due().is_some_and(|due| due <= Instant::now());
        let state = self.state();
        let useless = state.commands == 0 && (state.sessions == 0 || state.closed);
        time || useless || self.ending.is_cancelled()
    }

    /// Ends all sessions.
    pub(super) async fn end(&self) {
        self.ending.cancel();
        self.state().idle.clear();
        self.tasks.close();
        if timeout(END, self.tasks.wait()).await.is_err() {
            tracing::info!("ending took too long");
        }
    }

    /// A report of the sessions and commands.
    pub(super) fn status(&self) -> HolderStatus {
        let left = self.due();
        let left = left.map(|due| due.saturating_duration_since(Instant::now()));
        let state = self.state();
        let region = self.context.settings.region.as_ref();
        HolderStatus {
            instance: self.start.instance.clone(),
            user: self.start.session.user.clone(),
            region: region.map(|region| region.value.clone()),
            sessions: state.sessions,
            broken: state.idle.iter().filter(|session| !session.is_up()).count(),
            commands: state.commands,
            left,
        }
    }

    /// The time when the sessions have been held for long enough; `None` while a command runs.
    fn due(&self) -> Option<Instant> {
        let state = self.state();
        // A time that can't be counted never comes.
        let due = state.since.checked_add(state.keep);
        due.filter(|_| state.commands == 0)
    }

    fn state(&self) -> MutexGuard<'_, HolderState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HolderState {
    /// Takes a session that can be used. One with a broken connection is used again after it has reconnected.
    fn take_idle(&mut self) -> Option<HeldSession> {
        self.idle.retain_mut(|session| !session.is_over());
        let usable = self.idle.iter().rposition(HeldSession::is_up);
        usable.map(|at| self.idle.remove(at))
    }
}

impl Drop for WaitingCommand<'_> {
    fn drop(&mut self) {
        self.0.state().waiting -= 1;
    }
}

impl Drop for CommandCount {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.commands -= 1;
        state.since = Instant::now();
        drop(state);
        self.0.changed.notify_one();
    }
}

impl Drop for Clearing {
    fn drop(&mut self) {
        self.0.state().clearing -= 1;
        self.0.freed.notify_waiters();
    }
}

impl Drop for SessionCount {
    fn drop(&mut self) {
        self.0.state().sessions -= 1;
        self.0.changed.notify_one();
    }
}
