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
    /// Whether the instance's agent keeps what comes before it is ready, once that is known.
    queues: OnceLock<bool>,
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
            queues: OnceLock::new(),
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
            request.client_token = format!("{token}-{number}");
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
        let queued = self.queues.get().copied().unwrap_or_default();
        let input_from = port::input_from(&self.args.ports, queued);
        PortSession::dial(started, self.context.network.clone(), input_from, limit).await
    }

    /// Finds out whether the instance's agent keeps early input, so that nothing needs to wait for it to
    /// be ready. Where that can't be found out, input waits.
    pub(crate) async fn ask_of_agent(&self) {
        if self.args.session.wss_url.is_some() {
            return;
        }
        match self.agent().await {
            Ok(agent) => {
                let queues = agent.as_ref().and_then(Agent::queues_early_input);
                let version = agent.and_then(|agent| agent.version);
                tracing::info!(version, queues, "the agent");
                let _ = self.queues.set(queues.unwrap_or_default());
            }
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
