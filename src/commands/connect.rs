//! `axt connect`: a shell, or a command with its status.

use super::common::context::Context;
use super::common::exec::{self, Exec, TypeAhead};
use super::common::plan::{self, Plan, command, is_at_terminal, is_terminal};
use super::common::remembered::plain_shells::PlainShells;
use super::common::session;
use super::common::session::about::About;
use super::common::session::attach::Attach;
use super::common::session::encrypt;
use super::common::session::recorder::Recorder;
use super::common::session::stdio;
#[cfg(unix)]
use super::common::sharing;
use super::common::stops::{Stops, conclude};
use super::common::target::resolve::{self, May, ResolvedTarget};
use super::doctor::explain::{explained, with_explanation};
use crate::cli::{ConnectArgs, Global};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::names::target::Target;
use crate::openapi::ecs::StartTerminalSession;
use crate::protocol::channel::Channel as _;
use crate::protocol::filter::{Filter, Plain};
use crate::protocol::session::{InputFrom, Session, SessionOptions};
use crate::pump::now;
use crate::remote::END_OF_FILE;
use crate::terminal::Stdin;
use crate::ui::Ui;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Runs `axt connect`.
pub(crate) async fn run(global: &Global, args: ConnectArgs, ui: &Ui) -> anyhow::Result<Exit> {
    let context = Context::from_args(global, &args.session.connection, ui)?;
    run_in(context, global, args, ui).await
}

/// Runs it in a context of its arguments.
pub(crate) async fn run_in(
    mut context: Context,
    global: &Global,
    args: ConnectArgs,
    ui: &Ui,
) -> anyhow::Result<Exit> {
    let verbatim = verbatim(&args)?;
    let plan = match &verbatim {
        Some(_) => Plan {
            terminal: is_at_terminal(&args.run),
            program: None,
        },
        None if joins(&args) => Plan {
            terminal: true,
            program: None,
        },
        None => Plan::of(&args.run)?,
    };
    plan::tell(&args.run, ui);
    let target = args.target.as_deref();
    // A command that the call itself carries may reach the instance with the call, and a key has to be
    // certain.
    let is_shared = args.sharing.is_wanted() && !plan.terminal;
    let may = May {
        guess: verbatim.is_none() && !is_shared,
        ask: true,
    };
    let resolved = resolve::for_session(&mut context, global, &args.session, target, may);
    let mut resolved = resolved.await?;
    let host = target.map_or_else(
        || resolved.id.clone(),
        |target| Target::parse(target).host(),
    );
    let recorder = Recorder::prepare(&args.record, global, plan.terminal, &host, ui)?;
    let mut request = session::request(&context, &args.session, target, &resolved.id);
    request.command_line = verbatim;
    let by = args.run.timeout.map(|limit| Instant::now() + limit);
    let way = (&context, by);
    if let Some(exit) = in_shared_session(way, global, &args, &plan, &request, ui).await? {
        return Ok(exit);
    }
    let mut ends = UserTerminal {
        stdin: stdio::stdin()?,
        recorder,
    };
    let start = (&mut resolved, request);
    let done = connect_by_shell(way, &args, &plan, start, (&mut ends, ui)).await;
    explained(done, &context, &args.session, &resolved.id, ui).await
}

/// True if a session that is already running is joined as it is, because a user at a terminal names no
/// command.
fn joins(args: &ConnectArgs) -> bool {
    let run = &args.run;
    let asks = command(run).is_some() || run.login;
    let joins = args.session.wss_url.is_some() && !asks && is_terminal(run);
    if joins && (run.shell.is_some() || !run.env.is_empty()) {
        tracing::info!("--shell and --env have no effect on a session that was started already");
    }
    joins
}

