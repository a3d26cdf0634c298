//! The main loop of a session: it moves bytes between the user, the WebSocket and the protocol.
//!
//! Every arm of its `select!` yields a value that is handled afterwards, so nothing is half done
//! when another arm wins. Sending waits for a place in the wire's queue in an arm of its own: while
//! the wire is stuck, output, escapes and signals are still served. The arms' guards are the whole
//! flow control.

mod clock;
mod contract;
mod deadlines;
mod finish;
mod linger;
mod opening;
mod reconnect;
mod stall;
mod typing;
mod undelivered;
mod user;
mod wire;

pub(crate) use clock::{now, runtime_begins};
pub(crate) use contract::{Control, Host, Link, Notice, Outcome, PumpOptions};

use crate::error::Error;
use crate::protocol::channel::{Channel, Ending, Event, Incoming, Now};
use crate::protocol::filter::{Filter, Flow, Stop};
use bytes::{Buf, BytesMut};
use linger::Linger;
use opening::Opening;
use stall::StallDetector;
use std::io;
use std::pin::Pin;
use std::time::Instant;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio::time::Sleep;
use user::User;
use wire::{Wire, WireState};

/// The WebSocket is not read while so many bytes of output wait to be written.
const OUTPUT_ROOM: usize = 64 * 1024;

/// The most bytes of input read at once.
const INPUT_CHUNK: usize = 32 * 1024;

/// The most bytes of typed input read at once: the buffer stays allocated, and a user types little at once.
const TYPED_CHUNK: usize = 4 * 1024;

/// One session, between the user's streams and the WebSocket. There is one loop for all kinds of them: what
/// runs is small, and so is the program.
pub(crate) struct Pump<'h> {
    channel: Box<dyn Channel + Send + 'h>,
    filter: Box<dyn Filter + Send + 'h>,
    user: User<'h>,
    wire: Wire,
    host: &'h mut (dyn Host + Send),
    options: PumpOptions,
    flow: Flow,
    outcome: Option<Outcome>,
    /// The stop that was passed to the remote side, and the deadline for its end.
    stopping: Option<(Stop, Instant)>,
    opening: Opening,
    linger: Linger,
    said_full: bool,
    stall: StallDetector,
    /// The reason for the lost connection, until the session makes progress again.
    lost_by: Option<String>,
}

/// An event that wakes the loop.
enum Wake {
    Received,
    Sent,
    Typed(io::Result<usize>),
    Written(io::Result<usize>),
    ErrorsWritten(io::Result<usize>),
    Control(Option<Control>),
    Dialed(Result<Link, Error>),
    Time,
}

impl<'h> Pump<'h> {
    /// Makes a pump of its parts; [`Pump::run`] adds the connection.
    pub(crate) fn new(
        channel: Box<dyn Channel + Send + 'h>,
        filter: Box<dyn Filter + Send + 'h>,
        (reader, writer): (
            impl AsyncRead + Send + Unpin + 'h,
            impl AsyncWrite + Send + Unpin + 'h,
        ),
        control: mpsc::Receiver<Control>,
        host: &'h mut (dyn Host + Send),
        options: PumpOptions,
    ) -> Self {
        let now = clock::now().at;
        Self {
            channel,
            filter,
            user: User {
                reader: Box::new(reader),
                writer: Box::new(writer),
                errors: None,
                control,
                typed: BytesMut::new(),
                eof: false,
            },
            wire: Wire::new(),
            host,
            opening: Opening::new(options.open_within, now),
            linger: Linger::new(options.linger, now),
            options,
            flow: Flow::default(),
            outcome: None,
            stopping: None,
            said_full: false,
            stall: StallDetector::default(),
            lost_by: None,
        }
    }

    /// Adds a writer for standard error. It does not wait for the one of standard output.
    #[must_use]
    pub(crate) fn with_errors(mut self, errors: impl AsyncWrite + Send + Unpin + 'static) -> Self {
        self.user.errors = Some(Box::new(errors));
        self
    }
}

