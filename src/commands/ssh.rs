//! `axt ssh` and `axt ssh-config`: the behaviour of ssh, by means of other commands.

use super::common::context::Context;
use super::common::stops;
use super::common::target::resolve::{self, May};
use super::common::{session, sharing};
use super::forward::{self, Beside};

use super::{connect, proxy};
use crate::cli::ssh::MasterCommand;
use crate::cli::{Command, ConnectArgs, ForwardArgs, Global, Ssh, SshConfig};
use crate::error::{Error, Stop};
use crate::exit::Exit;
use crate::names::meaning::Meaning;
use crate::names::target::Target;
use crate::terminal::Signals;
use crate::ui::Ui;
use std::fmt::Write as _;

/// Runs `axt ssh`.
pub(crate) async fn run(global: &Global, args: Ssh, ui: &Ui) -> anyhow::Result<Exit> {
    for warning in &args.warnings {
        ui.say(&tr!("warning: {warning}", warning));
    }
    if !args.without_effect.is_empty() {
        tracing::info!(
            "accepted without effect: {}",
            args.without_effect.join(", ")
        );
    }
    if let (Some(command), Some(task)) = (args.master, args.task.as_deref()) {
        return master(global, command, task, ui).await;
    }
    let all = args.exit_on_forward_failure;
    let Some(task) = args.task else {
        return match args.forward {
            Some(forward) => only_forward(global, &forward, all, ui).await,
            None => Err(Error::Usage(tr!("there is nothing to do").into()).into()),
        };
    };
    let no_task = || Error::Usage(tr!("internal error: no such task for ssh").into());
    let session = match &*task {
        Command::Connect(connect) => &connect.session,
        Command::Proxy(proxy) => &proxy.session,
        _ => return Err(no_task().into()),
    };
    let mut context = Context::from_args(global, &session.connection, ui)?;
    let beside = match &args.forward {
        Some(forward) => {
            let theirs = Context::from_args(global, &forward.session.connection, ui)?;
            context = context.with_credentials_of(&theirs);
            Some(start(theirs, global, forward, all, ui).await?)
        }
        None => None,
    };
    let done = match *task {
        Command::Connect(connect) => connect::run_in(context, global, *connect, ui).await,
        Command::Proxy(proxy) => proxy::run_in(context, global, *proxy, ui).await,
        _ => Err(no_task().into()),
    };
    if let Some(beside) = beside {
        match &done {
            // As with ssh, the connections that were made while it ran may outlive the command.
            Ok(Exit::Ok | Exit::Remote(_)) => beside.finish().await?,
            _ => beside.cut().await?,
        }
    }
    done
}

/// `-O`: asks something of the process that holds the sessions which `task` would use.
async fn master(
    global: &Global,
    command: MasterCommand,
    task: &Command,
    ui: &Ui,
) -> anyhow::Result<Exit> {
    let Command::Connect(connect) = task else {
        return Err(Error::Usage(tr!("-O: this command shares no session").into()).into());
    };
    let path = connect.sharing.path().unwrap_or_default();
    let asked = match command {
        MasterCommand::Check => ask_master(global, connect, None, ui).await?,
        MasterCommand::Exit => ask_master(global, connect, Some(true), ui).await?,
        MasterCommand::Stop => ask_master(global, connect, Some(false), ui).await?,
    };
    let Some(pid) = asked else {
        let what = format!("Control socket connect({path}): No such file or directory");
        ui.error(&what, None);
        return Ok(Exit::Failed);
    };
    // As ssh says it.
    ui.bare(&match command {
        MasterCommand::Check => format!("Master running (pid={pid})"),
        MasterCommand::Exit => "Exit request sent.".to_owned(),
        MasterCommand::Stop => "Stop listening request sent.".to_owned(),
    });
    Ok(Exit::Ok)
}

