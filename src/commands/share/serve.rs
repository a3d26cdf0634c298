//! One connection to a holder: its requests, and its command from the hand-over to the end.

use super::holder::{Clearing, CommandCount, Holder, Turn};
use crate::commands::common::session::held::HeldSession;
use crate::remote::Signal;
use crate::share::{
    Answer, Broken, Conn, FilterRequest, HolderRequest, Run, SessionMessage, Streams, Waits,
};
use std::io;
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, interval, sleep_until, timeout};

/// The time that a client has to send its request, and to send `Go`.
const REQUEST_LIMIT: Duration = Duration::from_secs(10);

/// The interval at which a client whose command waits for a session gets [`Answer::Wait`].
const TICK: Duration = Duration::from_millis(250);

/// The time that a command has to end after a hangup, and its runner to be free after that. The session is
/// ended when either takes longer.
const CLEAR_LIMIT: Duration = Duration::from_secs(5);

impl Holder {
    /// Answers one connection.
    pub(super) async fn answer(self: Arc<Self>, mut conn: Conn, counted: Option<CommandCount>) {
        let hello = Answer::Hello {
            version: env!("CARGO_PKG_VERSION").into(),
            pid: std::process::id(),
        };
        if conn.send(&hello, &[]).await.is_err() {
            return;
        }
        let answer = match timeout(REQUEST_LIMIT, conn.receive::<HolderRequest>()).await {
            Ok(Ok(Some(HolderRequest::Run(run)))) => {
                let counted = counted.unwrap_or_else(|| self.count());
                return self.run(conn, *run, counted).await;
            }
            Ok(Ok(Some(HolderRequest::Status))) => Answer::Status(self.status()),
            Ok(Ok(Some(HolderRequest::End { at_once }))) => {
                let _ = conn.send(&Answer::Ending, &[]).await;
                return self.close(at_once, conn);
            }
            _ => return,
        };
        let _ = conn.send(&answer, &[]).await;
    }

    /// Runs a command, unless the client leaves before the command has begun.
    async fn run(self: Arc<Self>, mut conn: Conn, run: Run, counted: CommandCount) {
        if let Some(span) = run.keep {
            self.keep(span);
        }
        let streams = <[OwnedFd; 3]>::try_from(conn.take_descriptors());
        let Ok(streams) = streams else {
            return refuse(conn, tr!("the standard streams were not passed")).await;
        };
        let mut turn = match self.wait_for_turn(&mut conn, run.waits).await {
            Some(Ok(turn)) => turn,
            Some(Err(why)) => {
                let _ = conn.send(&why, &[]).await;
                return;
            }
            None => return,
        };
        let streams = match Streams::passed(streams, run.stdin) {
            Ok(streams) => streams,
            Err(error) => {
                self.put_back(turn);
                return refuse(conn, &error.to_string()).await;
            }
        };
        let goes = async {
            conn.send(&Answer::Ready, &[]).await.ok()?;
            conn.receive::<HolderRequest>().await.ok()?
        };
        let goes = timeout(REQUEST_LIMIT, goes).await;
        let session = turn.session.take();
        let Some(session) = session else { return };
        if !matches!(goes, Ok(Some(HolderRequest::Go))) {
            turn.session = Some(session);
            return self.put_back(turn);
        }
        session.ends.begin(streams);
        session.ask(FilterRequest::Start(run.command, run.stdin));
        let mut running = ServedCommand {
            holder: Arc::clone(&self),
            session,
            conn,
            clearing: None,
            stage: CommandStage::Runs,
            give_up: None,
        };
        let is_free = running.run(counted).await;
        turn.session = is_free.then_some(running.session);
        self.put_back(turn);
    }

    /// Waits for a session, and tells the other side meanwhile that this process lives. `None` if the
    /// other side has gone, or this process is to end.
    async fn wait_for_turn(
        self: &Arc<Self>,
        conn: &mut Conn,
        waits: Waits,
    ) -> Option<Result<Turn, Answer>> {
        let mut turn = pin!(self.live_turn(waits));
        let (mut ticks, mut said) = (interval(TICK), self.says.subscribe());
        loop {
            tokio::select! {
                biased;
                turn = &mut turn => return Some(turn),
                () = self.ending.cancelled() => return None,
                _ = ticks.tick() => conn.send(&Answer::Wait, &[]).await.ok()?,
                fact = said.recv() => if let Ok(fact) = fact {
                    conn.send(&Answer::Say(fact), &[]).await.ok()?;
                },
                _ = conn.receive::<HolderRequest>() => return None,
            }
        }
    }

    /// Waits for a place, and for a session whose connection is alive.
    async fn live_turn(self: &Arc<Self>, waits: Waits) -> Result<Turn, Answer> {
        loop {
            let turn = self.turn(waits).await?;
            match &turn.session {
                Some(session) if !session.is_alive().await => self.put_back(turn),
                _ => return Ok(turn),
            }
        }
    }
}

async fn refuse(mut conn: Conn, why: &str) {
    let _ = conn.send(&Answer::Refused(why.to_owned()), &[]).await;
}

