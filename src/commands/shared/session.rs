//! A session: starts it by the API, or takes it from `--wss-url`, connects to it and ends it.

use super::context::Context;
use super::{stdio, target};
use crate::cli;
use crate::error::{Error, Result};
use crate::net::Network;
use crate::openapi::client::Client;
use crate::openapi::ecs::{EndTerminalSession, StartTerminalSession};
use crate::openapi::endpoint::Product;
use crate::protocol::session;
use crate::pump::Link;
use crate::wire::{self, Target};
use futures_util::future::BoxFuture;
use secrecy::SecretString;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;

/// How long ending a session may take.
const END: Duration = Duration::from_secs(2);

/// The longest URL that is read from stdin, in bytes.
const LONGEST_URL: usize = 64 * 1024;

/// A session that can be connected to.
#[derive(Debug, Clone)]
pub(crate) struct Started {
    /// The gateway's address and the session's token.
    pub(crate) target: Target,
    ender: Option<Ender>,
}

/// Ends the session that the API has started.
#[derive(Clone)]
struct Ender {
    client: Client,
    session_id: String,
}

impl std::fmt::Debug for Ender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ender({})", self.session_id)
    }
}

impl Started {
    /// Asks the API for the session, or takes the URL that was given.
    ///
    /// # Errors
    /// As [`Client::call`]; [`Error::Usage`] for a URL that can't be used.
    pub(crate) async fn start(
        context: &Context,
        args: &cli::Session,
        request: StartTerminalSession,
    ) -> Result<Self> {
        if let Some(url) = &args.wss_url {
            let url = given_url(url).await?;
            return Ok(Self::given(Target::session(&url, None)?));
        }
        let client = context.client(Product::Ecs)?;
        Self::by(&client, request, args.connection.connect_timeout).await
    }

    /// Asks the API for the session.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub(crate) async fn by(
        client: &Client,
        request: StartTerminalSession,
        limit: Duration,
    ) -> Result<Self> {
        let started = client.call(&request, limit).await?;
        tracing::info!(session = started.session_id, "session started");
        let ender = Ender {
            client: client.clone(),
            session_id: started.session_id,
        };
        match Target::session(&started.web_socket_url, Some(started.security_token)) {
            Ok(target) => Ok(Self {
                target,
                ender: Some(ender),
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

    /// A session that somebody else has started, and ends.
    #[must_use]
    pub(crate) fn given(target: Target) -> Self {
        let ender = None;
        Self { target, ender }
    }

    /// Connects to the gateway.
    ///
    /// # Errors
    /// As [`dial`].
    pub(crate) async fn dial(&self, network: &Network, limit: Duration) -> Result<Link> {
        dial(network.clone(), self.target.clone(), limit).await
    }

    /// Does one step of opening the session. If the step fails, the session is ended.
    ///
    /// # Errors
    /// The step's.
    pub(crate) async fn or_end<T>(&self, step: impl Future<Output = Result<T>>) -> Result<T> {
        let done = step.await;
        if done.is_err() {
            self.end().await;
        }
        done
    }

    /// Ends the session, so that it no longer counts against the region's limit. A failure is only logged:
    /// the user may lack the permission.
    pub(crate) async fn end(&self) {
        if let Some(ender) = &self.ender {
            ender.end().await;
        }
    }
}

impl Ender {
    async fn end(&self) {
        let session_id = self.session_id.clone();
        let end = EndTerminalSession { session_id };
        match timeout(END, self.client.call(&end, END)).await {
            Ok(Ok(_)) => tracing::info!(session = self.session_id, "session ended"),
            Ok(Err(error)) => tracing::info!(%error, "the session could not be ended"),
            Err(_) => tracing::info!("ending the session took too long"),
        }
    }
}

/// Connects to the gateway: network, TLS and WebSocket within `limit`.
///
/// # Errors
/// As [`Network::dial`] and [`wire::open`]; [`Error::Timeout`].
pub(crate) async fn dial(network: Network, target: Target, limit: Duration) -> Result<Link> {
    let what = format!("the connection to {}", target.host());
    let opening = async {
        let stream = network.dial(target.url()).await?;
        wire::open(&target, stream).await
    };
    let (outgoing, incoming) = timeout(limit, opening)
        .await
        .map_err(|_| Error::Timeout { what, limit })??;
    Ok(Link { outgoing, incoming })
}

/// Connects again: to resume the channel `resume`, or to open the session if there is no channel yet.
pub(crate) fn redial(
    network: &Network,
    target: &Target,
    resume: Option<String>,
    limit: Duration,
) -> BoxFuture<'static, Result<Link>> {
    let (network, target) = (network.clone(), target.clone());
    Box::pin(async move {
        let target = match resume {
            Some(id) => target.resuming(&id),
            None => target,
        };
        dial(network, target, limit).await
    })
}

/// The request for a session on `target` (`[USER@]INSTANCE[.REGION]`), as the session options describe it.
///
/// # Errors
/// [`Error::Usage`] for a target without an instance id.
pub(crate) fn request(
    context: &Context,
    args: &cli::Session,
    target: Option<&str>,
) -> Result<StartTerminalSession> {
    let target = target::Target::parse(target.unwrap_or_default());
    if args.wss_url.is_none() {
        target.id()?;
    }
    let mut request = StartTerminalSession::new(target.instance);
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
    Ok(request)
}

/// The protocol's options as the session options describe them.
#[must_use]
pub(crate) fn protocol_options(args: &cli::Session) -> session::Options {
    session::Options {
        keepalive: unless_zero(args.connection.keepalive),
        dead_after: unless_zero(args.connection.dead_after),
        rate_limit: args.connection.rate_limit,
        eager: false,
        silence_opens: false,
    }
}

/// A duration of 0 means never.
#[must_use]
pub(crate) fn unless_zero(span: Duration) -> Option<Duration> {
    Some(span).filter(|span| !span.is_zero())
}

/// The session URL given by `--wss-url`; `-` reads its line from stdin.
async fn given_url(given: &str) -> Result<SecretString> {
    if given != "-" {
        return Ok(given.into());
    }
    let (mut stdin, mut line) = (stdio::stdin()?, Vec::new());
    // Read byte by byte: what follows the line is the command's input.
    let mut byte = [0];
    while line.len() < LONGEST_URL {
        let read = stdin.read(&mut byte).await;
        let read = read.map_err(|source| Error::Io {
            what: "reading the session URL failed",
            source,
        })?;
        if read == 0 || byte == *b"\n" {
            break;
        }
        line.extend(byte);
    }
    let line = String::from_utf8(line)
        .map_err(|_| Error::Usage("the session URL on stdin is not UTF-8".into()))?;
    Ok(line.trim().into())
}
