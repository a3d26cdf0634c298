//! Serves accepted connections, each with a session, and keeps sessions in reserve for them.

use super::events::{Accepted, Events, Traffic};
use super::socks::{self, SocksReply, SocksVersion};
use super::starter::Starter;
use super::tunnel::{Over, Tunnel, close};
use super::warm::Reserve;
use crate::backoff::Backoff;
use crate::cli::Remote;
use crate::error::{Error, Result};
use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// The time that a client of `-D` has to send its request.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// The pauses after a session in reserve that could not be opened, or that ended early.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// A session in reserve that lasted this long has not ended early.
const LASTING: Duration = Duration::from_secs(30);

/// The state that all connections share.
pub(crate) struct Forwarder {
    /// Starts sessions.
    pub(crate) starter: Arc<Starter>,
    /// Tells the user what happens.
    pub(crate) events: Events,
    /// Cancelled when no new session may be opened.
    pub(crate) stop: CancellationToken,
    /// Cancelled when every session must end.
    pub(crate) cut: CancellationToken,
    permits: Arc<Semaphore>,
    limit: usize,
    waiting: watch::Sender<usize>,
}

/// The way in which a connection gets its session.
enum ConnectionTurn {
    Permit(OwnedSemaphorePermit),
    Ready(Tunnel),
}

impl Forwarder {
    /// At most `limit` sessions at once.
    #[must_use]
    pub(crate) fn new(starter: Starter, events: Events, limit: usize) -> Self {
        Self {
            starter: Arc::new(starter),
            events,
            stop: CancellationToken::new(),
            cut: CancellationToken::new(),
            permits: Arc::new(Semaphore::new(limit)),
            limit,
            waiting: watch::Sender::new(0),
        }
    }

    /// Serves one connection until it ends.
    pub(crate) async fn serve(
        self: Arc<Self>,
        mut stream: TcpStream,
        name: Accepted,
        remote: Option<Remote>,
        reserve: Option<Arc<Reserve>>,
    ) {
        let _ = stream.set_nodelay(true);
        let (remote, socks) = match remote {
            Some(remote) => (remote, None),
            None => match self.asked(&mut stream).await {
                Ok(request) => (request.remote, Some(request.version)),
                Err(why) => return self.events.refused(&name, &why),
            },
        };
        let over = self.carry(stream, &name, &remote, socks, reserve).await;
        self.events.closed(&name, over.traffic, over.error.as_ref());
    }

    /// Resets a connection that waited when axt was stopped.
    pub(crate) fn turn_away(&self, stream: TcpStream, name: &Accepted) {
        close(stream, false);
        let stopped = Error::Lost(tr!("axt was stopped").into());
        self.events.closed(name, Traffic::default(), Some(&stopped));
    }

    async fn asked(&self, stream: &mut TcpStream) -> Result<socks::SocksRequest, String> {
        let asked = timeout(HANDSHAKE, socks::request(stream));
        tokio::select! {
            asked = asked => {
                asked.unwrap_or_else(|_| Err(tr!("it sent no SOCKS request in time").into()))
            }
            () = self.stop.cancelled() => Err(tr!("axt was stopped").into()),
        }
    }

    /// Finds a session for the connection and joins the two until they end.
    async fn carry(
        &self,
        mut stream: TcpStream,
        name: &Accepted,
        remote: &Remote,
        socks: Option<SocksVersion>,
        reserve: Option<Arc<Reserve>>,
    ) -> Over {
        loop {
            let tunnel = match self.tunnel(name, remote, reserve.as_deref()).await {
                Ok(tunnel) => tunnel,
                Err(error) => return reject(stream, socks, error).await,
            };
            self.events
                .opened(name, remote, tunnel.session_id.as_deref());
            let mut tunnel = tunnel;
            if let Some(version) = socks {
                if !tunnel.settled().await {
                    return end_early(stream, version, tunnel.ended().await).await;
                }
                if socks::answer(&mut stream, version, SocksReply::Granted)
                    .await
                    .is_err()
                {
                    return tunnel.ended().await;
                }
            }
            let unanswered = || self.events.no_answer_yet(name);
            match tunnel.carry(stream, unanswered).await {
                Ok(over) => return over,
                // The session from the reserve has just ended: try another one.
                Err((back, _)) if reserve.is_some() && !self.stop.is_cancelled() => stream = back,
                Err((back, over)) => {
                    close(back, over.error.is_none() && reserve.is_none());
                    return over;
                }
            }
        }
    }

    async fn tunnel(
        &self,
        name: &Accepted,
        remote: &Remote,
        reserve: Option<&Reserve>,
    ) -> Result<Tunnel> {
        if let Some(tunnel) = reserve.and_then(Reserve::take) {
            return Ok(tunnel);
        }
        let turn = tokio::select! {
            turn = self.turn(name, reserve) => turn,
            () = self.stop.cancelled() => return Err(Error::Lost(tr!("axt was stopped").into())),
        };
        match turn {
            ConnectionTurn::Ready(tunnel) => Ok(tunnel),
            ConnectionTurn::Permit(permit) => self.open_with_files(name, remote, permit).await,
        }
    }

    /// Opens a session. While no more files may be open, tries again for as long as connecting may take.
    async fn open_with_files(
        &self,
        name: &Accepted,
        remote: &Remote,
        permit: OwnedSemaphorePermit,
    ) -> Result<Tunnel> {
        let permit = Arc::new(permit);
        let by = Instant::now() + self.starter.args().session.connection.connect_timeout;
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        loop {
            match self.open(remote, permit.clone()).await {
                Err(error) if error.is_of_open_files() && Instant::now() < by => {
                    if backoff.is_fresh() {
                        self.events.trying_again(name, &error);
                    }
                    tokio::select! {
                        () = sleep(backoff.next()) => {}
                        () = self.stop.cancelled() => return Err(error),
                    }
                }
                opened => return opened,
            }
        }
    }