/// The process that holds the sessions of such a command, if there is one; with `end`, it is asked to end.
#[cfg(unix)]
async fn ask_master(
    global: &Global,
    connect: &ConnectArgs,
    end: Option<bool>,
    ui: &Ui,
) -> anyhow::Result<Option<u32>> {
    let target = connect.target.as_deref();
    let mut context = Context::from_args(global, &connect.session.connection, ui)?;
    let (guess, ask) = (false, false);
    let may = May { guess, ask };
    let resolved = resolve::for_session(&mut context, global, &connect.session, target, may);
    let resolved = resolved.await?;
    let request = session::request(&context, &connect.session, target, &resolved.id);
    let shared = sharing::ShareRequest {
        context: &context,
        global,
        sharing: &connect.sharing,
        session: &connect.session,
        request: &request,
        ui,
    };
    let asked = sharing::ask(&shared, end).await;
    asked.map_err(|why| Error::Usage(tr!("the master can't be asked: {why}", why)).into())
}

/// On this system there are none.
#[cfg(not(unix))]
async fn ask_master(_: &Global, _: &ConnectArgs, _: Option<bool>) -> anyhow::Result<Option<u32>> {
    Ok(None)
}

/// `-N`: forwards until a signal ends them.
async fn only_forward(
    global: &Global,
    args: &ForwardArgs,
    all: bool,
    ui: &Ui,
) -> anyhow::Result<Exit> {
    let mut signals = Signals::listen()?;
    let context = Context::from_args(global, &args.session.connection, ui)?;
    let beside = start(context, global, args, all, ui).await?;
    let number = signals.termination().await;
    beside.cut().await?;
    Ok(stops::exit_of(Stop::Signal(number)))
}

/// Starts the forwards. As with ssh, events of connections are shown only if that was asked for.
async fn start(
    context: Context,
    global: &Global,
    args: &ForwardArgs,
    all: bool,
    ui: &Ui,
) -> anyhow::Result<Beside> {
    let goes_to_file = global.log_file.is_some() && !global.messages_to_log;
    let ui = match global.verbose > 0 && !goes_to_file {
        true => ui.clone(),
        false => ui.quiet(),
    };
    Ok(forward::Beside::start(context, global, args, &ui, all).await?)
}

/// Runs `axt ssh-config`.
pub(crate) fn config(global: &Global, args: &SshConfig, ui: &Ui) -> anyhow::Result<Exit> {
    let proxy = format!("{} proxy %h %p", words(global).join(" "));
    let mut text =
        String::from("# Instances with an sshd of their own, reached by axt: for ~/.ssh/config.\n");
    if args.targets.is_empty() {
        let _ = write!(text, "Host i-* mi-*\n  ProxyCommand {proxy}\n");
    }
    for target in &args.targets {
        let target = Target::parse(target);
        Meaning::of(&target)?;
        let host = target.host();
        if !host.chars().all(is_plain) {
            let what = tr!(
                "{host:?} can't be used in a Host line: give the instance a name without spaces and special characters, or use its id",
                host
            );
            return Err(Error::Usage(what).into());
        }
        let _ = write!(text, "Host {host}\n  ProxyCommand {proxy}\n");
        if let Some(user) = target.user {
            let _ = writeln!(text, "  User {user}");
        }
    }
    ui.data(&text)?;
    Ok(Exit::Ok)
}

/// True if a host's name may hold it: nothing that ssh takes for a pattern, or a shell for its own.
fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || ".-_:=".contains(c)
}

/// `axt` and those options that lead to the same place, for a shell; what variables say, they go on
/// saying.
fn words(global: &Global) -> Vec<String> {
    let mut words = vec!["axt".to_owned()];
    let typed = |id: &str| global.is_typed(id);
    let file = global
        .config_file
        .as_ref()
        .map(|file| file.display().to_string());
    let connection = global
        .connection_type
        .map(|kind| kind.as_str().to_ascii_lowercase());
    let options = [
        ("profile", "profile", global.profile.clone()),
        ("region", "region", global.region.clone()),
        ("endpoint", "endpoint", global.endpoint.clone()),
        ("connection_type", "connection-type", connection),
        ("config_file", "config-file", file),
    ];
    for (id, name, value) in options {
        let value = value.filter(|_| typed(id));
        let value = value.and_then(|value| Some(shlex::try_quote(&value).ok()?.replace('%', "%%")));
        words.extend(value.map(|value| format!("--{name}={value}")));
    }
    words
}
