//! Starts the sessions of a listener that may run for weeks: each session has its own URL, and expired
//! credentials are read again.

use crate::cli::{Forward, Global, Remote};
use crate::commands::shared::context::Context;
use crate::commands::shared::session::Started;
use crate::commands::shared::session::confirmation::Confirmation;
use crate::commands::shared::session::port::{self, PortSession};
use crate::commands::shared::target::resolve::{self, May};
use crate::error::{Error, Result};
use crate::openapi::client::Client;
use crate::openapi::ecs::StartTerminalSession;
use crate::openapi::ecs::agents::{Agent, agent};
use crate::openapi::endpoint::Product;
use crate::openapi::signature::sha256_hex;
use crate::protocol::session::InputFrom;
use crate::ui::Ui;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Everything that starting a session needs.
pub(crate) struct Starter {
    ui: Ui,
    global: Global,
    args: Forward,
    context: Context,
    /// The instance's id.
    instance: String,
    /// Made when it is first needed, and again when its credentials are refused.
    client: Mutex<Option<Client>>,
    /// The number of sessions asked for so far.
    asked: AtomicU64,
    /// The instance's agent, once it is known.
    agent: OnceLock<Agent>,
}

impl Starter {
    /// Reads the settings, and fails for a mistake that would make every session fail.
    pub(crate) async fn new(
        mut context: Context,
        global: &Global,
        args: &Forward,
        ui: &Ui,
    ) -> Result<Self> {
        let target = args.target.as_deref();
        // It may be long until the first connection: there is no hurry.
        let may = May {
            guess: false,
            ask: true,
        };
        let resolved = resolve::for_session(&mut context, global, &args.session, target, may);
        let resolved = resolved.await?;
        let starter = Self {
            ui: ui.clone(),
            global: global.clone(),
            args: args.clone(),
            context,
            instance: resolved.id,
            client: Mutex::default(),
            asked: AtomicU64::new(0),
            agent: OnceLock::new(),
        };
        // A client of `-D` names the remote address later; any one will do for the check.
        let any = Remote::new(None, 1);
        for listen in args.local.iter().chain(&args.dynamic) {
            starter.request(listen.remote.as_ref().unwrap_or(&any))?;
        }
        if args.session.wss_url.is_none() {
            starter.client()?;
        }
        Ok(starter)
    }

    /// The command line.
    #[must_use]
    pub(crate) fn args(&self) -> &Forward {
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
        let (given, grace) = (Confirmation::given(), InputFrom::Grace);
        if args.wss_url.is_some() {
            if number > 0 {
                let what = tr!(
                    "the URL of --wss-url is for one connection, and an earlier connection has used it"
                );
                return Err(Error::Usage(what.into()));
            }
            return Started::start(&self.context, args, request, &given, grace, stop).await;
        }
        let mut stop = pin!(stop);
        let context = &self.context;
        let (client, again) = (self.client()?, request.clone());
        let stopped = stop.as_mut();
        match Started::by(context, args, &client, request, &given, grace, stopped).await {
            Err(error) if are_stale(&error) => {
                self.renew()?;
                Started::by(context, args, &self.client()?, again, &given, grace, stop).await
            }
            other => other,
        }
    }

    /// Connects to a session that was started.
    pub(crate) async fn dial(&self, started: Started) -> Result<PortSession> {
        let limit = self.args.session.connection.connect_timeout;
        let agent = self.agent.get();
        let queued = agent.and_then(Agent::queues_early_input);
        let input_from = port::input_from(&self.args.ports, queued.unwrap_or_default());
        let network = self.context.network.clone();
        let mut session = PortSession::dial(started, network, input_from, limit).await?;
        session.reports_close = agent.is_some_and(Agent::reports_close);
        Ok(session)
    }

    /// Finds out whether the instance's agent keeps early input, so that nothing needs to wait for it to
    /// be ready, and whether it reports that a target has closed. Where that can't be found out, input waits,
    /// and the wait for an answer has a limit.
    pub(crate) async fn ask_of_agent(&self) {
        if self.args.session.wss_url.is_some() {
            return;
        }
        match self.agent().await {
            Ok(Some(agent)) => {
                let queues = agent.queues_early_input();
                tracing::info!(version = agent.version, queues, "the agent");
                let _ = self.agent.set(agent);
            }
            Ok(None) => tracing::info!("the agent is not known"),
            Err(error) => tracing::info!(%error, "the agent's version is not known"),
        }
    }

    async fn agent(&self) -> Result<Option<Agent>> {
        let limit = self.args.session.connection.connect_timeout;
        agent(&self.client()?, &self.instance, limit).await
    }

    fn request(&self, remote: &Remote) -> Result<StartTerminalSession> {
        let target = (self.args.target.as_deref(), self.instance.as_str());
        port::request(&self.context, &self.args.session, target, remote)
    }

    fn client(&self) -> Result<Client> {
        let mut client = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = &*client {
            return Ok(client.clone());
        }
        let made = self.context.client(Product::Ecs)?;
        Ok(client.insert(made).clone())
    }

    /// Reads the profile again: the user may have logged in again since.
    fn renew(&self) -> Result<()> {
        tracing::info!("the credentials were refused; looking for new ones");
        let context = Context::from_args(&self.global, &self.args.session.connection, &self.ui)?;
        let made = context.client_in(Product::Ecs, &self.context.region()?)?;
        *self.client.lock().unwrap_or_else(PoisonError::into_inner) = Some(made);
        Ok(())
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

/// Whether the service refuses credentials that were valid before.
fn are_stale(error: &Error) -> bool {
    let Error::Api(error) = error else {
        return false;
    };
    let code = error.code.as_str();
    [
        "InvalidSecurityToken",
        "InvalidAccessKeyId",
        "SecurityToken",
    ]
    .iter()
    .any(|stale| code.starts_with(stale))
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
