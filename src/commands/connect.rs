//! `axt connect`: a shell, or a command with its status.

use super::exec::{self, Exec};
use super::session::{self, Started, dial};
use crate::cli::{Connect, Global, bytes_of};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::net::Network;
use crate::protocol::channel::{Ending, Now};
use crate::protocol::escape::Escape;
use crate::protocol::filter::{Filter, Plain, Stop};
use crate::protocol::session::Session;
use crate::pump::{self, Control, Host, Link, Notice, Outcome, Pump};
use crate::terminal::{self, Modes, RawGuard, Signal, Signals, Size, Stdin, Stdout};
use crate::ui::Ui;
use crate::wire::Target;
use futures_util::future::BoxFuture;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::AsyncWrite;
use tokio::sync::mpsc;

/// A terminal's end-of-file character.
const CTRL_D: &[u8] = b"\x04";

/// Runs `axt connect`.
pub async fn run(global: &Global, args: Connect, ui: &Ui) -> anyhow::Result<Exit> {
    let plan = Plan::of(&args)?;
    let context = session::context(global, &args.session)?;
    let mut request = session::request(&context, &args.session, args.target.as_deref())?;
    let exec = plan.program.as_ref().map(Exec::new).transpose()?;
    request.command_line = match (&exec, &plan.verbatim) {
        (Some(exec), _) => Some(exec.command_line()),
        (None, verbatim) => verbatim.clone(),
    };
    let mut signals = Signals::listen()?;
    let limit = args.session.connect_timeout;
    let starting = Started::start(&context, &args.session, request);
    let started = match until_stopped(starting, &mut signals).await {
        Ok(started) => started?,
        Err(stop) => return Ok(exit_of_stop(stop)),
    };
    let dialing = started.dial(&context.network, limit);
    let link = match until_stopped(dialing, &mut signals).await {
        Ok(Ok(link)) => link,
        Ok(Err(error)) => {
            started.end().await;
            return Err(error.into());
        }
        Err(stop) => {
            started.end().await;
            return Ok(exit_of_stop(stop));
        }
    };
    let run = Run {
        args: &args,
        plan: &plan,
        network: context.network.clone(),
        started,
        ui,
    };
    let end_of_file = if plan.terminal { CTRL_D } else { b"" };
    let outcome = match exec {
        Some(exec) => run.pump(link, exec, signals).await,
        None => run.pump(link, Plain { end_of_file }, signals).await,
    };
    let outcome = outcome?;
    if matches!(outcome, Outcome::Escaped) {
        ui.say("session ended");
    }
    Ok(conclude(outcome)?)
}

/// What the arguments come to.
struct Plan {
    /// A terminal session: raw mode, sizes, escapes.
    terminal: bool,
    /// What the bootstrap runs; `None` for the service's default shell.
    program: Option<exec::Program>,
    /// What the agent runs itself.
    verbatim: Option<String>,
}

impl Plan {
    fn of(args: &Connect) -> Result<Self> {
        let both = terminal::stdin_is_terminal() && terminal::stdout_is_terminal();
        let terminal = args.tty || (both && !args.no_tty);
        let mut plan = Self {
            terminal,
            program: None,
            verbatim: None,
        };
        let command = args.command.as_deref().map(bytes_of);
        let argv = (!args.argv.is_empty()).then(|| exec::quote_all(&args.argv));
        let command = command.or(argv);
        if args.raw_command {
            let Some(command) = command else {
                return Err(Error::Usage("--raw-command needs a command".into()));
            };
            let text = String::from_utf8(command)
                .map_err(|_| Error::Usage("--raw-command takes UTF-8 text only".into()))?;
            plan.verbatim = Some(text);
            return Ok(plan);
        }
        let what = match (command, args.login) {
            (Some(command), _) => exec::What::Command(command),
            (None, true) => exec::What::LoginShell,
            (None, false) if terminal => return Ok(plan),
            (None, false) if args.no_stdin => {
                let what = "-n leaves no standard input to take the script from; give a --command";
                return Err(Error::Usage(what.into()));
            }
            (None, false) => exec::What::Script,
        };
        plan.program = Some(exec::Program {
            what,
            login: args.login,
            terminal,
            binary: args.binary,
            stdin: !args.no_stdin,
        });
        Ok(plan)
    }
}