impl Pump<'_> {
    /// Runs the session over `link` until it has ended and its last byte is delivered.
    pub(crate) async fn run(mut self, mut link: Link) -> Outcome {
        let mut now = clock::now();
        let (first, since) = (link.first.take(), link.since);
        // A gateway that has been waited for without a word has used its time.
        let begun = first.as_ref().map_or(since.at, |_| now.at);
        self.opening.begin_step(begun);
        self.wire.state = WireState::Up(link);
        self.channel.connected(since);
        if let Some(first) = first {
            self.channel.receive(now, first);
        }
        let mut timer = Box::pin(tokio::time::sleep_until(now.at.into()));
        loop {
            self.collect(now);
            if let Some(outcome) = self.outcome.take() {
                return self.finish(outcome).await;
            }
            let wake = self.next_wake(now, timer.as_mut()).await;
            // The clock is read once for each wake-up: bulk output has a million of them.
            now = clock::now();
            self.handle(now, wake);
        }
    }

    async fn next_wake(&mut self, now: Now, mut timer: Pin<&mut Sleep>) -> Wake {
        let deadline = self.deadline(now);
        self.stall.sleep_until(now.at, deadline);
        if let Some(at) = deadline
            && timer.deadline().into_std() != at
        {
            // Not `reset`: a timer that is put off wakes the runtime at its old time all the same.
            timer.as_mut().set(tokio::time::sleep_until(at.into()));
        }
        let sends = self.channel.wants_send(now);
        let reads = !self.user.eof && self.filter.wants_input() && self.has_use_for_input();
        let room = self.has_room();
        let User {
            reader,
            writer,
            errors,
            control,
            typed,
            ..
        } = &mut self.user;
        typed.reserve(match self.options.escape {
            Some(_) => TYPED_CHUNK,
            None => INPUT_CHUNK,
        });
        let wire::Arms {
            incoming,
            outgoing,
            dialing,
            batch,
        } = self.wire.arms();
        tokio::select! {
            () = wire::receive(incoming, batch), if room => Wake::Received,
            permit = wire::reserve(outgoing), if sends && outgoing.is_some_and(|o| !o.is_closed()) => {
                wire::send(&mut *self.channel, permit, outgoing);
                Wake::Sent
            }
            read = reader.read_buf(typed), if reads => Wake::Typed(read),
            written = writer.write(&self.flow.user), if !self.flow.user.is_empty() => {
                Wake::Written(written)
            }
            written = user::write_errors(errors, &self.flow.errors), if !self.flow.errors.is_empty() => {
                Wake::ErrorsWritten(written)
            }
            control = control.recv() => Wake::Control(control),
            dialed = wire::dialed(dialing) => Wake::Dialed(dialed),
            () = timer, if deadline.is_some() => Wake::Time,
        }
    }
}

