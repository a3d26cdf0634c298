//! Passes messages between one WebSocket and an agent.
//!
//! Documented by the official agent's and clients' sources: the messages, the states, idle close,
//! session length, FlowExceedLimit. Sequence numbers and Sync are the agent's and only pass through.
//! Inferred: the gateway closes a session with `ProcessDataError` for what no client should send,
//! it sends Opened and Stream again after a resume, and the end of a session waits for the output that
//! a Sync has asked for.

use super::channel::{AGENT_END, AgentChannel, Order};
use super::event::{End, RelayEvent, SocketInterest};
use super::inject::{ConnectionFaults, Cut};
use super::socket::Socket;
use crate::emulator::agent::AgentHandle;
use crate::emulator::options::Limits;
use crate::emulator::state::Shared;
use crate::emulator::state::store::StoredSession;
use crate::protocol::frame::{Frame, Kind};
use crate::protocol::status::Status;
use bytes::Bytes;
use futures_util::SinkExt as _;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;

/// The socket is not read while this many bytes of client messages wait for the agent.
const INBOX: usize = 1 << 20;
/// The time that the last messages have to reach the system's buffers.
const FLUSH: Duration = super::socket::CLOSING;
/// The time that an Output that is held back waits for the next one.
const HOLD: Duration = Duration::from_millis(100);
/// The time that an ended agent waits for a Sync that asks for its last Output.
pub(crate) const LAST_SYNC: Duration = Duration::from_secs(1);

/// A relay with the messages that wait in each direction.
pub(crate) struct Relay<'a> {
    shared: &'a Shared,
    session: &'a StoredSession,
    pub(crate) channel: &'a mut AgentChannel,
    pub(crate) faults: ConnectionFaults,
    /// Messages to the client, each with the time when it is due.
    outbox: VecDeque<(Instant, Message)>,
    /// True if the socket holds messages it may not have written yet.
    unflushed: bool,
    /// Messages to the agent, each with the time when it is due.
    inbox: VecDeque<(Instant, Frame)>,
    inbox_bytes: usize,
    /// A cut that happens when the outbox is empty.
    cut: Option<Cut>,
    /// Until when an Output is held back.
    hold: Option<Instant>,
    /// Until when nothing is read.
    pub(crate) deaf_until: Option<Instant>,
    /// The time when the client is pinged next.
    ping_at: Option<Instant>,
    /// Until when the end of a resumed session waits for its client's Sync.
    pub(crate) sync_until: Option<Instant>,
    /// Until when the end waits for the output that a Sync has asked for.
    pub(crate) resend_until: Option<Instant>,
    /// The end that the agent has been asked for, and until when it may take.
    pub(crate) ending: Option<(End, Instant)>,
}

impl<'a> Relay<'a> {
    pub(crate) fn new(
        shared: &'a Shared,
        session: &'a StoredSession,
        channel: &'a mut AgentChannel,
        faults: ConnectionFaults,
    ) -> Self {
        Self {
            shared,
            session,
            channel,
            faults,
            outbox: VecDeque::new(),
            unflushed: false,
            inbox: VecDeque::new(),
            inbox_bytes: 0,
            cut: None,
            hold: None,
            deaf_until: None,
            ping_at: shared.options.faults.ping_every.map(|_| Instant::now()),
            sync_until: None,
            resend_until: None,
            ending: None,
        }
    }

    /// Queues the first statuses.
    pub(crate) fn send_first_statuses(&mut self, resumed: bool) {
        if resumed {
            self.sync_until = Some(Instant::now() + LAST_SYNC);
        }
        if self.shared.options.faults.no_status {
            return;
        }
        if !resumed {
            self.send_status(&Status::Opening);
        }
        self.send_status(&Status::Opened);
        if let Some(bits) = self.limits().stream_bits {
            self.send_status(&Status::Stream(u32::try_from(bits).unwrap_or(u32::MAX)));
        }
    }

    /// Runs until there is a reason to end, and sends it to the client. The caller closes the socket.
    pub(crate) async fn run(
        &mut self,
        socket: &mut Socket,
        mut orders: mpsc::UnboundedReceiver<Order>,
    ) -> End {
        let end = loop {
            if let Some(end) = self.due(Instant::now()) {
                break end;
            }
            let event = self.next(socket, &mut orders).await;
            if let Some(end) = self.handle(event, socket) {
                break end;
            }
        };
        self.release();
        let silent = self.shared.options.faults.silent_end && !end.keeps_agent();
        if let Some(status) = end.last_status().filter(|_| !silent) {
            self.send_status(&status);
        }
        if end != End::Lost {
            let flush = async {
                while let Some((due, message)) = self.outbox.pop_front() {
                    sleep_until(due).await;
                    socket.send(message).await?;
                }
                socket.flush().await
            };
            // A client that is gone or doesn't read misses its last messages.
            let _ = timeout(FLUSH, flush).await;
        }
        end
    }

