//! Starts the sessions of a listener that may run for weeks: each session has its own URL.

use crate::cli::{ForwardArgs, Global, Remote};
use crate::commands::common::context::Context;
use crate::commands::common::session::Started;
use crate::commands::common::session::confirmation::Confirmation;
use crate::commands::common::session::port::{self, PortSession};
use crate::commands::common::target::resolve::{self, May};
use crate::error::{Error, Result};
use crate::openapi::client::Client;
use crate::openapi::ecs::StartTerminalSession;
use crate::openapi::ecs::agents::{Agent, agent};
use crate::openapi::endpoint::Product;
use crate::openapi::signature::sha256_hex;
use crate::protocol::session::InputFrom;
use crate::wire::SessionUrl;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio_util::sync::CancellationToken;

/// Everything that starting a session needs.
pub(crate) struct Starter {
    args: ForwardArgs,
    context: Context,
    /// The instance's id.
    instance: String,
    /// Calls the API; `None` where `--wss-url` names the session.
    client: Option<Client>,
    /// The number of sessions asked for so far.
    asked: AtomicU64,
    /// The instance's agent, once it is known.
    agent: OnceLock<Agent>,
    /// Cancelled once the agent is known to report that a target has closed.
    pub(crate) reports_close: CancellationToken,
}

impl Starter {
    /// Reads the settings, and fails for a mistake that would make every session fail.
    pub(crate) async fn new(
        mut context: Context,
        global: &Global,
        args: &ForwardArgs,
    ) -> Result<Self> {
        // What standard input will say is not known yet.
        if let Some(url) = args.session.wss_url.as_ref().filter(|url| *url != "-") {
            SessionUrl::session(&url.clone().into(), None)?;
        }
        let target = args.target.as_deref();
        // It may be long until the first connection: there is no hurry.
        let may = May {
            guess: false,
            ask: true,
        };
        let resolved = resolve::for_session(&mut context, global, &args.session, target, may);
        let resolved = resolved.await?;
        let client = match args.session.wss_url {
            Some(_) => None,
            None => Some(context.client(Product::Ecs)?),
        };
        let starter = Self {
            args: args.clone(),
            context,
            instance: resolved.id,
            client,
            asked: AtomicU64::new(0),
            agent: OnceLock::new(),
            reports_close: CancellationToken::new(),
        };
        // A client of `-D` names the remote address later; any one will do for the check.
        let any = Remote::new(None, 1);
        for listen in args.local.iter().chain(&args.dynamic) {
            starter.request(listen.remote.as_ref().unwrap_or(&any))?;
        }
        Ok(starter)
    }

    /// The command line.
    #[must_use]
    pub(crate) fn args(&self) -> &ForwardArgs {
        &self.args
    }

    /// Starts a session for `remote`, unless `stop` comes first.
    ///
    /// # Errors
    /// As [`Started::start`]; [`Error::Usage`] for a second session of one `--wss-url`.
    pub(crate) async fn start(
        &self,
        remote: &Remote,
        stop: impl Future<Output = Error>,
    ) -> Result<Started> {
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        let args = &self.args.session;
        let mut request = self.request(remote)?;
        if let Some(token) = &args.client_token {
            // The same token would give the same session again.
            request.client_token = nth_token(token, number);
        }
        let (context, given, from) = (&self.context, Confirmation::given(), self.input_from());
        match &self.client {
            Some(client) => Started::by(context, args, client, request, &given, from, stop).await,
            None if number > 0 => {
                let what = tr!(
                    "the URL of --wss-url is for one connection, and an earlier connection has used it"
                );
                Err(Error::Usage(what.into()))
            }
            None => Started::start(context, args, request, &given, from, stop).await,
        }
    }

    /// Connects to a session that was started.
    pub(crate) async fn dial(&self, started: Started) -> Result<PortSession> {
        let limit = self.args.session.connection.connect_timeout;
        let network = self.context.network.clone();
        let mut session = PortSession::dial(started, network, self.input_from(), limit).await?;
        session.reports_close = self.reports_close.is_cancelled();
        Ok(session)
    }

    /// Finds out whether the instance's agent keeps early input, so that nothing needs to wait for it to
    /// be ready, and whether it reports that a target has closed. Where that can't be found out, input waits,
    /// and the wait for an answer has a limit.
    pub(crate) async fn ask_of_agent(&self) {
        let Some(client) = &self.client else {
            return;
        };
        let limit = self.args.session.connection.connect_timeout;
        match agent(client, &self.instance, limit).await {
            Ok(Some(agent)) => {
                let queues = agent.queues_early_input();
                tracing::info!(version = agent.version, queues, "the agent");
                if agent.reports_close() {
                    self.reports_close.cancel();
                }
                let _ = self.agent.set(agent);
            }
            Ok(None) => tracing::info!("the agent is not known"),
            Err(error) => tracing::info!(%error, "the agent's version is not known"),
        }
    }

    /// The moment from which input may be sent, as far as the agent is known.
    fn input_from(&self) -> InputFrom {
        let queued = self.agent.get().and_then(Agent::queues_early_input);
        port::input_from(&self.args.ports, queued.unwrap_or_default())
    }

    fn request(&self, remote: &Remote) -> Result<StartTerminalSession> {
        let target = (self.args.target.as_deref(), self.instance.as_str());
        port::request(&self.context, &self.args.session, target, remote)
    }
}

/// The ClientToken of the session `number`: made of the user's, or, where that would be longer than the 64
/// characters that the service takes, of its digest.
fn nth_token(token: &str, number: u64) -> String {
    match format!("{token}-{number}") {
        long if long.len() > 64 => sha256_hex(long.as_bytes()),
        whole => whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_session_has_a_token_of_its_own_that_the_service_takes() {
        assert_eq!(nth_token("job-7", 12), "job-7-12");
        let tokens = [62, 63, 64].map(|length| "t".repeat(length));
        let all = tokens
            .iter()
            .flat_map(|token| (0..200).map(move |n| nth_token(token, n)));
        let all: Vec<_> = all.collect();
        assert!(
            all.iter()
                .all(|token| token.len() <= 64 && token.is_ascii())
        );
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), 600);
    }
}