    /// Waits until one more session may be open, in order of arrival, or until one comes into reserve.
    async fn turn(&self, name: &Accepted, reserve: Option<&Reserve>) -> ConnectionTurn {
        if let Ok(permit) = self.permits.clone().try_acquire_owned() {
            return ConnectionTurn::Permit(permit);
        }
        self.events.waiting(name, self.limit);
        let _counted = WaitingConnection::new(&self.waiting);
        let mut permit = pin!(self.permits.clone().acquire_owned());
        loop {
            let came = async {
                match reserve {
                    Some(reserve) => reserve.came.notified().await,
                    None => pending().await,
                }
            };
            tokio::select! {
                permit = &mut permit => match permit {
                    Ok(permit) => return ConnectionTurn::Permit(permit),
                    // Nobody closes the semaphore.
                    Err(_) => pending().await,
                },
                () = came => if let Some(tunnel) = reserve.and_then(Reserve::take) {
                    return ConnectionTurn::Ready(tunnel);
                },
            }
        }
    }

    /// Waits for a permit that no connection waits for.
    async fn spare_permit(&self) -> OwnedSemaphorePermit {
        loop {
            if *self.waiting.borrow() == 0
                && let Ok(permit) = self.permits.clone().try_acquire_owned()
            {
                return permit;
            }
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// Waits until no session is open any more, those in reserve included.
    pub(crate) async fn all_ended(&self) {
        let all = u32::try_from(self.limit).unwrap_or(u32::MAX);
        let _ = self.permits.acquire_many(all).await;
    }

    /// Opens a session; `permit` is dropped when it has been ended.
    ///
    /// # Errors
    /// As [`Starter::start`] and [`Starter::dial`]; [`Error::Lost`] when the program ends meanwhile.
    pub(crate) async fn open(
        &self,
        remote: &Remote,
        permit: impl Send + 'static,
    ) -> Result<Tunnel> {
        let stopped = || Error::Lost(tr!("axt was stopped").into());
        let stop = async {
            self.cut.cancelled().await;
            stopped()
        };
        let started = self.starter.start(remote, stop).await?;
        let dialing = async {
            tokio::select! {
                session = self.starter.dial(started.clone()) => session,
                () = self.cut.cancelled() => Err(stopped()),
            }
        };
        let session = started.or_end(dialing).await?;
        Ok(Tunnel::run(
            session,
            &self.starter,
            self.cut.clone(),
            permit,
        ))
    }
}

/// Keeps one session in reserve until the program stops. Other agents than those that report it when the
/// target has closed would connect to it again for the connection that takes the session.
pub(crate) async fn keep(forwarder: Arc<Forwarder>, reserve: Arc<Reserve>, remote: Remote) {
    forwarder.starter.reports_close.cancelled().await;
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    loop {
        let begun = Instant::now();
        match one(&forwarder, &reserve, &remote).await {
            Ok(()) => backoff.restart(),
            Err(error) => {
                if begun.elapsed() > LASTING {
                    backoff.restart();
                }
                match error {
                    Some(error) if backoff.is_fresh() => {
                        forwarder.events.reserve_failed(&remote, &error);
                    }
                    error => tracing::info!(?error, "a reserve ended"),
                }
                sleep(backoff.next()).await;
            }
        }
    }
}

/// Keeps one session in reserve until a connection takes it, or until it ends by itself.
async fn one(
    forwarder: &Arc<Forwarder>,
    reserve: &Reserve,
    remote: &Remote,
) -> Result<(), Option<Error>> {
    let permit = forwarder.spare_permit().await;
    // In its own task, so that a stop in the middle leaves no session open. A session that is opened for
    // nobody ends at once.
    let (opener, to) = (forwarder.clone(), remote.clone());
    let opening = tokio::spawn(async move { opener.open(&to, permit).await });
    let opened = opening.await.map_err(|_| None)?;
    let tunnel = opened.map_err(Some)?;
    let over = tunnel.over.clone();
    let taken = reserve.put(tunnel);
    tokio::select! {
        _ = taken => Ok(()),
        () = over.cancelled() => {
            reserve.drop_ended();
            Err(None)
        }
    }
}

/// Counts one connection as waiting, until it is dropped.
struct WaitingConnection<'a>(&'a watch::Sender<usize>);

impl<'a> WaitingConnection<'a> {
    fn new(count: &'a watch::Sender<usize>) -> Self {
        count.send_modify(|count| *count += 1);
        Self(count)
    }
}

impl Drop for WaitingConnection<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

/// Answers a client whose session has ended before the client got an answer: the remote side took the
/// connection and closed it, or the session failed.
async fn end_early(mut stream: TcpStream, version: SocksVersion, over: Over) -> Over {
    let reply = match &over.error {
        None => SocksReply::Granted,
        Some(error) => socks::reply_of(error),
    };
    let told = socks::answer(&mut stream, version, reply).await;
    close(stream, told.is_ok());
    over
}

/// Ends a connection that gets no session.
async fn reject(stream: TcpStream, socks: Option<SocksVersion>, error: Error) -> Over {
    let over = Over {
        error: Some(error),
        ..Over::default()
    };
    match socks {
        Some(version) => end_early(stream, version, over).await,
        None => {
            close(stream, false);
            over
        }
    }
}
