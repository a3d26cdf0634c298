//! SAE's web shells: how they behave, and the tokens that open them.

use super::random::random_text;
use crate::openapi::signature::same;
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The path of the web shells' socket.
pub(crate) const SOCKET_PATH: &str = "/websocket/eamWebshell";

/// How SAE and its web shells behave. Any application with any pod is there, save for those named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sae {
    /// Applications that are not there.
    pub unknown_apps: Vec<String>,
    /// Pods that are not there.
    pub unknown_pods: Vec<String>,
    /// How long a token is good for; for ever when `None`.
    pub token_validity: Option<Duration>,
    /// The frames that output comes in.
    pub frames: Frames,
    /// Cuts the closing status in two messages after so many bytes.
    pub cut_status: Option<usize>,
    /// Leaves the socket open after the closing status.
    pub stay_open: bool,
}

/// The WebSocket frames that a web shell's output comes in. Input is taken in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Frames {
    /// Text while it is UTF-8, else binary.
    #[default]
    Either,
    /// Text only: what is not UTF-8 is lost.
    Text,
    /// Binary only.
    Binary,
}

impl Default for Sae {
    fn default() -> Self {
        Self {
            unknown_apps: Vec::new(),
            unknown_pods: Vec::new(),
            token_validity: Some(Duration::from_secs(600)),
            frames: Frames::default(),
            cut_status: None,
            stay_open: false,
        }
    }
}

/// What a token stands for.
#[derive(Debug, Clone)]
pub(crate) struct Ticket {
    /// Until when it is good; for ever when `None`.
    pub(crate) expires: Option<Timestamp>,
    /// The terminal's rows and columns.
    pub(crate) size: Option<(u16, u16)>,
}

/// The tokens there are.
#[derive(Default)]
pub(crate) struct Tickets(Mutex<HashMap<String, Ticket>>);

impl std::fmt::Debug for Tickets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tickets(redacted)")
    }
}

impl Tickets {
    /// A new token for `ticket`.
    pub(crate) fn issue(&self, ticket: Ticket) -> String {
        let token = random_text();
        let mut tickets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tickets.insert(token.clone(), ticket);
        token
    }

    /// What `token` stands for, if it is one and still good.
    pub fn redeem(&self, token: &str, now: Timestamp) -> Option<Ticket> {
        let tickets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, ticket) = tickets.iter().find(|(known, _)| same(known, token))?;
        let good = ticket.expires.is_none_or(|expires| now < expires);
        Some(ticket.clone()).filter(|_| good)
    }
}