impl Pump<'_> {
    /// Moves the output of the channel and the filter to its destinations.
    fn collect(&mut self, now: Now) {
        let mut heard = false;
        while let Some(event) = self.channel.poll_event() {
            heard |= match event {
                Event::Opened => true,
                Event::Output(_) => self.channel.is_answering(),
                _ => false,
            };
            self.tell(now.at, event);
            // Before the next event: what the program said goes before what the agent says of it.
            self.conclude_by_filter();
        }
        if heard {
            self.linger.heard(now.at);
        }
        let drained = self.user.eof && self.channel.drained();
        self.linger.set_drained(drained, now.at);
        if !self.flow.remote.is_empty() {
            let input = self.flow.remote.split();
            self.channel.write(now, &input);
        }
        self.conclude_by_filter();
    }

    fn conclude_by_filter(&mut self) {
        if let Some(ending) = self.flow.ending.take() {
            self.conclude(Outcome::Ended(ending));
        }
    }

    fn tell(&mut self, now: Instant, event: Event) {
        match event {
            Event::Opened => {
                self.opening.opened(now);
                self.host.notice(Notice::Opened);
            }
            Event::Output(bytes) => {
                self.opening.opened(now);
                self.filter.output(now, &bytes, &mut self.flow);
            }
            Event::ReportsEnd => self.host.notice(Notice::ReportsEnd),
            Event::Broken {
                why,
                resumable,
                silent,
            } => {
                if silent {
                    self.wire.abandoned_attempt(now);
                }
                self.broke(why, resumable);
            }
            Event::Displaced(error) => self.displaced(error),
            Event::Resumed => {
                self.wire.made_progress();
                self.lost_by = None;
                self.said_full = false;
                self.opening.begin_step(now);
                self.host.notice(Notice::Resumed);
            }
            Event::Ended(ending) => {
                let ending = self.filter.ended(ending, &mut self.flow);
                self.conclude(Outcome::Ended(ending));
            }
        }
    }

    /// Sets the outcome, unless there is one. After a stop was requested, the stop is the outcome.
    fn conclude(&mut self, outcome: Outcome) {
        let dropped = self.channel.may_have_dropped_input();
        let undelivered = self.channel.undelivered().map(|mut input| {
            input.unsent += self.flow.remote.len();
            input
        });
        let outcome = match (self.stopping, outcome) {
            (Some((stop, _)), _) => Outcome::Stopped(stop),
            (
                None,
                Outcome::UserLeft
                | Outcome::Ended(Ending::Normal | Ending::Failed(Error::Silence(_))),
            ) if dropped => Outcome::Ended(Ending::Failed(Error::EarlyInput)),
            (None, Outcome::Ended(Ending::Normal)) => {
                let unsent = undelivered.map_or(0, |input| input.unsent);
                Outcome::Ended(match unsent {
                    0 => Ending::Normal,
                    _ => Ending::Failed(Error::Unsent(unsent)),
                })
            }
            (None, Outcome::Ended(Ending::Failed(error))) => {
                let error = self.stall.explain(clock::now().at, error);
                let has_sent = self.channel.condition().sent > 0;
                let undelivered = undelivered.filter(|_| has_sent);
                Outcome::Ended(Ending::Failed(undelivered::with_undelivered(
                    error,
                    undelivered,
                )))
            }
            (None, outcome) => outcome,
        };
        self.outcome.get_or_insert(outcome);
    }

    fn fail(&mut self, error: Error) {
        self.conclude(Outcome::Ended(Ending::Failed(error)));
    }

    fn handle(&mut self, now: Now, wake: Wake) {
        if let Some(lost) = self.stall.woke(now.at) {
            // What arrived meanwhile is read first: no wait has run out before that.
            self.channel.stalled(now, lost);
            self.opening.delay(lost);
            self.linger.delay(lost);
        }
        match wake {
            Wake::Received => {
                self.host.heard();
                for incoming in self.wire.batch.drain(..) {
                    if matches!(incoming, Incoming::Alive | Incoming::Pong(_)) {
                        tracing::trace!(?incoming, "a sign of life");
                    }
                    self.channel.receive(now, incoming);
                }
            }
            Wake::Sent => {}
            Wake::Typed(Ok(0)) => {
                self.user.eof = true;
                self.filter.input_end(&mut self.flow);
                if self.linger.is_limited() {
                    self.channel.input_ended();
                    if self.options.trusts_end && !self.channel.reports_end() {
                        self.host.notice(Notice::InputEnded);
                    }
                }
            }
            Wake::Typed(Ok(bytes)) => {
                tracing::trace!(bytes, "input read");
                self.typed();
            }
            Wake::Typed(Err(source)) => self.fail(Error::Io {
                what: tr!("reading input failed"),
                source,
            }),
            Wake::Written(Ok(n)) if n > 0 => {
                tracing::trace!(bytes = n, "output written");
                self.flow.user.advance(n);
                if self.channel.is_answering() {
                    self.linger.heard(now.at);
                }
            }
            Wake::Written(Ok(_)) => self.conclude(Outcome::OutputClosed),
            Wake::Written(Err(error)) => self.conclude(user::write_failure(error)),
            Wake::ErrorsWritten(Ok(n)) => self.flow.errors.advance(n),
            Wake::ErrorsWritten(Err(error)) => match user::write_failure(error) {
                // The command goes on, as with ssh.
                Outcome::OutputClosed => self.user.errors = None,
                failure => self.conclude(failure),
            },
            Wake::Control(control) => self.control(now, control),
            Wake::Dialed(dialed) => self.dialed(now, dialed),
            Wake::Time => self.time_passed(now),
        }
    }

    fn control(&mut self, now: Now, control: Option<Control>) {
        match control {
            Some(Control::Resize { rows, cols }) => self.channel.resize(now, rows, cols),
            Some(Control::Stop(stop)) => {
                let first = self.stopping.is_none() && self.wire.is_up();
                let grace = first.then(|| self.filter.stop(now.at, stop, &mut self.flow));
                match grace.flatten() {
                    Some(grace) => self.stopping = Some((stop, now.at + grace)),
                    None => self.conclude(Outcome::Stopped(stop)),
                }
            }
            Some(Control::ReportsEnd) => self.channel.set_reports_end(),
            Some(Control::Unread) => self.linger.want_no_answer(),
            Some(Control::Probe) => self.channel.probe(),
            Some(Control::Filter) => self.filter.wake(now.at, &mut self.flow),
            // The senders are gone, and with them everything that could stop the session: that counts as a
            // hangup.
            None => self.conclude(Outcome::Stopped(Stop::Signal(1))),
        }
    }

    /// True if the WebSocket may be read: not while much output waits to be written.
    fn has_room(&self) -> bool {
        self.flow.user.len().max(self.flow.errors.len()) < OUTPUT_ROOM
    }
}

#[cfg(test)]
mod tests;
