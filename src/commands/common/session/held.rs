//! A session that is held for one command after another: the pump that runs it, and the way to ask something
//! of it.

use super::confirmation::Confirmation;
use super::{Started, dial, encrypt};
use crate::cli;
use crate::commands::common::context::Context;
use crate::commands::common::session;
use crate::error::{Error, Result, Stop};
use crate::net::Network;
use crate::openapi::ecs::StartTerminalSession;
use crate::protocol::channel::{Channel as _, Ending};
use crate::protocol::session::{InputFrom, Session};
use crate::pump::{self, Control, Host, Link, Notice, Outcome, Pump};
use crate::remote::typed_line;
use crate::share::{Commands, Ends, FilterRequest, SessionMessage};
use crate::wire::SessionUrl;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The silence after which a connection may be dead: a network that fails says nothing.
#[cfg(unix)]
const FRESH: Duration = Duration::from_secs(5);

/// The time within which a live connection answers a ping.
#[cfg(unix)]
const ANSWER_LIMIT: Duration = Duration::from_secs(1);

/// The settings that sessions are started with.
pub(crate) struct SessionSettings<'a> {
    /// The way to the service.
    pub(crate) context: &'a Context,
    /// The session's options.
    pub(crate) args: &'a cli::SessionArgs,
    /// Everything that has to be over before the process ends.
    pub(crate) tasks: &'a TaskTracker,
    /// Ends every session.
    pub(crate) ending: &'a CancellationToken,
}

/// The session. Dropping it ends it.
pub(crate) struct HeldSession {
    /// The streams of its command.
    pub(crate) ends: Ends,
    said: mpsc::UnboundedReceiver<SessionMessage>,
    asks: mpsc::UnboundedSender<FilterRequest>,
    control: mpsc::Sender<Control>,
    #[cfg_attr(not(unix), allow(dead_code, reason = "holders are for Unix"))]
    connection: Arc<Connection>,
    #[cfg_attr(not(unix), allow(dead_code, reason = "holders are for Unix"))]
    over: bool,
}

impl HeldSession {
    /// Starts the session that is asked for and waits until its runner is there. `open` is dropped
    /// when it is over.
    pub(crate) async fn open(
        opening: &SessionSettings<'_>,
        request: StartTerminalSession,
        open: impl Send + 'static,
    ) -> Result<Self> {
        let (asks, asked) = mpsc::unbounded_channel();
        let (say, said) = mpsc::unbounded_channel();
        let (control, controls) = mpsc::channel(8);
        let ends = Ends::new(asks.clone(), control.clone());
        let filter = Commands::new(ends.clone(), asked, say.clone());
        let mut held = Self {
            ends,
            said,
            asks,
            control,
            connection: Arc::default(),
            over: false,
        };
        let running = held.start(opening, request, filter, controls).await?;
        opening.tasks.spawn(async move {
            let error = running.await;
            tracing::info!(%error, "a held session is over");
            drop(open);
            let _ = say.send(SessionMessage::Over(error));
        });
        loop {
            match held.next().await {
                SessionMessage::Ready => return Ok(held),
                SessionMessage::Over(error) => return Err(error),
                _ => {}
            }
        }
    }

    /// Starts the session; what is returned runs it to its end.
    async fn start(
        &self,
        opening: &SessionSettings<'_>,
        mut request: StartTerminalSession,
        filter: Commands,
        controls: mpsc::Receiver<Control>,
    ) -> Result<impl Future<Output = Error> + Send + use<>> {
        let (context, args) = (opening.context, opening.args);
        request.command_line = Some(filter.command_line().to_owned());
        let exchange = encrypt::exchange(context, args, &request).await?;
        let ending = opening.ending.clone();
        let stop = async {
            ending.cancelled().await;
            Stop::Signal(15).into()
        };
        let given = Confirmation::given();
        let from = InputFrom::FirstOutput;
        let started = Started::start(context, args, request, &given, from, stop).await?;
        let limit = args.connection.connect_timeout;
        let link = started
            .or_end(started.dial(&context.network, limit))
            .await?;
        let mut channel = Session::new(session::protocol_options(args), pump::now());
        if let Some(exchange) = exchange {
            channel = channel.encrypted(exchange);
        }
        if args.wss_url.is_some() {
            // The session runs already, by default a shell: the bootstrap is typed into it.
            channel.write(pump::now(), &typed_line(filter.command_line()));
        }
        let options = pump::PumpOptions {
            escape: None,
            resume: !args.no_resume,
            open_within: Some(limit),
            linger: None,
            trusts_end: true,
        };
        let mut host = HeldHost {
            network: context.network.clone(),
            target: started.target.clone(),
            limit,
            connection: Arc::clone(&self.connection),
        };
        let (ends, control) = (self.ends.clone(), self.control.clone());
        let ending = opening.ending.clone();
        Ok(async move {
            let [output, errors] = ends.writers();
            let ends = (ends, output);
            let pump = Pump::new(
                Box::new(channel),
                Box::new(filter),
                ends,
                controls,
                &mut host,
                options,
            );
            let running = pump.with_errors(errors).run(link);
            let stopping = async move {
                ending.cancelled().await;
                let _ = control.send(Control::Stop(Stop::Signal(15))).await;
                std::future::pending().await
            };
            let outcome = tokio::select! {
                outcome = running => outcome,
                () = stopping => Outcome::Stopped(Stop::Signal(15)),
            };
            started.end().await;
            why(outcome)
        })
    }

