//! A session: starts it by the API and connects to it, or takes it from `--wss-url`, and ends it.

pub(crate) mod about;
pub(crate) mod attach;
pub(crate) mod confirmation;
pub(crate) mod dial;
pub(crate) mod encrypt;
mod given_url;
pub(crate) mod held;
mod lost_line;
pub(crate) mod port;
mod queue;
pub(crate) mod recorder;
pub(crate) mod stdio;

use super::context::Context;
use super::stops::Stops;
use crate::cli;
use crate::commands::doctor::explain::with_explanation;
use crate::error::{ApiError, Error, Result};
use crate::names;
use crate::net::Network;
use crate::openapi::client::Client;
use crate::openapi::ecs::{EndTerminalSession, StartTerminalSession, TerminalSession};
use crate::openapi::endpoint::Product;
use crate::protocol::readiness::GRACE;
use crate::protocol::session::{self, InputFrom};
use crate::pump::Link;
use crate::wire::SessionUrl;
use confirmation::Confirmation;
use dial::{dial, heard};
use given_url::given_url;
use queue::StartQueue;
#[cfg(unix)]
pub(crate) use queue::fails_again;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// The time limit for ending a session.
const END: Duration = Duration::from_secs(2);

/// The time that input which may go at once waits for the gateway's first word. A refusal is such a word, and
/// goes to the queue. Some gateways say nothing.
const FIRST_WORD: Duration = Duration::from_millis(300);

/// The time that axt waits, after a stop, for the answer to a request for a session.
const PATIENCE: Duration = Duration::from_secs(1);

/// The time limit for asking again for a session whose answer is missing.
const AGAIN: Duration = Duration::from_secs(2);

/// A session that can be connected to.
#[derive(Debug, Clone)]
pub(crate) struct Started {
    /// The gateway's address and the session's token.
    pub(crate) target: SessionUrl,
    ender: Option<Ender>,
    /// Its first connection, until it is taken.
    link: Arc<Mutex<Option<Link>>>,
}

/// Ends the session that the API has started.
#[derive(Clone)]
struct Ender {
    client: Client,
    session_id: String,
    /// Done once it was asked for, by whichever copy of this.
    ended: Arc<OnceCell<()>>,
}

impl std::fmt::Debug for Ender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ender({})", self.session_id)
    }
}

impl Started {
    /// Asks the API for the session, whose input may go `from` then on, and connects to it, or takes the URL
    /// that was given, unless `stop` comes first.
    ///
    /// # Errors
    /// As [`Started::by`]; [`Error::Usage`] for a URL that can't be used.
    pub(crate) async fn start(
        context: &Context,
        args: &cli::SessionArgs,
        request: StartTerminalSession,
        confirmation: &Confirmation,
        from: InputFrom,
        stop: impl Future<Output = Error>,
    ) -> Result<Self> {
        if let Some(url) = &args.wss_url {
            let url = tokio::select! {
                url = given_url(url) => url?,
                error = stop => return Err(error),
            };
            return Ok(Self::given(SessionUrl::session(&url, None)?));
        }
        let client = context.client(Product::Ecs)?;
        Self::by(context, args, &client, request, confirmation, from, stop).await
    }

    /// Asks the API for the session and connects to it, unless `stop` comes first. It waits for its turn,
    /// and for the service's limits.
    ///
    /// # Errors
    /// As [`Client::call`] and [`dial`]; [`Error::Queue`]; the error that `stop` gives.
    pub(crate) async fn by(
        context: &Context,
        args: &cli::SessionArgs,
        client: &Client,
        mut request: StartTerminalSession,
        confirmation: &Confirmation,
        from: InputFrom,
        stop: impl Future<Output = Error>,
    ) -> Result<Self> {
        let mut stop = pin!(stop);
        let mut queue = StartQueue::new(context, client.region(), args)?;
        loop {
            tokio::select! {
                turn = queue.turn() => turn?,
                error = stop.as_mut() => return Err(error),
            }
            let how = (args, confirmation, from);
            let opening = Self::open(context, client, how, &request, stop.as_mut());
            let error = match opening.await {
                Err(error) => error,
                started => return started,
            };
            // The session that an instance had no room for is over.
            if matches!(error, Error::Ended { .. }) {
                request.client_token = StartTerminalSession::new("").client_token;
            }
            queue.refused(error).await?;
        }
    }

