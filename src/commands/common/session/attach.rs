//! Joins a session to this process's terminal or pipes until it is over.

use super::about::About;
use super::dial;
use super::lost_line::{LostLine, redraw_all};
use super::recorder::Recorded;
use super::stdio;
use crate::cli;
use crate::commands::common::session::Started;
use crate::commands::common::stops::Stops;
use crate::error::{Error, Result};
use crate::net::Network;
use crate::protocol::channel::{Channel, Condition, Ending};
use crate::protocol::escape::Escape;
use crate::protocol::filter::{Filter, Stop};
use crate::pump::{self, Control, Host, Link, Notice, Outcome, Pump};
use crate::terminal::{self, Screen, Signals, Size, Stdin, TerminalSignal};
use crate::ui::Ui;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The parts of a session that its channel, connection and filter leave open.
pub(crate) struct Attach<'a> {
    /// The printer.
    pub(crate) ui: &'a Ui,
    /// Standard input. A later session gets what this one did not read.
    pub(crate) stdin: &'a mut Stdin,
    /// The options that the session was started with.
    pub(crate) run: &'a cli::RunArgs,
    /// A terminal session: raw mode, sizes, escapes.
    pub(crate) terminal: bool,
    /// The network, for connecting again.
    pub(crate) network: Network,
    /// The session.
    pub(crate) started: Started,
    /// True to connect again when the connection breaks.
    pub(crate) resume: bool,
    /// Time for each step of a connection.
    pub(crate) connect_timeout: Duration,
    /// Cancelled once the agent has answered.
    pub(crate) answered: CancellationToken,
    /// The identity of the session.
    pub(crate) about: About,
    /// The recording of it.
    pub(crate) recorded: Option<Recorded>,
}

impl Attach<'_> {
    /// Runs the session until it is over.
    pub(crate) async fn run(
        self,
        channel: Box<dyn Channel + Send>,
        link: Link,
        filter: Box<dyn Filter + Send>,
        stops: Stops,
    ) -> Result<Outcome> {
        let started = self.started.clone();
        // From here on every way out gives the terminal back and ends the session.
        let screen = started.or_end(async { self.screen() }).await?;
        let stdout = started.or_end(async { stdio::stdout(&screen) });
        let stdout = stdout.await.inspect_err(|_| {
            screen.leave();
            self.ui.draw_by(None);
        })?;
        let (control, from_signals) = mpsc::channel(8);
        if self.terminal {
            // The channel keeps the size until the session has opened.
            let size = Size::current().unwrap_or_default();
            let _ = control.try_send(resized(size, self.recorded.as_ref()));
        }
        let watch = self.recorded.as_ref().map(|recorded| {
            stdout.set_tap(recorded.of_output());
            (recorded, recorded.watch(self.ui))
        });
        if let Some(by) = stops.by {
            tokio::spawn(stop_at(by, control.clone()));
        }
        let lost_line = LostLine::new(self.ui.clone(), screen.clone(), control.clone());
        let signals = ForwardSignals {
            ui: self.ui.clone(),
            screen: screen.clone(),
            pump: control,
            sizes: self.terminal,
            recorded: self.recorded.clone(),
        };
        let signals = tokio::spawn(signals.run(stops.signals));
        let options = self.options();
        let mut host = AttachedHost {
            ui: self.ui.clone(),
            lost_line,
            network: self.network,
            limit: self.connect_timeout,
            screen: screen.clone(),
            answered: self.answered,
            started: self.started,
            about: self.about,
            connected: Instant::now(),
            ending: None,
            quiet: !self.terminal,
        };
        let keys = Recorded::of_input(self.recorded.as_ref(), self.stdin);
        let ends = (keys, stdout);
        let mut pump = Pump::new(channel, filter, ends, from_signals, &mut host, options);
        if let Some(stderr) = stdio::stderr() {
            pump = pump.with_errors(stderr);
        }
        let outcome = pump.run(link).await;
        // What follows may listen to signals itself: two listeners would both suspend the process.
        signals.abort();
        // Before anything is said: messages are for a terminal as the user has it.
        screen.leave();
        self.ui.draw_by(None);
        if let Some((recorded, watch)) = watch {
            recorded.end(status(&outcome), &watch, self.ui);
        }
        // It began beside the last output.
        if let Some(ending) = host.ending {
            let _ = ending.await;
        }
        if matches!(outcome, Outcome::Escaped) {
            self.ui.say(tr!("session ended"));
        }
        Ok(outcome)
    }

    fn options(&self) -> pump::PumpOptions {
        // Input from a file or a program is data, as with ssh: it has no escapes.
        let watches = self.terminal && terminal::stdin_is_terminal();
        let escape = self.run.escape_char.0.filter(|_| watches);
        pump::PumpOptions {
            escape: escape.map(Escape::new),
            resume: self.resume,
            open_within: Some(self.connect_timeout),
            // The remote program ends the session, or the user does.
            linger: None,
            trusts_end: true,
        }
    }

    /// Puts the terminal into raw mode, if this is a terminal session.
    fn screen(&self) -> Result<Screen> {
        if !self.terminal || !terminal::stdin_is_terminal() {
            return Ok(Screen::none());
        }
        let screen = Screen::take().map_err(|source| Error::Io {
            what: tr!("the terminal can't be put into raw mode"),
            source,
        })?;
        // Two writers for one terminal would tear each other's lines.
        let drawn = terminal::stderr_is_stdout().then(|| screen.clone());
        self.ui.draw_by(Some(Box::new(move |lines| {
            drawn.as_ref().is_some_and(|screen| screen.line(lines))
        })));
        Ok(screen)
    }
}

