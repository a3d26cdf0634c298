//! One session of the agent: the loop between the client's messages and the guest.

use super::encryption::{self, EncryptionState, ExchangeReply};
use super::failure::{SessionFailure, end_notice, failed_end, normal_end, requested_end};
use super::guest::{GuestEvent, GuestStage, Open};
use super::input_queue::{InputQueue, MAX_QUEUED};
use super::options::{AgentOptions, Generation, Guest};
use super::sequence::{Sequence, Taken};
use super::spec::SessionSpec;
use super::tcp::{self, Doing, TCP_CHUNK};
use crate::emulator::state::kms::Kms;
use crate::protocol::crypto;
use crate::protocol::frame::{Frame, Kind, parse_resize};
use bytes::Bytes;
use std::future::pending;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};

/// The time that an agent waits between announcing the end and closing.
const NOTICE: Duration = Duration::from_secs(1);

/// The time that a target has to take the Input before a Close; the gateway waits for 2 s.
const REST: Duration = Duration::from_millis(1500);

/// A session: its sequence numbers, its guest, and the Input that waits for the guest.
pub(super) struct AgentSession {
    spec: SessionSpec,
    options: AgentOptions,
    /// Decrypts the data keys of encrypted sessions.
    kms: Arc<Kms>,
    sequence: Sequence,
    stage: GuestStage,
    encryption: EncryptionState,
    /// The guest has been open at least once.
    was_open: bool,
    /// Input that the guest has not taken yet.
    queue: InputQueue,
    /// Rows and columns of the client's last Resize.
    size: Option<(u16, u16)>,
    /// The time when the end that was announced comes.
    closes_at: Option<Instant>,
}

