//! One WebSocket's talk between a client and its agent.
//!
//! Documented by the official agent's and clients' sources: the messages, the states, idle close,
//! session length, FlowExceedLimit. Sequence numbers and Sync are the agent's and only pass through.
//! Inferred: that the gateway closes a session with `ProcessDataError` for what no client should
//! send, that Opened and Stream are said again after a resume, and that the end of a session waits
//! for the output a Sync has asked for.

use super::channel::{Channel, Order};
use super::event::{End, Event, Wants};
use super::inject::{Cut, LinkFaults};
use super::socket::Socket;
use crate::emulator::agent::AgentHandle;
use crate::emulator::options::Limits;
use crate::emulator::shared::Shared;
use crate::emulator::store::Session;
use crate::protocol::frame::{Frame, Kind, Version};
use crate::protocol::status::Status;
use bytes::Bytes;
use futures_util::SinkExt as _;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;

/// Bytes of client messages that wait for a slow agent before the socket is no longer read.
const INBOX: usize = 1 << 20;
/// How long the last messages to a client that does not read may take.
const FLUSH: Duration = Duration::from_secs(5);
/// How long a held-back output waits for one to follow it.
const HOLD: Duration = Duration::from_millis(100);
/// How long an agent that has ended stays for its last output to be asked for and sent again.
pub(crate) const LAST_SYNC: Duration = Duration::from_secs(1);

/// The talk, with what waits in each direction.
pub(crate) struct Conversation<'a> {
    shared: &'a Shared,
    session: &'a Session,
    pub(crate) channel: &'a mut Channel,
    pub(crate) faults: LinkFaults,
    /// To the client, each message with the time it is due.
    outbox: VecDeque<(Instant, Bytes)>,
    /// Whether the socket holds messages it may not have written yet.
    unflushed: bool,
    /// To the agent.
    inbox: VecDeque<(Instant, Frame)>,
    inbox_bytes: usize,
    /// A cut that follows the outbox.
    cut: Option<Cut>,
    /// Until when an output is held back.
    hold: Option<Instant>,
    /// Until when the end of a resumed session waits for its client's Sync.
    pub(crate) sync_until: Option<Instant>,
    /// Until when the end waits for the output that a Sync has asked for.
    pub(crate) resend_until: Option<Instant>,
    /// Until when the agent may take over the client's Close.
    pub(crate) closing: Option<Instant>,
}