    /// Asks the API for the session, and connects to it when its instance is confirmed. The likely gateway is
    /// connected to meanwhile. A session that was asked for without an answer, or that can't be connected to,
    /// is ended.
    async fn open(
        context: &Context,
        client: &Client,
        (args, confirmation, from): (&cli::SessionArgs, &Confirmation, InputFrom),
        request: &StartTerminalSession,
        mut stop: Pin<&mut impl Future<Output = Error>>,
    ) -> Result<Self> {
        let (network, gateways) = (request.connection_type, &context.gateways);
        let limit = args.connection.connect_timeout;
        let early = gateways.dial(client, network);
        tracing::info!("asking for a session with {}", request.instance_id);
        let asked = Instant::now();
        // A call that was one too many is for the queue: all processes wait then.
        let patient = client.clone().without_throttled();
        let mut answer = pin!(patient.call(request, limit));
        let started = tokio::select! {
            answer = &mut answer => answer,
            error = stop.as_mut() => {
                let ending = end_unanswered(client, request, answer);
                if is_stopped_again(ending).await {
                    context.say(tr!("a session may be left: axt sessions list shows it"));
                }
                return Err(error);
            }
        };
        let started = match started {
            Ok(started) => started,
            Err(error) => {
                if may_have_started(&error) {
                    end_by_token(client, request).await;
                }
                return Err(error);
            }
        };
        let took = asked.elapsed();
        tracing::info!(session = started.session_id, ?took, "session started");
        let ender = ender(client, started.session_id);
        let dialing = async {
            let target =
                SessionUrl::session(&started.web_socket_url, Some(started.security_token))?;
            gateways.learn(client, network, target.url());
            if !confirmation.wait().await {
                return Ok((target, None));
            }
            let link = dial(client.network().clone(), target.clone(), early, limit).await?;
            let patience = match from {
                InputFrom::FirstOutput => limit,
                // What waits to be spoken to gets its input then.
                InputFrom::Grace => GRACE,
                InputFrom::Start { .. } => FIRST_WORD,
            };
            let whose = (context, args, request.instance_id.as_str());
            let hearing = with_explanation(heard(link, patience), CancellationToken::new(), whose);
            Ok((target, Some(hearing.await?)))
        };
        let connected = tokio::select! {
            connected = dialing => connected,
            error = stop => Err(error),
        };
        match connected {
            Ok((target, link)) => Ok(Self {
                target,
                ender: Some(ender),
                link: Arc::new(Mutex::new(link)),
            }),
            Err(error) => {
                ender.end().await;
                Err(error)
            }
        }
    }

    /// The session's id, where it is known.
    #[must_use]
    pub(crate) fn session_id(&self) -> Option<&str> {
        self.ender.as_ref().map(|ender| ender.session_id.as_str())
    }

    /// A session that another program has started and ends.
    #[must_use]
    pub(crate) fn given(target: SessionUrl) -> Self {
        Self {
            target,
            ender: None,
            link: Arc::default(),
        }
    }

    /// The connection to the gateway, which is made now if the session was given.
    pub(crate) async fn dial(&self, network: &Network, limit: Duration) -> Result<Link> {
        let link = self
            .link
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        match link {
            Some(link) => Ok(link),
            None => dial(network.clone(), self.target.clone(), None, limit).await,
        }
    }

    /// Does one step of opening the session. If the step fails, the session is ended.
    pub(crate) async fn or_end<T>(&self, step: impl Future<Output = Result<T>>) -> Result<T> {
        let done = step.await;
        if done.is_err() {
            self.end().await;
        }
        done
    }

    /// Ends the session, once, so that it no longer counts against the region's limit. A failure is only logged:
    /// the user may lack the permission.
    pub(crate) async fn end(&self) {
        if let Some(ender) = &self.ender {
            ender.end().await;
        }
    }
}

