//! One session of the agent: the loop between the client's messages and the guest.

use super::encryption::{self, Answer, Secrecy};
use super::failure::Failure;
use super::guest::{Event, Open, Stage};
use super::options::{AgentOptions, Guest};
use super::sequence::{Link, Taken};
use super::spec::SessionSpec;
use super::tcp::{self, TCP_CHUNK};
use crate::protocol::crypto;
use crate::protocol::frame::{Frame, Kind, parse_resize};
use bytes::{Buf, Bytes};
use std::collections::VecDeque;
use std::io;
use std::ops::ControlFlow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};

/// Input that waits for the guest, in bytes; beyond it no more is taken.
const MAX_QUEUED: usize = 256 << 10;

/// How long a target may take for what came before a Close; the gateway waits for 2 s.
const REST: Duration = Duration::from_millis(1500);

/// A session: its numbers, its guest, and the Input between them.
pub struct Session {
    spec: SessionSpec,
    options: AgentOptions,
    link: Link,
    stage: Stage,
    secrecy: Secrecy,
    /// The guest has been open at least once.
    was_open: bool,
    /// Input that the guest has not taken yet.
    queue: VecDeque<Bytes>,
    queued: usize,
    /// Rows and columns of the client's last Resize.
    size: Option<(u16, u16)>,
}

/// Why the loop woke up.
enum Wake<'a> {
    Client(Option<Frame>),
    Send(Option<mpsc::Permit<'a, Frame>>),
    Guest(Event),
}

impl Session {
    /// A session that has not begun; [`Session::run`] begins it.
    pub fn new(spec: SessionSpec, options: AgentOptions) -> Self {
        let now = Instant::now();
        let (secrecy, stage) = if spec.encryption.is_some() {
            (Secrecy::Hello, Stage::Exchanging(now + crypto::LIMIT))
        } else {
            (Secrecy::Off, Stage::Waiting(now + options.start_delay))
        };
        Self {
            link: Link::new(options.old, options.window),
            spec,
            options,
            stage,
            secrecy,
            was_open: false,
            queue: VecDeque::new(),
            queued: 0,
            size: None,
        }
    }

    /// Runs until the client's end is dropped or says Close. The guest's own end is told through
    /// `end`; the session then still answers a client that asks for Output again.
    pub async fn run(
        mut self,
        mut client: mpsc::Receiver<Frame>,
        to_client: mpsc::Sender<Frame>,
        end: oneshot::Sender<String>,
    ) {
        let mut end = Some(end);
        let mut buffer = [0; TCP_CHUNK];
        loop {
            if let Stage::Over(reason) = &self.stage
                && !self.link.has_next()
                && let Some(end) = end.take()
            {
                // Nobody listening is fine: the gateway may have let go of the session.
                let _ = end.send(reason.clone());
            }
            let wake = self.wake(&mut client, &to_client, &mut buffer).await;
            let flow = match wake {
                Wake::Client(Some(frame)) => self.on_frame(&frame).await,
                Wake::Send(Some(permit)) => {
                    if let Some(frame) = self.next_frame() {
                        permit.send(frame);
                    }
                    ControlFlow::Continue(())
                }
                Wake::Client(None) | Wake::Send(None) => ControlFlow::Break(()),
                Wake::Guest(event) => {
                    self.on_event(event, &buffer).await;
                    ControlFlow::Continue(())
                }
            };
            if flow.is_break() {
                self.write_rest().await;
                break;
            }
            self.echo();
            // Not for a single message's worth: the client sends all it has again.
            if self.queued < MAX_QUEUED / 2 {
                self.link.make_up(now());
            }
        }
        self.close(normal_end(&self.options).to_owned()).await;
        if let (Some(end), Stage::Over(reason)) = (end, self.stage) {
            let _ = end.send(reason);
        }
    }

