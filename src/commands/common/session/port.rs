//! A port session, which `axt proxy` and each connection of `axt forward` run.

use super::dial;
use crate::cli::{self, Remote};
use crate::commands::common::context::Context;
use crate::commands::common::session::{self, Started};
use crate::error::{Error, Result};
use crate::net::Network;
use crate::openapi::client::Action as _;
use crate::openapi::ecs::StartTerminalSession;
use crate::protocol::channel::{Condition, Ending};
use crate::protocol::port::Port;
use crate::protocol::session::{InputFrom, Session};
use crate::pump::{self, Control, Host, Link, Notice, Outcome, Pump};
use futures_util::future::BoxFuture;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// The time that an agent may be silent that does not report that its target has closed.
const LINGER: Duration = Duration::from_secs(5);

/// The request for a session with a port of the instance `id`, or of what it can reach.
///
/// # Errors
/// [`Error::Usage`] for an encrypted session; [`Error::Api`] for what the
/// service would refuse.
pub(crate) fn request(
    context: &Context,
    args: &cli::SessionArgs,
    (target, id): (Option<&str>, &str),
    remote: &Remote,
) -> Result<StartTerminalSession> {
    if args.encrypt.is_some() {
        let what = tr!(
            "the service encrypts terminals only: no port goes with --encrypt, AXT_ENCRYPT or `encrypt` in axt's configuration file; what is forwarded should be encrypted by itself, as ssh is"
        );
        return Err(Error::Usage(what.into()));
    }
    let mut request = session::request(context, args, target, id);
    request.port_number = Some(remote.port);
    request.target_server.clone_from(&remote.host);
    // The request for a session that is given is never sent.
    if args.wss_url.is_none() {
        request.check()?;
    }
    Ok(request)
}

/// The moment from which input may be sent to a port: at once where the user wants that, or where the agent
/// is known to queue it.
pub(crate) fn input_from(ports: &cli::PortArgs, queued: bool) -> InputFrom {
    match ports.eager || queued {
        true => InputFrom::Start { queued },
        false => InputFrom::Grace,
    }
}

/// A started port session with its connection to the gateway.
pub(crate) struct PortSession {
    started: Started,
    network: Network,
    link: Link,
    /// The moment from which input may be sent.
    pub(crate) input_from: InputFrom,
    /// The agent is known to report that the port's target has closed.
    pub(crate) reports_close: bool,
    /// Cancelled when the session is over, while the last bytes may still have to be delivered.
    pub(crate) over: CancellationToken,
}

impl PortSession {
    /// Connects to a session that was started.
    pub(crate) async fn dial(
        started: Started,
        network: Network,
        input_from: InputFrom,
        limit: Duration,
    ) -> Result<Self> {
        let link = started.dial(&network, limit).await?;
        Ok(Self {
            started,
            network,
            link,
            input_from,
            reports_close: false,
            over: CancellationToken::new(),
        })
    }

    /// The session. End it when the run is over, not before: the API call could overtake what has been
    /// sent. Where the remote side has ended it, the run has asked for the end already.
    #[must_use]
    pub(crate) fn started(&self) -> &Started {
        &self.started
    }

    /// Runs the session between the gateway and `ends` until it is over. Returns how it ended, and how many
    /// bytes of input were sent.
    pub(crate) async fn run(
        self,
        ends: (
            impl AsyncRead + Send + Unpin,
            impl AsyncWrite + Send + Unpin,
        ),
        control: mpsc::Receiver<Control>,
        (ports, args): (&cli::PortArgs, &cli::SessionArgs),
        notices: impl FnMut(Notice) + Send,
    ) -> (Outcome, u64) {
        let mut options = session::protocol_options(args);
        options.port = true;
        options.input_from = self.input_from;
        options.reports_close = self.reports_close;
        let channel = Session::new(options, pump::now());
        let options = pump::PumpOptions {
            escape: None,
            resume: !args.no_resume,
            open_within: Some(args.connection.connect_timeout),
            linger: Some(ports.linger.unwrap_or(LINGER)),
            trusts_end: ports.linger.is_none(),
        };
        let mut host = PortHost {
            session: &self.started,
            network: self.network,
            limit: args.connection.connect_timeout,
            notices,
            over: self.over,
            sent: 0,
        };
        let pump = Pump::new(
            Box::new(channel),
            Box::new(Port),
            ends,
            control,
            &mut host,
            options,
        );
        let outcome = pump.run(self.link).await;
        (outcome, host.sent)
    }
}

/// The pump's host for a port session.
struct PortHost<'a, N> {
    session: &'a Started,
    network: Network,
    limit: Duration,
    notices: N,
    over: CancellationToken,
    /// Bytes of input that were sent, once the session is over.
    sent: u64,
}

impl<N: FnMut(Notice) + Send> Host for PortHost<'_, N> {
    fn reconnect(&mut self, resume: Option<String>) -> BoxFuture<'static, Result<Link>> {
        dial::redial(&self.network, &self.session.target, resume, self.limit)
    }

    fn notice(&mut self, notice: Notice) {
        tracing::info!(?notice);
        (self.notices)(notice);
    }

    fn ending(&mut self, outcome: &Outcome, condition: &Condition) {
        self.over.cancel();
        self.sent = condition.sent;
        if is_by_remote_side(outcome) {
            let session = self.session.clone();
            tokio::spawn(async move { session.end().await });
        }
    }
}

/// True if nothing that was sent is still on its way: the API's call to end the session could overtake it.
fn is_by_remote_side(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Ended(Ending::Failed(Error::Io { .. } | Error::Silence(_))) => false,
        Outcome::Ended(_) => true,
        _ => false,
    }
}
