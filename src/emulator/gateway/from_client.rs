//! Takes the client's messages: passes them to the agent, or ends the session.

use super::channel::AGENT_END;
use super::event::End;
use super::relay::{LAST_SYNC, Relay};
use crate::protocol::frame::{Decoded, Frame, Kind, Version};
use bytes::Bytes;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{self, Message};

impl Relay<'_> {
    /// Takes what the socket received.
    pub(crate) fn receive(
        &mut self,
        message: Option<Result<Message, tungstenite::Error>>,
    ) -> Option<End> {
        let broken = |what: &str| Some(End::Gateway(format!("ProcessDataError: {what}")));
        match message {
            Some(Ok(Message::Binary(bytes))) => {
                self.take(&bytes).unwrap_or_else(|what| broken(&what))
            }
            Some(Ok(Message::Text(_))) => broken("a text frame"),
            Some(Ok(Message::Close(Some(frame)))) if frame.code == CloseCode::Normal => {
                Some(End::Client("Notified".into()))
            }
            Some(Ok(Message::Close(_))) | None => Some(End::Lost),
            Some(Ok(_)) => None,
            Some(Err(tungstenite::Error::Capacity(error))) => broken(&error.to_string()),
            Some(Err(tungstenite::Error::Utf8(_))) => broken("a text that is not UTF-8"),
            // A client that is gone may resume; one that breaks the rules of WebSockets may not.
            Some(Err(tungstenite::Error::Protocol(error)))
                if error != ProtocolError::ResetWithoutClosingHandshake =>
            {
                broken(&error.to_string())
            }
            Some(Err(error)) => {
                tracing::debug!(%error, "lost a client");
                Some(End::Lost)
            }
        }
    }

    /// Takes a message of the client.
    fn take(&mut self, bytes: &Bytes) -> Result<Option<End>, String> {
        let now = Instant::now();
        self.channel.last_message = now;
        if !self.channel.bucket.take(bytes.len(), now) {
            return Ok(Some(End::Gateway("FlowExceedLimit".into())));
        }
        let Decoded { frame, .. } = Frame::decode(bytes).map_err(|error| error.to_string())?;
        if let Some(cut) = self.faults.inward(&frame) {
            return Ok(Some(End::Cut(cut)));
        }
        self.deaf_until = self.faults.read_pause().map(|time| now + time);
        if self.faults.swallows_input() {
            return Ok(None);
        }
        let is_numbered = match frame.version {
            Version::V1_01 => false,
            Version::V1_02 => true,
            other => return Err(format!("protocol version {other:?}")),
        };
        self.channel.resumable &= is_numbered;
        if is_numbered && !frame.channel_id.is_empty() && frame.channel_id != self.channel.id {
            return Err("the channelId of another session".into());
        }
        match frame.kind {
            Kind::Input | Kind::Resize if is_numbered && frame.input_seq == 0 => {
                return Err("a message without its inputSeq".into());
            }
            Kind::Input | Kind::Resize | Kind::KeyExchange => self.pass(frame, now),
            Kind::Sync => {
                self.sync_until = None;
                let is_behind = frame.output_seq < self.channel.reached;
                self.resend_until = is_behind.then(|| now + LAST_SYNC);
                self.pass(frame, now);
            }
            Kind::Close => {
                self.ending = Some((End::Client("Notified".into()), now + AGENT_END));
                self.pass(frame, now);
            }
            Kind::Output | Kind::Status | Kind::Open | Kind::Unknown(_) => {
                tracing::debug!(kind = ?frame.kind, "ignored a message");
            }
        }
        Ok(None)
    }
}
