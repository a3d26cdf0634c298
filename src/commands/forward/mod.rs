//! `axt forward`: local TCP ports that lead to an instance, one session for each connection.
//!
//! `listen` binds the sockets, `connection` serves an accepted connection, `tunnel` is the session that
//! carries it, `client_gone` notices that its client is gone, `starter` starts sessions, `warm` keeps some in
//! reserve, `socks` reads the requests of `-D`'s clients, `child` runs the program of `--exec`, `events`
//! tells the user what happens.

mod child;
mod client_gone;
mod connection;
mod events;
mod listen;
mod socks;
mod starter;
mod tunnel;
mod warm;

#[cfg(feature = "fuzzing")]
pub(crate) use socks::request as socks_request;

use super::common::context::Context;
use crate::cli::{ForwardArgs, Global, Listen, Remote};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::terminal::Signals;
use crate::ui::Ui;
use connection::Forwarder;
use events::{Accepted, Events};
use listen::ConnectionPlaces;
use starter::Starter;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::process::Child;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use warm::Reserve;

/// The time that connections have to end after a signal to stop.
const GRACE: Duration = Duration::from_secs(5);

/// The time limit for ending the last sessions.
const END: Duration = Duration::from_secs(5);

/// Runs `axt forward`.
pub(crate) async fn run(global: &Global, args: ForwardArgs, ui: &Ui) -> anyhow::Result<Exit> {
    let context = Context::from_args(global, &args.session.connection, ui)?;
    let mut running = RunningForwards::new(context, global, &args, ui).await?;
    let unread = running.forwarder.events.unread.clone();
    let mut signals = Signals::listen()?;
    let ports = running.listen(&args, true).await?;
    let child = args.exec.then(|| child::start(&args.argv, &ports));
    let exit = match child.transpose() {
        Ok(child) => tokio::select! {
            exit = wait(child, &mut signals) => Ok(exit),
            // A program ends when nobody reads its output any more.
            () = unread.cancelled() => Ok(Exit::Ok),
        },
        Err(error) => Err(error.into()),
    };
    running.stop(&mut signals, args.exec).await;
    exit
}

/// Forwards that run besides another command, as with ssh.
pub(crate) struct Beside(RunningForwards);

impl Beside {
    /// Listens, in a context of the arguments. With `all`, a port that can't be listened on is an error;
    /// without, it is only reported.
    pub(crate) async fn start(
        context: Context,
        global: &Global,
        args: &ForwardArgs,
        ui: &Ui,
        all: bool,
    ) -> Result<Self> {
        let mut running = RunningForwards::new(context, global, args, ui).await?;
        running.listen(args, all).await?;
        Ok(Self(running))
    }

    /// Takes no new connections, and waits until the open ones have ended by themselves, or until a
    /// signal to stop.
    pub(crate) async fn finish(self) -> io::Result<()> {
        let mut signals = Signals::listen()?;
        self.0.forwarder.stop.cancel();
        self.0.connections.close();
        tokio::select! {
            () = self.0.connections.wait() => {}
            _ = signals.termination() => {}
        }
        self.0.stop(&mut signals, true).await;
        Ok(())
    }

    /// Ends every connection.
    pub(crate) async fn cut(self) -> io::Result<()> {
        self.0.stop(&mut Signals::listen()?, true).await;
        Ok(())
    }
}

/// The number of sessions that may be open at once, after a check that the arguments fit together.
fn limits(args: &ForwardArgs) -> Result<usize> {
    let limit = usize::from(args.max_sessions);
    let reserved = usize::from(args.warm) * args.local.len();
    let problem = if args.session.wss_url.is_some() && (args.warm > 0 || !args.dynamic.is_empty()) {
        tr!("--wss-url is for one connection: it can't serve --dynamic or --warm").to_owned()
    } else if reserved >= limit {
        tr!(
            "--warm keeps {reserved} sessions in reserve, and --max-sessions {limit} leaves none for connections",
            reserved,
            limit
        )
    } else {
        return Ok(limit);
    };
    Err(Error::Usage(problem))
}

/// Waits for the end of the program of `--exec`, or for a signal.
async fn wait(mut child: Option<Child>, signals: &mut Signals) -> Exit {
    loop {
        let ended = async {
            match &mut child {
                Some(child) => child.wait().await,
                None => pending().await,
            }
        };
        tokio::select! {
            status = ended => return status.map_or(Exit::Failed, child::exit),
            number = signals.termination() => match &child {
                Some(child) => child::pass(child, number),
                None => return Exit::Ok,
            },
        }
    }
}

/// The running forwards.
struct RunningForwards {
    forwarder: Arc<Forwarder>,
    /// One task for each connection.
    connections: TaskTracker,
    /// Tasks that accept, or keep reserves.
    others: TaskTracker,
    reserves: Vec<Arc<Reserve>>,
    numbers: Arc<AtomicU64>,
}