/// Everything a run needs, besides the connection and the filter.
struct Run<'a> {
    args: &'a Connect,
    plan: &'a Plan,
    network: Network,
    started: Started,
    ui: &'a Ui,
}

impl Run<'_> {
    async fn pump<F: Filter>(self, link: Link, filter: F, signals: Signals) -> Result<Outcome> {
        let session = &self.args.session;
        let now = Now::at(tokio::time::Instant::now().into_std());
        let channel = Session::new(session::protocol_options(session), now);
        let screen = self.screen()?;
        let (control, from_signals) = mpsc::channel(8);
        if self.plan.terminal {
            let Size { rows, cols } = Size::current().unwrap_or_default();
            let _ = control.try_send(Control::Resize { rows, cols });
        }
        if let Some(limit) = self.args.timeout {
            tokio::spawn(stop_after(limit, control.clone()));
        }
        tokio::spawn(forward_signals(
            signals,
            control,
            screen.clone(),
            self.plan.terminal,
        ));
        let watches = self.plan.terminal && terminal::stdin_is_terminal();
        let escape = self.args.escape_char.0.filter(|_| watches);
        let options = pump::Options {
            escape: escape.map(Escape::new),
            resume: !session.no_resume,
            open_within: Some(session.connect_timeout),
        };
        let mut host = ConnectHost {
            ui: self.ui.clone(),
            network: self.network,
            target: self.started.target.clone(),
            limit: session.connect_timeout,
            screen: screen.clone(),
            started: self.started,
            ending: None,
            quiet: !self.plan.terminal,
        };
        let stdout = Watched {
            inner: Stdout::open().map_err(no_stdio)?,
            modes: screen.modes(),
        };
        let ends = (Stdin::open().map_err(no_stdio)?, stdout);
        let pump = Pump::new(channel, filter, ends, from_signals, &mut host, options);
        let outcome = pump.run(link).await;
        screen.leave();
        self.ui.set_raw(false);
        if let Some(ending) = host.ending {
            let _ = ending.await;
        }
        Ok(outcome)
    }

    /// Takes the terminal, if this is a session for one.
    fn screen(&self) -> Result<Screen> {
        let guard = if self.plan.terminal && terminal::stdin_is_terminal() {
            let guard = RawGuard::enter().map_err(|source| Error::Io {
                what: "the terminal can't be put into raw mode",
                source,
            })?;
            self.ui.set_raw(true);
            Some(guard)
        } else {
            None
        };
        Ok(Screen(Arc::new(Mutex::new(guard))))
    }
}

/// The terminal, shared by those who take it and give it back.
#[derive(Clone)]
struct Screen(Arc<Mutex<Option<RawGuard>>>);

impl Screen {
    fn with<T>(&self, act: impl FnOnce(&mut RawGuard) -> T) -> Option<T> {
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        guard.as_mut().map(act)
    }

    fn modes(&self) -> Option<Modes> {
        self.with(|guard| guard.modes())
    }

    /// Gives the terminal back for good.
    fn leave(&self) {
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(guard.take());
    }

    /// Stops this process, with the terminal given back meanwhile.
    fn suspend(&self) {
        let stopped = self.with(RawGuard::suspend);
        let stopped = stopped.unwrap_or_else(terminal::stop_self);
        if let Err(error) = stopped {
            tracing::info!(%error, "suspending failed");
        }
    }

    fn resume(&self) {
        if let Some(Err(error)) = self.with(RawGuard::resume) {
            tracing::info!(%error, "the terminal could not be taken again");
        }
    }
}

/// What the pump asks of this command.
struct ConnectHost {
    ui: Ui,
    network: Network,
    target: Target,
    limit: Duration,
    screen: Screen,
    started: Started,
    ending: Option<tokio::task::JoinHandle<()>>,
    /// Scripts see nothing of a broken connection but a delay.
    quiet: bool,
}

