//! Starts, serves and stops an emulator on a thread of its own.

use super::api::dispatch;
use super::api::request::{ApiRequest, MAX_BODY};
use super::fleet::instance::Instance;
use super::gateway::channel::Order;
use super::gateway::entrance;
use super::gateway::inject::Cut;
#[cfg(unix)]
use super::gateway::webshell;
use super::options::Options;
#[cfg(unix)]
use super::sae::SOCKET_PATH;
use super::stall::{HeldTraffic, StallListener};
use super::state::Shared;
use super::state::clock::ServiceClock;
use super::state::identities::AccessKey;
use super::state::store::{self, SessionCounts, StoredConnection};
use crate::error::{Error, Result};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{Request, Response};
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// The time that stopping waits for agents to end.
const STOP: Duration = Duration::from_secs(3);
/// The interval at which the sessions are told to end while the emulator stops.
const AGAIN: Duration = Duration::from_millis(50);

/// A running emulator, on a thread and runtime of its own. Dropping it ends every session, and with
/// it the session's program.
pub struct Emulator {
    shared: Arc<Shared>,
    address: SocketAddr,
    handle: tokio::runtime::Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// The emulator's record of one session.
#[derive(Debug, Clone)]
pub struct SessionInfo {
    /// Its id.
    pub session_id: String,
    /// Its instance.
    pub instance_id: String,
    /// The time when it was started.
    pub created: jiff::Timestamp,
    /// True if EndTerminalSession ended it.
    pub ended: bool,
    /// The address of the last client that connected.
    pub client_ip: Option<String>,
    /// Its connections, in the order they were made.
    pub connections: Vec<StoredConnection>,
}

impl std::fmt::Debug for Emulator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Emulator({})", self.address)
    }
}

impl Emulator {
    /// Starts an emulator that serves `listener`.
    ///
    /// # Errors
    /// [`Error::Usage`] when other machines can reach the address and [`Options::allow_remote`] is
    /// not set; [`Error::Io`] when the system refuses a socket option, random bytes or a thread.
    pub fn start(options: Options, listener: TcpListener) -> Result<Self> {
        let address = listener.local_addr().map_err(io_error)?;
        if !address.ip().is_loopback() && !options.allow_remote {
            let message = tr!(
                "{address} can be reached from other machines, and everybody who has its credentials can get a shell",
                address
            );
            return Err(Error::Usage(message));
        }
        listener.set_nonblocking(true).map_err(io_error)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(io_error)?;
        let handle = runtime.handle().clone();
        // Checked once here, so that later uses may rely on it.
        getrandom::fill(&mut [0]).map_err(|error| io_error(io::Error::other(error.to_string())))?;
        let shared = Arc::new(Shared::new(options));
        let (stop, stopped) = oneshot::channel();
        let serving = serve(shared.clone(), listener, stopped);
        let thread = std::thread::Builder::new()
            .name("emulator".into())
            .spawn(move || runtime.block_on(serving))
            .map_err(io_error)?;
        Ok(Self {
            shared,
            address,
            handle,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Starts an emulator on a free loopback port.
    pub fn on_loopback(options: Options) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").map_err(io_error)?;
        Self::start(options, listener)
    }

    /// The address on which it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// True if only this machine can reach it.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.address.ip().is_loopback()
    }

    /// The base URL of its API: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn api_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The key pair of its RAM user: the only one that it accepts, besides those that its STS gives.
    #[must_use]
    pub fn credentials(&self) -> &AccessKey {
        self.shared.identities.user()
    }

    /// The secrets and tokens of its RAM user and of the roles that have been assumed so far.
    #[must_use]
    pub fn secrets(&self) -> Vec<String> {
        self.shared.identities.secrets()
    }

    /// The environment that points axt, or an SDK, at it. A security token must not be set.
    #[must_use]
    pub fn exports(&self) -> Vec<(&'static str, String)> {
        let keys = self.credentials();
        let region = self.shared.options.own_region().to_owned();
        vec![
            ("AXT_ENDPOINT", self.api_url()),
            ("ALIBABA_CLOUD_ACCESS_KEY_ID", keys.access_key_id.clone()),
            (
                "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
                keys.access_key_secret.clone(),
            ),
            ("ALIBABA_CLOUD_REGION_ID", region),
        ]
    }

    /// Counts of its sessions and connections.
    #[must_use]
    pub fn counts(&self) -> SessionCounts {
        self.shared.store.counts()
    }

    /// Its sessions, sorted by id.
    #[must_use]
    pub fn sessions(&self) -> Vec<SessionInfo> {
        let sessions = self.shared.store.sessions().into_iter();
        let record = |session: store::StoredSession| SessionInfo {
            session_id: session.spec.session_id,
            instance_id: session.spec.instance_id,
            created: session.created,
            ended: session.ended,
            client_ip: session.client_ip,
            connections: session.connections,
        };
        sessions.map(record).collect()
    }

    /// The number of calls of an action, refused ones included.
    #[must_use]
    pub fn calls(&self, action: &str) -> u64 {
        self.shared.calls.of(action)
    }

    /// Replaces the instances that the options declared.
    pub fn set_instances(&self, instances: Vec<Instance>) {
        self.shared.fleet.set(instances);
    }

    /// Its clock.
    #[must_use]
    pub fn clock(&self) -> &ServiceClock {
        &self.shared.clock
    }

    /// Sends every client the status Frozen and closes with code 1012, as the gateway does before it
    /// restarts. The agents wait for their clients to resume.
    pub fn restart_gateway(&self) {
        for session in self.shared.store.sessions() {
            session.link.order(Order::Restart);
        }
    }

    /// Cuts all connections. The agents wait for their clients to resume.
    pub fn cut_connections(&self, cut: Cut) {
        for session in self.shared.store.sessions() {
            session.link.order(Order::Cut(cut));
        }
    }

    /// Holds all traffic of all connections, those that are made later included, until
    /// [`Stall::release`].
    #[must_use]
    pub fn stall(&self) -> Stall<'_> {
        Stall {
            held: self.shared.stalls.hold(),
            emulator: self,
        }
    }