/// Runs the command in a shared session, if that is wanted and possible.
#[cfg(unix)]
async fn in_shared_session(
    (context, by): (&Context, Option<Instant>),
    global: &Global,
    args: &ConnectArgs,
    plan: &Plan,
    request: &StartTerminalSession,
    ui: &Ui,
) -> anyhow::Result<Option<Exit>> {
    let shared = sharing::ShareRequest {
        context,
        global,
        sharing: &args.sharing,
        session: &args.session,
        request,
        ui,
    };
    let done = sharing::run(&shared, args, plan.program.as_ref(), by).await?;
    if let Some(hint) = done.and_then(|exit| plan.hint(exit)) {
        ui.hint(hint);
    }
    Ok(done)
}

/// On this system every command has a session of its own.
#[cfg(not(unix))]
async fn in_shared_session(
    _: (&Context, Option<Instant>),
    _: &Global,
    args: &ConnectArgs,
    _: &Plan,
    _: &StartTerminalSession,
    _: &Ui,
) -> anyhow::Result<Option<Exit>> {
    if args.sharing.is_wanted() {
        tracing::info!("sessions are not shared on this system: this command has its own");
    }
    Ok(None)
}

/// The user's terminal, which the next session gets as well.
struct UserTerminal {
    stdin: Stdin,
    recorder: Option<Recorder>,
}

/// The program of the session.
enum Runs<'a> {
    /// The plan's program.
    Planned,
    /// The user's login shell, with these variables; the second value keeps what is typed before it
    /// answers.
    LoginShell(&'a [(String, Vec<u8>)], TypeAhead),
    /// The service's own shell. It gets the bytes that were typed before.
    ServiceShell(Vec<u8>),
}

impl Runs<'_> {
    /// The filter of what runs, if it needs one, and what was typed for it already.
    fn start(self, plan: &Plan) -> Result<(Option<Exec>, Vec<u8>)> {
        Ok(match self {
            Self::Planned => (
                plan.program.as_ref().map(Exec::new).transpose()?,
                Vec::new(),
            ),
            Self::LoginShell(variables, typed) => {
                (Some(Exec::login_shell(variables, typed)), Vec::new())
            }
            Self::ServiceShell(typed) => (None, typed),
        })
    }
}

/// Runs the session. If the user's login shell is wanted and can't be started, as on Windows, the service's
/// own shell runs instead.
async fn connect_by_shell(
    (context, by): (&Context, Option<Instant>),
    args: &ConnectArgs,
    plan: &Plan,
    (resolved, mut request): (&mut ResolvedTarget, StartTerminalSession),
    (ends, ui): (&mut UserTerminal, &Ui),
) -> anyhow::Result<Exit> {
    let chosen = args.default_shell || args.raw_command || args.session.wss_url.is_some();
    let login = Plan::login_shell(&args.run).filter(|_| !chosen);
    let is_certain = resolved.is_certain();
    let mut run = async |request: &mut StartTerminalSession, runs| {
        let start = (request, &mut *resolved);
        connect((context, by), args, plan, start, (runs, &mut *ends), ui).await
    };
    let Some(variables) = login else {
        return run(&mut request, Runs::Planned).await;
    };
    let plain_shells = PlainShells::new(context.cache.as_deref());
    if is_certain && plain_shells.has(&request.instance_id) && !args.run.login {
        tracing::info!(
            "the service's own shell: this instance had no POSIX shell before; --login tries again"
        );
        return run(&mut request, Runs::ServiceShell(Vec::new())).await;
    }
    let typed = TypeAhead::default();
    let runs = Runs::LoginShell(&variables, typed.clone());
    let done = run(&mut request, runs).await;
    if !done.as_ref().is_err_and(is_no_shell) {
        if done.is_ok() {
            plain_shells.remove(&request.instance_id);
        }
        return done;
    }
    tracing::info!(
        "the instance has no POSIX shell: the service's own shell is started, in a new session"
    );
    plain_shells.add(&request.instance_id);
    request.client_token = StartTerminalSession::new("").client_token;
    request.command_line = None;
    run(&mut request, Runs::ServiceShell(typed.take())).await
}