impl Host for ConnectHost {
    fn reconnect(&mut self, resume: Option<String>) -> BoxFuture<'static, Result<Link>> {
        let (network, target, limit) = (self.network.clone(), self.target.clone(), self.limit);
        Box::pin(async move {
            let target = match resume {
                Some(id) => target.resuming(&id)?,
                None => target,
            };
            dial(network, target, limit).await
        })
    }

    fn notice(&mut self, notice: Notice) {
        tracing::info!(?notice);
        if self.quiet {
            return;
        }
        match notice {
            Notice::Opened | Notice::Resumed => {}
            Notice::Reconnecting { .. } => self.ui.say("connection lost, reconnecting… ~. ends"),
            Notice::InputFull => self
                .ui
                .say("no more input is kept until the connection is back"),
            Notice::Status(status) => self.ui.say(&status),
            Notice::Help { escape } => self.ui.say(&help(&escape)),
        }
    }

    fn suspend(&mut self) -> Option<(u16, u16)> {
        self.screen.suspend();
        None
    }

    fn ending(&mut self) {
        let started = self.started.clone();
        self.ending = Some(tokio::spawn(async move { started.end().await }));
    }
}

fn help(escape: &str) -> String {
    let commands = [
        (".", "end the session"),
        ("?", "this help"),
        ("s", "state of the session"),
        ("^Z", "suspend axt"),
        (escape, "the escape character itself"),
    ];
    let lines = commands.map(|(key, what)| format!(" {escape}{key:<3} {what}"));
    format!("escape sequences, after a newline:\n{}", lines.join("\n"))
}

/// Standard output, watched for modes that have to be undone if it is a terminal.
struct Watched {
    inner: Stdout,
    modes: Option<Modes>,
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, bytes);
        if let (Poll::Ready(Ok(n)), Some(modes)) = (&written, &self.modes) {
            modes.feed(bytes.get(..*n).unwrap_or_default());
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// Turns signals into what the pump is asked, for as long as it listens.
async fn forward_signals(
    mut signals: Signals,
    pump: mpsc::Sender<Control>,
    screen: Screen,
    sizes: bool,
) {
    loop {
        let signal = signals.recv().await;
        tracing::debug!(?signal);
        let asked = match signal {
            Signal::Suspend => {
                screen.suspend();
                continue;
            }
            Signal::Continue => {
                screen.resume();
                size_now(sizes)
            }
            Signal::Resize => size_now(sizes),
            other => other.number().map(|n| Control::Stop(Stop::Signal(n))),
        };
        if let Some(asked) = asked
            && pump.send(asked).await.is_err()
        {
            return;
        }
    }
}

fn size_now(wanted: bool) -> Option<Control> {
    let size = Size::current().filter(|_| wanted);
    size.map(|Size { rows, cols }| Control::Resize { rows, cols })
}

async fn stop_after(limit: Duration, pump: mpsc::Sender<Control>) {
    tokio::time::sleep(limit).await;
    let _ = pump.send(Control::Stop(Stop::Timeout)).await;
}

/// Runs a step of the opening until it is done, or until a signal asks to stop.
async fn until_stopped<T>(step: impl Future<Output = T>, signals: &mut Signals) -> Result<T, Stop> {
    tokio::pin!(step);
    loop {
        tokio::select! {
            done = &mut step => return Ok(done),
            signal = signals.recv() => match signal {
                Signal::Suspend => {
                    let _ = terminal::stop_self();
                }
                other => if let Some(number) = other.number() {
                    return Err(Stop::Signal(number));
                },
            },
        }
    }
}

fn exit_of_stop(stop: Stop) -> Exit {
    match stop {
        Stop::Signal(number) => Exit::Signal(number),
        Stop::Timeout => Exit::TimedOut,
    }
}

fn conclude(outcome: Outcome) -> Result<Exit> {
    const SIGPIPE: u8 = 13;
    match outcome {
        Outcome::Ended(Ending::Normal { .. }) => Ok(Exit::Ok),
        // As with ssh: how the far end would have ended is not known.
        Outcome::Escaped => Ok(Exit::Failed),
        Outcome::Ended(Ending::Status(status)) => Ok(Exit::Remote(status)),
        Outcome::Ended(Ending::Failed(error)) => Err(error),
        Outcome::Stopped(stop) => Ok(exit_of_stop(stop)),
        Outcome::OutputClosed => Ok(Exit::Signal(SIGPIPE)),
    }
}

fn no_stdio(source: io::Error) -> Error {
    Error::Io {
        what: "standard input and output can't be opened",
        source,
    }
}