/// A command in a session.
struct ServedCommand {
    holder: Arc<Holder>,
    session: HeldSession,
    conn: Conn,
    stage: CommandStage,
    /// From when the command is over.
    clearing: Option<Clearing>,
    /// The time when the session is given up.
    give_up: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CommandStage {
    Runs,
    /// It has ended with this status, and its output is still being written.
    Writes(u8),
    /// Nobody waits for it any more, or all was said.
    Clears,
}

enum ServeWake {
    SessionMessage(SessionMessage),
    HolderRequest(io::Result<Option<HolderRequest>>),
    Broken(Broken),
    Delivered,
    Time,
}

impl ServedCommand {
    /// Runs it to its end, and tells whether the session is free then.
    async fn run(&mut self, counted: CommandCount) -> bool {
        let mut counted = Some(counted);
        let mut free = false;
        loop {
            if self.stage == CommandStage::Clears {
                // Nobody waits for what follows.
                self.clears();
                counted.take();
                self.session.ends.end();
                if free {
                    return true;
                }
                self.give_up.get_or_insert(Instant::now() + CLEAR_LIMIT);
            }
            match self.wake().await {
                ServeWake::SessionMessage(SessionMessage::Over(error)) => {
                    self.over(&error).await;
                    return false;
                }
                ServeWake::SessionMessage(SessionMessage::Free) => free = true,
                ServeWake::SessionMessage(said) => self.said(said).await,
                ServeWake::HolderRequest(asked) => self.asked(asked).await,
                ServeWake::Broken(broken) => self.broken(broken).await,
                ServeWake::Delivered => {
                    if let CommandStage::Writes(status) = self.stage {
                        self.ended(status).await;
                    }
                }
                ServeWake::Time => return false,
            }
        }
    }

    async fn wake(&mut self) -> ServeWake {
        let is_told = self.stage == CommandStage::Clears;
        let is_over = matches!(self.stage, CommandStage::Writes(_));
        let ends = self.session.ends.clone();
        let give_up = self.give_up;
        tokio::select! {
            biased;
            broken = ends.broken(), if !is_told => ServeWake::Broken(broken),
            asked = self.conn.receive(), if !is_told => ServeWake::HolderRequest(asked),
            said = self.session.next() => ServeWake::SessionMessage(said),
            () = ends.delivered(), if is_over => ServeWake::Delivered,
            () = sleep_until(give_up.unwrap_or_else(Instant::now)), if give_up.is_some() => ServeWake::Time,
        }
    }

    async fn said(&mut self, said: SessionMessage) {
        match said {
            SessionMessage::Note(note) if self.stage == CommandStage::Runs => {
                self.tell(&Answer::Log(note)).await
            }
            SessionMessage::Ended(status) if self.stage == CommandStage::Runs => {
                self.stage = CommandStage::Writes(status)
            }
            _ => {}
        }
    }

    async fn asked(&mut self, asked: io::Result<Option<HolderRequest>>) {
        match (asked, self.stage) {
            (Ok(Some(HolderRequest::Signal(signal))), CommandStage::Runs) => {
                self.session.ask(FilterRequest::Signal(signal));
            }
            // What it wrote is no longer waited for.
            (Ok(Some(HolderRequest::Signal(_))), CommandStage::Writes(status)) => {
                self.ended(status).await;
            }
            (Ok(Some(HolderRequest::Ping)), _) => self.tell(&Answer::Pong).await,
            (Ok(Some(_)), _) => {}
            (Ok(None) | Err(_), _) => self.hang_up(),
        }
    }

    async fn broken(&mut self, broken: Broken) {
        let answer = match broken {
            Broken::Closed => Answer::OutputClosed,
            Broken::Failed(what, error) => Answer::Failed {
                what: format!("{what}: {error}"),
                hint: None,
            },
        };
        self.tell(&answer).await;
        self.hang_up();
    }

    async fn over(&mut self, error: &crate::error::Error) {
        if self.stage == CommandStage::Clears {
            return;
        }
        let written = timeout(CLEAR_LIMIT, self.session.ends.delivered()).await;
        match self.stage {
            CommandStage::Writes(status) if written.is_ok() => self.ended(status).await,
            _ => self.tell(&Answer::failed(error)).await,
        }
    }

    /// Tells the status, or why not all of the output could be written. The session counts as nearly free
    /// before a client that has it can come again.
    async fn ended(&mut self, status: u8) {
        self.clears();
        match self.session.ends.failure() {
            Some(broken) => self.broken(broken).await,
            None => self.tell(&Answer::Ended(status)).await,
        }
        self.stage = CommandStage::Clears;
    }

    fn clears(&mut self) {
        self.clearing.get_or_insert_with(|| self.holder.clearing());
    }

    /// Nobody waits for the command any more.
    fn hang_up(&mut self) {
        if self.stage == CommandStage::Runs {
            self.session.ask(FilterRequest::Signal(Signal::Hup));
        }
        self.stage = CommandStage::Clears;
    }

    /// If the other side has gone, the connection says so.
    async fn tell(&mut self, answer: &Answer) {
        let _ = timeout(CLEAR_LIMIT, self.conn.send(answer, &[])).await;
    }
}