    /// Asks something of the session.
    pub(crate) fn ask(&self, ask: FilterRequest) {
        let _ = self.asks.send(ask);
        // If there is no room, it is about to be woken.
        let _ = self.control.try_send(Control::Filter);
    }

    /// Waits for the next message of the session and its command. Cancelling loses nothing.
    pub(crate) async fn next(&mut self) -> SessionMessage {
        let said = self.said.recv().await;
        said.unwrap_or_else(|| {
            SessionMessage::Over(Error::Lost(tr!("the session has ended").into()))
        })
    }

    /// Returns whether the connection is up, as far as this process knows.
    #[cfg(unix)]
    pub(crate) fn is_up(&self) -> bool {
        self.connection.is_up()
    }

    /// Returns whether the connection is alive. After a silence it has to answer a ping.
    #[cfg(unix)]
    pub(crate) async fn is_alive(&self) -> bool {
        let probe = || {
            // If there is no room, what is asked for already shows it.
            let _ = self.control.try_send(Control::Probe);
        };
        self.connection.is_alive(probe).await
    }

    /// True if it is over. What else was said while no command ran is of no interest.
    #[cfg(unix)]
    pub(crate) fn is_over(&mut self) -> bool {
        while let Ok(said) = self.said.try_recv() {
            self.over |= matches!(said, SessionMessage::Over(_));
        }
        self.over
    }
}

impl Drop for HeldSession {
    fn drop(&mut self) {
        self.ends.end();
        let _ = self.control.try_send(Control::Stop(Stop::Signal(1)));
    }
}

/// The reason why a session is over.
fn why(outcome: Outcome) -> Error {
    match outcome {
        Outcome::Ended(Ending::Failed(error)) => error,
        Outcome::Ended(Ending::Status(_) | Ending::Normal) => {
            Error::Remote(tr!("the session ended before the command did").into())
        }
        _ => Error::Lost(tr!("the process that held the session was told to end").into()),
    }
}

/// The state of a session's connection.
struct Connection {
    /// It was lost, and there is no new one yet.
    is_broken: AtomicBool,
    /// It did not answer in time.
    is_silent: AtomicBool,
    /// The time when something last came.
    heard: watch::Sender<Instant>,
}

impl Default for Connection {
    fn default() -> Self {
        Self {
            is_broken: AtomicBool::new(false),
            is_silent: AtomicBool::new(false),
            heard: watch::Sender::new(Instant::now()),
        }
    }
}

impl Connection {
    fn heard(&self) {
        self.is_silent.store(false, Relaxed);
        self.heard.send_replace(Instant::now());
    }

    #[cfg(unix)]
    fn is_up(&self) -> bool {
        !self.is_broken.load(Relaxed) && !self.is_silent.load(Relaxed)
    }

    /// True if it is alive. If nothing came for a while, `probe` has to make something come.
    #[cfg(unix)]
    async fn is_alive(&self, probe: impl FnOnce()) -> bool {
        let mut heard = self.heard.subscribe();
        if heard.borrow().elapsed() < FRESH {
            return true;
        }
        probe();
        let answered = timeout(ANSWER_LIMIT, heard.changed()).await;
        let is_alive = answered.is_ok_and(|heard| heard.is_ok());
        self.is_silent.store(!is_alive, Relaxed);
        is_alive
    }
}

/// The pump's host for a held session.
struct HeldHost {
    network: Network,
    target: SessionUrl,
    limit: Duration,
    connection: Arc<Connection>,
}

impl Host for HeldHost {
    fn reconnect(&mut self, resume: Option<String>) -> BoxFuture<'static, Result<Link>> {
        dial::redial(&self.network, &self.target, resume, self.limit)
    }

    fn notice(&mut self, notice: Notice) {
        tracing::info!(?notice);
        match notice {
            Notice::Reconnecting { .. } => self.connection.is_broken.store(true, Relaxed),
            Notice::Resumed => self.connection.is_broken.store(false, Relaxed),
            _ => {}
        }
    }

    fn heard(&mut self) {
        self.connection.heard();
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use tokio::time::sleep;

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_was_silent_has_to_show_that_it_is_alive() {
        let connection = Connection::default();
        let unasked = || panic!("it was heard of just now");
        assert!(connection.is_alive(unasked).await);
        sleep(FRESH).await;
        assert!(connection.is_alive(|| connection.heard()).await);
        assert!(connection.is_alive(unasked).await);
        sleep(FRESH).await;
        let begun = Instant::now();
        assert!(!connection.is_alive(|| {}).await && !connection.is_up());
        assert!(begun.elapsed() <= ANSWER_LIMIT * 11 / 10);
        // A late answer counts too.
        connection.heard();
        assert!(connection.is_up());
    }
}