    async fn next(
        &mut self,
        socket: &mut Socket,
        orders: &mut mpsc::UnboundedReceiver<Order>,
    ) -> RelayEvent {
        let now = Instant::now();
        let wake = self.wake(now);
        let is_due = |due: Option<Instant>| due.is_some_and(|due| due <= now);
        let wants = SocketInterest {
            read: self.inbox_bytes < INBOX
                && self.cut.is_none()
                && self.ending.is_none()
                && self.deaf_until.is_none_or(|until| until <= now),
            write: is_due(self.outbox.front().map(|(due, _)| *due)),
            flush: self.unflushed,
        };
        let pass = is_due(self.inbox.front().map(|(due, _)| *due));
        let takes_output = self.outbox.len() < self.outbox_limit() && self.cut.is_none();
        let AgentHandle {
            to_agent,
            from_agent,
            ended,
            ..
        } = &mut self.channel.agent;
        let has_ended = self.channel.reason.is_some();
        let takes_output = takes_output && !(from_agent.is_closed() && from_agent.is_empty());
        tokio::select! {
            Some(order) = orders.recv() => RelayEvent::Order(order),
            Some(frame) = from_agent.recv(), if takes_output => RelayEvent::Output(frame),
            // A dropped sender means that the agent has failed.
            reason = ended, if !has_ended => RelayEvent::Ended(reason.unwrap_or_else(|_| "UnknownError".into())),
            event = wants.next(socket) => event,
            slot = to_agent.reserve(), if pass => {
                let message = self.inbox.pop_front();
                self.inbox_bytes -= message.as_ref().map_or(0, |(_, frame)| frame.encoded_len());
                match (slot, message) {
                    (Ok(slot), Some((_, frame))) => {
                        slot.send(frame);
                        RelayEvent::Passed(true)
                    }
                    (slot, _) => RelayEvent::Passed(slot.is_ok()),
                }
            }
            () = sleep_until(wake) => RelayEvent::Time,
        }
    }

    fn handle(&mut self, event: RelayEvent, socket: &mut Socket) -> Option<End> {
        match event {
            RelayEvent::Order(Order::Cut(cut)) => return Some(End::Cut(cut)),
            RelayEvent::Order(Order::End) => self.stop_agent("Notified", End::Order(Order::End)),
            RelayEvent::Order(order) => return Some(End::Order(order)),
            RelayEvent::Output(frame) => self.deliver(frame),
            RelayEvent::Ended(reason) => self.channel.reason = Some(reason),
            RelayEvent::Received(message) => return self.receive(message),
            RelayEvent::Passed(true) | RelayEvent::Time => {}
            RelayEvent::Passed(false) => {
                // The agent has ended and needs none of it.
                self.inbox.clear();
                self.inbox_bytes = 0;
            }
            RelayEvent::Writable(Ok(())) => {
                let message = self.outbox.pop_front();
                if message.is_some_and(|(_, message)| socket.start_send_unpin(message).is_err()) {
                    return Some(End::Lost);
                }
                self.unflushed = true;
            }
            RelayEvent::Flushed(Ok(())) => self.unflushed = false,
            RelayEvent::Writable(Err(error)) | RelayEvent::Flushed(Err(error)) => {
                tracing::debug!(%error, "can't write to a client");
                return Some(End::Lost);
            }
        }
        None
    }

    /// Acts on the time and on an empty outbox.
    fn due(&mut self, now: Instant) -> Option<End> {
        if self.hold.is_some_and(|hold| hold <= now) {
            self.release();
        }
        if let Some(every) = self.shared.options.faults.ping_every
            && self.ping_at.is_some_and(|at| at <= now)
        {
            self.outbox.push_back((now, Message::Ping(Bytes::new())));
            self.ping_at = Some(now + every);
        }
        let is_sent = self.outbox.is_empty() && !self.unflushed;
        if let Some(cut) = self.cut.filter(|_| is_sent) {
            return Some(End::Cut(cut));
        }
        if is_sent && self.is_agent_done(now) {
            let reason = self.channel.reason.clone()?;
            return Some(match self.ending.take() {
                None => End::Agent(reason),
                Some((End::Client(_), _)) => End::Client(reason),
                Some((End::Gateway(_), _)) => End::Gateway(reason),
                Some((end, _)) => end,
            });
        }
        if self.ending.is_some() {
            let late = self.ending.take_if(|(_, until)| *until <= now);
            return late.map(|(end, _)| end);
        }
        let passed = |start: Instant, limit: Option<Duration>| {
            limit.is_some_and(|limit| start + limit <= now)
        };
        if self.inbox.is_empty() && passed(self.channel.last_message, self.limits().idle) {
            self.stop_agent("IdleTimeout", End::Gateway("IdleTimeout".into()));
        } else if passed(self.channel.started, self.limits().session_length) {
            self.stop_agent("SessionTimeout", End::Gateway("SessionTimeout".into()));
        }
        None
    }