impl Ender {
    async fn end(&self) {
        self.ended.get_or_init(|| self.ask_for_end()).await;
    }

    async fn ask_for_end(&self) {
        let session_id = self.session_id.clone();
        let end = EndTerminalSession { session_id };
        match timeout(END, self.client.call(&end, END)).await {
            Ok(Ok(_)) => tracing::info!(session = self.session_id, "session ended"),
            Ok(Err(error)) => tracing::info!(%error, "the session could not be ended"),
            Err(_) => tracing::info!("ending the session took too long"),
        }
    }
}

/// Runs this to its end, or until a second signal comes. Returns whether one came.
async fn is_stopped_again(ending: impl Future<Output = ()>) -> bool {
    let mut ending = pin!(ending);
    let Ok(mut stops) = Stops::listen(None) else {
        ending.await;
        return false;
    };
    tokio::select! {
        () = &mut ending => false,
        _ = stops.next() => true,
    }
}

/// Ends a session whose answer is still missing: waits for `answer` a little, then asks again.
async fn end_unanswered(
    client: &Client,
    request: &StartTerminalSession,
    answer: impl Future<Output = Result<TerminalSession>>,
) {
    match timeout(PATIENCE, answer).await {
        Ok(Ok(started)) => ender(client, started.session_id).end().await,
        Ok(Err(error)) if !may_have_started(&error) => {}
        _ => end_by_token(client, request).await,
    }
}

/// Ends the session that `request` has started although its answer is missing: asked with the same
/// client token, the API names it again.
pub(crate) async fn end_by_token(client: &Client, request: &StartTerminalSession) {
    let again = timeout(AGAIN, client.call(request, AGAIN));
    let answer = again.await.unwrap_or_else(|_| {
        let what = tr!("asking for the session again").into();
        Err(Error::Timeout { what, limit: AGAIN })
    });
    match answer {
        Ok(started) => ender(client, started.session_id).end().await,
        Err(error) => tracing::info!(%error, "a session may be left, as its id is not known"),
    }
}

fn ender(client: &Client, session_id: String) -> Ender {
    let client = client.clone();
    Ender {
        client,
        session_id,
        ended: Arc::default(),
    }
}

/// True if the service may have started a session although the call failed.
pub(crate) fn may_have_started(error: &Error) -> bool {
    match error {
        Error::Timeout { .. } | Error::Lost(_) => true,
        Error::Api(error) => error.status >= 500 || error.code == ApiError::UNEXPECTED,
        _ => false,
    }
}

/// The request for a session on the instance `id`, which `target` has been found to be, as the session
/// options describe it.
#[must_use]
pub(crate) fn request(
    context: &Context,
    args: &cli::SessionArgs,
    target: Option<&str>,
    id: &str,
) -> StartTerminalSession {
    let target = names::target::Target::parse(target.unwrap_or_default());
    let mut request = StartTerminalSession::new(id);
    request.username = args
        .user
        .clone()
        .or(target.user)
        .filter(|user| !user.is_empty());
    request.password_name = args.password_name.clone();
    request.connection_type = context.settings.connection_type.value;
    request.encryption = args.encrypt.clone();
    if let Some(token) = &args.client_token {
        request.client_token = token.clone();
    }
    request
}

/// The protocol's options as the session options describe them.
#[must_use]
pub(crate) fn protocol_options(args: &cli::SessionArgs) -> session::SessionOptions {
    session::SessionOptions {
        keepalive: match args.connection.keepalive {
            None => session::Keepalive::Usual,
            Some(Duration::ZERO) => session::Keepalive::Off,
            Some(interval) => session::Keepalive::Every(interval),
        },
        dead_after: unless_zero(args.connection.dead_after),
        rate_limit: args.connection.rate_limit,
        input_from: InputFrom::FirstOutput,
        ..session::SessionOptions::default()
    }
}

/// A duration of 0 means never.
#[must_use]
pub(crate) fn unless_zero(span: Duration) -> Option<Duration> {
    Some(span).filter(|span| !span.is_zero())
}