impl RunningForwards {
    /// Forwards of which none listens yet.
    async fn new(context: Context, global: &Global, args: &ForwardArgs, ui: &Ui) -> Result<Self> {
        let limit = limits(args)?;
        let starter = Starter::new(context, global, args).await?;
        let events = Events::new(ui, args.json);
        Ok(Self {
            forwarder: Arc::new(Forwarder::new(starter, events, limit)),
            connections: TaskTracker::new(),
            others: TaskTracker::new(),
            reserves: Vec::new(),
            numbers: Arc::default(),
        })
    }

    /// Binds everything before anything is accepted; returns the ports, in the order `-L`, `-D`. Unless
    /// `all` is set, a port that can't be bound is reported and left out.
    async fn listen(&mut self, args: &ForwardArgs, all: bool) -> Result<Vec<u16>> {
        let mut ports = Vec::new();
        let mut bound = Vec::new();
        for listen in args.local.iter().chain(&args.dynamic) {
            let listeners = match listen::bind(listen).await {
                Ok(listeners) => listeners,
                Err(error) if !all => {
                    self.forwarder.events.not_listening(&error);
                    continue;
                }
                Err(error) => return Err(error),
            };
            let addresses: Vec<SocketAddr> = listeners
                .iter()
                .filter_map(|listener| listener.local_addr().ok())
                .collect();
            ports.push(addresses.first().map_or(listen.port, SocketAddr::port));
            bound.push((listen, listeners, addresses));
        }
        let forwarder = self.forwarder.clone();
        let warm = args.warm > 0;
        self.until_stopped(async move {
            forwarder.starter.ask_of_agent().await;
            if warm && !forwarder.starter.reports_close.is_cancelled() {
                forwarder.events.no_reserve_yet();
            }
        });
        let listeners = bound.iter().map(|(_, listeners, _)| listeners.len()).sum();
        let places = ConnectionPlaces::beside(listeners);
        let via = args.target.as_deref().unwrap_or(tr!("the instance"));
        for (index, (listen, listeners, addresses)) in bound.into_iter().enumerate() {
            let reserve = self.reserve(listen, args.warm);
            for (listener, at) in listeners.into_iter().zip(addresses) {
                let events = &self.forwarder.events;
                if !at.ip().is_loopback() {
                    events.exposed(at);
                }
                events.listening(index + 1, at, listen.remote.as_ref(), via);
                let forward = (index + 1, listen.remote.clone(), reserve.clone());
                self.accept((listener, at), forward, places.clone());
            }
        }
        Ok(ports)
    }

    /// Starts keeping `count` sessions in reserve.
    fn reserve(&mut self, listen: &Listen, count: u16) -> Option<Arc<Reserve>> {
        let remote = listen.remote.as_ref().filter(|_| count > 0)?;
        let reserve = Arc::new(Reserve::default());
        for _ in 0..count {
            let keeping = connection::keep(self.forwarder.clone(), reserve.clone(), remote.clone());
            self.until_stopped(keeping);
        }
        self.reserves.push(reserve.clone());
        Some(reserve)
    }

    /// Starts accepting.
    fn accept(
        &self,
        (listener, at): (TcpListener, SocketAddr),
        (forward, remote, reserve): (usize, Option<Remote>, Option<Arc<Reserve>>),
        places: ConnectionPlaces,
    ) {
        let forwarder = self.forwarder.clone();
        let (connections, numbers) = (self.connections.clone(), self.numbers.clone());
        self.others.spawn(async move {
            let stop = forwarder.stop.clone();
            let accept =
                || stop.run_until_cancelled(listen::accept(&listener, at, &forwarder.events));
            while let Some((stream, peer)) = accept().await {
                let name = Accepted {
                    connection: numbers.fetch_add(1, Ordering::Relaxed) + 1,
                    forward,
                    peer,
                };
                // Until there is a place, others wait for the listener.
                let place = places.take(&name, &forwarder.events);
                let Some(place) = stop.run_until_cancelled(place).await else {
                    return forwarder.turn_away(stream, &name);
                };
                let serving =
                    forwarder
                        .clone()
                        .serve(stream, name, remote.clone(), reserve.clone());
                connections.spawn(async move {
                    serving.await;
                    drop(place);
                });
            }
        });
    }

    fn until_stopped(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.forwarder.stop.clone();
        self.others.spawn(async move {
            stop.run_until_cancelled(task).await;
        });
    }

    /// Stops: no connection is accepted any more, those that are open get some time (less after a second
    /// signal), and every session is ended.
    async fn stop(self, signals: &mut Signals, at_once: bool) {
        let forwarder = &self.forwarder;
        forwarder.stop.cancel();
        self.connections.close();
        self.others.close();
        self.others.wait().await;
        for reserve in &self.reserves {
            reserve.clear();
        }
        if !at_once {
            forwarder.events.stopping(self.connections.len());
            tokio::select! {
                _ = timeout(GRACE, self.connections.wait()) => {}
                _ = signals.termination() => {}
            }
        }
        forwarder.cut.cancel();
        let ended = timeout(END, async {
            self.connections.wait().await;
            forwarder.all_ended().await;
        });
        if ended.await.is_err() {
            tracing::info!("sessions were still being ended after {END:?}");
        }
    }
}