    /// Asks the agent to end the session, so that it can say its last words.
    fn stop_agent(&mut self, reason: &'static str, end: End) {
        if self.ending.is_none() {
            let stop = self.channel.agent.stop.take();
            // An agent that has ended by itself needs no request.
            let _ = stop.map(|stop| stop.send(reason));
            self.ending = Some((end, Instant::now() + AGENT_END));
        }
    }

    /// True if the agent has ended and all of its messages are sent.
    fn is_agent_done(&self, now: Instant) -> bool {
        let waits = |until: Option<Instant>| until.is_some_and(|until| now < until);
        self.channel.reason.is_some()
            && self.channel.agent.from_agent.is_empty()
            && self.hold.is_none()
            && !waits(self.sync_until)
            && !waits(self.resend_until)
    }

    /// The time when [`Self::due`] must be called next, or a delayed message is due.
    fn wake(&self, now: Instant) -> Instant {
        let limits = self.limits();
        let idle = limits
            .idle
            .filter(|_| self.inbox.is_empty())
            .map(|idle| self.channel.last_message + idle);
        let times = [
            idle,
            limits
                .session_length
                .map(|length| self.channel.started + length),
            self.hold,
            self.deaf_until,
            self.ping_at,
            self.ending.as_ref().map(|(_, until)| *until),
            self.sync_until,
            self.resend_until,
            self.outbox.front().map(|(due, _)| *due),
            self.inbox.front().map(|(due, _)| *due),
        ];
        let far = now + Duration::from_secs(3600);
        times
            .into_iter()
            .flatten()
            .filter(|time| *time > now)
            .min()
            .unwrap_or(far)
    }

    /// Queues a message for the agent.
    pub(crate) fn pass(&mut self, frame: Frame, now: Instant) {
        self.inbox_bytes += frame.encoded_len();
        self.inbox.push_back((now + self.delay(), frame));
    }

    /// Sends a message of the agent to the client, with the faults applied.
    fn deliver(&mut self, mut frame: Frame) {
        frame.channel_id = self.channel.id.clone();
        frame.instance_id = Bytes::from(self.session.spec.instance_id.clone());
        if frame.output_seq >= self.channel.reached {
            self.channel.reached = frame.output_seq;
            self.resend_until = None;
        }
        let (frames, cut) = self.faults.outward(frame);
        for frame in &frames {
            self.send(frame);
        }
        self.cut = self.cut.or(cut);
        if let Some(time) = self.faults.stall() {
            let held = self.shared.stalls.hold();
            let (stalls, stopping) = (self.shared.stalls.clone(), self.shared.stopping.clone());
            self.shared.tasks.spawn(async move {
                // The stop of the emulator releases everything itself.
                let late = async {
                    sleep(time).await;
                    stalls.release(held).await;
                };
                let _ = stopping.run_until_cancelled(late).await;
            });
        }
        self.hold = self.faults.is_holding().then(|| Instant::now() + HOLD);
    }

    /// Sends what a fault holds back.
    fn release(&mut self) {
        self.hold = None;
        if let Some(frame) = self.faults.flush() {
            self.send(&frame);
        }
    }

    fn send_status(&mut self, status: &Status) {
        let frame = self.frame(Kind::Status, status.encode());
        self.send(&frame);
    }

    fn send(&mut self, frame: &Frame) {
        self.outbox.push_back((
            Instant::now() + self.delay(),
            Message::Binary(frame.encode()),
        ));
    }

    /// A message of the gateway itself.
    fn frame(&self, kind: Kind, payload: Bytes) -> Frame {
        let version = self.shared.agent_options.generation.version();
        let now = self.shared.clock.now().as_millisecond().unsigned_abs();
        let mut frame = Frame::new(kind, version, now, payload);
        frame.channel_id = self.channel.id.clone();
        frame.instance_id = Bytes::from(self.session.spec.instance_id.clone());
        frame
    }

    fn limits(&self) -> &Limits {
        &self.shared.options.limits
    }

    pub(crate) fn delay(&self) -> Duration {
        self.shared.options.faults.delay.unwrap_or_default()
    }

    /// The most messages that may wait for the client: more if they are delayed.
    fn outbox_limit(&self) -> usize {
        if self.delay().is_zero() { 16 } else { 4096 }
    }
}