/// An event of the session's loop.
enum SessionEvent<'a> {
    Client(Option<Frame>),
    Send(Option<mpsc::Permit<'a, Frame>>),
    Guest(GuestEvent),
    /// The gateway asks for the end, for this reason.
    Stop(&'static str),
    /// The end that was announced is due.
    Close,
}

impl AgentSession {
    /// A session that [`AgentSession::run`] will start.
    pub(super) fn new(spec: SessionSpec, options: AgentOptions, kms: Arc<Kms>) -> Self {
        let now = Instant::now();
        let (encryption, stage) = if spec.encryption.is_some() {
            (
                EncryptionState::Hello,
                GuestStage::Exchanging(now + crypto::LIMIT),
            )
        } else {
            (
                EncryptionState::Off,
                GuestStage::Waiting(now + options.start_delay),
            )
        };
        Self {
            sequence: Sequence::new(options.generation.speaks_1_01(), options.window),
            spec,
            options,
            kms,
            stage,
            encryption,
            was_open: false,
            queue: InputQueue::default(),
            size: None,
            closes_at: None,
        }
    }

    /// Runs until the client sends Close or `client` is closed. `end` gets the reason when the guest
    /// has ended; the session then still answers a client that asks for Output again.
    pub(super) async fn run(
        mut self,
        mut client: mpsc::Receiver<Frame>,
        to_client: mpsc::Sender<Frame>,
        stop: oneshot::Receiver<&'static str>,
        end: oneshot::Sender<String>,
    ) {
        let (mut end, mut stop) = (Some(end), Some(stop));
        let mut buffer = [0; TCP_CHUNK];
        loop {
            if let GuestStage::Over(reason) = &self.stage
                && !self.sequence.has_next()
                && self.closes_at.is_none()
                && let Some(end) = end.take()
            {
                // The gateway may have let go of the session.
                let _ = end.send(reason.clone());
            }
            let wake = self
                .wake(&mut client, &to_client, &mut stop, &mut buffer)
                .await;
            let flow = match wake {
                SessionEvent::Client(Some(frame)) => self.on_frame(&frame).await,
                SessionEvent::Send(Some(permit)) => {
                    if let Some(frame) = self.next_frame() {
                        permit.send(frame);
                    }
                    ControlFlow::Continue(())
                }
                SessionEvent::Client(None) | SessionEvent::Send(None) => ControlFlow::Break(()),
                SessionEvent::Guest(event) => {
                    self.on_event(event, &buffer).await;
                    ControlFlow::Continue(())
                }
                SessionEvent::Stop(reason) => {
                    let reason = requested_end(self.options.generation, reason);
                    self.close(reason).await;
                    ControlFlow::Continue(())
                }
                SessionEvent::Close => {
                    self.closes_at = None;
                    ControlFlow::Continue(())
                }
            };
            if flow.is_break() {
                self.write_rest().await;
                break;
            }
            self.echo();
            // Not for a single message: the client sends all that it has again.
            if self.queue.bytes() < MAX_QUEUED / 2 {
                self.sequence.make_up(now());
            }
        }
        self.close(normal_end(self.options.generation).to_owned())
            .await;
        if let (Some(end), GuestStage::Over(reason)) = (end, self.stage) {
            let _ = end.send(reason);
        }
    }

    /// Writes the Input that came before the Close to the target: a real agent writes each Input
    /// before it reads the next message.
    async fn write_rest(&mut self) {
        let rest = async {
            while let Some(front) = self.queue.front().cloned()
                && self.spec.port.is_some()
                && matches!(self.stage, GuestStage::Open(_))
                && let GuestEvent::Wrote(Ok(count)) = self.stage.event(Some(&front), None).await
            {
                self.queue.consume(count);
            }
        };
        let _ = timeout(REST, rest).await;
    }

    /// Waits for the next event. Messages come before the guest's start, so that the guest starts with
    /// the size that is known.
    async fn wake<'a>(
        &mut self,
        client: &mut mpsc::Receiver<Frame>,
        to_client: &'a mpsc::Sender<Frame>,
        stop: &mut Option<oneshot::Receiver<&'static str>>,
        buffer: &mut [u8],
    ) -> SessionEvent<'a> {
        // The client waits while its Input does not fit, unless the guest waits for the client's
        // acknowledgements, which come with its Input.
        let listen = self.has_room() || self.sequence.is_full();
        let front = self.queue.front().map(Bytes::as_ref);
        let read = self.sequence.has_room().then_some(buffer);
        let closes_at = self.closes_at;
        tokio::select! {
            biased;
            reason = requested(stop) => SessionEvent::Stop(reason),
            permit = to_client.reserve(), if self.sequence.has_next() => SessionEvent::Send(permit.ok()),
            frame = client.recv(), if listen => SessionEvent::Client(frame),
            event = self.stage.event(front, read) => SessionEvent::Guest(event),
            () = sleep_until(closes_at.unwrap_or_else(Instant::now)), if closes_at.is_some() => SessionEvent::Close,
        }
    }

    fn has_room(&self) -> bool {
        self.queue.bytes() < MAX_QUEUED
    }

    fn next_frame(&mut self) -> Option<Frame> {
        let mut frame = self.sequence.next(now())?;
        frame.instance_id = Bytes::copy_from_slice(self.spec.instance_id.as_bytes());
        Some(frame)
    }

    /// Acts on a client's message; breaks when it ends the session.
    async fn on_frame(&mut self, frame: &Frame) -> ControlFlow<()> {
        let room = frame.payload.is_empty() || self.has_room();
        if self.sequence.take(frame, room, now()) == Taken::No {
            return ControlFlow::Continue(());
        }
        if self.is_dropped(frame.kind) {
            return ControlFlow::Continue(());
        }
        if matches!(self.stage, GuestStage::Detached) && frame.kind != Kind::Close {
            self.connect(Doing::Reopening);
        }
        match frame.kind {
            Kind::Input => match self.encryption.unseal(&frame.payload) {
                Ok(payload) => self.on_input(payload),
                Err(answer) => self.on_answer(answer).await,
            },
            Kind::KeyExchange => {
                let answer = self.encryption.receive(&frame.payload, &self.kms);
                self.on_answer(answer).await;
            }
            Kind::Resize => {
                self.size = parse_resize(&frame.payload).or(self.size);
                if let (GuestStage::Open(open), Some(size)) = (&self.stage, self.size) {
                    open.resize(size);
                }
            }
            Kind::Close => return ControlFlow::Break(()),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    /// Continues the key exchange, or ends the session if it failed.
    async fn on_answer(&mut self, answer: ExchangeReply) {
        if matches!(self.stage, GuestStage::Over(_)) {
            return;
        }
        if let Some(message) = answer.message {
            self.sequence.exchange(message);
        }
        match answer.outcome {
            Err(failure) => self.fail(&failure).await,
            Ok(()) if self.encryption.is_done() => {
                self.stage = GuestStage::Waiting(Instant::now() + self.options.start_delay);
            }
            Ok(()) => {}
        }
    }

    /// True if a message comes before the program runs or the connection is made, and is dropped.
    fn is_dropped(&self, kind: Kind) -> bool {
        let is_early = match self.stage {
            GuestStage::Exchanging(_) | GuestStage::Waiting(_) | GuestStage::Connecting(_) => {
                !self.was_open
            }
            _ => false,
        };
        is_early && self.options.drops_early(kind, self.spec.port.is_some())
    }

    fn on_input(&mut self, payload: Bytes) {
        if !matches!(self.stage, GuestStage::Over(_)) {
            self.queue.push(payload);
        }
    }

    async fn on_event(&mut self, event: GuestEvent, buffer: &[u8]) {
        match event {
            GuestEvent::KeyExchangeTimeout => {
                self.fail(&encryption::failed("key exchange timeout")).await
            }
            GuestEvent::Start => self.start().await,
            GuestEvent::Connected(Ok(stream)) => self.open(Open::tcp(stream)),
            GuestEvent::Connected(Err(failure)) => self.fail(&failure).await,
            GuestEvent::Read(Ok(count @ 1..)) => {
                self.on_output(buffer.get(..count).unwrap_or_default())
            }
            GuestEvent::Read(end) => self.on_end(end).await,
            GuestEvent::Wrote(Ok(count)) => self.queue.consume(count),
            // What can't be written is dropped; reading will show the end.
            GuestEvent::Wrote(Err(_)) => self.queue.consume(usize::MAX),
        }
    }

    async fn start(&mut self) {
        if self.options.guest == Guest::Echo {
            self.stage = GuestStage::Echo;
        } else if self.spec.port.is_some() {
            self.connect(Doing::Opening);
        } else {
            match Open::terminal(&self.spec, &self.options, self.size) {
                Ok(open) => self.open(open),
                Err(failure) => self.fail(&failure).await,
            }
        }
    }

    fn open(&mut self, open: Open) {
        self.stage = GuestStage::Open(Box::new(open));
        self.was_open = true;
        self.queue.drop_expired();
    }

    /// Connects to the target.
    fn connect(&mut self, doing: Doing) {
        let host = self.spec.target_server.clone();
        let host = host.filter(|host| !host.is_empty());
        self.stage = GuestStage::Connecting(Box::pin(tcp::connect(
            host.unwrap_or_else(|| "localhost".into()),
            self.spec.port.unwrap_or_default(),
            self.options.connect_timeout,
            doing,
        )));
    }

    fn on_output(&mut self, read: &[u8]) {
        let GuestStage::Open(open) = &mut self.stage else {
            return;
        };
        let bytes = open.chunk(read);
        open.pace(self.options.rate_bits);
        // Agents send no empty Output, but an empty one that is encrypted has a block of padding.
        if !bytes.is_empty() || self.spec.encryption.is_some() {
            self.sequence.output(self.encryption.seal(bytes));
        }
    }

    /// The guest's output has ended.
    async fn on_end(&mut self, end: io::Result<usize>) {
        let is_terminal = self.spec.port.is_none();
        if is_terminal {
            self.close(normal_end(self.options.generation).to_owned())
                .await;
        } else if self.options.generation == Generation::Old {
            self.stage = GuestStage::Detached;
            self.queue.clear();
        } else {
            self.fail(&tcp::read_failure(self.stage.ends(), end)).await;
        }
    }

    async fn fail(&mut self, failure: &SessionFailure) {
        self.close(failed_end(self.options.generation, failure))
            .await;
    }

    /// Ends the guest and keeps the reason; the first reason counts.
    async fn close(&mut self, reason: String) {
        if matches!(self.stage, GuestStage::Over(_)) {
            return;
        }
        let announced = self.spec.port.is_none()
            && self.options.generation != Generation::Old
            && reason != normal_end(self.options.generation);
        let notice = announced.then(|| end_notice(&reason));
        let stage = std::mem::replace(&mut self.stage, GuestStage::Over(reason));
        self.queue.clear();
        if let GuestStage::Open(open) = stage {
            open.close().await;
        }
        if let Some(notice) = notice {
            // In clear: the real agent sends it past the encryption.
            self.sequence.output(notice);
            self.closes_at = Some(Instant::now() + NOTICE);
        }
    }

    fn echo(&mut self) {
        while matches!(self.stage, GuestStage::Echo)
            && self.sequence.has_room()
            && let Some(payload) = self.queue.pop()
        {
            self.sequence.output(self.encryption.seal(payload));
        }
    }
}

/// Waits for the gateway's request to end; without one for ever.
async fn requested(stop: &mut Option<oneshot::Receiver<&'static str>>) -> &'static str {
    if let Some(receiver) = stop {
        let reason = receiver.await;
        *stop = None;
        if let Ok(reason) = reason {
            return reason;
        }
    }
    pending().await
}

/// Milliseconds since 1970; never 0, which would be an invalid timestamp.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(1, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX).max(1)
    })
}