/// The pump's host for a terminal or pipes.
struct AttachedHost {
    ui: Ui,
    lost_line: LostLine,
    network: Network,
    limit: Duration,
    screen: Screen,
    answered: CancellationToken,
    started: Started,
    about: About,
    connected: Instant,
    ending: Option<tokio::task::JoinHandle<()>>,
    /// There is no terminal session: a broken connection is not shown, as it is only a delay.
    quiet: bool,
}

impl Host for AttachedHost {
    fn reconnect(&mut self, resume: Option<String>) -> BoxFuture<'static, Result<Link>> {
        dial::redial(&self.network, &self.started.target, resume, self.limit)
    }

    fn notice(&mut self, notice: Notice) {
        match &notice {
            Notice::Opened => {
                tracing::info!(took = ?self.connected.elapsed(), "the session is open");
                self.answered.cancel();
            }
            notice => tracing::info!(?notice),
        }
        if self.quiet {
            return;
        }
        match notice {
            Notice::Opened => {}
            Notice::Resumed => self.lost_line.hide(),
            Notice::Reconnecting { .. } => {
                self.lost_line
                    .show(tr!("connection lost, reconnecting… ~. ends"));
            }
            // A terminal's session is the remote side's to end.
            Notice::InputEnded | Notice::NoAnswerYet | Notice::ReportsEnd => {}
            Notice::NothingCame { within } => self.ui.say(&tr!(
                "nothing was received from the instance for {within:?}; what you type is kept until something is",
                within
            )),
            Notice::InputFull => self
                .lost_line
                .show(tr!("no more input is kept until the connection is back")),
            Notice::Status(condition) => {
                let lines = self.about.lines(&condition, Timestamp::now());
                self.ui.answer(&lines);
            }
            Notice::Help { escape } => self.ui.answer(&help(&escape)),
        }
    }

    fn suspend(&mut self) {
        suspend(&self.ui, &self.screen);
    }

    fn ending(&mut self, _: &Outcome, _: &Condition) {
        self.lost_line.hide();
        let started = self.started.clone();
        self.ending = Some(tokio::spawn(async move { started.end().await }));
    }
}

fn help(escape: &str) -> String {
    let commands = [
        (".", tr!("end the session")),
        ("?", tr!("this help")),
        ("s", tr!("state of the session")),
        ("^Z", tr!("suspend axt")),
        (escape, tr!("the escape character itself")),
    ];
    let lines = commands.map(|(key, what)| format!(" {escape}{key:<3} {what}"));
    tr!(
        "escape sequences, after a newline:\n{lines}",
        lines = lines.join("\n")
    )
}

/// Stops this process, with the terminal given back meanwhile.
fn suspend(ui: &Ui, screen: &Screen) {
    screen.suspend(|| {
        ui.say(tr!(
            "suspended: the service ends a session that is silent for 3 minutes"
        ));
    });
}

/// Passes signals to the pump until it has ended.
struct ForwardSignals {
    ui: Ui,
    screen: Screen,
    pump: mpsc::Sender<Control>,
    /// A terminal session, which has a size.
    sizes: bool,
    recorded: Option<Recorded>,
}

impl ForwardSignals {
    async fn run(self, mut signals: Signals) {
        loop {
            let signal = signals.next(|| suspend(&self.ui, &self.screen)).await;
            tracing::debug!(?signal);
            let asked = match signal {
                TerminalSignal::Continue => {
                    self.screen.resume();
                    if self.screen.is_alternate() {
                        tokio::spawn(redraw_all(self.screen.clone(), self.pump.clone()));
                    }
                    self.size_now()
                }
                TerminalSignal::Resize => self.size_now(),
                other => other.number().map(|n| Control::Stop(Stop::Signal(n))),
            };
            if let Some(asked) = asked
                && self.pump.send(asked).await.is_err()
            {
                return;
            }
        }
    }

    fn size_now(&self) -> Option<Control> {
        let size = Size::current().filter(|_| self.sizes);
        size.map(|size| resized(size, self.recorded.as_ref()))
    }
}

/// The user's terminal has this size now.
fn resized(size: Size, recorded: Option<&Recorded>) -> Control {
    if let Some(recorded) = recorded {
        recorded.resize(size);
    }
    let Size { rows, cols } = size;
    Control::Resize { rows, cols }
}

/// The program's own status, where it is known.
fn status(outcome: &Outcome) -> Option<u8> {
    match outcome {
        Outcome::Ended(Ending::Status(status)) => Some(*status),
        _ => None,
    }
}

async fn stop_at(by: Instant, pump: mpsc::Sender<Control>) {
    tokio::time::sleep_until(by).await;
    let _ = pump.send(Control::Stop(Stop::Timeout)).await;
}
