//! `axt proxy`: joins stdin and stdout to a port, for ssh's `ProxyCommand` and the like.

use super::common::context::Context;
use super::common::session::port::{self, PortSession};
use super::common::session::stdio;
use super::common::stops::{Stops, conclude};
use super::common::target::resolve::{self, May, ResolvedTarget};
use super::doctor::explain::explained;
use crate::cli::{Global, ProxyArgs, Remote};
use crate::error::Stop;
use crate::exit::Exit;
use crate::openapi::client::Client;
use crate::openapi::ecs::StartTerminalSession;
use crate::openapi::ecs::agents::{Agent, agent};
use crate::openapi::endpoint::Product;
use crate::pump::{Control, Notice};
use crate::terminal::{Screen, Signals};
use crate::ui::Ui;
use std::time::Duration;
use tokio::sync::mpsc;

/// Runs `axt proxy`.
pub(crate) async fn run(global: &Global, args: ProxyArgs, ui: &Ui) -> anyhow::Result<Exit> {
    let context = Context::from_args(global, &args.session.connection, ui)?;
    run_in(context, global, args, ui).await
}

/// Runs it in a context of its arguments.
pub(crate) async fn run_in(
    mut context: Context,
    global: &Global,
    args: ProxyArgs,
    ui: &Ui,
) -> anyhow::Result<Exit> {
    let target = args.target.as_deref();
    // Standard input is another program's.
    let may = May {
        guess: true,
        ask: false,
    };
    let resolved = resolve::for_session(&mut context, global, &args.session, target, may);
    let mut resolved = resolved.await?;
    let remote = Remote::new(args.target_server.as_deref(), args.port);
    let request = port::request(&context, &args.session, (target, &resolved.id), &remote)?;
    let done = join(&context, &args, request, &mut resolved).await;
    explained(done, &context, &args.session, &resolved.id, ui).await
}

/// Starts the session, runs it and ends it.
async fn join(
    context: &Context,
    args: &ProxyArgs,
    mut request: StartTerminalSession,
    resolved: &mut ResolvedTarget,
) -> anyhow::Result<Exit> {
    let mut stops = Stops::listen(None)?;
    let limit = args.session.connection.connect_timeout;
    let stop = async { stops.next().await.into() };
    let from = port::input_from(&args.ports, false);
    let started =
        resolve::start(context, &args.session, &mut request, resolved, from, stop).await?;
    let network = context.network.clone();
    let dialing = PortSession::dial(started.clone(), network, from, limit);
    let session = started.or_end(stops.run(dialing)).await?;
    let (control, asked) = mpsc::channel(8);
    stdio::tell_when_unread(control.clone());
    tokio::spawn(pass_stops(stops.signals, control.clone()));
    let ends = async { Ok((stdio::stdin()?, stdio::stdout(&Screen::none())?)) };
    let ends = started.or_end(ends).await?;
    let notices = |notice| {
        if notice == Notice::NoAnswerYet {
            context.say(tr!(
                "the remote side can't be told that the input has ended; waiting for its answer"
            ));
        }
        if notice == Notice::InputEnded
            && args.session.wss_url.is_none()
            && let Ok(client) = context.client(Product::Ecs)
        {
            tokio::spawn(tell_of_agent(
                client,
                resolved.id.clone(),
                limit,
                control.clone(),
            ));
        }
    };
    let (outcome, _) = session
        .run(ends, asked, (&args.ports, &args.session), notices)
        .await;
    started.end().await;
    Ok(conclude(outcome)?)
}

/// Tells the pump if the instance's agent is known to report its target's close.
async fn tell_of_agent(client: Client, id: String, limit: Duration, pump: mpsc::Sender<Control>) {
    match agent(&client, &id, limit).await {
        Ok(agent) if agent.as_ref().is_some_and(Agent::reports_close) => {
            // The session may have ended since.
            let _ = pump.send(Control::ReportsEnd).await;
        }
        Ok(agent) => tracing::info!(version = agent.and_then(|a| a.version), "the agent"),
        Err(error) => tracing::info!(%error, "the agent's version is not known"),
    }
}

/// Turns the signals that end a process into the pump's stops, for as long as it listens.
async fn pass_stops(mut signals: Signals, pump: mpsc::Sender<Control>) {
    loop {
        let stop = Stop::Signal(signals.termination().await);
        if pump.send(Control::Stop(stop)).await.is_err() {
            return;
        }
    }
}