/// True if the agent reported that there is no `sh`. An agent that said nothing does not count.
fn is_no_shell(error: &anyhow::Error) -> bool {
    match error.downcast_ref() {
        Some(Error::Ended { code, .. }) => exec::is_no_shell(code),
        _ => false,
    }
}

/// Starts the session, runs it and ends it.
async fn connect(
    (context, by): (&Context, Option<Instant>),
    args: &ConnectArgs,
    plan: &Plan,
    (request, resolved): (&mut StartTerminalSession, &mut ResolvedTarget),
    (runs, ends): (Runs<'_>, &mut UserTerminal),
    ui: &Ui,
) -> anyhow::Result<Exit> {
    let (exec, typed) = runs.start(plan)?;
    if let Some(exec) = &exec {
        request.command_line = Some(exec.command_line().to_owned());
    }
    let mut stops = Stops::until(by)?;
    let limit = args.session.connection.connect_timeout;
    // The key comes first: without it there is no use in a session.
    let preparing = encrypt::exchange(context, &args.session, request);
    let exchange = stops.run(preparing).await?;
    let options = options(args, exec.is_some());
    let stop = async { stops.next().await.into() };
    let from = options.input_from;
    let started = resolve::start(context, &args.session, request, resolved, from, stop).await?;
    let recorded = started
        .or_end(async {
            let recorder = ends.recorder.as_mut();
            let begun = recorder.map(|recorder| recorder.begin(started.session_id()));
            begun.transpose()
        })
        .await?;
    let dialing = started.dial(&context.network, limit);
    let link = started.or_end(stops.run(dialing)).await?;
    let mut channel = Session::new(options, now());
    if let Some(exchange) = exchange {
        channel = channel.encrypted(exchange);
    }
    channel.write(now(), &typed);
    if let (Some(exec), Some(_)) = (&exec, &args.session.wss_url) {
        // The session runs already, by default a shell: the bootstrap is typed into it.
        channel.write(now(), &exec.typed_line());
    }
    let about = About::new(&request.instance_id, started.session_id());
    let attach = Attach {
        ui,
        stdin: &mut ends.stdin,
        run: &args.run,
        terminal: plan.terminal,
        network: context.network.clone(),
        started,
        resume: !args.session.no_resume,
        connect_timeout: limit,
        answered: CancellationToken::new(),
        about,
        recorded,
    };
    let answered = attach.answered.clone();
    let end_of_file = if plan.terminal { END_OF_FILE } else { b"" };
    let filter: Box<dyn Filter + Send> = match exec {
        Some(exec) => Box::new(exec),
        None => Box::new(Plain { end_of_file }),
    };
    let session = attach.run(Box::new(channel), link, filter, stops);
    let whose = (context, &args.session, request.instance_id.as_str());
    let outcome = with_explanation(session, answered, whose).await?;
    let exit = conclude(outcome)?;
    if let Some(hint) = plan.hint(exit) {
        ui.hint(hint);
    }
    Ok(exit)
}

fn options(args: &ConnectArgs, has_filter: bool) -> SessionOptions {
    let mut options = session::protocol_options(&args.session);
    if !has_filter && (args.raw_command || args.session.wss_url.is_some()) {
        // A program of the user's own choice may wait to be spoken to, as no shell does.
        options.input_from = InputFrom::Grace;
    }
    options
}

/// The command that the agent runs itself, without a shell.
fn verbatim(args: &ConnectArgs) -> Result<Option<String>> {
    if !args.raw_command {
        return Ok(None);
    }
    let Some(command) = command(&args.run) else {
        return Err(Error::Usage(tr!("--raw-command needs a command").into()));
    };
    let text = String::from_utf8(command)
        .map_err(|_| Error::Usage(tr!("--raw-command takes UTF-8 text only").into()))?;
    Ok(Some(text))
}
