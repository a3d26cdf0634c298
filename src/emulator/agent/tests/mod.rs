//! Sessions driven through [`start`] by messages alone.

mod encryption;
mod numbers;
mod port;
mod terminal;

use super::spec::{SessionEncryption, SessionSpec};
use super::*;
use crate::protocol::frame::{Kind, Version};
use bytes::Bytes;
use std::time::Duration;

/// A client that speaks right: numbers, acknowledges, and notes what it gets.
struct Client {
    agent: AgentHandle,
    version: Version,
    sent: u32,
    taken: u32,
    screen: Vec<u8>,
}

impl Client {
    fn new(spec: SessionSpec, options: &AgentOptions) -> Self {
        Self::with_kms(spec, options, Arc::default())
    }

    fn with_kms(spec: SessionSpec, options: &AgentOptions, kms: Arc<Kms>) -> Self {
        Self {
            agent: start(spec, options, kms),
            version: Version::V1_02,
            sent: 0,
            taken: 0,
            screen: Vec::new(),
        }
    }

    fn run(line: &str) -> Self {
        Self::new(command(line), &AgentOptions::default())
    }

    async fn send(&mut self, kind: Kind, payload: impl Into<Bytes>) {
        let mut frame = Frame::new(kind, self.version, 1, payload.into());
        if matches!(kind, Kind::Input | Kind::Resize) {
            self.sent += 1;
        }
        frame.input_seq = self.sent;
        frame.output_seq = self.taken;
        self.agent.to_agent.send(frame).await.unwrap();
    }

    async fn input(&mut self, text: &'static str) {
        self.send(Kind::Input, text).await;
    }

    fn note(&mut self, frame: &Frame) {
        if frame.kind == Kind::Output {
            assert!(!frame.payload.is_empty());
            if frame.output_seq > 0 {
                assert_eq!(frame.output_seq, self.taken + 1);
                self.taken = frame.output_seq;
            }
            self.screen.extend_from_slice(&frame.payload);
        }
    }

    async fn recv(&mut self) -> Frame {
        let frame = self.agent.from_agent.recv().await.unwrap();
        self.note(&frame);
        frame
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.screen).into_owned()
    }

    /// Takes Output until the screen holds `text`.
    async fn wait_for(&mut self, text: &str) {
        while !self.text().contains(text) {
            self.recv().await;
        }
    }

    /// Takes Output until the session has ended by itself; why it did.
    async fn ended(&mut self) -> String {
        let reason = loop {
            tokio::select! {
                biased;
                frame = self.agent.from_agent.recv() => self.note(&frame.unwrap()),
                reason = &mut self.agent.ended => break reason.unwrap(),
            }
        };
        while let Ok(frame) = self.agent.from_agent.try_recv() {
            self.note(&frame);
        }
        reason
    }
}

fn command(line: &str) -> SessionSpec {
    SessionSpec {
        instance_id: "i-1".into(),
        command_line: Some(line.into()),
        ..SessionSpec::default()
    }
}

fn old() -> AgentOptions {
    AgentOptions {
        generation: Generation::Old,
        ..AgentOptions::default()
    }
}

fn echo() -> AgentOptions {
    AgentOptions {
        guest: Guest::Echo,
        ..AgentOptions::default()
    }
}
