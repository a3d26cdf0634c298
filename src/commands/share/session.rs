//! A session that is held: the pump that runs it, and the way to ask something of it.

use crate::commands::shared::context::Context;
use crate::commands::shared::session::encrypt;
use crate::commands::shared::session::{self, Started};
use crate::commands::shared::sharing::Start;
use crate::error::{Error, Result, Stop};
use crate::net::Network;
use crate::protocol::channel::Ending;
use crate::protocol::session::Session;
use crate::pump::{self, Control, Host, Link, Notice, Outcome, Pump};
use crate::share::{Ask, Commands, Ends, Said};
use crate::wire::Target;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The state that all sessions of a holder share.
pub(super) struct Service {
    /// The way to the service.
    pub(super) context: Context,
    /// The start message of the holder.
    pub(super) start: Start,
    /// Everything that has to be over before the process ends.
    pub(super) tasks: TaskTracker,
    /// Ends every session.
    pub(super) ending: CancellationToken,
}

/// The session. Dropping it ends it.
pub(super) struct Shared {
    /// The streams of its command.
    pub(super) ends: Ends,
    said: mpsc::UnboundedReceiver<Said>,
    asks: mpsc::UnboundedSender<Ask>,
    control: mpsc::Sender<Control>,
    up: Arc<AtomicBool>,
    over: bool,
}

impl Shared {
    /// Starts a session and waits until its runner is there. `open` is dropped when it is over.
    pub(super) async fn open(service: &Service, open: impl Send + 'static) -> Result<Self> {
        let (asks, asked) = mpsc::unbounded_channel();
        let (say, said) = mpsc::unbounded_channel();
        let (control, controls) = mpsc::channel(8);
        let ends = Ends::new(asks.clone(), control.clone());
        let filter = Commands::new(ends.clone(), asked, say.clone());
        let up = Arc::new(AtomicBool::new(true));
        let mut shared = Self {
            ends,
            said,
            asks,
            control,
            up,
            over: false,
        };
        let running = shared.start(service, filter, controls).await?;
        service.tasks.spawn(async move {
            let error = running.await;
            tracing::info!(%error, "a held session is over");
            drop(open);
            let _ = say.send(Said::Over(error));
        });
        loop {
            match shared.next().await {
                Said::Ready => return Ok(shared),
                Said::Over(error) => return Err(error),
                _ => {}
            }
        }
    }

    /// Starts the session; what is returned runs it to its end.
    async fn start(
        &self,
        service: &Service,
        filter: Commands,
        controls: mpsc::Receiver<Control>,
    ) -> Result<impl Future<Output = Error> + Send + use<>> {
        let (context, args) = (&service.context, &service.start.session);
        let instance = &service.start.instance;
        let mut request = session::request(context, args, Some(instance), instance);
        request.command_line = Some(filter.command_line().to_owned());
        let exchange = encrypt::exchange(context, args, &request).await?;
        let ending = service.ending.clone();
        let stop = async {
            ending.cancelled().await;
            Stop::Signal(15).into()
        };
        let started = Started::start(context, args, request, stop).await?;
        let limit = args.connection.connect_timeout;
        let link = started
            .or_end(started.dial(&context.network, limit))
            .await?;
        let mut channel = Session::new(session::protocol_options(args), pump::now());
        if let Some(exchange) = exchange {
            channel = channel.encrypted(exchange);
        }
        let options = pump::Options {
            escape: None,
            resume: !args.no_resume,
            open_within: Some(limit),
            linger: None,
        };
        let mut host = HeldHost {
            network: context.network.clone(),
            target: started.target.clone(),
            limit,
            up: Arc::clone(&self.up),
        };
        let (ends, control) = (self.ends.clone(), self.control.clone());
        let ending = service.ending.clone();
        Ok(async move {
            let [output, errors] = ends.writers();
            let ends = (ends, output);
            let pump = Pump::new(channel, filter, ends, controls, &mut host, options);
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
    pub(super) fn ask(&self, ask: Ask) {
        let _ = self.asks.send(ask);
        // If there is no room, it is about to be woken.
        let _ = self.control.try_send(Control::Filter);
    }

    /// The next message about the session and its command. Cancelling loses nothing.
    pub(super) async fn next(&mut self) -> Said {
        let said = self.said.recv().await;
        said.unwrap_or_else(|| Said::Over(Error::Lost("the session has ended".into())))
    }

    /// Whether its connection is there.
    pub(super) fn is_up(&self) -> bool {
        self.up.load(Ordering::Relaxed)
    }

    /// Whether it is over. What else was said while no command ran is of no interest.
    pub(super) fn is_over(&mut self) -> bool {
        while let Ok(said) = self.said.try_recv() {
            self.over |= matches!(said, Said::Over(_));
        }
        self.over
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.ends.end();
        let _ = self.control.try_send(Control::Stop(Stop::Signal(1)));
    }
}

/// Why a session is over.
fn why(outcome: Outcome) -> Error {
    match outcome {
        Outcome::Ended(Ending::Failed(error)) => error,
        Outcome::Ended(Ending::Status(_) | Ending::Normal) => {
            Error::Remote("the session ended before the command did".into())
        }
        _ => Error::Lost("the process that held the session was told to end".into()),
    }
}

/// The pump's host for a held session.
struct HeldHost {
    network: Network,
    target: Target,
    limit: Duration,
    up: Arc<AtomicBool>,
}

impl Host for HeldHost {
    fn reconnect(&mut self, resume: Option<String>) -> BoxFuture<'static, Result<Link>> {
        session::redial(&self.network, &self.target, resume, self.limit)
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