impl<'a> Conversation<'a> {
    pub(crate) fn new(
        shared: &'a Shared,
        session: &'a Session,
        channel: &'a mut Channel,
        faults: LinkFaults,
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
            sync_until: None,
            resend_until: None,
            closing: None,
        }
    }

    /// Queues what a client is told first.
    pub(crate) fn greet(&mut self, resumed: bool) {
        if resumed {
            self.sync_until = Some(Instant::now() + LAST_SYNC);
        }
        if self.shared.options.faults.no_status {
            return;
        }
        if !resumed {
            self.say(&Status::Opening);
        }
        self.say(&Status::Opened);
        if let Some(bits) = self.limits().stream_bits {
            self.say(&Status::Stream(u32::try_from(bits).unwrap_or(u32::MAX)));
        }
    }

    /// Talks until there is a reason to end, and says it to the client; closing is the caller's.
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
        if let Some(status) = end.last_words().filter(|_| !silent) {
            self.say(&status);
        }
        if end != End::Lost {
            let flush = async {
                while let Some((due, bytes)) = self.outbox.pop_front() {
                    sleep_until(due).await;
                    socket.send(Message::Binary(bytes)).await?;
                }
                socket.flush().await
            };
            // A client that is gone, or doesn't read, misses its last messages.
            let _ = timeout(FLUSH, flush).await;
        }
        end
    }

    async fn next(
        &mut self,
        socket: &mut Socket,
        orders: &mut mpsc::UnboundedReceiver<Order>,
    ) -> Event {
        let now = Instant::now();
        let wake = self.wake(now);
        let is_due = |due: Option<Instant>| due.is_some_and(|due| due <= now);
        let wants = Wants {
            read: self.inbox_bytes < INBOX && self.cut.is_none() && self.closing.is_none(),
            write: is_due(self.outbox.front().map(|(due, _)| *due)),
            flush: self.unflushed,
        };
        let pass = is_due(self.inbox.front().map(|(due, _)| *due));
        let takes_output = self.outbox.len() < self.outbox_limit() && self.cut.is_none();
        let AgentHandle {
            to_agent,
            from_agent,
            ended,
        } = &mut self.channel.agent;
        let has_ended = self.channel.reason.is_some();
        let takes_output = takes_output && !(from_agent.is_closed() && from_agent.is_empty());
        tokio::select! {
            Some(order) = orders.recv() => Event::Order(order),
            Some(frame) = from_agent.recv(), if takes_output => Event::Output(frame),
            // An agent that is gone without a reason has failed.
            reason = ended, if !has_ended => Event::Ended(reason.unwrap_or_else(|_| "UnknownError".into())),
            event = wants.next(socket) => event,
            slot = to_agent.reserve(), if pass => {
                let message = self.inbox.pop_front();
                self.inbox_bytes -= message.as_ref().map_or(0, |(_, frame)| frame.encoded_len());
                match (slot, message) {
                    (Ok(slot), Some((_, frame))) => {
                        slot.send(frame);
                        Event::Passed(true)
                    }
                    (slot, _) => Event::Passed(slot.is_ok()),
                }
            }
            () = sleep_until(wake) => Event::Time,
        }
    }

    fn handle(&mut self, event: Event, socket: &mut Socket) -> Option<End> {
        match event {
            Event::Order(Order::Cut(cut)) => return Some(End::Cut(cut)),
            Event::Order(order) => return Some(End::Order(order)),
            Event::Output(frame) => self.deliver(frame),
            Event::Ended(reason) => self.channel.reason = Some(reason),
            Event::Received(message) => return self.receive(message),
            Event::Passed(true) | Event::Time => {}
            Event::Passed(false) => {
                // The agent has ended; what it doesn't take any more is not missed by anybody.
                self.inbox.clear();
                self.inbox_bytes = 0;
            }
            Event::Writable(Ok(())) => {
                let message = self
                    .outbox
                    .pop_front()
                    .map(|(_, bytes)| Message::Binary(bytes));
                if message.is_some_and(|message| socket.start_send_unpin(message).is_err()) {
                    return Some(End::Lost);
                }
                self.unflushed = true;
            }
            Event::Flushed(Ok(())) => self.unflushed = false,
            Event::Writable(Err(error)) | Event::Flushed(Err(error)) => {
                tracing::debug!(%error, "can't write to a client");
                return Some(End::Lost);
            }
        }
        None
    }

    /// What the time, or an empty outbox, brings about.
    fn due(&mut self, now: Instant) -> Option<End> {
        if self.hold.is_some_and(|hold| hold <= now) {
            self.release();
        }
        let is_sent = self.outbox.is_empty() && !self.unflushed;
        if let Some(cut) = self.cut.filter(|_| is_sent) {
            return Some(End::Cut(cut));
        }
        if is_sent && self.is_agent_done(now) {
            let reason = self.channel.reason.clone()?;
            let by_client = self.closing.is_some();
            return Some(if by_client {
                End::Client(reason)
            } else {
                End::Agent(reason)
            });
        }
        if self.closing.is_some_and(|closing| closing <= now) {
            return Some(End::Client("Notified".into()));
        }
        let passed = |start: Instant, limit: Option<Duration>| {
            limit.is_some_and(|limit| start + limit <= now)
        };
        if self.inbox.is_empty() && passed(self.channel.last_message, self.limits().idle) {
            return Some(End::Gateway("IdleTimeout".into()));
        }
        passed(self.channel.started, self.limits().session_length)
            .then(|| End::Gateway("SessionTimeout".into()))
    }

    /// Whether the agent has ended and has nothing more to say.
    fn is_agent_done(&self, now: Instant) -> bool {
        let waits = |until: Option<Instant>| until.is_some_and(|until| now < until);
        self.channel.reason.is_some()
            && self.channel.agent.from_agent.is_empty()
            && self.hold.is_none()
            && !waits(self.sync_until)
            && !waits(self.resend_until)
    }

    /// When [`Self::due`] may have something to say, or a delayed message goes on its way, next.
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
            self.closing,
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

    /// Sends a message of the agent on to the client, as far as the faults let it.
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
        self.hold = self.faults.is_holding().then(|| Instant::now() + HOLD);
    }

    /// Sends what a fault holds back.
    fn release(&mut self) {
        self.hold = None;
        if let Some(frame) = self.faults.flush() {
            self.send(&frame);
        }
    }

    fn say(&mut self, status: &Status) {
        let frame = self.frame(Kind::Status, status.encode());
        self.send(&frame);
    }

    fn send(&mut self, frame: &Frame) {
        self.outbox
            .push_back((Instant::now() + self.delay(), frame.encode()));
    }

    /// A message of the gateway's own.
    fn frame(&self, kind: Kind, payload: Bytes) -> Frame {
        let version = if self.shared.agent_options.old {
            Version::V1_01
        } else {
            Version::V1_02
        };
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

    /// How many messages are under way to the client at most: a delayed link holds more.
    fn outbox_limit(&self) -> usize {
        if self.delay().is_zero() { 16 } else { 4096 }
    }
}