    /// Hands a connection what came before the Close: a real agent writes each Input before it reads
    /// the next message.
    async fn write_rest(&mut self) {
        let rest = async {
            while let Some(front) = self.queue.front().cloned()
                && self.spec.port.is_some()
                && matches!(self.stage, Stage::Open(_))
                && let Event::Wrote(Ok(count)) = self.stage.event(Some(&front), None).await
            {
                self.consume(count);
            }
        };
        let _ = timeout(REST, rest).await;
    }

    /// Waits for the next thing to do. Messages go before the guest's start, so that a size that is
    /// known already is the size it starts with.
    async fn wake<'a>(
        &mut self,
        client: &mut mpsc::Receiver<Frame>,
        to_client: &'a mpsc::Sender<Frame>,
        buffer: &mut [u8],
    ) -> Wake<'a> {
        // A client whose Input does not fit is held up, unless the guest is held up in turn by
        // Output that waits for the client's acknowledgements: those come with its Input.
        let listen = self.has_room() || self.link.is_full();
        let front = self.queue.front().map(Bytes::as_ref);
        let read = self.link.has_room().then_some(buffer);
        tokio::select! {
            biased;
            permit = to_client.reserve(), if self.link.has_next() => Wake::Send(permit.ok()),
            frame = client.recv(), if listen => Wake::Client(frame),
            event = self.stage.event(front, read) => Wake::Guest(event),
        }
    }

    fn has_room(&self) -> bool {
        self.queued < MAX_QUEUED
    }

    fn next_frame(&mut self) -> Option<Frame> {
        let mut frame = self.link.next(now())?;
        frame.instance_id = Bytes::copy_from_slice(self.spec.instance_id.as_bytes());
        Some(frame)
    }

    /// Acts on a client's message; breaks when it ends the session.
    async fn on_frame(&mut self, frame: &Frame) -> ControlFlow<()> {
        let room = frame.payload.is_empty() || self.has_room();
        if self.link.take(frame, room, now()) == Taken::No {
            return ControlFlow::Continue(());
        }
        match frame.kind {
            Kind::Input => match self.secrecy.unseal(&frame.payload) {
                Ok(payload) => self.on_input(payload),
                Err(answer) => self.on_answer(answer).await,
            },
            Kind::KeyExchange => {
                let answer = self.secrecy.receive(&frame.payload, &self.options.kms);
                self.on_answer(answer).await;
            }
            Kind::Resize => {
                self.size = parse_resize(&frame.payload).or(self.size);
                if let (Stage::Open(open), Some(size)) = (&self.stage, self.size) {
                    open.resize(size);
                }
            }
            Kind::Close => return ControlFlow::Break(()),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    /// Goes on with the key exchange, or ends the session for its failure.
    async fn on_answer(&mut self, answer: Answer) {
        if matches!(self.stage, Stage::Over(_)) {
            return;
        }
        if let Some(message) = answer.message {
            self.link.exchange(message);
        }
        match answer.outcome {
            Err(failure) => self.fail(&failure).await,
            Ok(()) if self.secrecy.is_done() => {
                self.stage = Stage::Waiting(Instant::now() + self.options.start_delay);
            }
            Ok(()) => {}
        }
    }

    fn on_input(&mut self, payload: Bytes) {
        match self.stage {
            Stage::Waiting(_) | Stage::Connecting(_) if self.options.old && !self.was_open => {
                return;
            }
            Stage::Detached => self.connect("ReopenTargetPortFailed"),
            Stage::Over(_) => return,
            _ => {}
        }
        if !payload.is_empty() {
            self.queued += payload.len();
            self.queue.push_back(payload);
        }
    }

    async fn on_event(&mut self, event: Event, buffer: &[u8]) {
        match event {
            Event::Late => self.fail(&encryption::failed("key exchange timeout")).await,
            Event::Start => self.start(),
            Event::Connected(Ok(stream)) => self.open(Open::tcp(stream)),
            Event::Connected(Err(failure)) => self.fail(&failure).await,
            Event::Read(Ok(count @ 1..)) => self.on_output(buffer.get(..count).unwrap_or_default()),
            Event::Read(end) => self.on_end(end).await,
            Event::Wrote(Ok(count)) => self.consume(count),
            // What can't be written is dropped; the end shows in what is read.
            Event::Wrote(Err(_)) => self.consume(usize::MAX),
        }
    }

    fn start(&mut self) {
        if self.options.guest == Guest::Echo {
            self.stage = Stage::Echo;
        } else if self.spec.port.is_some() {
            self.connect("OpenTargetPortFailed");
        } else {
            match Open::terminal(&self.spec, &self.options, self.size) {
                Ok(open) => self.open(open),
                Err(failure) => self.stage = Stage::Over(ending(&self.options, &failure)),
            }
        }
    }

    fn open(&mut self, open: Open) {
        self.stage = Stage::Open(Box::new(open));
        self.was_open = true;
    }

    /// Begins to connect to the target; `code` names a failure.
    fn connect(&mut self, code: &'static str) {
        let host = self.spec.target_server.clone();
        let host = host.filter(|host| !host.is_empty());
        self.stage = Stage::Connecting(Box::pin(tcp::connect(
            host.unwrap_or_else(|| "localhost".into()),
            self.spec.port.unwrap_or_default(),
            self.options.connect_timeout,
            code,
        )));
    }

    fn on_output(&mut self, read: &[u8]) {
        let Stage::Open(open) = &mut self.stage else {
            return;
        };
        let bytes = open.chunk(read);
        open.pace(self.options.rate_bits);
        // Agents send no empty Output.
        if !bytes.is_empty() {
            self.link.output(self.secrecy.seal(bytes));
        }
    }

    /// The guest's output has ended.
    async fn on_end(&mut self, end: io::Result<usize>) {
        let is_terminal = self.spec.port.is_none();
        if is_terminal {
            self.close(normal_end(&self.options).to_owned()).await;
        } else if self.options.old {
            self.stage = Stage::Detached;
            self.queue.clear();
            self.queued = 0;
        } else {
            let text = end.map_or_else(|error| error.to_string(), |_| "EOF".to_owned());
            self.fail(&Failure::new("ReadFromTargetPortFailed", text))
                .await;
        }
    }

    async fn fail(&mut self, failure: &Failure) {
        self.close(ending(&self.options, failure)).await;
    }

    /// Ends the guest and remembers why; the first reason counts.
    async fn close(&mut self, reason: String) {
        if matches!(self.stage, Stage::Over(_)) {
            return;
        }
        let stage = std::mem::replace(&mut self.stage, Stage::Over(reason));
        self.queue.clear();
        self.queued = 0;
        if let Stage::Open(open) = stage {
            open.close().await;
        }
    }

    /// Takes `count` bytes off the first Input, or all of it.
    fn consume(&mut self, count: usize) {
        let Some(front) = self.queue.front_mut() else {
            return;
        };
        let count = count.min(front.len());
        front.advance(count);
        self.queued -= count;
        if front.is_empty() {
            self.queue.pop_front();
        }
    }

    fn echo(&mut self) {
        while matches!(self.stage, Stage::Echo)
            && self.link.has_room()
            && let Some(payload) = self.queue.pop_front()
        {
            self.queued -= payload.len();
            self.link.output(self.secrecy.seal(payload));
        }
    }
}

/// The reason of a session that ended as it should.
fn normal_end(options: &AgentOptions) -> &'static str {
    if options.old { "Exit" } else { "Ok" }
}

/// The reason `failure` is told with: old agents know two, and give no details.
fn ending(options: &AgentOptions, failure: &Failure) -> String {
    if !options.old {
        return failure.to_string();
    }
    let is_port = failure.code.ends_with("TargetPortFailed");
    let code = if is_port {
        "OpenChannelFailed"
    } else {
        "OpenPtyFailed"
    };
    code.to_owned()
}

/// Milliseconds since 1970; never 0, which would be an invalid timestamp.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(1, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX).max(1)
    })
}