    /// Ends a session as EndTerminalSession does.
    pub fn end_session(&self, session_id: &str) {
        if let Some(session) = self.shared.store.end(session_id) {
            self.shared
                .tasks
                .spawn_on(async move { session.link.end().await }, &self.handle);
        }
    }
}

/// A stall of all traffic.
pub struct Stall<'a> {
    emulator: &'a Emulator,
    held: HeldTraffic,
}

impl Stall<'_> {
    /// Delivers what was held, attempts that their clients have given up after later ones.
    pub fn release(self) {
        let shared = self.emulator.shared.clone();
        let release = async move { shared.stalls.release(self.held).await };
        self.emulator
            .shared
            .tasks
            .spawn_on(release, &self.emulator.handle);
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // The receiver is gone if the thread has panicked.
        let _ = self.stop.take().map(|stop| stop.send(()));
        let panicked = self
            .thread
            .take()
            .is_some_and(|thread| thread.join().is_err());
        if panicked && !std::thread::panicking() {
            tracing::error!("the emulator's thread panicked");
        }
    }
}

fn io_error(source: io::Error) -> Error {
    Error::Io {
        what: tr!("can't start the emulator"),
        source,
    }
}

async fn serve(shared: Arc<Shared>, listener: TcpListener, stopped: oneshot::Receiver<()>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "the emulator can't use its socket"),
    };
    let router = Router::new()
        .fallback(call)
        .route("/session", get(entrance::upgrade));
    #[cfg(unix)]
    let router = router.route(SOCKET_PATH, get(webshell::upgrade));
    let router = router.with_state(shared.clone());
    let listener = StallListener {
        listener,
        stalls: shared.stalls.clone(),
    };
    tokio::select! {
        () = accept(listener, router) => {}
        // A dropped sender means the same.
        _ = stopped => {}
    }
    shared.stalls.release_all();
    shared.stopping.cancel();
    shared.tasks.close();
    if timeout(STOP, end_everything(&shared)).await.is_err() {
        tracing::warn!("sessions were still ending after {STOP:?}");
    }
}

/// Serves each connection in a task of its own, for ever.
async fn accept(mut listener: StallListener, router: Router) {
    loop {
        let stream = TokioIo::new(listener.accept().await);
        let service = TowerToHyperService::new(router.clone());
        let mut server = http1::Builder::new();
        // A request that arrives together with its client's end of the connection is served too, as by any
        // gateway: a client that gave up in a stall sends that. `axum::serve` would drop it.
        server.half_close(true);
        let serving = server.serve_connection(stream, service).with_upgrades();
        tokio::spawn(async move {
            if let Err(error) = serving.await {
                tracing::debug!(%error, "a connection to the emulator failed");
            }
        });
    }
}

/// Ends all sessions. It repeats the order, for a session that is being opened can't take one yet.
async fn end_everything(shared: &Shared) {
    loop {
        for session in shared.store.sessions() {
            shared.tasks.spawn(async move { session.link.end().await });
        }
        if timeout(AGAIN, shared.tasks.wait()).await.is_ok() {
            return;
        }
    }
}

async fn call(State(shared): State<Arc<Shared>>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let response = match to_bytes(body, MAX_BODY).await {
        Ok(body) => dispatch::handle(
            &shared,
            &ApiRequest {
                method: &parts.method,
                path: parts.uri.path(),
                query: parts.uri.query().unwrap_or_default(),
                headers: &parts.headers,
                body: &body,
            },
        ),
        Err(_) => dispatch::refuse_body(&shared, &parts.headers),
    };
    response.map(Body::from)
}
