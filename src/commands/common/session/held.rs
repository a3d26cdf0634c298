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
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

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
    /// Its connection is there.
    #[cfg_attr(not(unix), allow(dead_code, reason = "holders are for Unix"))]
    up: Arc<AtomicBool>,
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
        let up = Arc::new(AtomicBool::new(true));
        let mut held = Self {
            ends,
            said,
            asks,
            control,
            up,
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
        let options = pump::Options {
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
            up: Arc::clone(&self.up),
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

    /// Whether its connection is there.
    #[cfg(unix)]
    pub(crate) fn is_up(&self) -> bool {
        self.up.load(Ordering::Relaxed)
    }

    /// Whether it is over. What else was said while no command ran is of no interest.
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

/// The pump's host for a held session.
struct HeldHost {
    network: Network,
    target: SessionUrl,
    limit: Duration,
    up: Arc<AtomicBool>,
}

impl Host for HeldHost {
    fn reconnect(&mut self, resume: Option<String>) -> BoxFuture<'static, Result<Link>> {
        dial::redial(&self.network, &self.target, resume, self.limit)
    }

    fn notice(&mut self, notice: Notice) {
        tracing::info!(?notice);
        match notice {
            Notice::Reconnecting { .. } => self.up.store(false, Ordering::Relaxed),
            Notice::Resumed => self.up.store(true, Ordering::Relaxed),
            _ => {}
        }
    }
}
